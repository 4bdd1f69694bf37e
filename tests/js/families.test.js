// The words of the view "Families": numbers, verdicts, and what a run has come to.

import assert from "node:assert/strict";
import { test } from "node:test";

import { COLUMNS, looksOf, pictureWords, progressWords, short } from "../../tabs/static/points_families/words.js";
import { COLUMNS as PICTURE_COLUMNS, layout, stateWords } from "../../tabs/static/points_families_pictures/words.js";

const ROW = {
  title: "GAN",
  distance: 21.84,
  error: 1.2,
  precision: 0.934,
  recall: 0.5,
  modes: 7,
  of_modes: 8,
  evaluations: 1,
  microseconds: 0.417,
  likelihood: null,
  parameters: 59330,
  latent: 8,
  steps: 1234,
  seconds: 6.04,
};

test("a row's cells, with a dash where there are no modes and none where there is no likelihood", () => {
  const cells = COLUMNS.map(([, cell]) => cell(ROW));
  const wanted = "GAN|21.8 ± 1.20|93 %|50 %|7 of 8|1|0.42|none|8|59,330|1,234|6.0 s";
  assert.equal(cells.join("|"), wanted);
  const other = COLUMNS.map(([, cell]) => cell({ ...ROW, modes: null, likelihood: -0.456 }));
  assert.equal(other[4], "–");
  assert.equal(other[7], "-0.46");
});

test("numbers have about three digits", () => {
  assert.deepEqual([0.123, 9.949, 9.96, 99.6, -250.4].map(short), ["0.12", "9.95", "10.0", "100", "-250"]);
});

test("verdicts have looks of their own", () => {
  const verdicts = ["holds here", "does not hold here", "not clear here"];
  assert.deepEqual(verdicts.map(looksOf), ["holds", "not", "unclear"]);
});

test("pictures and progress say what they are", () => {
  const none = { shape: [0, 2], most: 1, values: "" };
  const family = { key: "flow", title: "", samples: none, ratio: 1, steps: 1, seconds: 1, parameters: 1, picture: { error: 3.2e-7 } };
  assert.match(pictureWords(family, false), /There and back: error 3e-7\./);
  const gan = { ...family, key: "gan", picture: { range: [0.1, 0.625] } };
  assert.match(pictureWords(gan, true), /from 0\.10, pale, to 0\.63\. Mode collapse is provoked/);
  assert.match(pictureWords({ ...family, key: "matching", picture: { t: 500 } }, false), /at t = 500/);
  const message = { run: "", seconds: 2.5, of: 6, data: none, families: [], rows: [], claims: [], words: "2,000 points", collapse: false };
  const told = (/** @type {string} */ state) => progressWords({ ...message, state });
  assert.equal(told("empty"), "2,000 points. Press Train all.");
  assert.equal(told("running"), "2.5 of 6 s of training for each …");
  assert.equal(told("stopped"), "Stopped after 2.5 of 6 s of training for each.");
});

test("the table of pictures leaves out what a row does not have", () => {
  const row = {
    title: "VAE",
    evaluations: 1,
    distance: 12.34,
    precision: 0.456,
    recall: 0.8,
    milliseconds: 0.456,
    parameters: 409506,
    bits: 3.456,
    seconds: 856,
  };
  const cells = (/** @type {typeof row} */ of) => PICTURE_COLUMNS.map(([, cell]) => cell(of)).join("|");
  assert.equal(cells(row), "VAE|12.34|46 %|80 %|0.46|1|409,506|3.46|14");
  const none = { evaluations: null, milliseconds: null, parameters: null, bits: null, seconds: null };
  assert.equal(cells({ ...row, .../** @type {any} */ (none) }), "VAE|12.34|46 %|80 %|||||");
});

test("pictures stand side by side with a gap between them", () => {
  const { width, places } = layout(2, 2);
  assert.equal(width, 5);
  assert.deepEqual([...places], [0, 1, -1, 4, 5, 2, 3, -1, 6, 7]);
});

test("a row of families on pictures says whether more comes", () => {
  const message = { words: "Bag, seed 0", side: 0, strips: [], rows: [], claims: [] };
  const told = (/** @type {string} */ state) => stateWords({ ...message, state });
  assert.deepEqual(["empty", "waiting", "running", "done"].map(told), [
    "",
    "Bag, seed 0: waiting for its turn …",
    "Bag, seed 0 …",
    "Bag, seed 0.",
  ]);
});

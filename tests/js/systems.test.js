// The view "Guided diffusion": the paper's lines, the measured trade, and its words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ALGORITHMS, linesAt } from "../../tabs/static/systems_guided/algorithm.js";
import { chosen, drawing, nearest, ofKind, tenths } from "../../tabs/static/systems_guided/trade.js";
import { COLUMNS, filmWords, laneWords, saysOf, wide } from "../../tabs/static/systems_guided/words.js";

const row = (/** @type {string} */ kind, /** @type {number} */ scale, /** @type {number} */ recall) => ({
  kind,
  scale,
  accuracy: 0.1 + recall / 10,
  distance: scale,
  precision: 1 - recall / 2,
  recall,
});
const ROWS = [row("both", 4, 0.2), row("classifier", 4, 0.4), row("classifier", 0, 0.8), row("classifier", 20, 0.1)];

test("the lines that run are lit: the draw of noise first, the picture last", () => {
  assert.deepEqual(linesAt(0, 5), [1, 3, 4]);
  assert.deepEqual(linesAt(3, 5), [3, 4]);
  assert.deepEqual(linesAt(5, 5), [6]);
  for (const { lines } of Object.values(ALGORITHMS)) assert.equal(lines.length, 6);
  assert.match(ALGORITHMS[1].lines[3][0], /μ \+ s Σ ∇ log p/);
  assert.match(ALGORITHMS[2].lines[2][0], /− s √\(1 − ᾱ/);
});

test("one's own choice lies on the line between the measured scales", () => {
  assert.deepEqual(ofKind(ROWS, "classifier").map(({ scale }) => scale), [0, 4, 20]);
  const own = chosen(ROWS, "classifier", 3);
  assert.ok(own);
  assert.ok(Math.abs(own.recall - 0.5) < 1e-9 && Math.abs(own.precision - 0.75) < 1e-9);
  assert.equal(chosen(ROWS, "classifier", 4)?.recall, 0.4);
  assert.equal(chosen(ROWS, "classifier", 21), null);
  assert.equal(chosen(ROWS, "both", 2), null); // nothing was measured below
  assert.equal(chosen(ROWS, "classifier-free", 4), null);
  assert.equal(nearest(ROWS, "classifier", 7)?.scale, 4);
  assert.equal(nearest(ROWS, "classifier-free", 7), null);
});

test("the drawing has a line and a name for each kind, and a ring for the choice", () => {
  const drawn = drawing(ROWS, chosen(ROWS, "classifier", 4));
  assert.equal(drawn.match(/class="line /g)?.length, 2);
  assert.equal(drawn.match(/<circle class="(classifier|both)"/g)?.length, 4);
  assert.equal(drawn.match(/class="own"/g)?.length, 1);
  assert.ok(!drawing(ROWS, null).includes('class="own"'));
  assert.ok(!drawn.includes("NaN"));
  assert.deepEqual(tenths([0.42, 0.58]), [0.4, 0.6]);
  assert.deepEqual(tenths([1, 1]), [0.9, 1]);
});

test("words tell where the walk is and what a choice costs", () => {
  const message = { state: "done", t: [900, 400, -1], log_snr: [-5.13, 1.2], branch: 1 };
  assert.equal(filmWords(message, 0), "step 0 of 2 · t = 900 · log-SNR −5.1 · switches at 1");
  assert.equal(filmWords(message, 1), "step 1 of 2 · t = 400 · log-SNR 1.2 · switched");
  assert.equal(filmWords(message, 2), "finished · 2 steps");
  assert.equal(laneWords({ words: "scale 0", scale: 0 }), "scale 0");
  assert.equal(laneWords({ words: "both", scale: 4 }), "both, scale 4");
  assert.match(saysOf(ROWS[1], { words: "classifier", scale: 4 }), /14 % of the pictures; precision 0.80, recall 0.40/);
  assert.match(saysOf(null, { words: "classifier", scale: 4 }), /Nothing was measured/);
  assert.equal(saysOf(null, undefined), "");
  assert.deepEqual(COLUMNS.map(([, cell]) => cell(ROWS[1])), ["classifier", "4", "14 %", "4.00", "0.80", "0.40"]);
  assert.equal(wide(0.905), "90.50%");
});

// The view "GLIDE": maps of words over pictures, words as they are typed, and what was measured.

import assert from "node:assert/strict";
import { test } from "node:test";
import { completed, completions, wordAt } from "../../tabs/static/systems_caption/complete.js";
import { enlarged, laidOver, mapOf } from "../../tabs/static/systems_glide/heat.js";
import { drawing as agreementOf, range, says } from "../../tabs/static/systems_glide/agreement.js";
import { CLIP_COLUMNS, COLUMNS, drawing, lowest, saysOf } from "../../tabs/static/systems_glide/results.js";
import { filmWords, indexOf, laneWords, looksWords, partAt, percent } from "../../tabs/static/systems_glide/words.js";

const PART = { first: 0, words: ["a", "cat", "a", "(end)"], places: [0, -1, 1, 2], least: [0, 0.1, 0.02], most: [0.5, 0.4, 0.125] };
const LATER = { ...PART, first: 4, words: ["thumb", "a", "(end)"], places: [0, 1, 2] };

test("a map is enlarged between the middles of its cells", () => {
  const out = enlarged([0, 100, 0, 100], [2, 2], [4, 4]);
  assert.deepEqual([...out.slice(0, 4)], [0, 25, 75, 100]);
  assert.deepEqual([...out.slice(12)], [0, 25, 75, 100]);
  assert.deepEqual([...enlarged([7], [1, 1], [2, 2])], [7, 7, 7, 7]);
  assert.deepEqual([...mapOf(Uint8Array.from([1, 2, 3, 4, 5, 6]), 2, [1, 2])], [5, 6]);
});

test("what is attended to is bright, whatever the picture; the rest is its grey", () => {
  for (const level of [0, 255]) {
    const px = Uint8Array.from([level, level, level, level, level, level]);
    const out = laidOver(px, Float32Array.from([0, 255]));
    const light = (/** @type {number} */ i) => out[3 * i] + out[3 * i + 1] + out[3 * i + 2];
    assert.ok(light(1) > light(0) + 100, String(level));
    assert.ok(out[3] > out[5]); // amber, not blue
  }
});

test("known words complete what is typed, wherever the caret is", () => {
  assert.deepEqual(wordAt("an afro, red", 6), { start: 3, end: 7, word: "afr" });
  assert.equal(wordAt("an ", 3).word, "");
  assert.deepEqual(completions(["afro", "afraid", "an", "a"], "af"), ["afro", "afraid"]);
  assert.deepEqual(completions(["afro"], "afro"), []); // it is whole
  assert.deepEqual(completions(["afro"], ""), []);
  assert.deepEqual(completed("an af", 5, "afro"), { text: "an afro ", caret: 8 });
  assert.deepEqual(completed("an AFr, red", 5, "afraid"), { text: "an afraid, red", caret: 9 });
});

test("a word is looked at in the part that is seen", () => {
  assert.equal(partAt([PART, LATER], 3), PART);
  assert.equal(partAt([PART, LATER], 4), LATER);
  assert.equal(indexOf(PART, { word: "a", index: 2 }), 2);
  assert.equal(indexOf(LATER, { word: "a", index: 2 }), 1);
  assert.equal(indexOf(LATER, { word: "cat", index: 1 }), -1);
  assert.equal(indexOf(PART, { word: "cat", index: 1 }), -1); // not known, so it has no map
  assert.equal(indexOf(PART, null), -1);
});

test("the words of the view tell where it is and what a map shows", () => {
  const message = { state: "done", t: [900, 400, -1], branch: 1, attends: true, map_size: [8, 8], layers: 6 };
  assert.equal(filmWords(message, 0), "step 0 of 2 · t = 900 · another caption at 1");
  assert.equal(filmWords(message, 1), "step 1 of 2 · t = 400 · with the other caption");
  assert.equal(filmWords({ ...message, branch: -1 }, 2), "finished · 2 steps");
  assert.match(looksWords(message, PART, 2), /“a” gets from 10\u00a0% \(dark\) to 40\u00a0% \(bright\).*even share would be 33\u00a0%\. 8 × 8 positions.*6 layers/);
  assert.match(looksWords(message, null, -1), /Choose a word/);
  assert.match(looksWords({ ...message, attends: false }, null, -1), /does not attend to single words yet/);
  assert.deepEqual([0, 0.0125, 0.1, 1].map(percent), ["0\u00a0%", "1.3\u00a0%", "10\u00a0%", "100\u00a0%"]);
  const lane = { caption: "a cat", scale: 2, clip_scale: 0, agreement: [], nfe: 20, parts: [PART], x_t: [], x0_hat: [], maps: [], card: "", file: "" };
  assert.equal(laneWords(lane), "guidance 2 · 20 evaluations");
  assert.equal(laneWords({ ...lane, clip_scale: 4 }), "guidance 2 · CLIP 4 · 20 evaluations");
  const empty = { ...lane, caption: "the empty caption", scale: 1, parts: [{ ...PART, words: ["(end)"] }] };
  assert.equal(laneWords(empty), "the empty caption · 20 evaluations");
});

test("agreement is a curve a walk, with the frame marked and told", () => {
  const lanes = [{ agreement: [-0.14, 0.2, 0.61] }, { agreement: [-0.14, 0.1, 0.05] }];
  assert.deepEqual(range([-0.14, 0.61]), [-0.2, 0.7]);
  assert.deepEqual(range([0.1]), [0, 0.5]);
  const markup = agreementOf(lanes, 1);
  assert.match(markup, /path class="first" d="M46\.0 [\d.]+L238\.0 [\d.]+L430\.0/);
  assert.match(markup, /circle class="second" cx="238\.0"/);
  assert.equal(says(lanes, 2), "Agreement with the first caption, as the CLIP reads x\u209c: 0.61, of the walk beside it (dashed) 0.05. 1 is the most.");
  assert.match(says(lanes, 0), /\u22120\.14/);
  assert.equal(agreementOf([{ agreement: [] }], 0), "");
  assert.equal(says([{ agreement: [] }], 0), "");
  const row = { kind: "CLIP", scale: 4, obedience: 0.9876, distance: 57.37 };
  assert.deepEqual(CLIP_COLUMNS.map(([, cell]) => cell(row)), ["CLIP", "4", "98.8 %", "57.4"]);
});

test("words stand beside menus, a row an attribute", () => {
  const rows = [
    { name: "Head", told: 20, words: 0.9, menus: 1 },
    { name: "<b>", told: 5, words: 1, menus: 0.96 },
  ];
  const { markup, viewBox } = drawing(rows);
  assert.equal(markup.match(/<circle class="words"/g)?.length, 3); // one in the legend
  assert.equal(markup.match(/<rect class="menus"/g)?.length, 3);
  assert.ok(!markup.includes("<b>") && !markup.includes("NaN") && /^0 0 460 \d+$/.test(viewBox));
  assert.equal(lowest(rows), 0.9);
  assert.equal(lowest([{ ...rows[0], words: 0.55 }]), 0.5);
  assert.ok(!drawing([{ ...rows[0], words: 0, menus: 0 }]).markup.includes("NaN"));
  assert.match(saysOf(rows), /^Furthest behind menus is head: 90\.0 %/);
  assert.equal(saysOf([{ ...rows[0], menus: 0 }]), "");
  assert.deepEqual(COLUMNS.map(([, cell]) => cell(rows[0])), ["Head", "90.0 %", "100.0 %", "20"]);
});

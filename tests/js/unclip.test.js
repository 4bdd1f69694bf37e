// The view "DALL·E 2": the film of prior and decoder, its chart, and its words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawing } from "../../tabs/static/systems_unclip/nearing.js";
import { before, filmWords, firstItem, frames, priorWords } from "../../tabs/static/systems_unclip/words.js";

const PRIOR = {
  t: [999, 500, 0],
  distances: [
    [0.8, 0.4, 0],
    [1.6, 0.3, 0],
  ],
  similarities: [0.21, 0.274],
  taken: 1,
  scale: 2,
  nfe: 12,
};
const ITEM = { words: "by nothing", x_t: [], x0_hat: ["", "", ""] };

test("the film is the prior's steps, then the decoder's", () => {
  const message = { state: "done", prior: PRIOR, items: [ITEM], t: [900, 300, -1] };
  assert.equal(before(message), 3);
  assert.equal(frames(message), 6);
  assert.equal(filmWords(message, 2), "prior: step 3 of 3 · t = 0");
  assert.equal(filmWords(message, 3), "decoder: step 0 of 2 · t = 900");
  assert.equal(filmWords(message, 5), "finished · 2 steps");
  assert.equal(frames({ ...message, items: [{ ...ITEM, x0_hat: [] }] }), 3); // the decoder has not begun
  const row = { state: "done", items: [{ ...ITEM, x0_hat: ["", ""] }], t: [900, -1] };
  assert.equal(frames(row), 2);
  assert.equal(filmWords(row, 0), "decoder: step 0 of 1 · t = 900");
  assert.equal(frames({ state: "empty", items: [] }), 0);
});

test("the chart leads both samples down to where they end", () => {
  const points = (/** @type {number} */ k) => drawing(PRIOR, k).match(/<circle cx="([\d.]+)" cy="([\d.]+)"/)?.slice(1).map(Number);
  const [first, middle, last] = [0, 1, 9].map((k) => points(k) ?? []);
  assert.ok(first[0] < middle[0] && middle[0] < last[0]);
  assert.ok(first[1] < middle[1] && middle[1] < last[1]); // down is near
  assert.deepEqual(points(9), points(2)); // the decoder's steps come after it
  const markup = drawing(PRIOR, 0);
  assert.equal(markup.match(/class="taken"/g)?.length, 2); // one in the legend
  assert.equal(markup.match(/class="other"/g)?.length, 2);
  const one = { ...PRIOR, t: [999], distances: [[0], [0]] };
  assert.ok(!drawing(one, 0).includes("NaN"));
});

test("the words tell how far the estimate is, and why a sample is taken", () => {
  assert.match(priorWords(PRIOR, 1), /0\.30 from where it ends.*is 0\.27 like the caption, more than the other \(0\.21\)\./);
  assert.match(priorWords(PRIOR, 9), /^The prior’s estimate is 0\.00/);
  assert.ok(!priorWords({ ...PRIOR, similarities: [0.2], distances: [[1, 1, 0]], taken: 0 }, 0).includes("other"));
  assert.deepEqual([firstItem("words", 3), firstItem("interpolation", 7), firstItem("difference", 7)], [0, 3, 3]);
});

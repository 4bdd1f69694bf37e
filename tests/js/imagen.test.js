// The view "Imagen": the film of both walks, enlargement by interpolation, the curve of levels, and words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawing } from "../../tabs/static/systems_imagen/curve.js";
import { enlarged } from "../../tabs/static/systems_imagen/enlarge.js";
import {
  before,
  countedWords,
  filmWords,
  firstItem,
  frames,
  itemWords,
} from "../../tabs/static/systems_imagen/words.js";

const ITEM = {
  words: "level 0.1",
  small_x_t: ["", "", ""],
  small_x0_hat: ["", "", ""],
  condition: "",
  large_x_t: ["", "", ""],
  large_x0_hat: ["", "", ""],
  saturated: [0.2, 0.25],
  away: 0.081,
  level: 0.1,
};
const MESSAGE = {
  state: "done",
  items: [ITEM],
  t_small: [900, 300, -1],
  t_large: [800, 200, -1],
  small: [32, 32],
  large: [128, 128],
};

test("the film is the first walk, the small picture, then the second walk", () => {
  assert.equal(before(MESSAGE), 3);
  assert.equal(frames(MESSAGE), 6);
  assert.equal(filmWords(MESSAGE, 0), "first walk: step 0 of 2 · t = 900");
  assert.equal(filmWords(MESSAGE, 2), "the small picture is there");
  assert.equal(filmWords(MESSAGE, 3), "second walk: step 0 of 2 · t = 800");
  assert.equal(filmWords(MESSAGE, 5), "finished · 2 + 2 steps");
  const begun = { ...MESSAGE, items: [{ ...ITEM, large_x0_hat: [] }] };
  assert.equal(frames(begun), 3); // the second walk has not begun
  const alone = { ...MESSAGE, t_small: [] };
  assert.equal(filmWords(alone, 0), "second walk: step 0 of 2 · t = 800");
  assert.equal(frames({ state: "empty", items: [] }), 0);
});

test("a picture is enlarged between the centres of its pixels, as torch does it", () => {
  // F.interpolate(tensor([[0, 100], [200, 40]]), scale_factor=2, mode="bilinear")
  const wanted = [0, 25, 75, 100, 50, 59, 76, 85, 150, 126, 79, 55, 200, 160, 80, 40];
  const own = enlarged([0, 100, 200, 40], [2, 2], 1, 2);
  own.forEach((level, i) => assert.ok(Math.abs(level - wanted[i]) <= 1, `${i}: ${level}`));
  const flat = enlarged([1, 2, 3, 1, 2, 3], [2, 1], 3, 4);
  assert.deepEqual([flat.length, ...flat.slice(0, 3), ...flat.slice(-3)], [96, 1, 2, 3, 1, 2, 3]);
  const wide = enlarged([0, 80], [2, 1], 1, 2); // no square
  assert.deepEqual([...wide], [0, 20, 60, 80, 0, 20, 60, 80]);
});

test("the curve has a point a level, and marks one's own", () => {
  const rows = [
    { level: 0, distance: 60, obedience: 0.9 },
    { level: 0.5, distance: 40, obedience: 1 },
    { level: 1, distance: 90, obedience: 0.4 },
  ];
  const markup = drawing(rows, 0.5);
  const [line] = [...markup.matchAll(/class="distance" d="M([\d. L]+)"/g)].slice(-1).map((found) => found[1].split("L"));
  assert.equal(line.length, 3);
  const heights = line.map((point) => Number(point.split(" ")[1]));
  assert.ok(heights[1] > heights[0] && heights[0] > heights[2]); // up is far
  assert.equal(markup.match(/class="now" d="M([\d.]+)/)?.[1], line[1].split(" ")[0]);
  assert.ok(!drawing(rows, undefined).includes("now"));
  assert.equal(drawing(rows.slice(0, 1), 0), "");
});

test("words tell what is counted, beside real avatars where that was measured", () => {
  assert.equal(itemWords("levels", ITEM), "level 0.1: 0.08 away");
  assert.equal(itemWords("thresholds", ITEM), "level 0.1: 25.0\u00a0% saturated");
  assert.equal(itemWords("levels", { ...ITEM, saturated: [0.2] }), "level 0.1");
  const words = countedWords({ ...MESSAGE, saturated_real: 0.184 }, ITEM);
  assert.match(words, /20\.0.% of the small picture, of the large one 25\.0.%, of real avatars 18\.4.%\./);
  assert.match(words, /Shrunk to 32 × 32 again, the large picture is 0\.08 away/);
  assert.equal(countedWords(MESSAGE, { ...ITEM, saturated: [0.2] }), "Saturated: 20.0\u00a0% of the small picture.");
  assert.deepEqual([firstItem("levels"), firstItem("words")], [1, 0]);
});

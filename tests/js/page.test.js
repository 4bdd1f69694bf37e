import assert from "node:assert/strict";
import { test } from "node:test";

import { Generator, WalkNoise, seedOf } from "../../tabs/static/page/generator.js";
import { conditions, keyOf, opened } from "../../tabs/static/page/walks.js";

test("a seed gives the same normal numbers at every time, and another one others", () => {
  const [a, again, b] = [7n, 7n, 8n].map((seed) => new Generator(seed).normals(20001));
  assert.deepEqual(a, again);
  assert.notDeepEqual(a, b);
  const mean = a.reduce((sum, x) => sum + x, 0) / a.length;
  const square = a.reduce((sum, x) => sum + x * x, 0) / a.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(square - 1) < 0.05);
  assert.ok(a.every(Number.isFinite));
});

test("an image's noise is the same whatever is drawn beside it", () => {
  const [alone, batch] = [new WalkNoise(9n, 1, 5), new WalkNoise(8n, 3, 5)];
  for (let step = 0; step < 3; step++) {
    assert.deepEqual(alone.draw(1), batch.draw(1).subarray(5, 10));
  }
  const [pieces, whole] = [new WalkNoise(1n, 2, 4), new WalkNoise(1n, 2, 4)];
  assert.deepEqual([...pieces.draw(1), ...pieces.draw(2)], [...whole.draw(3)]);
});

test("a seed is a whole number of 64 bits, or refused in a sentence", () => {
  assert.equal(seedOf(" 18446744073709551615 "), 2n ** 64n - 1n);
  for (const bad of ["", "-1", "1.5", "18446744073709551616", "seven"]) {
    assert.throws(() => seedOf(bad), /must be a whole number from 0 to/);
  }
});

const MODEL = { name: "m", weights: "w", classes: [["Bag", [1, -1]], ["Coat", [2, -1]]], null: [3, -1] };
const SETTINGS = { choice: "ddim", label: "Coat", guidance: 1, steps: 5, spacing: "trailing", eta: 0.5, images: 2 };

test("the network is asked for each picture, and guided once more without", () => {
  assert.deepEqual(conditions(MODEL, SETTINGS), [[2, -1], [2, -1]]);
  const guided = conditions(MODEL, { ...SETTINGS, guidance: 2 });
  assert.deepEqual(guided, [[2, -1], [2, -1], [3, -1], [3, -1]]);
  assert.deepEqual(conditions({ ...MODEL, classes: [] }, SETTINGS), []);
  const free = { ...SETTINGS, label: null };
  assert.deepEqual(conditions(MODEL, free), [[3, -1], [3, -1]]);
  assert.throws(() => conditions({ ...MODEL, null: null }, free), /needs a class: choose one/);
  assert.throws(() => conditions(MODEL, { ...free, guidance: 2 }), /Guidance needs a class/);
  assert.equal(keyOf(SETTINGS), "ddim trailing 5 0.5");
});

test("a run card that is not of this page is refused in a sentence", () => {
  const told = { models: [MODEL], samplers: { ddim: { sampler: "ddim", variance: "posterior" } } };
  const walk = { sampler: "ddim", variance: "posterior", seed: "7", label: "Bag" };
  const card = { format: "diffusion-playground/page-run-1", weights: "w", walk };
  assert.equal(opened(told, JSON.stringify(card)).values.sampler, "ddim");
  for (const [text, words] of [
    ["{", /not a run card of this page/],
    ['{"format": "diffusion-playground/run-1"}', /noise this page cannot draw/],
    [JSON.stringify({ ...card, weights: "x", model: "other" }), /no model "other"/],
  ]) {
    assert.throws(() => opened(told, text), words);
  }
});

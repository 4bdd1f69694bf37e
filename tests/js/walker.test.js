import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { brokeOff, withResult } from "../../tabs/static/player/in_browser.js";
import { Run, filmWords } from "../../tabs/static/player/run.js";
import { endOf, frameOf, histogram, meanSquare, sheet } from "../../tabs/static/walker/frames.js";
import { evaluator, unpacked } from "../../tabs/static/walker/runtime.js";
import { clip, quantile, walk, weighed } from "../../tabs/static/walker/walk.js";
import { asNumbers, digest, floats } from "../../tabs/static/walker/walker.js";

const TABLE = {
  shape: [1, 1, 2],
  images: 1,
  columns: 1,
  views: ["x_t", "x0_hat", "eps_hat", "change", "noise"],
  stride: 1,
  piece: 2,
  guidance: 1,
  clip: 1,
  percentile: 0,
  y: [],
};
// The output is x0, and eps_hat the difference to it.
const estimate = (t) => ({ t, x0_hat: { output: 1 }, eps_hat: { x_t: 1, x0_hat: -1 } });
const row = (t, t_prev, weights, more = {}) => ({
  t,
  t_prev,
  alpha_bar: 0.25,
  estimate: estimate(t),
  weights,
  trial: null,
  there: null,
  ...more,
});
/** @param {object} table */
async function steps(table, start, evaluate, noiseOf = async () => assert.fail("no noise")) {
  const all = [];
  for await (const step of walk({ ...TABLE, ...table }, start, evaluate, noiseOf)) all.push(step);
  return all;
}

test("a sum weighs pictures by their names", () => {
  const pictures = { a: Float32Array.of(1, 2), b: Float32Array.of(10, 20) };
  assert.deepEqual([...weighed({ a: 2, b: -0.5 }, pictures)], [-3, -6]);
});

test("each step begins where the last one ended, with the guess before it", async () => {
  const table = {
    steps: [
      row(9, 4, { x_t: 0.5, x0_hat: 1, noise: 2 }),
      row(4, -1, { x0_hat: 1, x0_before: 10, eps_hat: 1 }),
    ],
  };
  const asked = [];
  const noise = async (index) => {
    asked.push(index);
    return Float32Array.of(0.25, 0);
  };
  const half = async (x) => x.map((value) => value / 2);
  const [first, second] = await steps(table, Float32Array.of(1, 4), half, noise);
  assert.deepEqual([...first.x0_hat], [0.5, 1]); // the second is clipped
  assert.deepEqual([...first.eps_hat], [0.5, 3]);
  assert.deepEqual([...first.x_prev], [1.5, 3]);
  assert.deepEqual(second.x_t, first.x_prev);
  assert.deepEqual([...second.x_prev], [0.75 + 5 + 0.75, 1 + 10 + 2]);
  assert.deepEqual(asked, [0]);
  assert.deepEqual([first.nfe, second.nfe], [1, 2]);
});

test("a trial step is evaluated at its end", async () => {
  const twice = row(9, 4, { x_t: 1, eps_there: 1 }, { trial: { x_t: 3 }, there: estimate(4) });
  const seen = [];
  const evaluate = async (x, t) => {
    seen.push([x[0], t]);
    return new Float32Array(2);
  };
  const [step] = await steps({ steps: [twice] }, Float32Array.of(1, 0), evaluate);
  assert.deepEqual(seen, [[1, 9], [3, 4]]);
  assert.equal(step.x_prev[0], 1 + 3);
  assert.equal(step.nfe, 2);
});

test("guidance moves away from what comes without the condition", async () => {
  const evaluate = async (x) => {
    assert.deepEqual([...x], [1, 0, 1, 0]);
    return Float32Array.of(0.5, 0.5, 0.25, 0.5); // with the condition, then without
  };
  const table = { guidance: 2, steps: [row(9, -1, { x0_hat: 1 })] };
  const [step] = await steps(table, Float32Array.of(1, 0), evaluate);
  assert.deepEqual([...step.x_prev], [0.25 + 2 * 0.25, 0.5]);
});

test("dynamic clipping divides each picture by its own range, and static cuts", () => {
  assert.equal(quantile(Float32Array.of(-4, 1, 2, 3), 0.5), 2.5);
  const values = () => Float32Array.of(0, 2, -4, 0.5, -0.5, 1);
  const image = values();
  clip(image, { images: 2, clip: 1, percentile: 1 });
  assert.deepEqual([...image], [0, 0.5, -1, 0.5, -0.5, 1]);
  const cut = values();
  clip(cut, { images: 2, clip: 1, percentile: 0 });
  assert.deepEqual([...cut], [0, 1, -1, 0.5, -0.5, 1]);
  const as = values();
  clip(as, { images: 2, clip: 0, percentile: 0 });
  assert.deepEqual(as, values());
});

test("pictures lie in a sheet with grey gaps, channel by channel", () => {
  const x = Float32Array.of(-1, 1, 0.5, -0.5, 0, 0); // (3, 1, 2)
  const one = sheet(x, { images: 1, shape: [3, 1, 2], columns: 1 });
  assert.deepEqual([...one], [0, 191, 128, 255, 64, 128]);
  const grey = sheet(Float32Array.of(-1, 1, -1, 1), { images: 4, shape: [1, 1, 1], columns: 3 });
  const top = [0, 128, 128, 255, 128, 128, 0];
  assert.deepEqual([...grey], [...top, ...Array(14).fill(128), 255, ...Array(6).fill(128)]);
});

test("values are counted from -3 to 3, and none beyond", () => {
  const counts = histogram(Float32Array.of(-3, -2.95, 0, 3, 3.1, NaN));
  assert.deepEqual([counts[0], counts[30], counts[59], counts.length], [2, 1, 1, 60]);
  assert.equal(meanSquare(Float32Array.of(1, 2)), 2.5);
});

test("a step and the end become frames with the views of the run", async () => {
  const table = { ...TABLE, steps: [row(9, -1, { x0_hat: 1 })] };
  const [step] = await steps(table, Float32Array.of(0, 1), async () => Float32Array.of(1, -1));
  const frame = frameOf(table, step, 7, Float32Array.of(1, 1));
  assert.deepEqual([frame.i, frame.t, frame.tp, frame.ab, frame.nfe, frame.ms], [0, 9, -1, 0.25, 1, 7]);
  assert.equal(frame.n.x0, Math.sqrt(2)); // of x0_hat to the picture that it began with
  assert.equal(frame.n.gain, 1 / (3 * Math.sqrt(2.5)));
  assert.deepEqual(frame.px.map((px) => [...px])[1], [255, 0]);
  assert.deepEqual([...frame.px[4]], [128, 128]); // no noise in this step
  const end = endOf(table, step, 8, null);
  assert.deepEqual([end.i, end.t, end.ab, end.w], [1, -1, 1, {}]);
  assert.deepEqual(end.px.map((px) => px[0]), [255, 255, 128, 128, 128]);
  assert.ok(!("x0" in end.n));
});

test("the network gets pictures, timesteps and conditions in its own shapes", async () => {
  const made = [];
  class Tensor {
    constructor(type, values, shape) {
      made.push([type, [...values].map(Number), shape]);
    }
  }
  const session = { run: async (inputs) => ({ output: { data: Object.keys(inputs) } }) };
  const table = { ...TABLE, guidance: 2, y: [[3, -1], [9, -1]] };
  const evaluate = evaluator({ Tensor }, session, table);
  assert.deepEqual(await evaluate(new Float32Array(4), 5), ["x_t", "t", "y"]);
  assert.deepEqual(made, [
    ["int64", [3, -1, 9, -1], [2, 2]],
    ["float32", [0, 0, 0, 0], [2, 1, 1, 2]],
    ["int64", [5, 5], [2]],
  ]);
  made.length = 0;
  evaluator({ Tensor }, session, { ...table, y: [3, 9] });
  assert.deepEqual(made, [["int64", [3, 9], [2]]]);
  assert.deepEqual(await evaluator({ Tensor }, session, TABLE)(new Float32Array(2), 5), ["x_t", "t"]);
});

test("what is gzipped is unpacked, and what a server has unpacked stays", async () => {
  const text = new TextEncoder().encode("\0asm");
  assert.deepEqual(new Uint8Array(await unpacked(new Uint8Array(gzipSync(text)))), text);
  assert.deepEqual(new Uint8Array(await unpacked(text)), text);
});

test("numbers come from base64 and from levels, and have the card's digest", async () => {
  const values = Float32Array.of(1.5, -2);
  const bytes = new Uint8Array(values.buffer);
  assert.deepEqual(floats(Buffer.from(bytes).toString("base64")), values);
  assert.deepEqual([...asNumbers(Uint8Array.of(0, 51, 255, 204), [2, 1, 2])].map((v) => v.toFixed(1)), [
    "-1.0", "1.0", "-0.6", "0.6",
  ]);
  assert.equal(await digest(values), createHash("sha256").update(bytes).digest("hex"));
  const card = '{\n  "model": "a \\"result\\": \\"\\"",\n  "result": ""\n}';
  assert.deepEqual(JSON.parse(withResult(card, "abc")), { model: 'a "result": ""', result: "abc" });
});

test("the player tells what a browser loads, and that it broke off", () => {
  const run = new Run("r", 3);
  run.head = /** @type {any} */ ({});
  run.loading = 0.349;
  assert.equal(filmWords(run, false, "live"), "this browser loads the network: 34 %");
  run.loading = 1;
  assert.equal(filmWords(run, false, "live"), "the network gets ready");
  run.frames[0] = /** @type {any} */ ({});
  assert.equal(filmWords(run, false, "live"), "live: each step as this browser computes it");
  run.loading = null;
  assert.equal(filmWords(run, false, "live"), "live: each step as it is computed");
  assert.match(brokeOff("out of memory."), /broke off \(out of memory\); press Denoise again/);
});

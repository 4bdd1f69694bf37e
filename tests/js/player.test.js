import assert from "node:assert/strict";
import { test } from "node:test";

import { base64 } from "../../tabs/static/lib/bytes.js";
import { fromAddress, linkOf, toAddress } from "../../tabs/static/player/card.js";
import { equation } from "../../tabs/static/player/equation.js";
import {
  Run,
  available,
  describe,
  insidePicture,
  pictureAt,
  pixels,
  samplerAt,
  track,
} from "../../tabs/static/player/run.js";
import {
  expected,
  expectedSquare,
  histogramPaths,
  levelsOf,
  meanSquare,
  normalBelow,
  squarePaths,
} from "../../tabs/static/player/charts.js";
import { target } from "../../tabs/static/player/transport.js";
import { moveOf } from "../../tabs/static/lib/keys.js";

const HEAD = {
  width: 6,
  height: 2,
  channels: 1,
  tile: [2, 2],
  columns: 2,
  images: 2,
  row: false,
  views: ["x_t", "x0_hat"],
  steps: 3,
  alpha_bars: [0, 0.25, 0.81, 1],
  samplers: [[0, "ddim"]],
  branch: -1,
  caption: "",
  bound: "",
};
const frame = (i, t, more = {}) => ({
  i,
  t,
  tp: t - 1,
  ab: 0.25,
  nfe: i + 1,
  ms: 100 * i,
  w: {},
  h: [],
  n: { mean_square: 1, gain: 1 },
  px: [base64(Uint8Array.of(i)), base64(Uint8Array.of(100 + i))],
  ...more,
});
const message = (first, frames, more = {}) => ({
  run: "a",
  total: 4,
  done: false,
  first,
  frames,
  ...more,
});
function walked(head = HEAD) {
  const run = new Run("a", 4);
  run.take(message(0, [frame(0, 9), frame(1, 6), frame(2, 3), frame(3, -1)], { head, done: true }));
  return run;
}

test("frames of overlapping messages stand where they belong, each decoded once", () => {
  const run = new Run("a", 4);
  assert.equal(run.take(message(0, [frame(0, 9), frame(1, 6)], { head: HEAD })), true);
  const kept = run.frames[1];
  assert.equal(run.take(message(1, [frame(1, 6), frame(2, 3)], { head: HEAD, card: "{}" })), false);
  assert.equal(run.frames[1], kept);
  assert.deepEqual(
    run.frames.map((f) => [f.i, f.px[0][0], f.px[1][0]]),
    [[0, 0, 100], [1, 1, 101], [2, 2, 102]],
  );
  assert.deepEqual([run.last, run.over, run.card], [2, false, "{}"]);
  run.take(message(3, [frame(3, -1)], { done: true }));
  assert.equal(run.over, true);
});

test("playing goes on beyond a gap, and knows its end", () => {
  const run = new Run("a", 6);
  assert.deepEqual([run.last, run.after(-1)], [-1, -1]);
  run.take(message(0, [frame(0, 9)]));
  run.take(message(3, [frame(3, 5)]));
  assert.deepEqual([run.after(-1), run.after(0), run.after(3), run.last], [0, 3, -1, 3]);
});

test("a branch begins to move where it left its parent", () => {
  assert.equal(walked().fork, -1);
  assert.equal(walked({ ...HEAD, branch: 2 }).fork, 2);
});

test("the picture that a walk began with comes with its head", () => {
  const run = walked({ ...HEAD, x0: base64(Uint8Array.of(7)) });
  assert.deepEqual([...run.x0], [7]);
  assert.deepEqual([...pixels("x0", run.frames[2], run, null)], [7]);
  assert.deepEqual([...pixels("first", run.frames[2], run, null)], [100]);
  assert.equal(pixels("first", walked().frames[2], walked(), null), null);
});

test("a view shows its own pixels, and the parent's at the same timestep", () => {
  const [run, parent] = [walked(), walked()];
  parent.frames[1].px = [Uint8Array.of(42)];
  assert.deepEqual([...pixels("x0_hat", run.frames[1], run, parent)], [101]);
  assert.deepEqual([...pixels("parent", run.frames[1], run, parent)], [42]);
  assert.equal(pixels("parent", { ...run.frames[1], t: 5 }, run, parent), null);
  assert.equal(pixels("eps_hat", run.frames[1], run, parent), null);
});

test("views stand in the page's order, and those of a picture only where there is one", () => {
  const known = ["x_t", "x0_hat", "parent", "first", "x0"];
  const given = { ...HEAD, x0: base64(Uint8Array.of(7)) };
  assert.deepEqual(available(known, walked(), null), ["x_t", "x0_hat"]);
  assert.deepEqual(available(known, walked(), walked()), ["x_t", "x0_hat", "parent"]);
  assert.deepEqual(available(known, walked(given), null), ["x_t", "x0_hat", "first", "x0"]);
  assert.deepEqual(available(known, walked({ ...given, hole: true }), null), [
    "x_t",
    "x0_hat",
    "x0",
  ]);
});

test("before a branch's first step the parent's sampler was at work", () => {
  const samplers = [[0, "ddpm"], [4, "heun"]];
  assert.deepEqual([0, 3, 4, 9].map((i) => samplerAt(samplers, i)), ["ddpm", "ddpm", "heun", "heun"]);
});

test("a click meets the picture under it", () => {
  const head = { ...HEAD, width: 6, height: 6, images: 3 };
  assert.equal(pictureAt(head, 0.1, 0.1), 0);
  assert.equal(pictureAt(head, 0.9, 0.1), 1);
  assert.equal(pictureAt(head, 0.1, 0.9), 2);
  assert.equal(pictureAt(head, 0.9, 0.9), 2); // an empty place: the last one
});

test("gaps and empty places of a sheet are no pictures", () => {
  const head = { ...HEAD, width: 6, height: 6, images: 3, channels: 3 };
  const inside = Array.from({ length: 6 * 6 * 3 }, (_, p) => insidePicture(head, p));
  assert.equal(inside.filter(Boolean).length, 3 * 2 * 2 * 3);
  assert.deepEqual([0, 5, 6, 11, 12].map((p) => inside[p]), [true, true, false, false, true]);
  assert.equal(inside[(4 * 6 + 4) * 3], false);
});

test("a frame says where it is, and how far from the truth", () => {
  const run = walked({ ...HEAD, known: 200 });
  assert.deepEqual(describe(run.frames[1], 1, run), [
    "t = 6",
    "step 1 of 3",
    "signal 0.50, noise 0.87",
    "2 evaluations",
    "100 ms",
  ]);
  const end = { ...run.frames[3], n: { x0: 0.123, exact: 0.456 } };
  const words = describe(end, 3, run).join(" · ");
  assert.match(words, /^finished/);
  assert.match(words, /0.12 from the true picture · 0.46 from the nearest of 200 training images$/);
});

test("a slow walk says how long it will take, a stopped one that it stopped", () => {
  const run = new Run("a", 4);
  run.take(message(0, [frame(0, 9, { ms: 4000 })], { head: HEAD }));
  assert.match(describe(run.frames[0], 0, run).at(-1), /^about 8 s left$/);
  run.stopped = true;
  assert.equal(describe(run.frames[0], 0, run).at(-1), "stopped");
});

test("the scrubber's track is √ᾱ, and what was seen a part of it", () => {
  assert.equal(
    track(HEAD.alpha_bars, Infinity),
    "M0.0 96.00L333.3 50.00L666.7 13.20L1000.0 4.00",
  );
  assert.equal(track(HEAD.alpha_bars, 2), "M0.0 96.00L333.3 50.00");
  assert.equal(track([0.25], 1), "M0.0 50.00");
});

test("keys move through the frames, those with Ctrl are the browser's", () => {
  assert.deepEqual([" ", "ArrowLeft", "End", "x"].map((key) => moveOf({ key })), [
    "toggle",
    "back",
    "last",
    null,
  ]);
  assert.equal(moveOf({ key: "ArrowLeft", ctrlKey: true }), null);
});

test("a move ends within the frames that are here", () => {
  assert.deepEqual(["back", "on", "first", "last"].map((move) => target(move, 5, 9)), [4, 6, 0, 9]);
  assert.deepEqual([target("back", 0, 9), target("on", 9, 9), target("last", 0, -1)], [0, 9, 0]);
});

const DDIM = {
  terms: [
    { x0_hat: "√ᾱ′", eps_hat: "√(1 − ᾱ′)" },
    { x0_hat: "√ᾱ′", eps_hat: "√(1 − ᾱ′ − σ²)", noise: "σ" },
  ],
  letters: "ᾱ at t",
};

test("the equation of a step shows signs, sizes and what the numbers are", () => {
  const html = equation({ w: { x0_hat: 0.5, eps_hat: -0.25 }, tp: 7 }, DDIM);
  const words = html.replace(/<[^>]+>/g, "|").replace(/\|+/g, "|");
  assert.match(words, /x\|t′\|t′ = 7\|=\| 0.500 \|x̂\|0\|√ᾱ′\|− 0.250 \|ε̂\|√\(1 − ᾱ′\)\|ᾱ at t\./);
  assert.doesNotMatch(html, /Where the picture is kept/);
  assert.match(equation({ w: { noise: 1 }, tp: -1 }, DDIM, true), /Where the picture is kept/);
  assert.match(equation({ w: {}, tp: -1 }, DDIM), /no noise is left/);
});

test("a step is told by the first set of formulas that has one for each of its weights", () => {
  assert.match(equation({ w: { x0_hat: 1, eps_hat: 1, noise: 1 }, tp: 3 }, DDIM), /√\(1 − ᾱ′ − σ²\)/);
  assert.doesNotMatch(equation({ w: { x0_hat: 1 }, tp: 3 }, DDIM), /σ/);
  assert.doesNotMatch(equation({ w: { x_t: 1 }, tp: 3 }, DDIM), /√/);
});

test("the normal distribution function", () => {
  const table = { 0: 0.5, 1: 0.841344746, 1.96: 0.975002105, "-2.5": 0.006209665 };
  for (const [z, p] of Object.entries(table)) assert.ok(Math.abs(normalBelow(Number(z)) - p) < 1e-7);
});

test("theory of pure noise is the normal curve, of no noise the picture itself", () => {
  const levels = levelsOf(Uint8Array.of(0, 0, 255, 255), () => true);
  const noise = expected(levels, 0);
  assert.ok(Math.abs(noise.reduce((a, b) => a + b, 0) - (1 - 2 * 0.0013499)) < 1e-6);
  assert.ok(Math.abs(noise[30] - (normalBelow(0.1) - 0.5)) < 1e-9);
  const clean = expected(levels, 1);
  assert.deepEqual([clean[20], clean[40], clean.filter(Boolean).length], [0.5, 0.5, 2]);
});

test("levels count what is kept alone, and E[x²] follows the theory", () => {
  const levels = levelsOf(Uint8Array.of(0, 255, 9, 9), (p) => p < 2);
  assert.deepEqual([levels[0], levels[255], levels[9]], [0.5, 0.5, 0]);
  assert.equal(meanSquare(levels), 1);
  assert.deepEqual([expectedSquare(1, 0.25), expectedSquare(0, 0.25)], [0.25, 1]);
});

test("the charts leave out what is not here yet", () => {
  const { line, theory, dot } = squarePaths([2, null, 1], 2, 3, [2, 1.5, 1]);
  assert.equal(line.match(/[ML]/g).join(""), "ML");
  assert.equal(theory.match(/[ML]/g).join(""), "MLL");
  assert.deepEqual(dot, [300, 116 - 108 / 2.16]);
  const histogram = histogramPaths([1, 3], Float64Array.of(0.25, 0.75));
  assert.equal(histogram.bars, "M0 120L0 83.4L5 83.4L5 14.3L10 14.3L300 120Z");
  assert.equal(histogram.theory, "M2.5 83.4L7.5 14.3");
});

test("a run card survives the page's address, in any script and with any byte", () => {
  const card = JSON.stringify({ caption: "ᾱ ✓ ñ ?>~~~", seed: 7 });
  const text = toAddress(card);
  assert.match(text, /^[\w-]+$/);
  assert.equal(fromAddress(text), card);
  for (const json of ["{}", '{"a":1}', '{"a":12}']) {
    assert.match(toAddress(json), /^[\w-]+$/); // of every length, without padding
    assert.equal(fromAddress(toAddress(json)), json);
  }
  assert.equal(fromAddress("%%%"), "no card");
});

test("a link carries the card, unless the walk began with a picture", () => {
  const link = new URL(linkOf('{"seed": 7}', "http://x/y/"));
  assert.equal(link.searchParams.get("tab"), "denoise");
  assert.equal(fromAddress(link.searchParams.get("run")), '{"seed":7}');
  assert.throws(() => linkOf('{"given": "..."}', "http://x/"), /keep its run card instead/);
});

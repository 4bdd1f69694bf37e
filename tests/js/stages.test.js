import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf, wordsOf } from "../../tabs/static/algorithm/lines.js";
import { rows } from "../../tabs/static/chain/rows.js";
import { cells, sameShare } from "../../tabs/static/compare/numbers.js";
import {
  LIMIT,
  QUANTITIES,
  between,
  falling,
  held,
  moveOf,
} from "../../tabs/static/draw/points.js";
import { cellLabel, heeds, template, toneOf } from "../../tabs/static/gallery/cells.js";
import { dab, hatched, openPixels, shape } from "../../tabs/static/hole/mask.js";
import { base64 } from "../../tabs/static/lib/bytes.js";
import { namesBelow, ofHeight, sideways } from "../../tabs/static/lib/plots.js";
import {
  densityBars,
  measure,
  normalCurve,
  playedTo,
  scheduleCurve,
  signalToNoise,
  stripTimes,
  ticks,
} from "../../tabs/static/noise/charts.js";
import { Race, distanceTable, stamp } from "../../tabs/static/race/lanes.js";
import { led } from "../../tabs/static/lib/tablist.js";
import { named, viewOf } from "../../tabs/static/views/choosing.js";
import { logAxis, rules, short } from "../../tabs/static/training/axis.js";
import { binsChart, lossChart } from "../../tabs/static/training/charts.js";
import {
  Job,
  mapRows,
  mapSheet,
  nearestRow,
  wordsOf as milestoneWords,
} from "../../tabs/static/training/milestones.js";

// Race.

const lap = (lane, k, t, ms) => ({ lane, k, i: k, t, nfe: k + 1, ms, px: [base64(Uint8Array.of(k))] });
function race() {
  const head = {
    width: 1,
    height: 1,
    channels: 1,
    lanes: [
      { name: "quick", steps: 2, evaluations: 2, kind: "a" },
      { name: "slow", steps: 2, evaluations: 2, kind: "b" },
    ],
    caption: "",
  };
  const begun = { run: "r", head, frames: [lap(0, 0, 9, 10), lap(1, 0, 9, 500)] };
  const made = new Race(begun);
  made.take(begun);
  made.take({ ...begun, frames: [lap(0, 0, 8, 99), lap(0, 1, -1, 20), lap(1, 1, -1, 3000)] });
  return made;
}

test("a lane shows the last frame that it had computed by then", () => {
  const made = race();
  assert.deepEqual([0, 15, 20, 4000].map((ms) => made.frameAt(0, ms).ms), [10, 10, 20, 20]);
  assert.equal(made.frameAt(1, 0).ms, 500); // the first one, before anything was computed
});

test("a race plays as fast as it was computed, within 2 to 8 seconds", () => {
  const made = race();
  assert.deepEqual([made.longest, made.span], [3000, 3000]);
  made.lanes[1].frames[1].ms = 90000;
  assert.equal(made.span, 8000);
  made.lanes[1].frames[1].ms = 30;
  assert.equal(made.span, 2000);
});

test("places are given as the lanes finish", () => {
  const made = race();
  assert.equal(made.place(0, made.lanes[0].frames[0]), "");
  assert.equal(made.place(0, made.lanes[0].frames[1]), "finished first");
  assert.equal(made.place(1, made.lanes[1].frames[1]), "finished 2nd");
  assert.equal(stamp(made.lanes[1].frames[1]), "2 evaluations, 3.00 s");
  assert.equal(stamp(made.lanes[0].frames[0]), "1 evaluation, 10 ms, t = 9");
});

test("lanes of the same work arrive together, whatever their clocks say", () => {
  const made = race();
  for (const lane of made.lanes) lane.kind = "a"; // 20 ms and 3 s, by chance
  const places = () => made.lanes.map((lane, i) => made.place(i, lane.frames[1]));
  const tied = "finished first, together with 1 other";
  assert.deepEqual(places(), [tied, tied]);
  made.lanes[0].evaluations = 3; // more work is later, though its clock was quicker
  assert.deepEqual(places(), ["finished 2nd", "finished first"]);
  made.lanes[1].kind = "b"; // of another kind, the clocks say which is cheaper
  assert.deepEqual(places(), ["finished first", "finished 2nd"]);
});

test("the time left is that of the evaluations to come, at the cost of each kind", () => {
  const made = race();
  assert.equal(made.left, 0); // all have finished
  made.lanes[1].frames.pop();
  assert.equal(made.left, 500);
});

test("a race that ends in the pictures of the one before is known", () => {
  const [first, again] = [race(), race()];
  assert.equal(again.sameAs(first), false); // not at its end yet
  first.done = again.done = true;
  assert.ok(again.sameAs(first) && !again.sameAs(null));
  again.lanes[1].frames[1].px = [Uint8Array.of(9)];
  assert.equal(again.sameAs(first), false);
});

test("keys lead along the views that are there, and round their ends", () => {
  const names = ["walk", "steps", "race"];
  const keys = ["ArrowRight", "ArrowLeft", "Home", "End", "Enter"];
  assert.deepEqual(keys.map((key) => led(key, names, "walk")), ["steps", "race", "walk", "race", null]);
  assert.equal(led("ArrowRight", names, "race"), "walk");
});

test("the address names a view but the walk, unless it opens a run card", () => {
  assert.equal(viewOf("?tab=denoise", false), "walk");
  assert.equal(viewOf("?view=race", false), "race");
  assert.equal(viewOf("?view=race&run=x", false), "walk");
  assert.equal(viewOf("?view=race&run=x", true), "race");
  assert.equal(String(named("?steps=3", "race")), "steps=3&tab=denoise&view=race");
  assert.equal(String(named("?view=race&steps=3", "walk")), "steps=3");
});

test("the table of distances has the nearest image where it is known", () => {
  const distances = [[0, 0.5], [0.5, 0]];
  const plain = distanceTable({ distances }, ["a", "b"]);
  assert.deepEqual(plain, { heads: ["a", "b"], rows: [["", "0.500"], ["0.500", ""]] });
  const known = distanceTable({ distances, nearest: [0.1, 0.2], known: 50 }, ["a", "b"]);
  assert.equal(known.heads[2], "nearest of 50 training images");
  assert.deepEqual(known.rows[1], ["0.500", "", "0.200"]);
});

// Noise.

test("mean, deviation and histogram of a picture", () => {
  const values = [-0.5, 0.5, -0.5, 0.5, 99];
  const { counts, mean, deviation } = measure((p) => values[p], 4);
  assert.deepEqual([mean, deviation], [0, 0.5]);
  assert.deepEqual([counts[25], counts[35], counts.reduce((a, b) => a + b, 0)], [2, 2, 4]);
  assert.equal(measure((p) => values[p], 5).counts.reduce((a, b) => a + b, 0), 4);
});

test("a normal sample's bars stand under the normal curve", () => {
  const top = normalCurve().match(/L150\.0 ([\d.]+)/)[1];
  assert.equal(top, (120 - (110 * 0.398942) / 0.9).toFixed(1));
  const counts = new Float64Array(60);
  counts[30] = 398.942; // of 10,000 numbers, in a bin of 0.1
  assert.match(densityBars(counts, 10000), new RegExp(`L150 ${top}L155 ${top}`));
});

test("the schedule's curve has about 200 points, from the first timestep on", () => {
  const alphaBars = Array.from({ length: 1000 }, (_, t) => 1 - t / 1000);
  const d = scheduleCurve(alphaBars, (ab) => ab);
  assert.equal(d.match(/[ML]/g).length, 200);
  assert.match(d, /^M0\.0 3\.0L5\.0 3\.5/);
});

test("the film strip goes from the first timestep to the last", () => {
  assert.deepEqual(stripTimes(1000), [0, 143, 285, 428, 571, 714, 856, 999]);
});

test("signal to noise in words", () => {
  assert.equal(signalToNoise(0.5), "Signal to noise 0.0 dB, ᾱ = 0.500");
  assert.equal(signalToNoise(0.9), "Signal to noise +9.5 dB, ᾱ = 0.900");
  assert.equal(signalToNoise(0.0001), "Signal to noise −40.0 dB, ᾱ = 1.0·10⁻⁴");
});

test("the axis of timesteps has round ticks and the last one, none too near it", () => {
  assert.deepEqual(ticks(999), [0, 200, 400, 600, 800, 999]);
  assert.deepEqual(ticks(99), [0, 20, 40, 60, 80, 99]);
  assert.deepEqual(ticks(209), [0, 50, 100, 150, 209]);
  assert.deepEqual(ticks(1), [0, 1]);
});

test("playing reaches noise after its seconds", () => {
  assert.equal(playedTo(0, 6000, 1000, 6), 999);
  assert.equal(playedTo(100, 3000, 1001, 6), 600);
});

// Schedules.

test("a schedule's numbers at a timestep", () => {
  const schedule = { name: "s", alpha_bars: [1, 0.5], betas: [0, 0.02], posterior: [0, 0.01] };
  assert.deepEqual(cells(schedule, 1), [
    "0.02000",
    "0.5000",
    "0.7071",
    "0.7071",
    "0.000",
    "0.000",
    "0.01000",
  ]);
  assert.deepEqual(cells(schedule, 0).slice(4, 6), ["∞", "∞"]);
});

test("a change of T keeps the share of the way", () => {
  assert.equal(sameShare(300, 999, 999), 300);
  assert.equal(sameShare(300, 999, 99), 30);
});

test("a drawn point stays between its neighbours, to a tenth", () => {
  const points = [9, 3, -9];
  assert.equal(held(points, 1, 3.34), 3.3);
  assert.equal(held(points, 1, 99), 9);
  assert.equal(held(points, 1, -99), -9);
  assert.equal(held(points, 0, Infinity), LIMIT);
  assert.equal(held(points, 2, -Infinity), -LIMIT);
  assert.deepEqual(falling([9, 3, 5, -3, 0]), [9, 3, 3, -3, -3]);
});

test("a place on the plot is a log-SNR, on every plot that takes the points", () => {
  assert.deepEqual(Object.keys(QUANTITIES), ["alpha_bar", "roots", "log_snr"]);
  for (const { of, back } of Object.values(QUANTITIES)) {
    for (const l of [-6, 0, 2.5]) assert.ok(Math.abs(back(of(l)) - l) < 1e-9);
  }
  assert.equal(QUANTITIES.alpha_bar.of(0), 0.5);
  assert.ok(QUANTITIES.alpha_bar.back(1.2) > LIMIT && QUANTITIES.roots.back(-1) < -LIMIT);
});

test("between its points a drawn schedule is straight in the log-SNR", () => {
  assert.deepEqual(between([4, 0, -8], 2), [[0, 4], [0.25, 2], [0.5, 0], [0.75, -4], [1, -8]]);
});

test("on a phone the names go below the figure, each beside its key", () => {
  const changes = namesBelow({
    annotations: [{ text: "now" }, { name: "end", text: "low" }, { name: "end", text: "high<br>= same" }],
    shapes: [
      { line: { dash: "dash" } }, // a level of the plot, which stays
      { name: "end", line: {} },
      { name: "end", line: { dash: "dot" } },
      { name: "end", line: { dash: "solid" } },
    ],
    height: 320,
    margin: { b: 48 },
  });
  assert.deepEqual([changes.height, changes["margin.b"], changes["margin.r"]], [374, 102, 14]);
  const [kept, first, second] = changes.annotations;
  assert.deepEqual(kept, { text: "now" });
  assert.deepEqual([first.text, first.yshift, second.text, second.yshift], ["high<br>= same", -66, "low", -93]);
  const [level, ...keys] = changes.shapes.map(({ line, y0 }) => [line.dash, y0]);
  assert.deepEqual([level, keys], [["dash", undefined], [["solid", -57], ["dot", -93]]]);
});

test("a figure of less height has its names apart, and their lines still begin at the curves", () => {
  const own = {
    annotations: [{ text: "low<br>= same", y: 0.1 }, { text: "high", y: 0.9 }],
    shapes: [
      { line: {}, y0: 0.02, y1: 0.14 }, // from the curve's end
      { line: { dash: "dot" }, y0: 0.14, y1: 0.14 },
      { line: { dash: "solid" }, y0: 0.9, y1: 0.9 },
    ],
    height: 284,
    margin: { t: 36, b: 48 },
  };
  const fitted = ofHeight(own, 164);
  assert.deepEqual([fitted.height, fitted.annotations.map(({ y }) => y)], [164, [0.2, 0.9]]);
  const ends = fitted.shapes.map(({ y0, y1 }) => [y0, y1].map((y) => Number(y.toFixed(4))));
  assert.deepEqual(ends, [[0.02, 0.3], [0.3, 0.3], [0.9, 0.9]]);
  assert.equal(ofHeight(own, 20).height, 36 + 48 + 48); // no less than its three lines
});

test("a finger that moves along the axis points, one that moves over the page does not", () => {
  const began = { x: 100, y: 100 };
  assert.ok(sideways(began, { clientX: 120, clientY: 110 }));
  assert.ok(!sideways(began, { clientX: 120, clientY: 160 }));
  assert.ok(!sideways(began, { clientX: 104, clientY: 100 }));
});

test("arrow keys move a point, others do not", () => {
  assert.deepEqual(["ArrowUp", "ArrowLeft", "PageDown", "a"].map(moveOf), [0.5, -0.5, -3, 0]);
});

// Chain, gallery, hole, algorithm.

test("the chain's table gives each moment with its error", () => {
  const table = rows({
    variance: 0.25,
    of_chain: { mean: [0.001, 0.002], variance: [0.2501, 0.003] },
    of_jump: { mean: [-0.5, 0.25], variance: [1, 0] },
  });
  assert.deepEqual(table.theory, ["0", "0.2500"]);
  assert.deepEqual(table["of-chain"], ["0.0010 ± 0.0020", "0.2501 ± 0.0030"]);
  assert.deepEqual(table["of-jump"], ["−0.5000 ± 0.2500", "1.0000 ± 0.0000"]);
});

test("a gallery heeds the run that is waited for, and any where none is", () => {
  assert.deepEqual([heeds("a", undefined), heeds("a", ""), heeds("a", "a"), heeds("a", "b")], [
    true,
    true,
    true,
    false,
  ]);
  assert.equal(template(3, true), "auto repeat(3, auto)");
  assert.equal(cellLabel("", "t = 5"), "thumbnail t = 5");
  assert.equal(toneOf({ name: "", cells: [], tones: ["x0", "eps"] }, 1), "eps");
  assert.equal(toneOf({ name: "", cells: [], tone: "x-t" }, 1), "x-t");
});

test("named holes open what they say", () => {
  assert.deepEqual([...shape("left", 4, 2)], [1, 1, 0, 0, 1, 1, 0, 0]);
  assert.deepEqual([...shape("top", 2, 4)], [1, 1, 1, 1, 0, 0, 0, 0]);
  assert.equal(openPixels(shape("centre", 8, 8)), 16);
  assert.equal(openPixels(shape("none", 8, 8)), 0);
});

test("a dab opens the pixels under it, an erasing one closes them", () => {
  const mask = new Uint8Array(25);
  dab(mask, 5, [2.5, 2.5], 2, 1);
  assert.deepEqual(
    [...mask].flatMap((open, i) => (open ? [i] : [])),
    [7, 11, 12, 13, 17],
  );
  dab(mask, 5, [2.5, 2.5], 1, 0);
  assert.deepEqual([mask[12], openPixels(mask)], [0, 4]);
});

test("what is open is hatched, the rest is the picture", () => {
  const px = Uint8Array.of(10, 20, 30, 40);
  const mask = Uint8Array.of(1, 1, 0, 1);
  assert.deepEqual([0, 1, 2, 3].map((p) => hatched(p, px, mask, 2, 1)), [150, 245, 30, 150]);
});

test("the lines of algorithm 2 that made a frame", () => {
  const first = { t: 999, index: 0, noise: true, sampler: "ddpm", picture: false };
  assert.deepEqual([...linesOf(first)].sort(), ["1", "3", "4"]);
  assert.deepEqual([...linesOf({ ...first, picture: true })].sort(), ["3", "4"]);
  assert.deepEqual([...linesOf({ ...first, index: 3, noise: false })], ["4"]);
  assert.deepEqual([...linesOf({ ...first, t: -1 })], ["6"]);
  assert.equal(wordsOf(first), "t = 1000 as the paper counts, from 1: 999 here.");
  assert.match(wordsOf({ ...first, sampler: "ddim", noise: false }), /ddim has .* No z is drawn/);
});

// Training.

test("a logarithmic axis names 1, 2 and 5, powers alone where those are many", () => {
  assert.deepEqual(logAxis([0.1, 1]).ticks.map(short), ["0.10", "0.20", "0.50", "1.00"]);
  assert.deepEqual(logAxis([0.001, 1]).ticks.map(short), ["1e-3", "0.010", "0.10", "1.00"]);
  assert.deepEqual(logAxis([0.31, 0.33]).ticks, [0.31, 0.33]);
});

test("equal factors are equal distances, larger values higher", () => {
  const { y } = logAxis([0.01, 1]);
  assert.ok(Math.abs(y(0.01) - y(0.1) - (y(0.1) - y(1))) < 1e-9);
  assert.ok(y(1) < y(0.1));
  assert.match(rules(logAxis([0.1, 1])), /text-anchor="end">0\.10<\/text>/);
});

test("charts of the loss need two points, and leave out what is not measured", () => {
  assert.equal(lossChart([[1, 0.5]], 10, 0), null);
  const chart = lossChart([[0, 1], [5, 0], [10, 0.5]], 10, 5);
  assert.equal(chart.now, 0.5);
  assert.match(chart.svg, /class="curve" d="M76\.0 [\d.]+L392\.0 [\d.]+"/);
  assert.match(chart.svg, /class="here" x1="234" x2="234"/);
  assert.equal(binsChart([null, null], [null], 1000), null);
  const bins = binsChart([0.5, null], [1, 0.8], 1000);
  assert.equal(bins.match(/<rect/g).length, 1);
  for (const chart_ of [chart.svg, bins]) assert.match(chart_, /class="title"[^>]*>loss \(log scale\)</);
  assert.match(chart.svg, />0<.*>5<.*>10<.*>training step<.*class="end"[^>]*>0\.50</);
  assert.match(bins, />0<.*>500<.*>999<.*>timestep t<.*bars: now · dashed: after 100 steps</);
  assert.doesNotMatch(binsChart([0.5], [], 10), /dashed/);
});

const sheet = (value) => base64(Uint8Array.of(value));
const trained = (steps, more) => ({
  run: "r",
  state: "running",
  step: 5,
  total: 10,
  T: 100,
  loss: [],
  bins: [],
  first: [],
  steps,
  new: more.map((step) => ({ step, walk: [sheet(step)], looks: [] })),
  line: "",
  checks: [],
});

test("milestones are known up to the first that is missing, and go when they are cut", () => {
  const job = new Job("r");
  job.take(trained([0, 10, 20, 30], [0, 10]));
  job.take(trained([0, 10, 20, 30], [30]));
  assert.deepEqual(job.known.map((m) => m.step), [0, 10]);
  job.take(trained([0, 10, 20, 30], [20]));
  assert.deepEqual(job.known.map((m) => m.walk[0][0]), [0, 10, 20, 30]);
  job.take(trained([0, 20], []));
  assert.deepEqual([job.known.map((m) => m.step), job.at.size], [[0, 20], 2]);
});

test("the map shows a dozen milestones, first and last among them", () => {
  assert.deepEqual(mapRows(3), [0, 1, 2]);
  const rows = mapRows(100);
  assert.deepEqual([rows.length, rows[0], rows[11]], [12, 0, 99]);
  assert.equal(nearestRow(rows, 50), rows.indexOf(54));
});

test("the map is the first picture of every frame, with gaps between", () => {
  // Frames of 2 by 1 pixels, of which the first picture is 1 by 1.
  const walks = [[Uint8Array.of(1, 9), Uint8Array.of(2, 9)], [Uint8Array.of(3, 9), Uint8Array.of(4, 9)]];
  const { width, height, px } = mapSheet(walks, { width: 1, height: 1, channels: 1 }, 2);
  assert.deepEqual([width, height], [4, 4]);
  assert.deepEqual([px[0], px[3], px[12], px[15], px[1], px[5]], [1, 2, 3, 4, 128, 128]);
});

test("a milestone's place in words", () => {
  assert.deepEqual(milestoneWords(0, 10, 10), {
    made: "what it makes of the same noise, before any training",
    k: "finished",
  });
  assert.deepEqual(milestoneWords(1500, 0, 10), {
    made: "step 0 of 10 of a walk from the same noise, after 1,500 steps of training",
    k: "noise",
  });
});

// The Points tab: points on their way to and from the server, strokes, walks, fields, words.
import assert from "node:assert/strict";
import { test } from "node:test";

import { NAMED, stateQuery } from "../../tabs/static/points/clicks.js";
import { filmOf, nearestPoint, positions, signalAt } from "../../tabs/static/points/film.js";
import { packDrawn, unpackDrawn, unpackPoints } from "../../tabs/static/points/packed.js";
import { blend, mixture, rgb } from "../../tabs/static/points/plane.js";
import { MOST, counted, goOn } from "../../tabs/static/points_data/strokes.js";
import { arrowsOf, fieldWords } from "../../tabs/static/points_field/words.js";
import { inWords, lossChart, nearChart } from "../../tabs/static/points_learn/drawing.js";
import { pathsWords, qualityChart } from "../../tabs/static/points_paths/drawing.js";
import { SIGNS, equationOf, stepOf } from "../../tabs/static/points_walk/equation.js";
import { laneWords } from "../../tabs/static/points_walk/words.js";

/** @param {number} a @param {number} b @param {number} [by] */
const near = (a, b, by = 1e-3) => assert.ok(Math.abs(a - b) < by, `${a} is not ${b}`);

test("what was drawn comes back, held in the square", () => {
  const back = unpackDrawn(packDrawn([0.5, -0.25, 3, -1]));
  [0.5, -0.25, 1, -1].forEach((v, i) => near(back[i], v, 1e-4));
  const packed = { shape: [2], most: 4, values: packDrawn([1, -0.5]) };
  near(unpackPoints(packed)[0], 4);
  near(unpackPoints(packed)[1], -2);
});

test("points lie along a stroke at even distances, and there are never too many", () => {
  /** @type {number[]} */
  const stroke = [];
  goOn(stroke, [0, 0], MOST);
  goOn(stroke, [0.3, 0.4], MOST);
  assert.equal(counted([stroke]), 1 + Math.floor(0.5 / 0.012));
  for (let i = 2; i < stroke.length; i += 2) {
    near(Math.hypot(stroke[i] - stroke[i - 2], stroke[i + 1] - stroke[i - 1]), 0.012, 1e-9);
  }
  const before = counted([stroke]);
  goOn(stroke, [-5, 5], 3); // beyond the edge, with little room
  assert.equal(counted([stroke]), before + 3);
  goOn(stroke, [9, 9], 0);
  assert.equal(counted([stroke]), before + 3);
  assert.ok(stroke.every((v) => Math.abs(v) <= 1));
  const none = /** @type {number[]} */ ([]);
  goOn(none, [0, 0], 0);
  assert.equal(none.length, 0);
});

test("a mixture goes from the colour of noise over its own to that of data", () => {
  const [eps, x_t, x0] = ["#ff0000", "rgb(0, 255, 0)", "#00f"].map(rgb);
  assert.deepEqual(mixture({ eps, x_t, x0 }, 0), [255, 0, 0]);
  assert.deepEqual(mixture({ eps, x_t, x0 }, 0.5), [0, 255, 0]);
  assert.deepEqual(mixture({ eps, x_t, x0 }, 2), [0, 0, 255]);
  assert.deepEqual(blend([0, 0, 0], [100, 50, 10], 0.5), [50, 25, 5]);
});

const film = filmOf(
  { shape: [3, 2, 2], most: 1, values: "" },
  Float32Array.from([0, 0, 1, 1, 2, 0, 1, 3, 2, 2, 5, 3]),
  [0, 0.6, 1],
  [1, 0.8, 0],
);

test("between two frames points are on the line from one to the other", () => {
  assert.deepEqual([...positions(film, 0.5)], [1, 0, 1, 2]);
  assert.deepEqual([...positions(film, 2)], [2, 2, 5, 3]);
  assert.deepEqual([...positions(film, 9)], [2, 2, 5, 3]);
  assert.deepEqual([...positions(film, -1)], [0, 0, 1, 1]);
  assert.equal(nearestPoint(film, 2, [4, 3]), 1);
  near(signalAt(film, 1), 0.36);
  assert.equal(signalAt(film, 2), 1);
});

test("a step's equation has the numbers that make its end", () => {
  const lane = {
    weights: [{ x_t: 0.5, eps_hat: -1, eps_there: 2 }, { x0_hat: 1, x0_before: 0.5 }],
    x: film.x,
    x0_hat: Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    eps_hat: Float32Array.from([1, 0, 0, 1, 0, 0, 0, 0]),
    noise: null,
    points: 2,
  };
  const first = stepOf(lane, 0, 1);
  assert.deepEqual(first.result, [1, 3]);
  assert.deepEqual(first.terms.map(({ sign }) => sign), ["", "−", "+"]);
  const there = first.terms[2].value; // 0.5 (1, 1) − (0, 1) + 2 there = (1, 3)
  near(there[0], 0.25);
  near(there[1], 1.75);
  const second = stepOf(lane, 1, 0);
  assert.deepEqual(second.terms.map(({ value }) => value), [[5, 6], [1, 2]]);
  const words = equationOf(second, -1);
  assert.match(words, /x<sub>0<\/sub>.*1\.000.*\(5\.00, 6\.00\).*\+ 0\.500.*= <b>\(2\.00, 2\.00\)<\/b>/);
  assert.match(equationOf(first, 499), /x<sub>499<\/sub>/);
  for (const name of ["x_t", "x0_hat", "eps_hat", "noise", "x0_before", "eps_there"]) assert.ok(SIGNS[name]);
});

test("arrows of the score lead against the noise, none longer than its cell", () => {
  const eps = [3, 0, 0, 1, 0, 0, -1, -1];
  const score = arrowsOf(eps, 2, 1, -1);
  const noise = arrowsOf(eps, 2, 1, 1);
  assert.deepEqual(score[0].slice(0, 2), [-0.5, 0.5]); // rows from the top
  assert.ok(score[0][2] < 0 && noise[0][2] > 0);
  for (const [, , dx, dy] of score) assert.ok(Math.hypot(dx, dy) <= 0.9 + 1e-9);
  assert.ok(score.flat().every(Number.isFinite)); // also where nothing leads anywhere
});

test("words say what was measured", () => {
  const exact = { name: "exact", known: 0.1, new: 0.9 };
  assert.match(fieldWords({ errors: [exact] }), /Press Train/);
  const wise = fieldWords({ share: 0.62, errors: [exact, { name: "network", known: 0.3, new: 0.31 }] });
  assert.match(wise, /62 % .* it generalises/);
  assert.doesNotMatch(wise, /memorised/);
  const rote = fieldWords({ share: 0.99, errors: [exact, { name: "network", known: 0.1, new: 0.95 }] });
  assert.match(rote, /no better.*memorised/);
  assert.match(laneWords({ name: "ddim", kind: "ODE", nfe: 50, near: 1.2, turned: 0.07, error: undefined }).rest, /cannot cross.*7 %/);
  assert.match(laneWords({ name: "ddpm", kind: "SDE", nfe: 50, near: 1.2, turned: 0.5, error: undefined }).rest, /mixes.*50 %/);
  assert.match(laneWords({ name: "ddim", kind: "return", nfe: 100, near: 1, turned: 0, error: 0.0123 }).rest, /0\.0123/);
  const told = { state: "done", step: 3000, of: 3000, seconds: 12.34, bound: 4 };
  const ratios = /** @type {[number, number][]} */ ([[1, 60], [5.2, 3.5], [12.3, 1.1]]);
  assert.match(inWords({ ...told, ratios, recognised: 5.2 }), /^Done: 3,000 of 3,000 .* 1\.1 times .* after 5\.2 s\.$/);
  assert.match(inWords({ ...told, state: "stopped", ratios, recognised: null }), /^Stopped: .* below 4\.$/);
  assert.match(inWords({ ...told, state: "stopped", ratios: [], recognised: null }), /before the first step/);
  assert.match(inWords({ ...told, state: "empty", ratios: [], recognised: null }), /Press Train/);
  /** @param {number} longer @param {[number, number][]} near @returns {any} */
  const path = (longer, near) => ({ longer, near });
  const paths = [path(1.31, [[1, 50], [50, 1]]), path(1.04, [[1, 20], [50, 2]])];
  const words = pathsWords({ state: "done", step: 2, of: 2, paths });
  assert.match(words, /1\.31 times.*1\.04 times.*nearer to the data at 1 steps/);
  assert.match(pathsWords({ state: "empty", step: 0, of: 2, paths: [] }), /Press Train both/);
  const chart = qualityChart({ paths, bound: 4 });
  assert.equal(chart.match(/<circle/g)?.length, 4);
  assert.equal(chart.includes("NaN"), false);
  assert.match(nearChart({ ratios, bound: 4, recognised: 5.2 }), /class="here"/);
  assert.equal(nearChart({ ratios: [], bound: 4, recognised: null }), "");
  assert.equal(nearChart({ ratios: [[0, 0]], bound: 4, recognised: null }).includes("NaN"), false);
  assert.match(lossChart([[0, 0.5], [500, 0.2], [999, 0]]), /class="curve"/);
  assert.equal(lossChart([[0, 0]]), "");
});

test("the address has the tab's controls, and the first view is not named", () => {
  const query = stateQuery("?run=x&points=walk", "data", ["ring", "noise", 200]);
  assert.equal(query.get("tab"), "points");
  assert.equal(query.get("count"), "200");
  assert.equal(query.get("points"), null);
  assert.equal(stateQuery("", "field", []).get("points"), "field");
  assert.equal(NAMED.length, new Set(NAMED).size);
});

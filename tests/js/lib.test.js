import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, bytes } from "../../tabs/static/lib/bytes.js";
import { bars, line } from "../../tabs/static/lib/curves.js";
import {
  decibels,
  duration,
  evaluations,
  significant,
  timeLeft,
  weightSize,
} from "../../tabs/static/lib/format.js";
import { parse } from "../../tabs/static/lib/messages.js";
import { mixer, unpack } from "../../tabs/static/lib/mixing.js";
import { inSheet, rgba, tileOffset, toLevel } from "../../tabs/static/lib/pixels.js";
import { Playback, oncePerFrame, playFace } from "../../tabs/static/lib/playback.js";

test("every byte survives base64 and back", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(bytes(base64(all)), all);
  assert.equal(base64(all), Buffer.from(all).toString("base64"));
});

test("a message that is no JSON object is null", () => {
  assert.deepEqual(parse('{"run": "a"}'), { run: "a" });
  for (const text of ["", "null", "3", "{", '"words"']) assert.equal(parse(text), null);
});

test("values are rounded to levels as to_uint8 does, and clipped", () => {
  assert.deepEqual([-1, 1, 0, -7, 7].map(toLevel), [0, 255, 128, 0, 255]);
  const all = Array.from({ length: 256 }, (_, k) => k);
  assert.deepEqual(
    all.map((k) => toLevel(k / 127.5 - 1)),
    all,
  );
});

test("grey and RGB become opaque RGBA", () => {
  const grey = [7, 9];
  assert.deepEqual([...rgba(2, 1, 1, (p) => grey[p])], [7, 7, 7, 255, 9, 9, 9, 255]);
  const colour = [1, 2, 3, 4, 5, 6];
  assert.deepEqual([...rgba(1, 2, 3, (p) => colour[p])], [1, 2, 3, 255, 4, 5, 6, 255]);
});

test("a picture is cut out of its sheet", () => {
  // Two pictures of 2 by 2 side by side, a gap of 2 between them, RGB: number p holds p.
  assert.deepEqual(tileOffset(1, 2, [2, 2]), { left: 4, top: 0 });
  assert.deepEqual(tileOffset(5, 2, [2, 3]), { left: 4, top: 10 });
  const width = 6;
  const cut = Array.from({ length: 12 }, (_, p) => inSheet(p, { left: 4, top: 0 }, 2, width, 3));
  assert.deepEqual(cut, [12, 13, 14, 15, 16, 17, 30, 31, 32, 33, 34, 35]);
});

test("picture and noise are unpacked from uint8 and int16", () => {
  const eps = Int16Array.from([4096, -2048, 0]);
  const parts = unpack({
    id: "a",
    size: 1,
    channels: 3,
    x0: base64(Uint8Array.from([0, 255, 51])),
    eps: base64(new Uint8Array(eps.buffer)),
  });
  assert.deepEqual([...parts.eps], [1, -0.5, 0]);
  assert.deepEqual([...parts.x0].map((v) => v.toFixed(6)), ["-1.000000", "1.000000", "-0.600000"]);
});

test("mixing keeps the picture at ᾱ = 1, the noise at 0, and weighs by roots between", () => {
  const parts = { size: 1, channels: 1, x0: Float64Array.of(0.5), eps: Float64Array.of(-2) };
  assert.equal(mixer(parts, 1)(0), 0.5);
  assert.equal(mixer(parts, 0)(0), -2);
  assert.ok(Math.abs(mixer(parts, 0.64)(0) - (0.8 * 0.5 - 0.6 * 2)) < 1e-12);
});

test("times and counts in words", () => {
  assert.deepEqual([999, 1000, 12345.6].map(duration), ["999 ms", "1.00 s", "12.35 s"]);
  assert.deepEqual([1, 2].map(evaluations), ["1 evaluation", "2 evaluations"]);
  assert.deepEqual([3.2, 89.5, 150].map(timeLeft), [
    "about 4 s left",
    "about 90 s left",
    "about 3 min left",
  ]);
});

test("numbers to four digits, small ones as powers, infinite ones as signs", () => {
  assert.equal(significant(0), "0.000");
  assert.equal(significant(-1.23456), "−1.235");
  assert.equal(significant(0.00012345), "1.23·10⁻⁴");
  assert.deepEqual([significant(Infinity), significant(-Infinity)], ["∞", "−∞"]);
});

test("a weight too small for three digits is a power of ten", () => {
  assert.deepEqual([0, -0.5, 0.0004, -0.0006].map(weightSize), ["0.000", "0.500", "4.0·10⁻⁴", "0.001"]);
});

test("as much picture as noise is 0 dB, ten times as much 10 dB", () => {
  assert.equal(decibels(0.5), 0);
  assert.ok(Math.abs(decibels(10 / 11) - 10) < 1e-9);
});

test("lines and bars as SVG paths", () => {
  assert.equal(line([[0, 1], [2.25, 3.04]]), "M0.0 1.0L2.3 3.0");
  assert.equal(bars([10, 20]), "M0 120L0 10.0L5 10.0L5 20.0L10 20.0L300 120Z");
});

test("a play button names what a press would do", () => {
  assert.deepEqual(playFace(false), { text: "▶︎", label: "Play" });
  assert.deepEqual(playFace(true, { words: true, of: " the race" }), {
    text: "❚❚ Pause",
    label: "Pause the race",
  });
});

/** A playback on a button and a clock that the test turns by hand. */
function playing() {
  const requested = [];
  const seen = [];
  const button = { isConnected: true, textContent: "", setAttribute() {} };
  const request = (callback) => requested.push(callback);
  const playback = new Playback(button, (now) => seen.push(now), { request });
  const turn = (now) => requested.splice(0).forEach((callback) => callback(now));
  return { playback, button, requested, seen, turn };
}

test("a playback advances once a frame and rests when it is paused", () => {
  const { playback, requested, seen, turn } = playing();
  playback.set(true);
  turn(1);
  turn(2);
  playback.set(false);
  turn(3);
  assert.deepEqual(seen, [1, 2]);
  assert.equal(requested.length, 0);
});

test("pausing and playing within a frame starts no second clock", () => {
  const { playback, requested, seen, turn } = playing();
  playback.set(true);
  playback.set(false);
  playback.set(true);
  assert.equal(requested.length, 1);
  turn(1);
  assert.deepEqual(seen, [1]);
});

test("a playback ends with its component", () => {
  const { playback, button, requested, seen, turn } = playing();
  playback.set(true);
  button.isConnected = false;
  turn(1);
  assert.deepEqual([seen, requested], [[], []]);
});

test("many moves of a slider draw once in a frame", () => {
  const requested = [];
  let drawn = 0;
  const later = oncePerFrame(
    () => drawn++,
    (callback) => requested.push(callback),
  );
  later();
  later();
  assert.equal(requested.length, 1);
  requested.pop()();
  later();
  assert.deepEqual([drawn, requested.length], [1, 1]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { base64 } from "../../tabs/static/lib/bytes.js";
import { trueMinus } from "../../tabs/static/lib/format.js";
import { moveOf, wireKeys } from "../../tabs/static/lib/keys.js";
import { Pace, frameInterval } from "../../tabs/static/lib/playback.js";
import { enlarged, enlargement } from "../../tabs/static/lib/png.js";
import { Announcer } from "../../tabs/static/player/announce.js";
import { onlyHere, pictureName, stem } from "../../tabs/static/player/card.js";
import { axes, histogramPaths, roundBelow, squarePaths } from "../../tabs/static/player/charts.js";
import { Run, filmWords, goesOnBy, samePictures, sameWalk } from "../../tabs/static/player/run.js";

/** Milliseconds and frames of a film on a screen of 60 frames a second. */
function play(speed, steps, tick = 1000 / 60) {
  const pace = new Pace();
  const interval = frameInterval(speed, steps);
  pace.last = 0;
  let [now, at, seen] = [0, 0, 1];
  while (at < steps) {
    now += tick;
    const due = pace.due(now, interval);
    if (due) seen++;
    at += due;
  }
  return { now, seen };
}

test("a film takes as long as is chosen, whatever its number of steps", () => {
  for (const steps of [1, 10, 50, 250, 1000]) {
    for (const [speed, ms] of [["4s", 4000], ["2s", 2000], ["16s", 16000]]) {
      const { now, seen } = play(speed, steps);
      assert.ok(Math.abs(now - ms) < 40, `${steps} steps in ${speed}: ${now}`);
      if (steps <= 100) assert.equal(seen, steps + 1);
    }
  }
  assert.ok(Math.abs(play("5", 10).now - 2000) < 40);
  assert.ok(Math.abs(play("60", 60).now - 1000) < 40);
});

test("a page that slept goes on by one frame", () => {
  const pace = new Pace();
  pace.last = 0;
  assert.equal(pace.due(60_000, 4), 1);
  assert.equal(pace.due(60_008, 4), 2);
  pace.last = 61_000; // held
  assert.equal(pace.due(60_500, 4), 0);
});

test("keys are moves, unless something is held with them", () => {
  assert.equal(moveOf({ key: " " }), "toggle");
  assert.equal(moveOf({ key: "End" }), "last");
  for (const held of ["altKey", "ctrlKey", "metaKey", "shiftKey"]) {
    assert.equal(moveOf({ key: "ArrowLeft", [held]: true }), null);
  }
  assert.equal(moveOf({ key: "ArrowUp" }), null);
});

test("keys move the film that is on the screen, and are let go with it", () => {
  const listeners = new Set();
  globalThis.document = {
    addEventListener: (_, heard) => listeners.add(heard),
    removeEventListener: (_, heard) => listeners.delete(heard),
  };
  globalThis.Element = class {
    closest() {
      return null;
    }
  };
  const root = { isConnected: true, shown: true, getClientRects: () => (root.shown ? [1] : []) };
  const moves = [];
  let ready = true;
  wireKeys(root, (move) => moves.push(move), { ready: () => ready });
  const press = (key, more = {}) => {
    let prevented = false;
    const event = { key, target: new Element(), preventDefault: () => (prevented = true), ...more };
    for (const heard of listeners) heard(event);
    return prevented;
  };
  assert.ok(press("ArrowRight") && press(" "));
  assert.ok(!press("a") && !press("Home", { defaultPrevented: true }));
  root.shown = false;
  assert.ok(!press("End"));
  root.shown = true;
  ready = false;
  assert.ok(!press("End"));
  assert.deepEqual(moves, ["on", "toggle"]);
  root.isConnected = false;
  press("End");
  assert.equal(listeners.size, 0);
  delete globalThis.document;
  delete globalThis.Element;
});

const HEAD = { name: "m-seed7", seeds: "seed 7 to 10", images: 4, row: false, steps: 4, branch: -1 };
/** A run of so many frames of five. */
function walk(id, frames, { head = {}, pixel = 1, ...more } = {}) {
  const run = new Run(id, 5);
  const all = Array.from({ length: frames }, (_, i) => ({
    i,
    t: 3 - i,
    ms: 300 * i,
    px: [base64(Uint8Array.of(pixel, i))],
  }));
  run.take({ run: id, total: 5, done: frames === 5, first: 0, frames: all, head: { ...HEAD, ...head } });
  return Object.assign(run, more);
}

test("the pictures keep up with a walk, and leave frames out only far behind", () => {
  const run = walk("a", 4);
  assert.equal(goesOnBy(run, 0, false), 1);
  assert.equal(goesOnBy(run, 3, false), 0);
  assert.equal(goesOnBy(run, 0, true), 3);
  run.frames[100] = run.frames[3];
  assert.equal(goesOnBy(run, 0, false), 1); // a walk of a hundred steps is seen whole
  run.frames[600] = run.frames[3];
  assert.equal(goesOnBy(run, 0, false), 6);
});

test("what is shown says how it came about", () => {
  const [going, over] = [walk("a", 3), walk("a", 5)];
  assert.equal(filmWords(over, false, "replay"), "replay of the walk computed in 1.20 s");
  assert.match(filmWords(going, false, "live"), /as it is computed/);
  assert.equal(filmWords(over, false, "live"), "");
  assert.equal(filmWords(walk("opening", 5), false, "play"), "computed at start-up, seed 7 to 10");
  assert.equal(filmWords(walk("opening", 5), true, "play"), "");
  assert.equal(filmWords(null, false, "play"), "");
});

test("the same walk is known, by its card or by how it begins", () => {
  const before = walk("a", 5, { card: "{1}" });
  assert.ok(sameWalk(before, walk("b", 5, { card: "{1}" })));
  assert.ok(!sameWalk(before, walk("b", 5, { card: "{2}" })));
  assert.ok(sameWalk(before, walk("b", 1))); // before its end
  assert.ok(!sameWalk(before, walk("b", 1, { pixel: 2 })));
  assert.ok(!sameWalk(before, walk("b", 1, { head: { seeds: "seed 8" } })));
  assert.ok(!sameWalk(before, walk("b", 0)));
  const hole = { hole: true }; // which only the card tells from another
  assert.ok(!sameWalk(walk("a", 5, { head: hole }), walk("b", 1, { head: hole })));
});

test("pictures are the same for model, seeds and number, whatever the steps", () => {
  assert.ok(samePictures(HEAD, { ...HEAD, steps: 50 }));
  for (const other of [{ name: "n-seed7" }, { seeds: "seed 8" }, { images: 1 }, { row: true }]) {
    assert.ok(!samePictures(HEAD, { ...HEAD, ...other }));
  }
});

test("a screen reader hears the beginning, each quarter that takes long, and the end", () => {
  const place = { textContent: "" };
  const announcer = new Announcer(place);
  const old = walk("old", 5);
  announcer.hear(old, false, 0);
  assert.equal(place.textContent, ""); // what the page opens with
  announcer.hear(old, true, 1000);
  assert.equal(place.textContent, "The walk begins.");
  announcer.hear(old, false, 1500); // refused: what is there is not told of as if it were new
  assert.equal(place.textContent, "The walk begins.");
  announcer.hear(walk("a", 2), false, 2000);
  assert.equal(place.textContent, "The walk begins."); // so soon after it
  announcer.hear(walk("a", 3), false, 5000);
  assert.equal(place.textContent, "Step 2 of 4.");
  announcer.hear(walk("a", 3), false, 9000);
  announcer.hear(walk("a", 5), false, 9100);
  assert.equal(place.textContent, "The walk is finished: 4 steps, 1.20 s.");
  announcer.hear(walk("a", 5), true, 9200);
  announcer.hear(walk("b", 2, { stopped: true }), false, 9300);
  assert.equal(place.textContent, "Stopped after 1 of 4 steps.");
});

test("saved pictures are whole multiples of the model's, 512 pixels or more", () => {
  assert.deepEqual([28, 58, 130, 512, 600].map((n) => enlargement(n, n)), [19, 9, 4, 1, 1]);
  assert.equal(enlargement(2188, 32), 3); // no file grows beyond 8192 pixels
  const { width, height, level } = enlarged(
    { width: 2, height: 1, channels: 3, level: (p) => 10 * p },
    2,
  );
  assert.deepEqual([width, height], [4, 2]);
  const row = [0, 10, 20, 0, 10, 20, 30, 40, 50, 30, 40, 50];
  assert.deepEqual(Array.from({ length: 24 }, (_, p) => level(p)), [...row, ...row]);
});

test("files are named by model, seed and step", () => {
  assert.equal(stem(HEAD), "m-seed7-4steps");
  assert.equal(pictureName(HEAD, "x_t", 3, -1), "m-seed7-step3of4-x_t.png");
  assert.equal(pictureName(HEAD, "x0_hat", 4, 1), "m-seed7-step4of4-image2-x0_hat.png");
});

test("a page on loopback has no QR code, and says why", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "0.0.0.0", "a.localhost"]) {
    assert.match(onlyHere(host), /no QR code, because a phone cannot open/);
  }
  for (const host of ["192.168.0.7", "me-playground.hf.space", "127.example.org"]) {
    assert.equal(onlyHere(host), "");
  }
});

test("the charts have axes with numbers and true minus signs", () => {
  assert.deepEqual([0.043, 0.5, 1, 9.9].map(roundBelow).map((x) => Number(x.toPrecision(3))), [
    0.02, 0.5, 1, 5,
  ]);
  const { across, up } = histogramPaths([1, 3], Float64Array.of(0.2, 0.6));
  assert.deepEqual(across[0], [0, "−3"]);
  assert.deepEqual(across.at(-1), [300, "3"]);
  assert.deepEqual(up.map(([, words]) => words), ["0", "50 %"]);
  assert.equal(up[0][0], 118);
  const square = squarePaths([2, null, 1], 2, 3, [2, 1.5, 1], 40);
  assert.deepEqual(square.across, [[0, "0"], [150, "20"], [300, "40"]]);
  const svg = axes(square.across, square.up);
  assert.match(svg, /<text x="194.0" y="150">20<\/text>/);
  assert.match(svg, /<text class="up" x="36" y="[\d.]+">0.5<\/text>/);
  assert.equal(trueMinus("-1.0e-4"), "−1.0e−4");
});

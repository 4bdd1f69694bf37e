// What buttons do before the server hears of a click: the page is a few elements that listen.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail } = {}) {
    super(type);
    this.detail = detail;
  }
};

import { beginDrawing, chooseDrawn, drawPoints } from "../../tabs/static/draw/clicks.js";
import { startGallery, startedRuns } from "../../tabs/static/gallery/clicks.js";
import { writeControls } from "../../tabs/static/lib/address.js";
import { newRun, withLast } from "../../tabs/static/lib/runs.js";
import { markAsNumber, newSeed } from "../../tabs/static/lib/seeds.js";
import { correct } from "../../tabs/static/denoise/clicks.js";
import { withTimestep } from "../../tabs/static/noise/clicks.js";
import {
  failRun,
  startBranch,
  startRun,
  stopRun,
  withShownRun,
} from "../../tabs/static/player/clicks.js";
import { startRace, stopRace } from "../../tabs/static/race/clicks.js";
import { confirmDelete, fillIn, leavePreset } from "../../tabs/static/training/clicks.js";

const NAME = /^[0-9a-z]{8}-[0-9a-z]{12,28}$/;
let elements = {};
let heard = [];

/** An element of the page; what it hears is kept. */
function put(selector, dataset, ...types) {
  elements[selector] = Object.assign(new EventTarget(), { dataset });
  for (const type of types) {
    elements[selector].addEventListener(type, (e) => heard.push([type, e.detail]));
  }
  return elements[selector];
}

beforeEach(() => {
  elements = {};
  heard = [];
  globalThis.document = { querySelector: (selector) => elements[selector] ?? null };
});

test("a run's name is long and each another", () => {
  const names = new Set(Array.from({ length: 100 }, newRun));
  const times = [...names].map((name) => name.slice(0, 9));
  assert.deepEqual(times, times.toSorted());
  assert.equal(names.size, 100);
  for (const name of names) assert.match(name, NAME);
});

test("the last inputs are places for what the page adds", () => {
  assert.deepEqual(withLast([1, 2, ""], "x"), [1, 2, "x"]);
  assert.deepEqual(withLast([1, "", ""], undefined, "x"), [1, undefined, "x"]);
});

test("a run begins with a name that player and server both get", () => {
  put("#denoise-player .player", {}, "player:start");
  const values = startRun("model", 3, "");
  assert.deepEqual(values.slice(0, 2), ["model", 3]);
  assert.match(values[2], NAME);
  assert.deepEqual(heard, [["player:start", { id: values[2], branch: false }]]);
});

test("a branch asks the player for its run, card and step before it begins", () => {
  const player = put("#denoise-player .player", {}, "player:ask", "player:start");
  player.addEventListener("player:ask", (e) =>
    Object.assign(e.detail, { run: "r", card: "{}", step: 4 }),
  );
  const values = startBranch("model", "", "", null, "");
  assert.deepEqual(values.slice(0, 4), ["model", "r", "{}", 4]);
  assert.deepEqual(
    heard.map(([type]) => type),
    ["player:ask", "player:start"],
  );
  assert.deepEqual(heard[1][1], { id: values[4], branch: true });
});

test("the run to stop is the one that is waited for", () => {
  const player = put("#denoise-player .player", { wanted: "w", run: "s" }, "player:stop", "player:failed");
  assert.equal(stopRun(), "w");
  failRun();
  assert.deepEqual(
    heard.map(([type]) => type),
    ["player:stop", "player:failed"],
  );
  assert.deepEqual(withShownRun("a", ""), ["a", "s"]);
  delete player.dataset.wanted;
  assert.equal(stopRun(), "");
});

test("races and galleries begin with names of their own, and Stop names them", () => {
  put("#denoise-race .race", {}, "race:start", "race:stop");
  const [, race] = startRace("denoise-race", "a", "");
  assert.deepEqual(heard, [["race:start", race]]);
  elements["#denoise-race .race"].dataset.wanted = race;
  assert.equal(stopRace("denoise-race"), race);
  put("#one .gallery", { wanted: "x" });
  put("#two .gallery", { wanted: "y" }, "gallery:start");
  const [, run] = startGallery(["two", "one"], "a", "");
  assert.deepEqual(heard.at(-1), ["gallery:start", run]);
  assert.ok("behind" in elements["#one .gallery"].dataset); // the two share a place
  startGallery(["one", "two"], "");
  assert.ok(!("behind" in elements["#one .gallery"].dataset));
  assert.equal(startedRuns(["one", "two", "three"]), "x y ");
});

test("a fold that was never opened hears nothing, and the click goes on", () => {
  assert.match(startRun("a", "")[1], NAME);
  assert.match(startRace("denoise-race", "a", "")[1], NAME);
  assert.match(startGallery(["two", "one"], "a", "")[1], NAME);
  assert.equal(stopRace("denoise-race"), "");
  assert.deepEqual(withShownRun("a", ""), ["a", ""]);
  drawPoints(1, 2);
});

test("the timestep of the stage is sent along as a number", () => {
  put("#noise-stage .noise", { t: "300" });
  assert.deepEqual(withTimestep("picture", 0), ["picture", 300]);
});

test("drawing chooses the drawn schedule, once", () => {
  assert.deepEqual(chooseDrawn("[9, 4, 0]", ["linear"]), [["linear", "drawn"], 9, 4, 0]);
  assert.deepEqual(chooseDrawn("[9]", ["drawn"]), [["drawn"], 9]);
  assert.deepEqual(beginDrawing(["a", "b"], ["linear"], "beta"), [["linear", "drawn"], "a"]);
  assert.deepEqual(beginDrawing(["a", "b"], ["drawn"], "b"), [["drawn"], "b"]);
  put("#draw-stage .draw", {}, "draw:set");
  drawPoints(3, null); // a number is being typed
  drawPoints(3, 2);
  assert.deepEqual(heard, [["draw:set", [3, 2]]]);
});

test("controls are written into the address beside what is there", () => {
  globalThis.location = { search: "?run=abc&T=5", pathname: "/behind/", hash: "#lesson=a&step=2" };
  let address = "";
  globalThis.history = { replaceState: (_, __, to) => (address = to) };
  writeControls("schedules", ["names", "T", "zero"], ["linear", "drawn"], 10, true);
  assert.equal(address, "/behind/?run=abc&T=10&tab=schedules&names=linear%2Cdrawn&zero=true#lesson=a&step=2");
});

test("what was found for a preset fills its controls in, and only its own", () => {
  const found = JSON.stringify({ preset: "a coffee", values: { steps: 5, batch: 8 } });
  assert.deepEqual(fillIn(["batch", "steps"], found, "a coffee"), [8, 5]);
  const skip = { __type__: "update" };
  assert.deepEqual(fillIn(["batch", "steps"], found, "own"), [skip, skip]);
  assert.deepEqual(fillIn(["batch"], "", "own"), [skip]);
  assert.equal(leavePreset("own"), "own");
});

test("a page that was just opened is corrected, and never what somebody chose", () => {
  const found = JSON.stringify({ model: "a", changed: { images: [1, 4], steps: [10, 25] } });
  const names = ["guidance", "steps", "images"];
  const skip = { __type__: "update" };
  assert.deepEqual(correct(names, found, "a", 2, 10, 1), [skip, 25, 4]);
  assert.deepEqual(correct(names, found, "a", 2, 10, 3), [skip, skip, skip]);
  assert.deepEqual(correct(names, found, "b", 2, 10, 1), [skip, skip, skip]);
  assert.deepEqual(correct(names, "", "a", 2, 10, 1), [skip, skip, skip]);
});

test("a model is deleted only after a yes, which names it", () => {
  const asked = [];
  globalThis.confirm = (words) => asked.push(words) === 1;
  assert.equal(confirmDelete("C:\\runs\\mine"), "C:\\runs\\mine");
  assert.equal(confirmDelete("/runs/other"), "");
  assert.equal(confirmDelete(null), "");
  assert.deepEqual(asked, ["Delete mine for good?", "Delete other for good?"]);
});

test("a new seed has up to 32 bits, as text; its box is a number for those who do not see it", () => {
  for (let i = 0; i < 100; i++) {
    assert.match(newSeed(), /^\d{1,10}$/);
    assert.ok(Number(newSeed()) < 2 ** 32);
  }
  const attributes = {};
  const input = { setAttribute: (name, value) => (attributes[name] = value) };
  markAsNumber({ textContent: " Second seed \n", querySelector: () => input });
  assert.deepEqual(attributes, {
    role: "spinbutton",
    inputmode: "numeric",
    "aria-label": "Second seed",
  });
});

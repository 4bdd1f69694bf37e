import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Saver } from "../../tabs/static/connection/saving.js";

let open = "denoise";
let saved = [];
const saver = () => new Saver(["noise", "denoise", "train"], () => open, (tab) => saved.push(tab));
const pass = (ms) => {
  for (let t = 0; t < ms; t++) mock.timers.tick(1); // timers that a timer sets run as well
};
const ROOT = "http://host/class/gradio_api/";

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e6 });
  open = "denoise";
  saved = [];
});
afterEach(() => mock.timers.reset());

test("what a person does is looked up within 300 ms, in the tab in which it was done", () => {
  const here = saver();
  here.act();
  open = "train";
  pass(100);
  assert.deepEqual(saved, []);
  pass(200);
  assert.deepEqual(saved, ["denoise"]);
  pass(10_000);
  assert.deepEqual(saved, ["denoise"]); // once
  here.act();
  pass(300);
  assert.deepEqual(saved, ["denoise", "train"]);
});

test("one who types on is looked up every 200 ms, and once more at the end", () => {
  const here = saver();
  for (let k = 0; k < 20; k++) {
    here.act();
    pass(49);
  }
  assert.ok(saved.length >= 4 && saved.length <= 6, String(saved.length));
  here.act();
  saved = [];
  pass(300);
  assert.ok(saved.length >= 1);
  pass(300);
  saved = [];
  pass(5000);
  assert.deepEqual(saved, []);
});

test("what is done in the last moment before a look is looked up again", () => {
  const here = saver();
  here.act();
  pass(190);
  here.act();
  pass(10);
  assert.deepEqual(saved, ["denoise"]);
  pass(200);
  assert.deepEqual(saved, ["denoise", "denoise"]);
});

test("where a narrow page does not tell its tab, all are looked up", () => {
  open = "";
  saver().act();
  pass(300);
  assert.deepEqual(saved, ["noise", "denoise", "train"]);
});

test("after the server's answers all tabs are looked up, once it is quiet", () => {
  const here = saver();
  here.answered(`${ROOT}queue/join?`);
  here.answered(`${ROOT}queue/data?session_hash=a`);
  pass(5000);
  assert.deepEqual(saved, []); // what a page opens with
  here.act();
  pass(300);
  saved = [];
  for (const what of ["run/predict", "queue/join?", "queue/data?session_hash=a"]) {
    here.answered(ROOT + what);
    pass(400);
  }
  assert.deepEqual(saved, []);
  pass(200);
  assert.deepEqual(saved, ["noise", "denoise", "train"]);
  for (const what of ["component_server/", "heartbeat/a", "file=/a.js"]) here.answered(ROOT + what);
  here.answered("http://host/other");
  pass(5000);
  assert.equal(saved.length, 3);
});

test("while answers stream the open tab is looked up every two seconds", () => {
  const here = saver();
  here.act();
  pass(1000);
  here.answered(`${ROOT}queue/join?`);
  pass(1000);
  saved = [];
  pass(4500);
  assert.deepEqual(saved, ["denoise", "denoise"]);
  here.answered(`${ROOT}queue/data?session_hash=a`);
  pass(1000);
  saved = [];
  pass(10_000);
  assert.deepEqual(saved, []);
});

test("an upload is looked up at once", () => {
  const here = saver();
  here.act();
  pass(1000);
  saved = [];
  here.answered(`${ROOT}upload?upload_id=a`);
  pass(300);
  assert.deepEqual(saved, ["denoise"]);
});

test("a page that goes is looked up where something is due, and only there", () => {
  const here = saver();
  here.flush();
  assert.deepEqual(saved, []);
  here.act();
  here.flush();
  assert.deepEqual(saved, ["denoise"]);
  pass(1000);
  assert.deepEqual(saved, ["denoise"]);
  here.answered(`${ROOT}run/predict`);
  here.flush();
  assert.deepEqual(saved.slice(1), ["noise", "denoise", "train"]);
});

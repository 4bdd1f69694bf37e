import assert from "node:assert/strict";
import { test } from "node:test";

import { filesOf, putBack } from "../../tabs/static/connection/settings.js";
import { clock, sentence } from "../../tabs/static/connection/words.js";

const AT = new Date(2026, 10, 26, 14, 2).getTime();
const WALK = { at: AT, found: true, finished: true };
const BACK = {
  known: true,
  restarted: false,
  copy: false,
  settings: false,
  walk: null,
  kept: [],
  lost: [],
  minutes: 10,
};
const said = (more) => sentence({ ...BACK, ...more });

test("times of day have two digits each", () => {
  assert.equal(clock(AT), "14:02");
  assert.equal(clock(new Date(2026, 0, 1, 9, 5).getTime()), "09:05");
});

test("what is still here is said in one sentence", () => {
  const kept = ["the training cats"];
  assert.equal(
    said({ walk: WALK, kept }),
    "Connected again: your walk of 14:02 and the training cats are still here.",
  );
  assert.equal(said({ kept }), "Connected again: the training cats is still here.");
  assert.equal(
    said({ kept: [...kept, "the models a, b"], walk: WALK }),
    "Connected again: your walk of 14:02, the training cats and the models a, b are still here.",
  );
  assert.equal(said({ kept: ["the models a, b"] }), "Connected again: the models a, b are still here.");
  assert.equal(
    said({ walk: { ...WALK, finished: false } }),
    "Connected again: your walk of 14:02 as far as it had come is still here.",
  );
  assert.equal(said({ settings: true }), "Connected again: your settings are still here.");
  assert.equal(said({}), "");
});

test("what is gone is said too, and why", () => {
  const gone = { ...WALK, found: false, finished: false };
  assert.equal(
    said({ known: false, restarted: true, settings: true, walk: gone }),
    "The server was started anew: your settings are still here; your walk of 14:02 is no longer here.",
  );
  assert.equal(
    said({ known: false, settings: true, walk: gone, lost: ["the training cats"] }),
    "Nothing was heard of this page for more than 10 minutes: your settings are still here; " +
      "your walk of 14:02 and the training cats are no longer here.",
  );
  assert.equal(said({ known: false, restarted: true }), "The server was started anew.");
});

test("a window's copy says what belongs to both", () => {
  assert.equal(
    said({ copy: true, kept: ["the training cats"] }),
    "This window is a copy of another: the training cats belongs to both.",
  );
  assert.equal(said({ copy: true, settings: true }), "");
});

test("controls get back what they held, and only where that is another value", () => {
  const skip = { __type__: "update" };
  const saved = { "a 0 slider Steps": 9, "a 1 number Seed": null, "b 0 radio x": [1, 2] };
  const names = ["a 0 slider Steps", "a 1 number Seed", "b 0 radio x", "b 1 new"];
  assert.deepEqual(putBack([25, 7, [1, 2], 3], names, saved), {
    values: [9, null, skip, skip],
    changed: true,
  });
  assert.equal(putBack([9, null, [1, 2], 3], names, saved).changed, false);
});

test("files are found among the values of controls", () => {
  const file = (path) => ({ path, url: "u", meta: { _type: "gradio.FileData" } });
  const values = [3, null, "path", [file("a"), file("b")], file("c"), { path: 1, meta: {} }, {}];
  assert.deepEqual(filesOf(values), ["a", "b", "c"]);
});

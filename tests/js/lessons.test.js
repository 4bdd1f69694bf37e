import assert from "node:assert/strict";
import { test } from "node:test";

import { fragment, packed, readPlace } from "../../tabs/static/lessons/address.js";
import { differing, rounds } from "../../tabs/static/lessons/controls.js";
import { lastRun, settings, verdict } from "../../tabs/static/lessons/steps.js";

const STEP = { say: "", tab: "denoise", view: "", controls: {}, own: {}, press: [] };
const ASK = { ask: "Which?", choices: ["a", "b"], right: 1, because: "So it is." };

test("a fragment names a lesson and a step, counted from one", async () => {
  assert.equal(fragment("guidance", 2), "#lesson=guidance&step=3");
  assert.deepEqual(await readPlace("#lesson=guidance&step=3"), { id: "guidance", text: "", step: 2 });
  for (const step of ["", "&step=0", "&step=-4", "&step=x", "&step=NaN"]) {
    assert.equal((await readPlace(`#lesson=guidance${step}`))?.step, 0);
  }
  assert.equal(await readPlace(""), null);
  assert.equal(await readPlace("#other=1"), null);
  assert.equal(fragment("", 2), "");
});

test("the text of a lesson comes back from the address", async () => {
  const text = "title: Öl und Wasser\nsteps:\n  - say: <b>ε</b> + 100 %\n".repeat(40);
  const named = await packed(text);
  assert.match(named, /^deflate:[\w-]+$/);
  assert.ok(named.length < text.length / 4);
  assert.deepEqual(await readPlace(fragment(named, 1)), { id: "", text, step: 1 });
  const base64 = Buffer.from(text).toString("base64");
  assert.equal((await readPlace(`#lesson=base64:${base64}`))?.text, text);
  assert.equal((await readPlace(`#lesson=base64:${Buffer.from(text).toString("base64url")}`))?.text, text);
});

test("what is no text, or is blown up, is not read", async () => {
  await assert.rejects(readPlace("#lesson=deflate:AAAA"));
  await assert.rejects(readPlace("#lesson=base64:%%%"));
  await assert.rejects(readPlace("#lesson=base64:_w"));
  const { deflateRawSync } = await import("node:zlib");
  const bomb = deflateRawSync(Buffer.alloc(20_000_000)).toString("base64url");
  await assert.rejects(readPlace(`#lesson=deflate:${bomb}`), /too long/);
  assert.equal(await packed("x".repeat(70_000)), "");
});

test("a text too long for an address has none", async () => {
  let text = "";
  for (let i = 0; text.length < 60_000; i++) text += `${Math.sin(i)} `;
  assert.equal(await packed(text), "");
});

test("only controls that differ are set", () => {
  const { updates, changed } = differing(["a", "b", "c"], [1, [2], "x"], { a: 1, b: [2], c: "y" });
  assert.deepEqual(updates, [{ __type__: "update" }, { __type__: "update" }, "y"]);
  assert.ok(changed);
  assert.ok(!differing(["a", "b"], [1, null], { a: 1, b: undefined }).changed);
});

test("a model is chosen before what follows from it", () => {
  const wanted = { "denoise 2 slider Steps": 3, "denoise 0 dropdown Model": "m" };
  assert.deepEqual(rounds(wanted), [
    { "denoise 0 dropdown Model": "m" },
    { "denoise 2 slider Steps": 3 },
  ]);
  assert.deepEqual(rounds({}), []);
});

test("a step has what the steps before it have set, and its own only once it is answered", () => {
  const steps = [
    { ...STEP, controls: { a: 1, b: 1 }, view: "Race", own: { Frame: 1 } },
    { ...STEP, tab: "noise", own: { Timestep: 5 } },
    { ...STEP, ...ASK, controls: { b: 2 }, own: { Frame: 2 } },
  ];
  const before = settings(steps, 2, false);
  assert.deepEqual(before, { tab: "denoise", view: "Race", controls: { a: 1, b: 1 }, own: { Frame: 1 } });
  const after = settings(steps, 2, true);
  assert.deepEqual(after, { tab: "denoise", view: "Race", controls: { a: 1, b: 2 }, own: { Frame: 2 } });
  assert.deepEqual(settings(steps, 1, false).own, { Timestep: 5 });
});

test("a step that is opened by a link shows what an earlier one ran", () => {
  const frame = { ...STEP, own: { Frame: 3 } };
  const steps = [
    { ...STEP, press: ["Denoise"] },
    { ...STEP, tab: "noise", press: ["Cat"] },
    frame,
    { ...STEP, ...ASK, press: ["Race"], own: { Frame: 4 } },
  ];
  assert.deepEqual(lastRun(steps, 2, false), { press: ["Denoise"], own: { Frame: 3 } });
  assert.deepEqual(lastRun(steps, 1, false), { press: ["Cat"], own: {} });
  assert.deepEqual(lastRun(steps, 3, false), { press: ["Denoise"], own: { Frame: 3 } });
  assert.deepEqual(lastRun(steps, 3, true), { press: ["Race"], own: { Frame: 4 } });
  assert.deepEqual(lastRun([frame], 0, false), { press: [], own: { Frame: 3 } });
});

test("an answer says whether the prediction was right, and why", () => {
  const step = { ...STEP, ...ASK };
  assert.equal(verdict(step, 1), "Right: b. So it is.");
  assert.equal(verdict(step, 0), "Not this time, it is: b. So it is.");
});

// The page's header and bar: what they show, press and forget.
import assert from "node:assert/strict";
import { test } from "node:test";

import { SLOTS, chosen } from "../../tabs/static/present/bar.js";
import { parts } from "../../tabs/static/present/glossary.js";
import { actOf, moved } from "../../tabs/static/present/keys.js";
import { bare } from "../../tabs/static/present/reset.js";
import { valueAt } from "../../tabs/static/present/touch.js";

test("a line of the glossary has its subscripts and its code", () => {
  const shown = parts("√ᾱ_t x_0, as `x_t` and `alpha_bar(t)`");
  assert.deepEqual(
    shown.filter((part) => part.tag !== "span"),
    [
      { tag: "sub", words: "t" },
      { tag: "sub", words: "0" },
      { tag: "code", words: "x_t" },
      { tag: "code", words: "alpha_bar(t)" },
    ],
  );
  assert.equal(shown.map((part) => part.words).join(""), "√ᾱt x0, as x_t and alpha_bar(t)");
});

test("the address is bare, but for what the page's host has written", () => {
  assert.equal(bare({ pathname: "/play/", search: "?tab=noise&run=abc" }), "/play/");
  const search = "?tab=noise&__theme=dark&__sign=a.b";
  assert.equal(bare({ pathname: "/", search }), "/?__theme=dark&__sign=a.b");
});

test("a button stands for Stop only once something runs for a while", () => {
  const [run] = SLOTS.denoise;
  const there = ({ of, where }) => (where ? null : { of }); // what no screen shows is not there
  assert.equal(chosen(run, there, () => false).pressed.words, "Denoise");
  assert.equal(chosen(run, there, () => true).pressed.words, "Stop");
  const withoutStop = (pressed) => (pressed.of === "#denoise-stop" ? null : there(pressed));
  assert.equal(chosen(run, withoutStop, () => true).pressed.words, "Denoise");
  assert.equal(chosen(run, () => null, () => true), null);
  const presented = ({ of }) => ({ of }); // and a view is chosen, whose button takes Denoise's place
  assert.match(chosen(run, presented, () => false).pressed.of, /stage-view/);
});

test("keys of a remote control step a walk, and arrows move the slider of another tab", () => {
  assert.deepEqual(actOf({ key: "PageDown" }, true), { press: "next" });
  assert.equal(actOf({ key: "ArrowRight" }, true), null); // the player's own
  assert.deepEqual(actOf({ key: "ArrowRight" }, false), { share: 0.01 });
  assert.equal(actOf({ key: "ArrowRight", ctrlKey: true }, false), null);
  assert.equal(actOf({ key: "x" }, false), null);
});

test("a slider moves by a share of its range, and stays within it", () => {
  const slider = { value: "250", min: "0", max: "999" };
  assert.equal(moved({ share: 0.01 }, slider), 260);
  assert.equal(moved({ share: -0.1 }, slider), 150);
  assert.equal(moved({ share: 0.1 }, { ...slider, value: "990" }), 999);
  assert.equal(moved({ share: 0.01 }, { value: "2", min: "0", max: "10" }), 3);
  assert.equal(moved({ place: 1 }, slider), 999);
});

test("a finger on a curve means the slider's value there", () => {
  const [box, slider] = [{ left: 20, width: 200 }, { min: "0", max: "999", step: "1" }];
  assert.equal(valueAt(20, box, slider), 0);
  assert.equal(valueAt(120, box, slider), 500);
  assert.equal(valueAt(400, box, slider), 999);
});

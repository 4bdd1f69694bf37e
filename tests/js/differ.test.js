// The time line above the systems, and the view "How the systems differ".

import assert from "node:assert/strict";
import { test } from "node:test";
import { figures, filmWords, frameAt, frames, obeyedWords } from "../../tabs/static/systems_differ/words.js";
import { entryWords } from "../../tabs/static/systems_timeline/opening.js";

test("an entry says what it added, and in which paper", () => {
  const entry = { name: "GLIDE", when: "Dec 2021", paper: "Nichol et al.", added: "words", tab: "systems", shown: "glide", months: 4 };
  assert.equal(entryWords(entry), "GLIDE added words (Nichol et al.).");
});

const row = (/** @type {string} */ key, /** @type {number} */ many, more = {}) => ({
  key,
  name: key,
  told: "",
  frames: Array.from({ length: many }, () => ""),
  ...more,
});

test("every walk is gone along from its first step to its last", () => {
  const rows = [row("glide", 11), row("imagen", 21), row("absent", 0)];
  assert.equal(frames(rows), 21);
  assert.deepEqual([0, 10, 20].map((k) => frameAt(rows[0], k, 21)), [0, 5, 10]);
  assert.deepEqual([0, 10, 20].map((k) => frameAt(rows[1], k, 21)), [0, 10, 20]);
  assert.equal(frameAt(row("one", 3), 0, 1), 2); // one step: what it drew
  assert.equal(frames([]), 0);
  assert.match(filmWords(5, 21), /^25 % of each walk/);
  assert.equal(filmWords(20, 21), "finished");
});

test("a bar is a figure's share of the largest one, and facts are counted", () => {
  const parts = [{ name: "prior", words: "100" }, { name: "decoder", words: "20" }];
  const rows = [
    row("menus", 3, { count: 2, size: "2", asked: 30, milliseconds: 5, time: "5 ms" }),
    row("unclip", 3, { count: 4, size: "4", asked: 120, milliseconds: 10, time: "10 ms", evaluations: parts }),
    row("absent", 0),
  ];
  assert.deepEqual(figures(rows[0], rows).map(({ share }) => share), [0.5, 0.25, 0.5]);
  assert.deepEqual(figures(rows[1], rows)[1], { share: 1, value: "120", of: "evaluations", parts: "prior 100 · decoder 20" });
  assert.deepEqual(figures(rows[2], rows).map(({ value }) => value), ["", "", ""]);
  assert.ok(figures(row("alone", 0), [row("alone", 0)]).every(({ share }) => share === 0));
  const facts = [{ words: "afro", seen: "afro", right: true }, { words: "smiling", seen: "cute", right: false }];
  assert.equal(obeyedWords(row("glide", 3, { facts })), "1 of 2");
  assert.equal(obeyedWords(row("glide", 3)), "nothing to read");
  assert.equal(obeyedWords(row("glide", 0)), "");
});

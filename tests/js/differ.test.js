// The time line above the systems, and the view "How the systems differ".

import assert from "node:assert/strict";
import { test } from "node:test";
import { entryWords } from "../../tabs/static/systems_timeline/opening.js";

test("an entry says what it added, and in which paper", () => {
  const entry = { name: "GLIDE", when: "Dec 2021", paper: "Nichol et al.", added: "words", tab: "systems", shown: "glide", months: 4 };
  assert.equal(entryWords(entry), "GLIDE added words (Nichol et al.).");
});

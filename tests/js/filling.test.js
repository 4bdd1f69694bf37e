// The view "GLIDE: inpainting": its words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { filmWords } from "../../tabs/static/systems_filling/words.js";

test("the words tell where the film is", () => {
  const message = { state: "done", t: [999, 500, -1] };
  assert.equal(filmWords(message, 1), "step 1 of 2 · t = 500");
  assert.equal(filmWords(message, 2), "finished · 2 steps");
});

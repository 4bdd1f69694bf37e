import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST_LINK, fromAddress, linkOf, tooLong } from "../../tabs/static/player/card.js";
import { Run } from "../../tabs/static/player/run.js";

const PAGE = "https://example.org/playground/";

test("a link of up to 8,000 characters can be sent, and a longer one is said to be too long", () => {
  assert.equal(LONGEST_LINK, 8000);
  assert.equal(tooLong("x".repeat(8000)), "");
  assert.equal(
    tooLong("x".repeat(29_000)),
    "The link to this walk has 29,000 characters, and many servers cut it after 8,000; its run " +
      "card opens the same walk.",
  );
});

test("the link holds what the server says that it holds, else the card itself", () => {
  const run = new Run("a", 1);
  const card = JSON.stringify({ model: "m", schedule: { betas: Array(1000).fill(0.0123456789) } });
  const link = JSON.stringify({ model: "m", schedule: { sha256: "ab" } });
  run.take({ run: "a", total: 1, done: true, first: 0, frames: [], card, link });
  assert.equal(run.link, link);
  const address = linkOf(run.link, PAGE);
  assert.equal(tooLong(address), "");
  assert.equal(fromAddress(new URL(address).searchParams.get("run")), link);
  assert.notEqual(tooLong(linkOf(run.card, PAGE)), "");
});

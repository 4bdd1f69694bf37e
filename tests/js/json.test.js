import assert from "node:assert/strict";
import { test } from "node:test";

import { parseExactly, textOf } from "../../tabs/static/lib/json.js";
import { fromAddress, linkOf } from "../../tabs/static/player/card.js";

const SEED = "18446744073709551615";

test("whole numbers keep all their digits", () => {
  for (const digits of [SEED, "9007199254740993", "-9007199254740993", "9007199254740992"]) {
    const text = `{"walk":{"seed":${digits},"list":[${digits},1]}}`;
    assert.equal(parseExactly(text).walk.seed, BigInt(digits));
    assert.equal(textOf(parseExactly(text)), text);
  }
});

test("all else is read and written as JSON does", () => {
  const values = {
    seed: 9007199254740991,
    small: [-1, 0, 0.5, 1e300, 0.12345678901234567, -2.5e-7],
    words: ["18446744073709551615", 'a \\"quoted\\" 99999999999999999999', "\\", "ü\n", ""],
    nothing: null,
    yes: true,
  };
  const text = JSON.stringify(values);
  assert.deepEqual(parseExactly(text), values);
  assert.equal(textOf(parseExactly(text)), text);
  assert.deepEqual(parseExactly(JSON.stringify(values, null, 2)), values);
  for (const bad of ["", "{", "{1: 2}", "[01234567890123456789]", '{"a": 01}']) {
    assert.throws(() => parseExactly(bad), SyntaxError);
  }
});

test("a link carries a seed of 64 bits", () => {
  const card = `{\n  "walk": {\n    "seed": ${SEED}\n  }\n}`;
  const run = new URL(linkOf(card, "http://a.b/")).searchParams.get("run") ?? "";
  assert.equal(fromAddress(run), `{"walk":{"seed":${SEED}}}`);
});

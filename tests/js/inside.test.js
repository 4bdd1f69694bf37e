// What is opened on the map of the Inside tab, in the page's address.
import assert from "node:assert/strict";
import { test } from "node:test";

import { askedOf, askedQuery } from "../../tabs/static/inside_map/clicks.js";

test("what is opened comes back from the address, and goes when it is closed", () => {
  /** @type {import("../../tabs/static/inside_map/clicks.js").Asked} */
  const asked = { block: "mid_block.resnets.0", pixel: [0.25, 0.75], convolution: "conv2", channel: 0, written: 31 };
  const query = askedQuery("?t=300&block=old&in=5", asked);
  assert.equal(query.get("t"), "300");
  assert.deepEqual(askedOf(`?${query}`), asked);
  const few = askedQuery(`?${query}`, { block: "conv_in" });
  assert.deepEqual(askedOf(`?${few}`), { block: "conv_in" });
  assert.equal(askedQuery(`?${query}`, {}).toString(), "t=300&tab=inside");
});

test("nonsense in an address opens a block as it is first opened, or none", () => {
  assert.deepEqual(askedOf("?place=0.1,0.2&out=4"), {});
  for (const rest of ["place=2,0", "place=0.1", "place=a,b", "out=-1", "in=1e3", "conv="]) {
    assert.deepEqual(askedOf(`?block=b&${rest}`), { block: "b" }, rest);
  }
});

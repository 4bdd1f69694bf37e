import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { SWAP_MS, watchBusy } from "../../tabs/static/training/busy.js";

/** A stage whose attributes are watched, and what is told of each change of them. */
function stage() {
  /** @type {Set<string>} */
  const held = new Set();
  const root = {
    dataset: /** @type {Record<string, string>} */ ({}),
    hasAttribute: held.has.bind(held),
    /** @param {string} name @param {boolean} on */
    toggleAttribute: (name, on) => (on ? held.add(name) : held.delete(name)),
  };
  return /** @type {any} */ (root);
}

test("Stop comes in Train's place while messages keep coming, and goes at the end", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let told = () => {};
  Object.assign(globalThis, {
    document: { activeElement: {}, querySelector: () => null },
    MutationObserver: class {
      /** @param {() => void} look */
      constructor(look) {
        told = look;
      }
      observe() {}
    },
  });
  const root = stage();
  watchBusy(root);
  assert.equal(root.hasAttribute("data-busy"), false);
  for (let ms = 0; ms < SWAP_MS; ms += 100) {
    assert.equal(root.hasAttribute("data-busy"), false); // a double click is no press of Stop
    root.dataset.state = "running";
    told(); // each message sets the state, also to what it was
    mock.timers.tick(100);
  }
  assert.equal(root.hasAttribute("data-busy"), true);
  root.dataset.state = "done";
  told();
  mock.timers.tick(2 * SWAP_MS);
  assert.equal(root.hasAttribute("data-busy"), false);
  mock.timers.reset();
});

// The views of the Denoise tab's stage: a row of tabs above the pictures. See denoise/views.py.

import { find, writeQuery } from "../lib/dom.js";
import { cameBack } from "../lib/storage.js";
import { tablist } from "../lib/tablist.js";
import { WALK, named, viewOf } from "./choosing.js";
import "./clicks.js"; // here before the first click

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".stage-views", HTMLElement);
  const hole = find(root, "[data-view=hole]", HTMLElement);
  const asked = viewOf(location.search, cameBack());
  const { names, show, choose } = tablist(root, (view) => writeQuery(named(location.search, view)));
  root.addEventListener("views:begin", (event) => {
    const { hole: shown, chosen } = /** @type {CustomEvent} */ (event).detail;
    hole.hidden = !shown;
    if (!shown && root.dataset.view === "hole") choose(WALK);
    else if (shown && (chosen || asked === "hole")) choose("hole");
  });
  // A walk that begins is shown, from wherever it was begun.
  const begun = () => {
    if (root.isConnected) choose(WALK);
    else document.removeEventListener("player:start", begun, true);
  };
  document.addEventListener("player:start", begun, true);
  show(names().includes(asked) ? asked : WALK);
}

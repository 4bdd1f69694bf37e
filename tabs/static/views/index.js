// The views of the stage: a row of tabs above the pictures. See denoise/views.py.
//
// What is not seen stays mounted: the stylesheet hides the panels by the row's data-view, since
// Gradio may write the attributes of the panels anew.

import { find, findAll, writeQuery } from "../lib/dom.js";
import { cameBack } from "../lib/storage.js";
import { WALK, led, named, viewOf } from "./choosing.js";
import "./clicks.js"; // here before the first click

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".stage-views", HTMLElement);
  const tabs = findAll(root, "[role=tab]", HTMLElement);
  const hole = find(root, "[data-view=hole]", HTMLElement);
  const names = () => tabs.filter((tab) => !tab.hidden).map((tab) => tab.dataset.view ?? "");
  const asked = viewOf(location.search, cameBack());

  /** @param {string} view */
  function show(view) {
    root.dataset.view = view;
    for (const tab of tabs) {
      const chosen = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      panel?.setAttribute("role", "tabpanel");
      // A name of its own: a panel called "Steps" would be taken for the slider.
      panel?.setAttribute("aria-label", `View: ${tab.textContent}`);
    }
    window.dispatchEvent(new Event("resize")); // a figure that was drawn unseen has no width yet
  }

  /** @param {string} view */
  function choose(view) {
    if (view === root.dataset.view) return;
    show(view);
    writeQuery(named(location.search, view));
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab.dataset.view ?? WALK));
  }
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const view = led(event.key, names(), root.dataset.view ?? WALK);
    if (!view) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys move the walk
    choose(view);
    tabs.find((tab) => tab.dataset.view === view)?.focus();
  });
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

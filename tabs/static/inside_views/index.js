// The views of the Inside tab: a row of tabs below the pictures. See inside/layout.py.

import { find, findAll, writeQuery } from "../lib/dom.js";
import { FIRST, PARAMETER } from "../inside/clicks.js";
import { led } from "../views/choosing.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".stage-views", HTMLElement);
  const tabs = findAll(root, "[role=tab]", HTMLElement);
  const names = tabs.map((tab) => tab.dataset.view ?? "");
  const asked = new URLSearchParams(location.search).get(PARAMETER) ?? FIRST;

  /** @param {string} view */
  function show(view) {
    root.dataset.view = view;
    for (const tab of tabs) {
      const chosen = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      panel?.setAttribute("role", "tabpanel");
      panel?.setAttribute("aria-label", `View: ${tab.textContent}`);
    }
    window.dispatchEvent(new Event("resize")); // what was drawn unseen has no width yet
  }

  /** @param {string} view */
  function choose(view) {
    if (view === root.dataset.view) return;
    show(view);
    const query = new URLSearchParams(location.search);
    query.set("tab", "inside");
    if (view === FIRST) query.delete(PARAMETER);
    else query.set(PARAMETER, view);
    writeQuery(query);
    trigger("input");
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab.dataset.view ?? FIRST));
  }
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const view = led(event.key, names, root.dataset.view ?? FIRST);
    if (!view) return;
    event.preventDefault();
    event.stopPropagation();
    choose(view);
    tabs.find((tab) => tab.dataset.view === view)?.focus();
  });
  const first = names.includes(asked) ? asked : FIRST;
  show(first);
  if (first !== FIRST) trigger("input"); // the server was told of the first one
}

// A row of tabs, of which each shows a view of the stage: presses, keys, and what is said of them.
//
// What is not seen stays mounted: the stylesheet hides the panels by the row's data-view, since
// Gradio may write the attributes of the panels anew.

import { findAll } from "./dom.js";

/**
 * The view that the arrow keys, Home and End lead to; null where the key leads nowhere.
 *
 * @param {string} key As keyboard events name it.
 * @param {string[]} names Of the views that are there, in their order.
 * @param {string} now
 */
export function led(key, names, now) {
  const at = names.indexOf(now);
  const last = names.length - 1;
  /** @type {Record<string, number>} */
  const to = {
    ArrowRight: at === last ? 0 : at + 1,
    ArrowLeft: at <= 0 ? last : at - 1,
    Home: 0,
    End: last,
  };
  return key in to ? names[to[key]] : null;
}

/**
 * Wire a row of tabs.
 *
 * @param {HTMLElement} root The row, whose data-view names the view that is seen.
 * @param {(view: string) => void} chosen Called where another view was chosen, after it is shown.
 */
export function tablist(root, chosen) {
  const tabs = findAll(root, "[role=tab]", HTMLElement);
  const names = () => tabs.filter((tab) => !tab.hidden).map((tab) => tab.dataset.view ?? "");

  /** @param {string} view */
  function show(view) {
    root.dataset.view = view;
    for (const tab of tabs) {
      const seen = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(seen));
      tab.tabIndex = seen ? 0 : -1;
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
    chosen(view);
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab.dataset.view ?? ""));
  }
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const view = led(event.key, names(), root.dataset.view ?? "");
    if (!view) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys move the walk
    choose(view);
    tabs.find((tab) => tab.dataset.view === view)?.focus();
  });
  return { names, show, choose };
}

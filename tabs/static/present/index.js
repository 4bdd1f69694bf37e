// The page's header: the glossary, Reset everything, Present, and the bar at the bottom; and what holds
// for the page as a whole: fingers, and the lists of its menus.

import { find } from "../lib/dom.js";
import { keepListsInPlace } from "../lib/menus.js";
import { parse } from "../lib/messages.js";
import { openLessons } from "../lessons/events.js";
import { row } from "./glossary.js";
import { Present } from "./present.js";
import { resetEverything } from "./reset.js";
import { heedFingers } from "./touch.js";

/**
 * Have a button open a panel, and what is in it close it; Escape does so by itself.
 *
 * @param {HTMLElement} opener
 * @param {HTMLDialogElement} dialog
 */
function wirePanel(opener, dialog) {
  opener.addEventListener("click", () => dialog.showModal());
  find(dialog, ".close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog) return; // on the ground behind the panel, or on its rim
    const box = dialog.getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) dialog.close();
  });
}

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".chrome", HTMLElement);
  const menu = find(root, ".menu", HTMLElement);
  // Closed before a panel opens, which gives the focus back to where it then is: the menu's button.
  menu.addEventListener("click", () => menu.matches(":popover-open") && menu.hidePopover(), true);
  /** @param {string} selector */
  const button = (selector) => find(root, selector, HTMLButtonElement);
  const glossary = find(root, "dialog.glossary", HTMLDialogElement);
  wirePanel(button(".glossary-open"), glossary);
  wirePanel(button(".reset-open"), find(root, "dialog.reset", HTMLDialogElement));
  button("#lessons-open").addEventListener("click", openLessons);
  button(".reset-now").addEventListener("click", resetEverything);
  heedFingers();
  keepListsInPlace();
  new Present(find(root, ".bar", HTMLElement), button(".present"));
  return (value) => {
    /** @type {import("../lib/messages.js").HeaderMessage | null} */
    const message = parse(value);
    if (!message?.symbols) return;
    find(glossary, "tbody", HTMLElement).replaceChildren(...message.symbols.map(row));
  };
}

// Keys that move through a film, wherever on its tab the focus is.

/** @typedef {"toggle" | "back" | "on" | "first" | "last"} Move */

/** @type {Record<string, Move>} */
const KEYS = { " ": "toggle", ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };

const TEXT =
  'input:not([type=checkbox], [type=file], [type=button], [type=submit], [type=reset], [type=color]),' +
  "textarea, select, [contenteditable]:not([contenteditable=false])";
// What of ARIA's patterns takes the arrow keys, Home and End.
const COMPOSITE = [
  "slider spinbutton textbox searchbox combobox listbox option menu menubar menuitem",
  "menuitemradio menuitemcheckbox radio radiogroup tab tablist grid gridcell tree treeitem scrollbar",
]
  .join(" ")
  .split(" ")
  .map((role) => `[role=${role}]`)
  .join(", ");
const PRESSED =
  "button, summary, input:not([type=range]), label, [role=button], [role=checkbox], [role=switch]";

/**
 * What a key does.
 *
 * @param {{ key: string, altKey?: boolean, ctrlKey?: boolean, metaKey?: boolean, shiftKey?: boolean }} event
 * @returns {Move | null} null of a key that is another's affair.
 */
export function moveOf({ key, altKey, ctrlKey, metaKey, shiftKey }) {
  return altKey || ctrlKey || metaKey || shiftKey ? null : (KEYS[key] ?? null);
}

/**
 * Whether a control uses a key itself: fields, menus and sliders the arrow keys, Home and End,
 * tabs too; whatever is pressed uses space. What stands in a dialog is the dialog's own.
 *
 * @param {Pick<Element, "closest">} control That has the focus.
 * @param {string} key One that has a move.
 */
export function usesKey(control, key) {
  if (control.closest("dialog, [role=dialog], [role=alertdialog]")) return true;
  if (key === " ") {
    if (control.closest("input[type=range]")) return false;
    return Boolean(control.closest(`${PRESSED}, ${TEXT}, ${COMPOSITE}`));
  }
  return Boolean(control.closest(`${TEXT}, ${COMPOSITE}`));
}

/**
 * Let the keys move through a film as long as it is on the screen.
 *
 * @param {HTMLElement} root The film's place; nothing is heard while it is hidden or gone.
 * @param {(move: Move) => void} act
 * @param {{ own?: Element, ready?: () => boolean }} [options] own: a control inside, as the film's
 *   scrubber, whose keys are the film's; ready: whether there is a film.
 */
export function wireKeys(root, act, { own, ready = () => true } = {}) {
  /** @param {KeyboardEvent} event */
  const heard = (event) => {
    if (!root.isConnected) return document.removeEventListener("keydown", heard);
    const move = moveOf(event);
    if (!move || event.defaultPrevented || !root.getClientRects().length || !ready()) return;
    const { target } = event;
    if (target instanceof Element && target !== own && usesKey(target, event.key)) return;
    event.preventDefault();
    act(move);
  };
  document.addEventListener("keydown", heard);
}

// Stop takes the place of Train while a training is asked for, waits, or runs.

import { stage } from "../lib/runs.js";

/** So long Train stays where it is, so that a double click on it is no press of Stop. */
export const SWAP_MS = 700;
const UNDER_WAY = ["waiting", "running"];

/** @param {DOMStringMap} data Of the stage. */
export const underWay = ({ state = "", asked }) => asked !== undefined || UNDER_WAY.includes(state);

/**
 * Keep `data-busy` of the stage right, by which theme.css shows the one button or the other; a
 * keyboard's focus moves with them.
 *
 * @param {HTMLElement} root
 */
export function watchBusy(root) {
  let timer = 0;
  /** @param {boolean} busy */
  function swap(busy) {
    const [from, to] = busy ? ["#train-run", "#train-stop"] : ["#train-stop", "#train-run"];
    const focused = document.activeElement === stage(from);
    root.toggleAttribute("data-busy", busy);
    if (focused) stage(to)?.focus();
  }
  function look() {
    if (!underWay(root.dataset)) {
      clearTimeout(timer);
      timer = 0;
      swap(false);
    } else if (!timer && !root.hasAttribute("data-busy")) {
      // Each message sets the state anew, and must not put the swap off.
      timer = setTimeout(() => {
        timer = 0;
        swap(true);
      }, SWAP_MS);
    }
  }
  const attributeFilter = ["data-state", "data-asked"];
  new MutationObserver(look).observe(root, { attributes: true, attributeFilter });
  look();
}

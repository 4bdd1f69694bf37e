// The pictures of the stage are as tall as the window leaves room for, so that curve and play row
// are seen below them; theme.css makes them so, and this measures what stands beside them.

import { watchPlot } from "../lib/plots.js";
import { stage } from "../lib/runs.js";

const BELOW = 8; // pixels between the play row and the window's lower edge

/** Keep the measures of theme.css right while the page is open. */
export function fitStage() {
  const row = stage(".with-folds");
  if (!row) return;
  const watcher = new ResizeObserver(() => measure(row));
  watcher.observe(document.body);
  watcher.observe(row);
  addEventListener("resize", () => measure(row));
  measure(row);
  for (const plot of ["#denoise-costs", "#denoise-return-plot"]) {
    watchPlot(row, plot, { drawn: () => {} }); // on a phone its names go below it
  }
}

/** @param {HTMLElement} row The row of controls and stage. */
function measure(row) {
  const views = stage(".with-folds .player .views");
  const canvas = stage(".with-folds .player .view:not([hidden]) canvas");
  const buttons = stage(".with-folds .player .buttons");
  if (!row.offsetParent) return;
  const top = row.getBoundingClientRect().top + scrollY;
  set(row, "--head", top);
  if (!views?.offsetParent || !canvas || !buttons) return;
  const above = views.getBoundingClientRect().top + scrollY;
  const player = buttons.getBoundingClientRect().bottom - views.getBoundingClientRect().top;
  set(row, "--beside-pictures", above + player - canvas.offsetHeight + BELOW);
}

/**
 * Set a property in whole pixels, where it is another.
 *
 * @param {HTMLElement} row
 * @param {string} name
 * @param {number} pixels
 */
function set(row, name, pixels) {
  const value = `${Math.ceil(pixels)}px`;
  if (row.style.getPropertyValue(name) !== value) row.style.setProperty(name, value);
}

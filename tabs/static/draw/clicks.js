// The drawn schedule and the controls beside it, each brought up to the other.

import { stage } from "../lib/runs.js";

/**
 * A drawn curve is to be seen: drawing chooses "drawn" too.
 *
 * @param {string} drawn Its points, JSON.
 * @param {string[]} names The schedules that are shown.
 * @returns {unknown[]} The schedules to show, and the points one by one.
 */
export function chooseDrawn(drawn, names) {
  return [names.includes("drawn") ? names : [...names, "drawn"], ...JSON.parse(drawn)];
}

/**
 * Whoever opens the fold wants to draw: "drawn" is chosen, on a plot where its points can be.
 *
 * @param {string[]} quantities Whose plots take the points.
 * @param {string[]} names The schedules that are shown.
 * @param {string} what The quantity that is plotted.
 * @returns {unknown[]} The schedules to show, and the quantity to plot.
 */
export function beginDrawing(quantities, names, what) {
  return [
    names.includes("drawn") ? names : [...names, "drawn"],
    quantities.includes(what) ? what : quantities[0],
  ];
}

/** @param {unknown[]} points */
export function drawPoints(...points) {
  if (points.some((p) => p === null || p === "")) return; // a number that is being typed
  stage("#draw-stage .draw")?.dispatchEvent(new CustomEvent("draw:set", { detail: points }));
}

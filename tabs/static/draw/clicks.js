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

/** @param {unknown[]} points */
export function drawPoints(...points) {
  stage("#draw-stage .draw")?.dispatchEvent(new CustomEvent("draw:set", { detail: points }));
}

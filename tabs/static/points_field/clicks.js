// What the field's slider tells the page.

import { stage } from "../lib/runs.js";

/** @returns {string} The timestep that the slider of the field names. */
export function chosenTimestep() {
  return stage("#points-field .points-field")?.dataset.asked ?? "";
}

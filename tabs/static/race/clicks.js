// What the race's buttons do at once.

import { newRun, stage, withLast } from "../lib/runs.js";

const race = () => stage("#denoise-race .race");

/** Begin a race: its name is the last input. @param {unknown[]} inputs */
export function startRace(...inputs) {
  const id = newRun();
  race()?.dispatchEvent(new CustomEvent("race:start", { detail: id }));
  return withLast(inputs, id);
}

/** @returns {string} The race to stop. */
export function stopRace() {
  race()?.dispatchEvent(new Event("race:stop"));
  return race()?.dataset.wanted || "";
}

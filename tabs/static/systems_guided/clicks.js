// What the buttons of the view "Guided diffusion" tell the server of the walk that is seen.

import { newRun, stage, withLast } from "../lib/runs.js";

const STAGE = "#guided-stage .guided";

/** Name a walk, and show that it waits. */
function begun() {
  const run = newRun();
  const shown = stage(STAGE);
  if (shown) {
    Object.assign(shown.dataset, { run, state: "waiting" });
    shown.dispatchEvent(new CustomEvent("guided:waiting"));
  }
  return run;
}

/** @param {unknown[]} inputs Of the event; the last one holds the run's place. */
export function beginGuided(...inputs) {
  return withLast(inputs, begun());
}

/** @param {unknown[]} inputs Of the event; the last three hold the places of card, step and run. */
export function beginSwitch(...inputs) {
  const { card = "", frame = "0" } = stage(STAGE)?.dataset ?? {};
  return withLast(inputs, card, Number(frame), begun());
}

/** @param {unknown[]} inputs Of the event; the last two hold the places of card and run. */
export function beginReplay(...inputs) {
  const opened = stage(STAGE)?.dataset.opened ?? "";
  return withLast(inputs, opened, begun());
}

/** @returns {string} The name of the walk that is seen. */
export function shownGuided() {
  return stage(STAGE)?.dataset.run ?? "";
}

// What the tab's controls tell the views of the stage, and what the stage shows.

import { stage, withLast } from "../lib/runs.js";

/** @param {boolean} hole @param {boolean} chosen */
function tell(hole, chosen) {
  const detail = { hole, chosen };
  stage("#denoise-views .stage-views")?.dispatchEvent(new CustomEvent("views:begin", { detail }));
}

/**
 * The walk begins with something else: the view of the hole is there for a picture with a hole.
 *
 * @param {string} hole The choice that has one.
 * @param {string} begin The choice.
 */
export function tellBeginning(hole, begin) {
  tell(begin === hole, false);
}

/**
 * The same, chosen by the person who uses the page, who is then led to the painter.
 *
 * @param {string} hole
 * @param {string} begin
 */
export function chooseBeginning(hole, begin) {
  tell(begin === hole, true);
}

/**
 * The last inputs become the run in the player, its frame, and the picture of it that is picked.
 *
 * @param {unknown[]} inputs
 */
export function withShownPicture(...inputs) {
  const player = stage("#denoise-player .player");
  const pick = player?.querySelector(".pick");
  const image = pick instanceof HTMLSelectElement ? Number(pick.value) : -1;
  const { run = "", frame = "-1" } = player?.dataset ?? {};
  return withLast(inputs, run, Number(frame), Math.max(0, image));
}

// What the buttons of galleries do at once.

import { newRun, stage, withLast } from "../lib/runs.js";

/** @param {string} id Of a gallery. */
const gallery = (id) => stage(`#${id} .gallery`);

/**
 * Begin a run that fills a gallery: its name is the last input. It is the gallery's own, so that
 * two may go on at once and Stop can name both.
 *
 * @param {string[]} ids Of the gallery, and of those that share its place and are then unseen.
 * @param {unknown[]} inputs
 */
export function startGallery([id, ...others], ...inputs) {
  const run = newRun();
  for (const other of others) {
    const behind = gallery(other);
    if (behind) behind.dataset.behind = "";
  }
  delete gallery(id)?.dataset.behind;
  gallery(id)?.dispatchEvent(new CustomEvent("gallery:start", { detail: run }));
  return withLast(inputs, run);
}

/**
 * The runs to stop, with blanks between them.
 *
 * @param {string[]} ids Of the galleries.
 */
export function startedRuns(ids) {
  return ids.map((id) => gallery(id)?.dataset.wanted || "").join(" ");
}

// What the buttons of galleries do at once.

import { newRun, stage, withLast } from "../lib/runs.js";

/**
 * Begin a run that fills a gallery: its name is the last input. It is the gallery's own, so that
 * two may go on at once and Stop can name both.
 *
 * @param {string} id Of the gallery.
 * @param {unknown[]} inputs
 */
export function startGallery(id, ...inputs) {
  const run = newRun();
  stage(`#${id} .gallery`)?.dispatchEvent(new CustomEvent("gallery:start", { detail: run }));
  return withLast(inputs, run);
}

/**
 * The runs to stop, with blanks between them.
 *
 * @param {string[]} ids Of the galleries.
 */
export function startedRuns(ids) {
  return ids.map((id) => stage(`#${id} .gallery`)?.dataset.wanted || "").join(" ");
}

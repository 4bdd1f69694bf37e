// What a step of a lesson comes to: the steps before it count too, so that a link to any of them works.

/** @typedef {import("../lib/messages.js").LessonStep} LessonStep */

/**
 * What the page holds at a step: all that the steps up to it have set. A step that asks sets its
 * own controls only once its answer is shown.
 *
 * @param {LessonStep[]} steps
 * @param {number} at
 * @param {boolean} answered
 * @returns {Pick<LessonStep, "tab" | "view" | "controls" | "own">}
 */
export function settings(steps, at, answered) {
  const { tab } = steps[at];
  /** @type {Pick<LessonStep, "tab" | "view" | "controls" | "own">} */
  const found = { tab, view: "", controls: {}, own: {} };
  steps.slice(0, at + 1).forEach((step, k) => {
    if (k === at && step.ask && !answered) return;
    Object.assign(found.controls, step.controls);
    if (step.tab !== tab) return;
    Object.assign(found.own, step.own);
    if (step.view) found.view = step.view;
  });
  return found;
}

/**
 * What the picture of a step comes from, where the step was not come to from the one before: the
 * buttons that the last step up to it presses in its tab, and the sliders that were moved since.
 *
 * @param {LessonStep[]} steps
 * @param {number} at
 * @param {boolean} answered A step that asks presses its own only once its answer is shown.
 * @returns {Pick<LessonStep, "press" | "own">}
 */
export function lastRun(steps, at, answered) {
  const { tab, ask } = steps[at];
  const known = steps.slice(0, ask && !answered ? at : at + 1).filter((step) => step.tab === tab);
  let last = known.length - 1;
  while (last >= 0 && !known[last].press.length) last--;
  const own = Object.assign({}, ...known.slice(Math.max(0, last)).map((step) => step.own));
  return { press: known[last]?.press ?? [], own };
}

/**
 * Whether a prediction was right, and why.
 *
 * @param {LessonStep} step
 * @param {number} chosen
 */
export function verdict({ choices, right, because }, chosen) {
  const words = chosen === right ? "Right" : "Not this time, it is";
  return `${words}: ${choices[right]}. ${because}`;
}

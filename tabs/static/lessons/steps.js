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
 * The buttons that the last step up to this one presses, in this tab: what its picture comes from
 * where the step was not come to from the one before.
 *
 * @param {LessonStep[]} steps
 * @param {number} at
 */
export function lastPressed(steps, at) {
  const before = steps.slice(0, at + 1).filter((s) => s.press.length && s.tab === steps[at].tab);
  return before[before.length - 1]?.press ?? [];
}

/**
 * Whether a prediction was right, and why.
 *
 * @param {LessonStep} step
 * @param {number} chosen
 */
export function verdict({ choices, right, because }, chosen) {
  const words = chosen === right ? "Right" : `Not this time. The answer: ${choices[right]}`;
  return `${words}. ${because}`;
}

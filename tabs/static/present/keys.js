// What keys do while the page is presented, beside what the open tab does with them itself: those of
// a remote control for slides, and, in a tab without a walk, the arrows on its slider.

/**
 * What a key does.
 *
 * @typedef {{ press: "back" | "next" | "play" } | { share: number } | { place: number }} Act
 *   press: a button of the stage; share: this part of its slider's range; place: there on it.
 */

/** @type {Record<string, Act>} */
const WALK = { PageUp: { press: "back" }, PageDown: { press: "next" } };
/** @type {Record<string, Act>} */
const SLIDE = {
  PageUp: { share: -0.1 },
  PageDown: { share: 0.1 },
  ArrowLeft: { share: -0.01 },
  ArrowRight: { share: 0.01 },
  Home: { place: 0 },
  End: { place: 1 },
  " ": { press: "play" },
};

/**
 * @param {{ key: string, altKey?: boolean, ctrlKey?: boolean, metaKey?: boolean }} event
 * @param {boolean} walks Whether the tab shows a walk, whose player heeds the other keys.
 * @returns {Act | null} null of a key that is another's affair.
 */
export function actOf({ key, altKey, ctrlKey, metaKey }, walks) {
  if (altKey || ctrlKey || metaKey) return null;
  return (walks ? WALK : SLIDE)[key] ?? null;
}

/**
 * Where a slider goes.
 *
 * @param {{ share: number } | { place: number }} act
 * @param {{ value: string, min: string, max: string }} slider
 */
export function moved(act, { value, min, max }) {
  const [low, high] = [Number(min), Number(max)];
  if ("place" in act) return low + act.place * (high - low);
  const step = Math.max(1, Math.round(Math.abs(act.share) * (high - low)));
  return Math.min(high, Math.max(low, Number(value) + Math.sign(act.share) * step));
}

// One number as a colour, for maps of how much: from nearly black over amber to nearly white. Its
// lightness rises evenly, so that it reads without colour too.

/** @type {[number, number, number][]} */
const STOPS = [
  [16, 16, 22],
  [110, 52, 20],
  [225, 128, 20],
  [255, 246, 214],
];

/**
 * @param {number} level 0 … 255.
 * @returns {[number, number, number]} Red, green, blue.
 */
export function warmth(level) {
  const at = (Math.max(0, Math.min(255, level)) / 255) * (STOPS.length - 1);
  const i = Math.min(Math.floor(at), STOPS.length - 2);
  const [from, to] = [STOPS[i], STOPS[i + 1]];
  /** @param {0 | 1 | 2} k */
  const mixed = (k) => Math.round(from[k] + (at - i) * (to[k] - from[k]));
  return [mixed(0), mixed(1), mixed(2)];
}

// Control points of a schedule: log-SNR at even times; none can rise above the one before.
// The box is 300 by 200.

export const LIMIT = 15; // of the log-SNR, upwards and downwards
export const STEP = 0.5;

/** @type {Record<string, number>} */
const MOVES = {
  ArrowUp: STEP,
  ArrowRight: STEP,
  ArrowDown: -STEP,
  ArrowLeft: -STEP,
  PageUp: 3,
  PageDown: -3,
};

/**
 * How far a key moves a point; 0 of a key that is another's affair.
 *
 * @param {string} key
 */
export const moveOf = (key) => MOVES[key] ?? 0;

/**
 * A value for a point, rounded to a step and held between its neighbours.
 *
 * @param {number[]} points
 * @param {number} i
 * @param {number} value
 */
export function held(points, i, value) {
  const above = i ? points[i - 1] : LIMIT;
  const below = i < points.length - 1 ? points[i + 1] : -LIMIT;
  return Math.max(below, Math.min(above, Math.round(value / STEP) * STEP));
}

/**
 * @param {number} i
 * @param {number} count
 */
export const xOf = (i, count) => (300 * i) / (count - 1);

/** @param {number} value */
export const yOf = (value) => 100 - (100 * value) / LIMIT;

/** @param {number[]} points */
export const curve = (points) =>
  points.map((p, i) => `${i ? "L" : "M"}${xOf(i, points.length)} ${yOf(p)}`).join("");

/**
 * The point and value that a place stands for.
 *
 * @param {number} across Share of the box's width, 0 to 1.
 * @param {number} down Share of its height.
 * @param {number} count Of points.
 */
export function pointed(across, down, count) {
  const i = Math.max(0, Math.min(count - 1, Math.round((count - 1) * across)));
  return { i, value: LIMIT * (1 - 2 * down) };
}

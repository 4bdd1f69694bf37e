// Control points of a schedule: log-SNR at even times; none can rise above the one before. They are
// shown on the plot of whichever quantity follows from the log-SNR alone.

export const LIMIT = 15; // of the log-SNR, upwards and downwards
const PARTS = 10; // of 1, to which a point is rounded

/** @type {Record<string, number>} */
const MOVES = {
  ArrowUp: 0.5,
  ArrowRight: 0.5,
  ArrowDown: -0.5,
  ArrowLeft: -0.5,
  PageUp: 3,
  PageDown: -3,
  Home: -2 * LIMIT,
  End: 2 * LIMIT,
};

/**
 * How far a key moves a point; 0 of a key that is another's affair.
 *
 * @param {string} key
 */
export const moveOf = (key) => MOVES[key] ?? 0;

/**
 * A value for a point, rounded and held between its neighbours.
 *
 * @param {number[]} points
 * @param {number} i
 * @param {number} value
 */
export function held(points, i, value) {
  const above = i ? points[i - 1] : LIMIT;
  const below = i < points.length - 1 ? points[i + 1] : -LIMIT;
  const rounded = Math.round(Math.max(-LIMIT, Math.min(LIMIT, value)) * PARTS) / PARTS;
  return Math.max(below, Math.min(above, rounded));
}

/**
 * The points as a schedule uses them: one that rises above the one before is taken down to it.
 *
 * @param {number[]} points
 */
export function falling(points) {
  let least = Infinity;
  return points.map((p) => (least = Math.min(least, p)));
}

/** @typedef {{ of: (logSnr: number) => number, back: (value: number) => number }} Quantity */

/** @param {number} logSnr */
const sigmoid = (logSnr) => 1 / (1 + Math.exp(-logSnr));

/** @param {number} share */
function logit(share) {
  const inside = Math.min(1 - 1e-12, Math.max(1e-12, share));
  return Math.log(inside / (1 - inside));
}

/**
 * The plotted quantities that points can be dragged on: from log-SNR to the quantity, and back.
 *
 * @type {Record<string, Quantity>}
 */
export const QUANTITIES = {
  alpha_bar: { of: sigmoid, back: logit },
  roots: { of: (l) => Math.sqrt(sigmoid(l)), back: (v) => logit(Math.max(0, v) ** 2) },
  log_snr: { of: (l) => l, back: (v) => v },
};

/**
 * The schedule between its points, where the log-SNR is linear: shares of the way, and log-SNR.
 *
 * @param {number[]} points
 * @param {number} [parts] Between two points.
 * @returns {[number, number][]}
 */
export function between(points, parts = 24) {
  const count = (points.length - 1) * parts;
  return Array.from({ length: count + 1 }, (_, k) => {
    const i = Math.min(points.length - 2, Math.floor(k / parts));
    const along = (k - i * parts) / parts;
    return [k / count, points[i] + along * (points[i + 1] - points[i])];
  });
}

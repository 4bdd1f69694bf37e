// A logarithmic axis of the two charts: 320 by 150, the plot from y = 6 to 126.

/** @param {number} v */
export const short = (v) =>
  v >= 0.1 ? v.toFixed(2) : v >= 0.01 ? v.toFixed(3) : v.toExponential(0);

const BOTTOM = 124;
const HEIGHT = 116;

/**
 * Where values lie, and which of them are named: 1, 2 and 5 times powers of ten, the powers alone
 * where those are many, and the smallest and largest value where they are fewer than two.
 *
 * @param {number[]} values All above 0.
 */
export function logAxis(values) {
  const low = Math.min(...values) / 1.15;
  const high = Math.max(...values) * 1.15;
  /** @param {number} v */
  const y = (v) => BOTTOM - (HEIGHT * Math.log(v / low)) / Math.log(high / low);
  /** @type {number[]} */
  let ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
    ticks.push(...[1, 2, 5].map((f) => f * 10 ** e).filter((v) => v >= low && v <= high));
  }
  if (ticks.length < 2) ticks = [Math.min(...values), Math.max(...values)];
  if (ticks.length > 6) {
    const powers = ticks.filter((v) => v.toExponential().startsWith("1"));
    if (powers.length > 1) ticks = powers;
  }
  return { y, ticks };
}

/**
 * The axis as SVG.
 *
 * @param {ReturnType<typeof logAxis>} axis
 */
export const rules = ({ y, ticks }) =>
  ticks
    .map(
      (v) =>
        `<line class="rule" x1="36" x2="316" y1="${y(v)}" y2="${y(v)}"/>` +
        `<text x="32" y="${y(v) + 4}" text-anchor="end">${short(v)}</text>`,
    )
    .join("");

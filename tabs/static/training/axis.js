// The axes of the two charts: 400 by 166, the plot from x = 76 to 392 and from y = 6 to 122.

/** @param {number} v */
export const short = (v) =>
  v >= 0.1 ? v.toFixed(2) : v >= 0.01 ? v.toFixed(3) : v.toExponential(0);

/** Left and right end of the plot, and its lower edge. */
export const LEFT = 76;
export const RIGHT = 392;
export const BASE = 122;

const BOTTOM = 120;
const HEIGHT = 112;

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
        `<line class="rule" x1="${LEFT}" x2="${RIGHT}" y1="${y(v)}" y2="${y(v)}"/>` +
        `<text x="${LEFT - 4}" y="${y(v) + 5}" text-anchor="end">${short(v)}</text>`,
    )
    .join("");

/**
 * The lower axis and the titles of both as SVG.
 *
 * @param {[number, string][]} ticks Where they are, and their words; the last one ends there.
 * @param {string} across The lower axis's title.
 * @param {string} up The title of the axis at the left.
 */
export const frame = (ticks, across, up) =>
  `<path class="axis" d="M${LEFT} 6V${BASE}H${RIGHT}"/>` +
  ticks
    .map(([x, words], i) => {
      const anchor = i === ticks.length - 1 ? "end" : i ? "middle" : "start";
      return (
        `<line class="axis" x1="${x}" x2="${x}" y1="${BASE}" y2="${BASE + 4}"/>` +
        `<text x="${x}" y="${BASE + 18}" text-anchor="${anchor}">${words}</text>`
      );
    })
    .join("") +
  `<text class="title" x="${(LEFT + RIGHT) / 2}" y="161" text-anchor="middle">${across}</text>` +
  `<text class="title" x="-64" y="14" text-anchor="middle" transform="rotate(-90)">${up}</text>`;

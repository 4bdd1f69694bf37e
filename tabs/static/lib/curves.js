// Paths of small charts, as the `d` of an SVG path. Their boxes are 300 by 120, y downwards.

/** Bins of a histogram of pixel values, each 0.1 wide, from -3 to 3. */
export const BINS = 60;

/**
 * A line through points.
 *
 * @param {[number, number][]} points
 * @param {number} [digits] After the point, of y.
 */
export const line = (points, digits = 1) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(digits)}`).join("");

/**
 * Bars of equal width, from the bottom of the box.
 *
 * @param {ArrayLike<number>} tops y of the top of each bar.
 */
export function bars(tops) {
  let d = "M0 120";
  Array.from(tops).forEach((top, i) => {
    const y = top.toFixed(1);
    d += `L${5 * i} ${y}L${5 * i + 5} ${y}`;
  });
  return `${d}L300 120Z`;
}

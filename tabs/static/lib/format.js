// Numbers as words.

/** @param {number} ms */
export const duration = (ms) =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;

/** @param {number} count */
export const evaluations = (count) => `${count} evaluation${count === 1 ? "" : "s"}`;

/** @param {number} seconds */
export const timeLeft = (seconds) =>
  `about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`} left`;

/** @param {number} n */
export const thousands = (n) => n.toLocaleString("en");

/**
 * A number's text with true minus signs, also in its exponent.
 *
 * @param {string} text
 */
export const trueMinus = (text) => text.replaceAll("-", "−");

/**
 * A number as text with a true minus sign: what every number of the page passes that may be below 0.
 *
 * @param {number} x
 * @param {number} digits After the point.
 */
export const fixed = (x, digits) => x.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * A number as a power of ten: 1.2·10⁻⁴.
 *
 * @param {number} x
 * @param {number} digits After the point.
 */
export function powerOfTen(x, digits) {
  const [factor, power] = x.toExponential(digits).split("e");
  const raised = power.replace("-", "⁻").replace("+", "").replace(/\d/g, (d) => RAISED[Number(d)]);
  return `${factor.replace("-", "−")}·10${raised}`;
}

/**
 * To four significant digits, with a true minus sign.
 *
 * @param {number} x
 */
export function significant(x) {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x !== 0 && Math.abs(x) < 0.001) return powerOfTen(x, 2);
  return x.toPrecision(4).replace("-", "−");
}

/**
 * A weight of an equation, without its sign: to three digits after the point, and as a power of
 * ten where they would show nothing but zeros.
 *
 * @param {number} weight
 */
export function weightSize(weight) {
  const size = Math.abs(weight);
  return size < 0.0005 && weight ? powerOfTen(size, 1) : size.toFixed(3);
}

/**
 * Signal to noise in decibels, 10 log10(ᾱ / (1 − ᾱ)).
 *
 * @param {number} alphaBar
 */
export const decibels = (alphaBar) => 10 * Math.log10(alphaBar / (1 - alphaBar));

// JSON whose whole numbers keep all their digits: a seed has 64 bits, and a number of JavaScript is
// exact only to 2^53. Whole numbers beyond that become BigInt, and BigInt becomes digits again.

const MARK = "\u0000whole:"; // begins no text of ours
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * @param {string} text JSON.
 * @returns {any} Its value, with BigInt for whole numbers that a number cannot hold exactly.
 * @throws {SyntaxError} If it is not JSON.
 */
export function parseExactly(text) {
  const marked = text.replace(TOKENS, (token) =>
    /^-?[1-9]\d*$/.test(token) && !Number.isSafeInteger(Number(token))
      ? JSON.stringify(MARK + token)
      : token,
  );
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/**
 * @param {unknown} value As `parseExactly` gives it.
 * @returns {string} JSON on one line.
 */
export function textOf(value) {
  const marked = JSON.stringify(value, (_, each) =>
    typeof each === "bigint" ? `${MARK}${each}` : each,
  );
  return marked.replaceAll(/"\\u0000whole:(-?\d+)"/g, "$1");
}

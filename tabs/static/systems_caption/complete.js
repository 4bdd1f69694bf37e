// Which known words begin as the one that is being typed.

const LETTER = /[\p{L}\p{N}]/u;

/**
 * The word before the caret: that which is being typed.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {{ start: number, end: number, word: string }} `end` is that of the whole word.
 */
export function wordAt(text, caret) {
  let start = caret;
  while (start > 0 && LETTER.test(text[start - 1])) start--;
  let end = caret;
  while (end < text.length && LETTER.test(text[end])) end++;
  return { start, end, word: text.slice(start, caret).toLowerCase() };
}

/**
 * Known words that begin so, the shortest first; none of a word that is whole and begins no other.
 *
 * @param {string[]} words
 * @param {string} begun
 * @param {number} [most]
 */
export function completions(words, begun, most = 5) {
  if (!begun) return [];
  return words
    .filter((word) => word.startsWith(begun) && word !== begun)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .slice(0, most);
}

/**
 * The text with the word that is being typed made whole, and where the caret then stands.
 *
 * @param {string} text
 * @param {number} caret
 * @param {string} whole
 * @returns {{ text: string, caret: number }}
 */
export function completed(text, caret, whole) {
  const { start, end } = wordAt(text, caret);
  const after = text.slice(end);
  const put = after === "" ? `${whole} ` : whole;
  return { text: text.slice(0, start) + put + after, caret: start + put.length };
}

// The words of the view "How the systems differ", and its places in all walks.

/** @typedef {import("../lib/messages.js").DifferRow} Row */
/** @typedef {{ share: number, value: string, of: string, parts: string }} Figure Its bar's share of the largest one, 0 … 1, and words. */

/** Frames of the longest walk. @param {Row[]} rows */
export const frames = (rows) => Math.max(0, ...rows.map((row) => row.frames.length));

/**
 * The frame of a walk at a place in all of them: each is gone along from its first to its last.
 *
 * @param {Row} row
 * @param {number} k Of the frame of the longest walk.
 * @param {number} many Frames of that.
 */
export function frameAt({ frames }, k, many) {
  return many > 1 ? Math.round((k / (many - 1)) * (frames.length - 1)) : frames.length - 1;
}

/** @param {number} k @param {number} many */
export function filmWords(k, many) {
  if (k >= many - 1) return "finished";
  return `${Math.round((100 * k) / (many - 1))} % of each walk: what it predicts`;
}

/** What was obeyed in this picture. @param {Row} row */
export function obeyedWords({ facts = [], frames }) {
  if (!frames.length) return "";
  if (!facts.length) return "nothing to read";
  return `${facts.filter(({ right }) => right).length} of ${facts.length}`;
}

/**
 * The figures of a row: parameters, evaluations, time.
 *
 * @param {Row} row
 * @param {Row[]} rows All of them, for the lengths of bars.
 * @returns {Figure[]}
 */
export function figures(row, rows) {
  /** @param {(row: Row) => number | undefined} of */
  const share = (of) => (of(row) ?? 0) / Math.max(1e-9, ...rows.map((each) => of(each) ?? 0));
  /** @param {import("../lib/messages.js").DifferCount[] | undefined} counts */
  const parts = (counts = []) => counts.map(({ name, words }) => `${name} ${words.replaceAll(" ", "\u00a0")}`).join(" · ");
  return [
    { share: share(({ count }) => count), value: row.size ?? "", of: "parameters", parts: parts(row.parameters) },
    {
      share: share(({ asked }) => asked),
      value: row.asked?.toLocaleString("en") ?? "",
      of: "evaluations",
      parts: parts(row.evaluations),
    },
    { share: share(({ milliseconds }) => milliseconds), value: row.time ?? "", of: "in this run", parts: "" },
  ];
}

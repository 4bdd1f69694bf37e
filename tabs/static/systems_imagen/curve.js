// The measured curve: Frechet distance and obedience by level of augmentation.

/** @typedef {import("../lib/messages.js").LevelRowMessage} Row */

const [LEFT, RIGHT, TOP, BOTTOM] = [46, 404, 44, 190];
export const VIEW_BOX = "0 0 450 240";

/**
 * The drawing, all of it our own; "" of fewer than two levels.
 *
 * @param {Row[]} rows By level.
 * @param {number | undefined} level One's own.
 */
export function drawing(rows, level) {
  if (rows.length < 2) return "";
  const most = Math.max(1, ...rows.map(({ distance }) => distance)) * 1.05;
  /** @param {number} s */
  const x = (s) => (LEFT + s * (RIGHT - LEFT)).toFixed(1);
  /** @param {number} share Of the height. */
  const y = (share) => (BOTTOM - Math.max(0, share) * (BOTTOM - TOP)).toFixed(1);
  /** @param {(row: Row) => number} share */
  const line = (share) => `M${rows.map((row) => `${x(row.level)} ${y(share(row))}`).join("L")}`;
  let markup = `<path class="rule" d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}V${TOP}"/>`;
  for (const s of [0, 0.25, 0.5, 0.75, 1]) {
    markup += `<text x="${x(s)}" y="${BOTTOM + 20}" text-anchor="middle">${s}</text>`;
  }
  markup += `<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 42}" text-anchor="middle">level of augmentation</text>`;
  markup += `<text x="${LEFT - 6}" y="${BOTTOM}" text-anchor="end">0</text>`;
  markup += `<text x="${LEFT - 6}" y="${TOP + 12}" text-anchor="end">${Math.round(most)}</text>`;
  markup += `<text x="${RIGHT + 6}" y="${BOTTOM}">0 %</text><text x="${RIGHT + 6}" y="${TOP + 6}">100 %</text>`;
  markup += `<path class="distance" d="M${LEFT} 12h24"/><text x="${LEFT + 30}" y="17">Frechet distance (left)</text>`;
  markup += `<path class="obedience" d="M${LEFT + 208} 12h24"/><text x="${LEFT + 238}" y="17">obeyed (right)</text>`;
  markup += `<path class="distance" d="${line(({ distance }) => distance / most)}"/>`;
  markup += `<path class="obedience" d="${line(({ obedience }) => obedience)}"/>`;
  if (level !== undefined) markup += `<path class="now" d="M${x(level)} ${TOP}V${BOTTOM}"/>`;
  return markup;
}

// Where the blocks of a network stand on its map, and the curves between them.

const SMALLEST = 0.34; // of the unit: what is pressed must be found

/** @typedef {import("../lib/messages.js").MapBlock} MapBlock */

/**
 * The rows of the map, from fine to coarse: each with its blocks of the way down and of the way up.
 * The middle of the network is a row of its own, the last.
 *
 * @param {MapBlock[]} blocks In the order in which they compute.
 */
export function rowsOf(blocks) {
  const last = Math.max(0, ...blocks.map(({ level }) => level));
  /** @param {string} kind */
  const ends = (kind) => blocks.filter((b) => b.way === "" && b.side && b.kind === kind);
  const rows = [];
  for (let level = 0; level <= last; level++) {
    /** @param {string} way */
    const own = (way) => blocks.filter((b) => b.way === way && b.level === level);
    rows.push({
      level,
      down: [...(level ? [] : ends("in")), ...own("down")],
      up: [...own("up"), ...(level ? [] : [...ends("norm"), ...ends("out")])],
      middle: /** @type {MapBlock[]} */ ([]),
    });
  }
  const middle = blocks.filter((b) => b.way === "middle");
  if (middle.length) rows.push({ level: last, down: [], up: [], middle });
  return rows;
}

/**
 * A block's width as a share of the unit: its resolution as that of the finest, but never too small.
 *
 * @param {number} side
 * @param {number} finest
 */
export const shareOf = (side, finest) => Math.max(SMALLEST, side ? side / finest : 0.6);

/**
 * How many slabs stand behind a block, one for each doubling of the channels.
 *
 * @param {number} channels
 * @param {number} fewest Of all blocks with maps.
 */
export const slabsOf = (channels, fewest) =>
  Math.max(0, Math.min(6, Math.round(Math.log2(channels / fewest)) + 1));

/**
 * A curve from one block to another, across the map.
 *
 * @param {{ x: number, y: number }} from
 * @param {{ x: number, y: number }} to
 */
export function arc(from, to) {
  const bend = (to.x - from.x) / 3;
  const lift = 14;
  return `M${from.x} ${from.y} C${from.x + bend} ${from.y - lift} ${to.x - bend} ${to.y - lift} ${to.x} ${to.y}`;
}

/**
 * The outline of a histogram in a box of 100 × 40, the highest bin of both at its top.
 *
 * @param {number[]} shares
 * @param {number} highest
 */
export function outline(shares, highest) {
  const points = shares.map(
    (share, i) => `${((i + 0.5) * 100) / shares.length} ${(40 - (38 * share) / highest).toFixed(2)}`,
  );
  return `M${points.join("L")}`;
}

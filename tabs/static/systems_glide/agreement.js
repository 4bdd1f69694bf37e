// How well x_t of each walk agrees with the first caption: a curve a walk, and where the frame is.

/** @typedef {import("../lib/messages.js").GlideLane} Lane */

const [LEFT, RIGHT, TOP, BOTTOM] = [46, 430, 10, 76];
export const NAMES = ["first", "second"];

/**
 * The range of the axis: from the tenth below all values, at most 0, to the tenth above, at least 0.5.
 *
 * @param {number[]} values
 * @returns {[number, number]}
 */
export function range(values) {
  const low = Math.min(0, Math.floor(Math.min(...values) * 10) / 10);
  const high = Math.max(0.5, Math.ceil(Math.max(...values) * 10) / 10);
  return [low, high];
}

/**
 * The drawing, as markup of our own numbers; "" where no CLIP reads.
 *
 * @param {Pick<Lane, "agreement">[]} lanes
 * @param {number} k Of the frame.
 */
export function drawing(lanes, k) {
  const read = lanes.filter(({ agreement }) => agreement.length);
  if (!read.length) return "";
  const [low, high] = range(read.flatMap(({ agreement }) => agreement));
  const last = read[0].agreement.length - 1;
  /** @param {number} i */
  const x = (i) => (LEFT + (i / Math.max(1, last)) * (RIGHT - LEFT)).toFixed(1);
  /** @param {number} v */
  const y = (v) => (BOTTOM - ((v - low) / (high - low)) * (BOTTOM - TOP)).toFixed(1);
  let markup = "";
  for (const v of new Set([low, 0, high])) {
    markup += `<path class="rule" d="M${LEFT} ${y(v)}H${RIGHT}"/>`;
    markup += `<text x="${LEFT - 8}" y="${Number(y(v)) + 5}" text-anchor="end">${v.toFixed(1).replace("-", "\u2212")}</text>`;
  }
  markup += `<path class="now" d="M${x(k)} ${TOP}V${BOTTOM}"/>`;
  lanes.forEach(({ agreement }, i) => {
    if (!agreement.length) return;
    markup += `<path class="${NAMES[i]}" d="M${agreement.map((v, at) => `${x(at)} ${y(v)}`).join("L")}"/>`;
    markup += `<circle class="${NAMES[i]}" cx="${x(k)}" cy="${y(agreement[Math.min(k, last)])}" r="4.5"/>`;
  });
  markup += `<text x="${LEFT}" y="94">x<tspan dy="3" font-size="10">T</tspan></text><text x="${RIGHT}" y="94" text-anchor="end">the picture</text>`;
  return markup;
}

/**
 * The same in words.
 *
 * @param {Pick<Lane, "agreement">[]} lanes
 * @param {number} k Of the frame.
 */
export function says(lanes, k) {
  const at = lanes.map(({ agreement }) => agreement[Math.min(k, agreement.length - 1)]);
  const [own, other] = at.map((v) => v?.toFixed(2).replace("-", "\u2212"));
  if (own === undefined) return "";
  const beside = other === undefined ? "" : `, of the walk beside it (dashed) ${other}`;
  return `Agreement with the first caption, as the CLIP reads x\u209c: ${own}${beside}. 1 is the most.`;
}

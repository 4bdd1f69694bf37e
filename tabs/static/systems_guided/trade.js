// The measured trade of fidelity for variety: where points lie, and where one's own choice does.

/** @typedef {import("../lib/messages.js").GuidanceRowMessage} Row */

export const KINDS = ["classifier", "classifier-free", "both"];
/** The class of a kind in the drawing. @param {string} kind */
export const looksOf = (kind) => (kind === "classifier-free" ? "free" : kind);

/** @param {Row[]} rows @param {string} kind */
export function ofKind(rows, kind) {
  return rows.filter((row) => row.kind === kind).sort((a, b) => a.scale - b.scale);
}

/**
 * One's own choice between the measured scales, on a straight line from one to the next; null where
 * nothing was measured there.
 *
 * @param {Row[]} rows
 * @param {string} kind
 * @param {number} scale
 * @returns {Row | null}
 */
export function chosen(rows, kind, scale) {
  const known = ofKind(rows, kind);
  const after = known.findIndex((row) => row.scale >= scale);
  if (after < 0) return null;
  const [a, b] = [known[Math.max(0, after - 1)], known[after]];
  if (b.scale === scale || a === b) return b.scale === scale ? b : null;
  const share = (scale - a.scale) / (b.scale - a.scale);
  /** @param {"accuracy" | "distance" | "precision" | "recall"} name */
  const between = (name) => a[name] + share * (b[name] - a[name]);
  return {
    kind,
    scale,
    accuracy: between("accuracy"),
    distance: between("distance"),
    precision: between("precision"),
    recall: between("recall"),
  };
}

/**
 * The measured row that is nearest to a choice.
 *
 * @param {Row[]} rows
 * @param {string} kind
 * @param {number} scale
 */
export function nearest(rows, kind, scale) {
  const far = (/** @type {Row} */ row) => Math.abs(row.scale - scale);
  return ofKind(rows, kind).reduce(
    (/** @type {Row | null} */ best, row) => (!best || far(row) < far(best) ? row : best),
    null,
  );
}

/**
 * A range of an axis that holds all values, from tenth to tenth.
 *
 * @param {number[]} values
 * @returns {[number, number]}
 */
export function tenths(values) {
  const low = Math.max(0, Math.floor(Math.min(...values) * 10 - 0.2) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...values) * 10 + 0.2) / 10);
  return [low, Math.max(high, low + 0.1)];
}

const [LEFT, RIGHT, TOP, BOTTOM] = [56, 446, 16, 282];

/**
 * The drawing, as markup of our own numbers and words.
 *
 * @param {Row[]} rows
 * @param {Row | null} own
 */
export function drawing(rows, own) {
  const [x0, x1] = tenths(rows.map((row) => row.recall));
  const [y0, y1] = tenths(rows.map((row) => row.precision));
  /** @param {number} v */
  const x = (v) => LEFT + ((v - x0) / (x1 - x0)) * (RIGHT - LEFT);
  /** @param {number} v */
  const y = (v) => BOTTOM - ((v - y0) / (y1 - y0)) * (BOTTOM - TOP);
  const at = (/** @type {Row} */ row) => `${x(row.recall).toFixed(1)} ${y(row.precision).toFixed(1)}`;
  let d = "";
  for (let k = 0; k <= Math.round((x1 - x0) * 10); k++) {
    const v = x0 + k / 10;
    d += `<path class="rule" d="M${x(v)} ${TOP}V${BOTTOM}"/><text x="${x(v)}" y="${BOTTOM + 19}" text-anchor="middle">${v.toFixed(1)}</text>`;
  }
  for (let k = 0; k <= Math.round((y1 - y0) * 10); k++) {
    const v = y0 + k / 10;
    d += `<path class="rule" d="M${LEFT} ${y(v)}H${RIGHT}"/><text x="${LEFT - 8}" y="${y(v) + 5}" text-anchor="end">${v.toFixed(1)}</text>`;
  }
  d += `<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 42}" text-anchor="middle">recall: variety</text>`;
  d += `<text transform="translate(16 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">precision: fidelity</text>`;
  for (const kind of KINDS) {
    const known = ofKind(rows, kind);
    if (!known.length) continue;
    const looks = looksOf(kind);
    d += `<path class="line ${looks}" d="M${known.map(at).join("L")}"/>`;
    for (const row of known) {
      d += `<circle class="${looks}" cx="${x(row.recall)}" cy="${y(row.precision)}" r="3.4"/>`;
    }
    const end = known[known.length - 1];
    const room = x(end.recall) > RIGHT - 130 ? "end" : "start";
    const off = room === "end" ? -9 : 9;
    d += `<text class="${looks}" x="${x(end.recall) + off}" y="${y(end.precision) + 5 + 16 * (KINDS.indexOf(kind) - 1)}" text-anchor="${room}">${kind}, ${end.scale}</text>`;
  }
  if (own) d += `<circle class="own" cx="${x(own.recall)}" cy="${y(own.precision)}" r="8"/>`;
  return d;
}

// What is opened on the map of the network: as the server is told of it, and as the address has it.

/**
 * @typedef {object} Asked
 * @property {string} [block] Its name; without one nothing is opened.
 * @property {[number, number]} [pixel] Row and column as shares of height and width.
 * @property {string} [convolution] One of the block's by name.
 * @property {number} [channel] Of the convolution's output.
 * @property {number} [written] The channel of its input that is written out first.
 */

/** The address's names for it. */
const NAMES = /** @type {const} */ ({
  block: "block",
  pixel: "place",
  convolution: "conv",
  channel: "out",
  written: "in",
});

/**
 * The query with what is opened.
 *
 * @param {string} search The query as it is.
 * @param {Asked} asked
 */
export function askedQuery(search, asked) {
  const query = new URLSearchParams(search);
  query.set("tab", "inside");
  for (const name of Object.values(NAMES)) query.delete(name);
  if (!asked.block) return query;
  query.set(NAMES.block, asked.block);
  if (asked.pixel) query.set(NAMES.pixel, asked.pixel.map((share) => share.toFixed(4)).join(","));
  if (asked.convolution) query.set(NAMES.convolution, asked.convolution);
  for (const name of /** @type {const} */ (["channel", "written"])) {
    if (asked[name] !== undefined) query.set(NAMES[name], String(asked[name]));
  }
  return query;
}

/**
 * What a query says is opened; what is nonsense in it is left out.
 *
 * @param {string} search
 * @returns {Asked}
 */
export function askedOf(search) {
  const query = new URLSearchParams(search);
  const block = query.get(NAMES.block);
  if (!block) return {};
  /** @type {Asked} */
  const asked = { block };
  const shares = (query.get(NAMES.pixel) ?? "").split(",").map(Number);
  const [row, column] = shares;
  if (shares.length === 2 && shares.every((share) => share >= 0 && share <= 1)) asked.pixel = [row, column];
  const convolution = query.get(NAMES.convolution);
  if (convolution) asked.convolution = convolution;
  for (const name of /** @type {const} */ (["channel", "written"])) {
    const text = query.get(NAMES[name]) ?? "";
    if (/^\d{1,6}$/.test(text)) asked[name] = Number(text);
  }
  return asked;
}

/** @returns {string} JSON of an `Asked`; empty where nothing is opened. */
export function openedBlock() {
  const root = document.querySelector("#inside-map .net");
  return (root instanceof HTMLElement && root.dataset.asked) || "";
}

// The fields in words.

/** @typedef {import("../lib/messages.js").PointsFieldMessage} Message */

/**
 * How much of the exact field the network has, and what that says.
 *
 * @param {Pick<Message, "share" | "errors">} message
 */
export function fieldWords({ share, errors }) {
  const [exact, network] = errors;
  if (share === undefined || !network) {
    return "Press Train: what a network learns of this field then stands beside the exact one.";
  }
  const has = `The network has ${Math.round(100 * Math.max(0, share))} % of the exact field at this t.`;
  const better = network.new < exact.new;
  const gap = network.new > 1.15 * network.known + 0.005;
  const so = better
    ? "On new points it guesses better than the exact field, which knows its own points alone: it generalises."
    : "On new points it guesses no better than the exact field.";
  const memory = gap ? " It guesses better on the points it knows: a part is memorised." : "";
  return `${has} ${so}${memory}`;
}

/**
 * An arrow at each place of the grid: where it begins and by how much it leads away, both in the
 * plane. The longest of nearly all are as long as a cell.
 *
 * @param {ArrayLike<number>} eps eps_hat at each place, x and y by turns.
 * @param {number} side
 * @param {number} reach
 * @param {1 | -1} sign −1 is the score's direction.
 * @returns {[number, number, number, number][]}
 */
export function arrowsOf(eps, side, reach, sign) {
  const cell = (2 * reach) / side;
  const sizes = Array.from({ length: side * side }, (_, i) => Math.hypot(eps[2 * i], eps[2 * i + 1]));
  const most = [...sizes].sort((a, b) => a - b)[Math.floor(0.95 * (sizes.length - 1))] || 1;
  return sizes.map((size, i) => {
    const [row, column] = [Math.floor(i / side), i % side];
    const [x, y] = [(column + 0.5) * cell - reach, reach - (row + 0.5) * cell];
    const scale = (sign * 0.9 * cell * Math.min(1, size / most)) / (size || 1);
    return [x, y, eps[2 * i] * scale, eps[2 * i + 1] * scale];
  });
}

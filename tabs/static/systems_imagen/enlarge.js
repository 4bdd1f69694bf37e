// A picture enlarged by interpolation, as the second model is given the small one.

/**
 * Bilinear interpolation between the centres of pixels, as torch's without align_corners; beyond the outermost
 * centres their values go on.
 *
 * @param {ArrayLike<number>} levels Row by row, channels last.
 * @param {[number, number]} size Width and height.
 * @param {number} channels
 * @param {number} ratio How many times larger.
 */
export function enlarged(levels, [width, height], channels, ratio) {
  const [W, H] = [width * ratio, height * ratio];
  const out = new Uint8Array(W * H * channels);
  /** @param {number} i @param {number} count @returns {[number, number, number]} Two places, and the share of the second. */
  const between = (i, count) => {
    const at = Math.max(0, (i + 0.5) / ratio - 0.5);
    const low = Math.min(count - 1, Math.floor(at));
    return [low, Math.min(count - 1, low + 1), at - low];
  };
  const columns = Array.from({ length: W }, (_, x) => between(x, width));
  for (let y = 0, p = 0; y < H; y++) {
    const [top, bottom, down] = between(y, height);
    for (const [left, right, along] of columns) {
      for (let c = 0; c < channels; c++, p++) {
        /** @param {number} row @param {number} column */
        const level = (row, column) => levels[(row * width + column) * channels + c];
        const above = level(top, left) * (1 - along) + level(top, right) * along;
        const below = level(bottom, left) * (1 - along) + level(bottom, right) * along;
        out[p] = Math.round(above * (1 - down) + below * down);
      }
    }
  }
  return out;
}

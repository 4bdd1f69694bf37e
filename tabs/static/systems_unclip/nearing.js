// The walk of the prior: how far the estimates of its samples are from where they end.

/** @typedef {import("../lib/messages.js").PriorMessage} Prior */

const [LEFT, RIGHT, TOP, BOTTOM] = [40, 296, 30, 226];
export const VIEW_BOX = "0 0 300 268";

/**
 * The drawing; all of it is our own.
 *
 * @param {Prior} prior
 * @param {number} k The step that is seen; those after the last have it.
 */
export function drawing({ distances, taken }, k) {
  const steps = distances[0].length;
  const most = Math.max(0.1, ...distances.flat());
  /** @param {number} i */
  const x = (i) => LEFT + (steps > 1 ? i / (steps - 1) : 1) * (RIGHT - LEFT);
  /** @param {number} value */
  const y = (value) => BOTTOM - (value / most) * (BOTTOM - TOP);
  /** @param {number[]} row */
  const line = (row) => `M${row.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
  const at = Math.max(0, Math.min(steps - 1, k));
  let markup = `<path class="rule" d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}"/>`;
  markup += `<text x="0" y="16">distance to the end</text>`;
  markup += `<text x="${LEFT - 6}" y="${BOTTOM}" text-anchor="end">0</text>`;
  markup += `<text x="${LEFT - 6}" y="${TOP + 10}" text-anchor="end">${most.toFixed(1)}</text>`;
  markup += `<text x="${LEFT}" y="${BOTTOM + 20}">noise</text>`;
  markup += `<text x="${RIGHT - 4}" y="${BOTTOM + 20}" text-anchor="end">zᵢ</text>`;
  markup += `<path class="taken" d="M${LEFT} ${BOTTOM + 36}h20"/><text x="${LEFT + 26}" y="${BOTTOM + 41}">taken</text>`;
  markup += `<path class="other" d="M${LEFT + 100} ${BOTTOM + 36}h20"/><text x="${LEFT + 126}" y="${BOTTOM + 41}">the other</text>`;
  distances.forEach((row, i) => {
    if (i !== taken) markup += `<path class="other" d="${line(row)}"/>`;
  });
  markup += `<path class="taken" d="${line(distances[taken])}"/>`;
  markup += `<path class="now" d="M${x(at).toFixed(1)} ${TOP}V${BOTTOM}"/>`;
  markup += `<circle cx="${x(at).toFixed(1)}" cy="${y(distances[taken][at]).toFixed(1)}" r="5"/>`;
  return markup;
}

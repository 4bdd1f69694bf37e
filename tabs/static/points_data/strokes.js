// Points along strokes: what a mouse or a finger draws on the plane.

export const MOST = 10_000; // points in all
const APART = 0.012; // units of the plane between two points of a stroke
const EDGE = 0.98; // a stroke is held within this square

/** One stroke: x and y by turns. @typedef {number[]} Stroke */

/** @param {number} v */
const held = (v) => Math.max(-EDGE, Math.min(EDGE, v));

/**
 * Go on with a stroke to a place, with points at even distances.
 *
 * @param {Stroke} stroke Changed.
 * @param {[number, number]} to
 * @param {number} room How many points it may still get.
 */
export function goOn(stroke, [toX, toY], room) {
  const [x, y] = [held(toX), held(toY)];
  if (!stroke.length) {
    if (room > 0) stroke.push(x, y);
    return;
  }
  const [fromX, fromY] = stroke.slice(-2);
  const far = Math.hypot(x - fromX, y - fromY);
  const count = Math.min(room, Math.floor(far / APART));
  for (let i = 1; i <= count; i++) {
    const share = (i * APART) / far;
    stroke.push(fromX + share * (x - fromX), fromY + share * (y - fromY));
  }
}

/**
 * How many points strokes have.
 *
 * @param {Stroke[]} strokes
 */
export const counted = (strokes) => strokes.reduce((sum, stroke) => sum + stroke.length / 2, 0);

// A cloud of points in space, as a camera that can be turned sees it.

import { blend, coloursOf, css, mixture } from "../points/plane.js";

/** @typedef {import("../points/plane.js").Rgb} Rgb */
/** Radians around the vertical, and up. @typedef {{ azimuth: number, elevation: number }} Camera */

const DISTANCE = 5; // of the camera from the middle, where half of a shape's longest edge is 1
const DEPTHS = 10; // shades and sizes of points, from far to near
const SIGNALS = 16; // colours between noise and data
const STEEPEST = 1.45; // radians: a camera above all would turn about itself

/**
 * The camera after a turn; it never goes over the top.
 *
 * @param {Camera} camera
 * @param {number} across In radians.
 * @param {number} up
 * @returns {Camera}
 */
export const turnedBy = ({ azimuth, elevation }, across, up) => ({
  azimuth: (azimuth + across) % (2 * Math.PI),
  elevation: Math.max(-STEEPEST, Math.min(STEEPEST, elevation + up)),
});

/**
 * Points as the camera has them: x to the right, y up, z towards it, nearer ones larger.
 *
 * @param {ArrayLike<number>} points x, y and z by turns.
 * @param {Camera} camera
 * @param {Float32Array} [into]
 */
export function projected(points, { azimuth, elevation }, into = new Float32Array(points.length)) {
  const [ca, sa, ce, se] = [Math.cos(azimuth), Math.sin(azimuth), Math.cos(elevation), Math.sin(elevation)];
  for (let i = 0; i + 2 < points.length; i += 3) {
    const x = points[i] * ca - points[i + 2] * sa;
    const deep = points[i] * sa + points[i + 2] * ca;
    const y = points[i + 1] * ce - deep * se;
    const z = points[i + 1] * se + deep * ce;
    const near = DISTANCE / Math.max(1, DISTANCE - z);
    into[i] = x * near;
    into[i + 1] = y * near;
    into[i + 2] = z;
  }
  return into;
}

/**
 * The order in which points are drawn: from far to near.
 *
 * @param {Float32Array} seen As of `projected`.
 * @param {number} count
 */
export function farToNear(seen, count) {
  const order = new Uint16Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  return order.sort((a, b) => seen[3 * a + 2] - seen[3 * b + 2]);
}

/** Which of the shades a depth has. @param {number} z @param {number} reach */
export const shadeOf = (z, reach) =>
  Math.max(0, Math.min(DEPTHS - 1, Math.floor(((z + reach) / (2 * reach)) * DEPTHS)));

/** @type {Map<string, HTMLCanvasElement>} Balls of each colour and size, drawn once. */
const BALLS = new Map();

/** @param {Rgb} colour @param {number} radius In pixels of the canvas. */
function ball(colour, radius) {
  const name = `${colour} ${radius.toFixed(1)}`;
  const known = BALLS.get(name);
  if (known) return known;
  if (BALLS.size > 800) BALLS.clear();
  const made = document.createElement("canvas");
  const side = Math.ceil(2 * radius) + 2;
  made.width = made.height = side;
  const context = made.getContext("2d");
  if (context) {
    const light = context.createRadialGradient(
      side / 2 - radius / 3, side / 2 - radius / 3, radius / 6, side / 2, side / 2, radius,
    );
    light.addColorStop(0, css(blend(colour, [255, 255, 255], 0.35)));
    light.addColorStop(0.55, css(colour));
    light.addColorStop(1, css(blend(colour, [0, 0, 0], 0.25)));
    context.fillStyle = light;
    context.beginPath();
    context.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
    context.fill();
  }
  BALLS.set(name, made);
  return made;
}

/** A canvas with a cloud. */
export class Scene {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.seen = new Float32Array();
  }

  /**
   * Draw a cloud.
   *
   * @param {Float32Array} points x, y and z by turns.
   * @param {Camera} camera
   * @param {number} signal The signal's share of the variance.
   * @param {number} known How many of the first points are fixed.
   */
  draw(points, camera, signal, known) {
    const { canvas, context } = this;
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    const side = Math.round((canvas.clientWidth || 300) * ratio);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    context.clearRect(0, 0, side, side);
    const count = points.length / 3;
    if (!count) return;
    if (this.seen.length !== points.length) this.seen = new Float32Array(points.length);
    const seen = projected(points, camera, this.seen);
    // Noise reaches further than data: the camera goes back for it.
    const reach = 1.45 + 1.1 * (1 - signal);
    const scale = side / 2 / reach;
    const colours = coloursOf(canvas);
    const far = groundOf(canvas);
    const size = Math.max(1.5, Math.min(4, (side / ratio) * 0.0085)) * ratio;
    const mixed = mixture(colours, Math.round(signal * SIGNALS) / SIGNALS);
    const balls = [mixed, colours.text].map((colour) =>
      Array.from({ length: DEPTHS }, (_, k) => {
        const near = (k + 0.5) / DEPTHS;
        return ball(blend(far, colour, 0.3 + 0.7 * near), size * (0.65 + 0.55 * near));
      }),
    );
    for (const i of farToNear(seen, count)) {
      const drawn = balls[i < known ? 1 : 0][shadeOf(seen[3 * i + 2], reach)];
      const half = drawn.width / 2;
      context.drawImage(
        drawn, side / 2 + seen[3 * i] * scale - half, side / 2 - seen[3 * i + 1] * scale - half,
      );
    }
  }
}

/** The colour behind a canvas. @param {Element} element @returns {Rgb} */
function groundOf(element) {
  const [r = 255, g = 255, b = 255] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b];
}

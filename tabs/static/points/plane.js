// The plane: a canvas on which points, paths and arrows are drawn, in the page's own colours.

/** Half the side of what is seen: noise has a deviation of 1, data lie between −1 and 1. */
export const REACH = 2.1;

/** The page's colours that points have. @typedef {{ x0: Rgb, eps: Rgb, x_t: Rgb, quiet: Rgb, hairline: Rgb, text: Rgb }} Colours */
/** Red, green, blue, 0 … 255. @typedef {[number, number, number]} Rgb */

/**
 * A colour of a stylesheet, as #rgb, #rrggbb or rgb(…).
 *
 * @param {string} text
 * @returns {Rgb}
 */
export function rgb(text) {
  const hex = text.trim().match(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i)?.[1];
  if (hex) {
    const wide = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return [parseInt(wide.slice(0, 2), 16), parseInt(wide.slice(2, 4), 16), parseInt(wide.slice(4), 16)];
  }
  const [r = 128, g = 128, b = 128] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b];
}

/** @param {Rgb} colour @param {number} [opacity] */
export const css = ([r, g, b], opacity = 1) => `rgba(${r}, ${g}, ${b}, ${opacity})`;

/**
 * Between two colours.
 *
 * @param {Rgb} from
 * @param {Rgb} to
 * @param {number} share 0 … 1
 * @returns {Rgb}
 */
export function blend(from, to, share) {
  /** @param {0 | 1 | 2} k */
  const mixed = (k) => Math.round(from[k] + (to[k] - from[k]) * share);
  return [mixed(0), mixed(1), mixed(2)];
}

/**
 * The colour of a mixture: noise is amber, data teal, and what is half of each violet.
 *
 * @param {Pick<Colours, "eps" | "x_t" | "x0">} colours
 * @param {number} signal The signal's share of the variance, 0 … 1.
 */
export function mixture({ eps, x_t, x0 }, signal) {
  const share = Math.max(0, Math.min(1, signal));
  return share < 0.5 ? blend(eps, x_t, 2 * share) : blend(x_t, x0, 2 * share - 1);
}

/**
 * The page's colours as they now are.
 *
 * @param {Element} element
 * @returns {Colours}
 */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  /** @param {string} name */
  const token = (name) => rgb(style.getPropertyValue(name));
  return {
    x0: token("--c-x0"),
    eps: token("--c-eps"),
    x_t: token("--c-x-t"),
    quiet: token("--quiet"),
    hairline: token("--hairline"),
    text: token("--body-text-color"),
  };
}

/** @type {Map<string, HTMLCanvasElement>} A dot of each colour and size, drawn once. */
const DOTS = new Map();

/** @param {Rgb} colour @param {number} radius In pixels of the canvas. */
function dot(colour, radius) {
  const name = `${colour} ${radius.toFixed(1)}`;
  const known = DOTS.get(name);
  if (known) return known;
  if (DOTS.size > 256) DOTS.clear();
  const made = document.createElement("canvas");
  const side = Math.ceil(2 * radius) + 2;
  made.width = made.height = side;
  const context = made.getContext("2d");
  if (context) {
    context.fillStyle = css(colour);
    context.beginPath();
    context.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
    context.fill();
  }
  DOTS.set(name, made);
  return made;
}

/** How large dots are, in pixels of the page: smaller where there are many. @param {number} count */
export const radiusFor = (count) => Math.max(1.3, Math.min(3.2, 48 / Math.sqrt(Math.max(1, count))));

export class Plane {
  reach = REACH;
  side = 400; // of the canvas, in its own pixels
  ratio = 1; // of its pixels to the page's

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.colours = coloursOf(canvas);
  }

  /** Empty it, as large as it is seen. @returns {CanvasRenderingContext2D} */
  clear() {
    const seen = this.canvas.clientWidth || 400;
    this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    this.side = Math.round(seen * this.ratio);
    if (this.canvas.width !== this.side) this.canvas.width = this.canvas.height = this.side;
    this.colours = coloursOf(this.canvas);
    this.context.clearRect(0, 0, this.side, this.side);
    return this.context;
  }

  /** @param {number} x */
  x(x) {
    return ((x + this.reach) / (2 * this.reach)) * this.side;
  }

  /** @param {number} y */
  y(y) {
    return ((this.reach - y) / (2 * this.reach)) * this.side;
  }

  /**
   * The place in the plane of a pointer.
   *
   * @param {{ clientX: number, clientY: number }} event
   * @returns {[number, number]}
   */
  at({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    return [(2 * x - 1) * this.reach, (1 - 2 * y) * this.reach];
  }

  /** Two quiet lines through 0. */
  axes() {
    const { context, side } = this;
    context.strokeStyle = css(this.colours.hairline);
    context.lineWidth = this.ratio;
    context.beginPath();
    context.moveTo(this.x(0), 0);
    context.lineTo(this.x(0), side);
    context.moveTo(0, this.y(0));
    context.lineTo(side, this.y(0));
    context.stroke();
  }

  /**
   * Dots at points.
   *
   * @param {ArrayLike<number>} points x and y by turns.
   * @param {Rgb} colour
   * @param {{ opacity?: number, radius?: number }} [looks] radius: in pixels of the page.
   */
  dots(points, colour, { opacity = 1, radius = radiusFor(points.length / 2) } = {}) {
    const { context } = this;
    const drawn = dot(colour, radius * this.ratio);
    const half = drawn.width / 2;
    context.globalAlpha = opacity;
    for (let i = 0; i < points.length; i += 2) {
      context.drawImage(drawn, this.x(points[i]) - half, this.y(points[i + 1]) - half);
    }
    context.globalAlpha = 1;
  }
}

/**
 * Draw anew whenever a canvas has another size, or the page other colours.
 *
 * @param {Element} element
 * @param {() => void} draw
 */
export function drawnAnew(element, draw) {
  new ResizeObserver(draw).observe(element);
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] });
}

// The view "Families" of the Points tab: five families that learn the same points, seen at once.

import { bytes } from "../lib/bytes.js";
import { find, make } from "../lib/dom.js";
import { thousands } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { oncePerFrame } from "../lib/playback.js";
import { unpackPoints } from "../points/packed.js";
import { Plane, css, drawnAnew, mixture } from "../points/plane.js";
import "./clicks.js"; // here before the first click
import { fillClaims, line } from "./tables.js";
import { COLUMNS, pictureWords, progressWords, short } from "./words.js";

const REACH = 1.3;
const LATENT_REACH = 3.2;

/** @typedef {import("../lib/messages.js").PointsFamily} Family */
/** @typedef {{ box: HTMLElement, samples: Plane, picture: Plane, latent: Plane | null, says: HTMLElement, shows: HTMLElement }} Card */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".points-families", HTMLElement);
  const cards = find(root, ".cards", HTMLElement);
  const measured = find(root, ".measured", HTMLElement);
  /** @type {Map<string, Card>} */
  const made = new Map();
  /** @type {import("../lib/messages.js").PointsFamiliesMessage | null} */
  let shown = null;

  /** @param {string} label */
  function plane(label) {
    const figure = make("figure", { className: "plane" });
    const canvas = make("canvas");
    canvas.width = canvas.height = 200;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    figure.append(canvas);
    const seen = new Plane(canvas);
    seen.reach = REACH;
    return { figure, seen };
  }

  /** @param {Family} family @returns {Card} */
  function card({ key, title }) {
    const known = made.get(key);
    if (known) return known;
    const box = make("article", { className: `card${key === "vae" ? " three" : ""}` });
    const samples = plane(`x0_hat, samples of ${title}`);
    samples.figure.classList.add("x0_hat");
    const picture = plane(`inside of ${title}`);
    const pair = make("div", { className: "pair" });
    pair.append(samples.figure, picture.figure);
    const latent = key === "vae" ? plane("latent plane of the VAE") : null;
    if (latent) {
      latent.seen.reach = LATENT_REACH;
      pair.append(latent.figure);
    }
    const says = make("p");
    const shows = make("p");
    box.append(make("h3", { words: title }), pair, says, shows);
    cards.append(box);
    const whole = { box, samples: samples.seen, picture: picture.seen, latent: latent?.seen ?? null, says, shows };
    made.set(key, whole);
    return whole;
  }

  const later = oncePerFrame(draw);

  function draw() {
    if (!shown) return;
    const data = unpackPoints(shown.data);
    for (const family of shown.families) {
      const seen = card(family);
      drawSamples(seen.samples, data, unpackPoints(family.samples));
      drawPicture(seen.picture, family, data);
      if (seen.latent) drawLatent(seen.latent, family);
    }
  }

  drawnAnew(cards, later);

  return (value) => {
    /** @type {import("../lib/messages.js").PointsFamiliesMessage | null} */
    const message = parse(value);
    if (!message?.data) return;
    shown = message;
    root.dataset.state = message.state;
    if (message.run) root.dataset.run = message.run;
    find(root, ".progress", HTMLElement).textContent = progressWords(message);
    if (!message.families.length) {
      cards.replaceChildren();
      made.clear();
    }
    for (const family of message.families) {
      const { says, shows } = card(family);
      const distance = make("b", { words: short(family.ratio) });
      says.replaceChildren("Distance ", distance, ` × data · ${thousands(family.steps)} steps`);
      shows.textContent = pictureWords(family, message.collapse);
    }
    measured.hidden = !message.rows.length;
    if (message.rows.length) fillTables(root, message);
    draw();
  };
}

/**
 * @param {Plane} plane
 * @param {Float32Array} data
 * @param {Float32Array} samples
 */
function drawSamples(plane, data, samples) {
  plane.clear();
  plane.dots(data, plane.colours.quiet, { opacity: 0.35, radius: 1.6 });
  plane.dots(samples, plane.colours.x0, { opacity: 0.85, radius: 1.6 });
}

/**
 * @param {Plane} plane
 * @param {Family} family
 * @param {Float32Array} data
 */
function drawPicture(plane, { picture }, data) {
  const context = plane.clear();
  const { colours, ratio } = plane;
  if (picture.field) drawField(plane, bytes(picture.field));
  if (picture.told || picture.starts) plane.dots(data, colours.quiet, { opacity: 0.4, radius: 1.6 });
  if (picture.lines) {
    const lines = unpackPoints(picture.lines);
    const [count, dots] = picture.lines.shape;
    context.lineWidth = ratio;
    context.strokeStyle = css(colours.x_t, 0.75);
    for (let line = 0; line < count; line++) {
      context.beginPath();
      for (let k = 0; k < dots; k++) {
        const at = 2 * (line * dots + k);
        context.lineTo(plane.x(lines[at]), plane.y(lines[at + 1]));
      }
      context.stroke();
    }
  }
  if (picture.starts && picture.ends) {
    const [starts, ends] = [unpackPoints(picture.starts), unpackPoints(picture.ends)];
    context.lineWidth = ratio;
    context.strokeStyle = css(colours.x_t, 0.5);
    context.beginPath();
    for (let i = 0; i < starts.length; i += 2) {
      context.moveTo(plane.x(starts[i]), plane.y(starts[i + 1]));
      context.lineTo(plane.x(ends[i]), plane.y(ends[i + 1]));
    }
    context.stroke();
    plane.dots(ends, colours.x0, { radius: 1.6 });
  }
}

/**
 * A field of cells, in the colour of data, the stronger the larger.
 *
 * @param {Plane} plane
 * @param {Uint8Array} cells Rows from the top.
 */
function drawField(plane, cells) {
  const count = Math.round(Math.sqrt(cells.length));
  const small = make("canvas");
  small.width = small.height = count;
  const context = small.getContext("2d");
  if (!context) return;
  const image = context.createImageData(count, count);
  const [red, green, blue] = plane.colours.x0;
  cells.forEach((level, i) => image.data.set([red, green, blue, 0.9 * level], 4 * i));
  context.putImageData(image, 0, 0);
  plane.context.imageSmoothingEnabled = true;
  plane.context.drawImage(small, 0, 0, plane.side, plane.side);
}

/**
 * Where data lie in the latent plane, coloured by where they lie in their own.
 *
 * @param {Plane} plane
 * @param {Family} family
 */
function drawLatent(plane, { picture }) {
  plane.clear();
  plane.axes();
  if (!picture.latent || !picture.told) return;
  const [latent, told] = [unpackPoints(picture.latent), unpackPoints(picture.told)];
  for (let i = 0; i < latent.length; i += 2) {
    const share = (Math.atan2(told[i + 1], told[i]) / Math.PI + 1) / 2;
    plane.dots(latent.subarray(i, i + 2), mixture(plane.colours, share), { radius: 1.8 });
  }
}

/**
 * @param {HTMLElement} root
 * @param {import("../lib/messages.js").PointsFamiliesMessage} message
 */
function fillTables(root, { rows, claims }) {
  const table = find(root, "table.rows", HTMLElement);
  table.replaceChildren(
    line(COLUMNS.map(([heading]) => heading), "th"),
    ...rows.map((row) => line(COLUMNS.map(([, cell]) => cell(row)))),
  );
  fillClaims(find(root, "table.claims", HTMLElement), claims);
}

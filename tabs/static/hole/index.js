// Painting a hole into a picture, at the model's own pixels.

import { base64, bytes } from "../lib/bytes.js";
import { find, findAll, make } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { dab, hatched, openPixels, shape } from "./mask.js";

const TONE = 4; // CSS pixels of the coloured edge on top of the canvas

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { props, trigger }) {
  const root = find(element, ".hole", HTMLElement);
  const canvas = find(root, "canvas", HTMLCanvasElement);
  const brush = find(root, "input", HTMLInputElement);
  /** @type {import("../lib/messages.js").HoleMessage | null} */
  let data = null;
  let px = new Uint8Array();
  /** @type {Uint8Array} */
  let mask = new Uint8Array();
  let erasing = false;
  let painting = false;

  function draw() {
    if (!data) return;
    const { width, height, channels } = data;
    paintLevels(canvas, width, height, channels, (p) => hatched(p, px, mask, width, channels));
    root.dataset.open = String(openPixels(mask));
  }

  function send() {
    if (!data) return;
    data.mask = base64(mask);
    props.value = JSON.stringify(data);
    trigger("input");
  }

  /** @param {string} value */
  function receive(value) {
    /** @type {import("../lib/messages.js").HoleMessage | null} */
    const message = parse(value);
    if (!message?.px) return;
    if (data && message.px === data.px) {
      if (message.mask && message.mask !== data.mask) {
        // A run card's hole.
        data = message;
        mask = bytes(message.mask);
        draw();
      } else if (data.mask && !message.mask) send(); // the server knows nothing of what is painted
      return;
    }
    if (message.shapes) offer(message.shapes);
    const same = data && data.width === message.width && data.height === message.height;
    data = message;
    px = bytes(message.px);
    if (message.mask) mask = bytes(message.mask);
    else if (!same) mask = new Uint8Array(data.width * data.height);
    draw();
    if (same) send(); // what is painted stays with the next picture
  }

  /** @param {PointerEvent} event */
  function paint(event) {
    if (!data) return;
    const box = canvas.getBoundingClientRect();
    const { width, height } = data;
    const cx = ((event.clientX - box.left) / box.width) * width;
    const cy = ((event.clientY - box.top - TONE) / (box.height - TONE)) * height;
    dab(mask, width, [cx, cy], Number(brush.value), erasing ? 0 : 1);
    draw();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!data) return;
    erasing = event.button === 2 || event.shiftKey;
    painting = true;
    canvas.setPointerCapture(event.pointerId);
    paint(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (painting) paint(event);
  });
  const release = () => {
    if (!painting) return;
    painting = false;
    send();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  /** @param {HTMLElement} button @param {(w: number, h: number) => Uint8Array} made */
  function opens(button, made) {
    button.addEventListener("click", () => {
      if (!data) return;
      mask = made(data.width, data.height);
      draw();
      send();
    });
  }

  /** Shapes of what the picture shows, in place of the painter's own. @param {import("../lib/messages.js").HoleShape[]} shapes */
  function offer(shapes) {
    for (const own of findAll(root, "[data-shape]:not([data-shape=none])", HTMLElement)) own.remove();
    const group = find(root, ".shapes", HTMLElement);
    const offered = shapes.map(({ name, mask: open }) => {
      const button = make("button", { words: name });
      Object.assign(button, { type: "button" });
      button.dataset.shape = name;
      opens(button, () => bytes(open));
      return button;
    });
    group.prepend(...offered);
  }

  for (const button of findAll(root, "[data-shape]", HTMLElement)) {
    opens(button, (w, h) => shape(button.dataset.shape ?? "none", w, h));
  }
  return receive;
}

// A schedule drawn by hand: its points are dragged or moved by arrow keys.

import { find } from "../lib/dom.js";
import "./clicks.js"; // here before the first click
import { LIMIT, curve, held, moveOf, pointed, xOf, yOf } from "./points.js";

const TELL_MS = 250; // the server is told at most four times a second, and always of the last

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { props, trigger }) {
  const root = find(element, ".draw", HTMLElement);
  const svg = find(root, "svg", SVGSVGElement);
  /** @type {number[]} */
  let points = JSON.parse(props.value);
  let dragged = -1;
  let pending = false;

  const handles = points.map((_, i) => {
    const handle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    const attributes = {
      class: "handle",
      r: "8",
      tabindex: "0",
      role: "slider",
      "aria-valuemin": String(-LIMIT),
      "aria-valuemax": String(LIMIT),
      "aria-label": `Point ${i + 1} of ${points.length}: log-SNR`,
      "aria-orientation": "vertical",
    };
    for (const [key, value] of Object.entries(attributes)) handle.setAttribute(key, value);
    handle.addEventListener("keydown", (event) => {
      const move = moveOf(event.key);
      if (!move) return;
      event.preventDefault();
      put(i, points[i] + move);
    });
    find(root, ".handles", SVGElement).append(handle);
    return handle;
  });

  function draw() {
    find(root, ".curve", SVGElement).setAttribute("d", curve(points));
    handles.forEach((handle, i) => {
      handle.setAttribute("cx", String(xOf(i, points.length)));
      handle.setAttribute("cy", String(yOf(points[i])));
      handle.setAttribute("aria-valuenow", String(points[i]));
    });
    root.dataset.points = JSON.stringify(points);
  }

  /**
   * @param {number} i
   * @param {number} value
   */
  function put(i, value) {
    const next = held(points, i, value);
    if (next === points[i]) return;
    points[i] = next;
    draw();
    if (pending) return;
    pending = true;
    setTimeout(() => {
      pending = false;
      props.value = JSON.stringify(points);
      trigger("input");
    }, TELL_MS);
  }

  /** @param {PointerEvent} event */
  function place(event) {
    const box = svg.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    return pointed(across, (event.clientY - box.top) / box.height, points.length);
  }

  svg.addEventListener("pointerdown", (event) => {
    const { i, value } = place(event);
    dragged = i;
    svg.setPointerCapture(event.pointerId);
    handles[dragged].focus();
    event.preventDefault();
    put(dragged, value);
  });
  svg.addEventListener("pointermove", (event) => {
    if (dragged >= 0) put(dragged, place(event).value);
  });
  const release = () => {
    dragged = -1;
  };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);

  // The sliders beside it say the same in numbers.
  root.addEventListener("draw:set", (event) => {
    if (dragged >= 0 || pending) return;
    points = /** @type {CustomEvent<unknown[]>} */ (event).detail.map(Number);
    draw();
  });
  draw();
}

// A schedule drawn by hand: its points lie on the plot of the schedules, where they are dragged or
// moved by arrow keys.

import { line } from "../lib/curves.js";
import { find } from "../lib/dom.js";
import { fixed } from "../lib/format.js";
import { watchPlot } from "../lib/plots.js";
import "./clicks.js"; // here before the first click
import { LIMIT, QUANTITIES, between, falling, held, moveOf } from "./points.js";

const TELL_MS = 250; // the server is told at most four times a second, and always of the last
const SVG = "http://www.w3.org/2000/svg";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { props, trigger }) {
  const root = find(element, ".draw", HTMLElement);
  const svg = find(root, "svg", SVGSVGElement);
  /** @type {number[]} */
  let points = falling(JSON.parse(props.value));
  let dragged = -1;
  let pending = false;
  /** @type {PlotlyElement | null} */
  let plot = null;

  const handles = points.map((_, i) => {
    /** @param {string} name @param {Record<string, string>} attributes */
    const circle = (name, attributes) => {
      const made = document.createElementNS(SVG, "circle");
      made.setAttribute("class", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      find(root, ".handles", SVGElement).append(made);
      return made;
    };
    const reach = circle("reach", { r: "22" });
    const handle = circle("handle", {
      r: "9",
      tabindex: "0",
      role: "slider",
      "aria-valuemin": String(-LIMIT),
      "aria-valuemax": String(LIMIT),
      "aria-label": `Point ${i + 1} of ${points.length}: log-SNR`,
      "aria-orientation": "vertical",
    });
    handle.addEventListener("keydown", (event) => {
      const move = moveOf(event.key);
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      put(i, points[i] + move);
    });
    reach.addEventListener("pointerdown", (event) => {
      dragged = i;
      reach.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    reach.addEventListener("pointermove", (event) => {
      const value = dragged === i ? valueAt(event.clientY) : null;
      if (value !== null) put(i, value);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      reach.addEventListener(end, () => {
        dragged = -1;
      });
    }
    return { handle, reach };
  });

  /** The quantity that is plotted, and the axes; null where the points cannot be shown on it. */
  function shown() {
    const { xaxis, yaxis, _size: area } = plot?._fullLayout ?? {};
    const meta = plot?.layout?.meta;
    const quantity = QUANTITIES[meta?.kind ?? ""];
    if (!plot || !meta?.drawn || !quantity || !xaxis?.d2p || !yaxis?.d2p || !area) return null;
    return { quantity, x: xaxis.d2p, y: yaxis, area, last: (meta.T ?? 1) - 1 };
  }

  /** @param {number} clientY */
  function valueAt(clientY) {
    const on = shown();
    if (!plot || !on?.y.p2d) return null;
    return on.quantity.back(on.y.p2d(clientY - plot.getBoundingClientRect().top - on.area.t));
  }

  function draw() {
    const on = shown();
    root.hidden = !on;
    root.dataset.points = JSON.stringify(points);
    if (!on || !plot?.isConnected) return;
    const home = root.getBoundingClientRect();
    const box = plot.getBoundingClientRect();
    svg.style.left = `${box.left + on.area.l - home.left}px`;
    svg.style.top = `${box.top + on.area.t - home.top}px`;
    svg.style.width = `${on.area.w}px`;
    svg.style.height = `${on.area.h}px`;
    /** @param {number} logSnr */
    const height = (logSnr) => {
      const at = on.y.d2p?.(on.quantity.of(logSnr)) ?? 0;
      return Math.max(0, Math.min(on.area.h, at));
    };
    /** @param {[number, number]} place @returns {[number, number]} */
    const place = ([share, logSnr]) => [on.x(share * on.last), height(logSnr)];
    find(root, ".curve", SVGElement).setAttribute("d", line(between(points).map(place)));
    handles.forEach(({ handle, reach }, i) => {
      const [x, y] = place([i / (points.length - 1), points[i]]);
      for (const circle of [handle, reach]) {
        circle.setAttribute("cx", x.toFixed(1));
        circle.setAttribute("cy", y.toFixed(1));
      }
      handle.setAttribute("aria-valuenow", String(points[i]));
      const ab = QUANTITIES.alpha_bar.of(points[i]);
      handle.setAttribute("aria-valuetext", `${fixed(points[i], 1)}, ᾱ = ${fixed(ab, 3)}`);
    });
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

  // The sliders beside it say the same in numbers.
  root.addEventListener("draw:set", (event) => {
    if (dragged >= 0 || pending) return;
    points = falling(/** @type {CustomEvent<unknown[]>} */ (event).detail.map(Number));
    draw();
  });
  watchPlot(element.closest(".stage") ?? document.body, "#schedule-plot", {
    drawn: (figure) => {
      plot = figure;
      draw();
    },
  });
  draw();
}

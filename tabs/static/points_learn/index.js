// The view "Learn" of the Points tab: samples of a network in training, over the data.

import { find } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { oncePerFrame } from "../lib/playback.js";
import "../points/clicks.js"; // here before the first click
import { unpackPoints } from "../points/packed.js";
import { Plane, drawnAnew } from "../points/plane.js";
import { inWords, lossChart, nearChart } from "./drawing.js";

const SEEN = 1.5; // half the side of the plane: data and samples, no noise

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".points-learn", HTMLElement);
  const canvas = find(root, "canvas", HTMLCanvasElement);
  const plane = new Plane(canvas);
  plane.reach = SEEN;
  let data = new Float32Array();
  let particles = new Float32Array();

  const later = oncePerFrame(() => {
    plane.clear();
    plane.axes();
    plane.dots(data, plane.colours.x0, { opacity: 0.3, radius: 1.8 });
    plane.dots(particles, plane.colours.x_t, { opacity: 0.85, radius: 2.2 });
  });
  drawnAnew(canvas, later);

  return (value) => {
    /** @type {import("../lib/messages.js").PointsLearnMessage | null} */
    const message = parse(value);
    if (!message?.data) return;
    const waits = root.dataset.state === "waiting" && message.run !== root.dataset.run;
    if (waits) return; // of a training that has been replaced
    data = unpackPoints(message.data);
    particles = unpackPoints(message.particles);
    Object.assign(root.dataset, {
      run: message.run,
      state: message.state,
      step: String(message.step),
      ratio: String(message.ratios[message.ratios.length - 1]?.[1] ?? ""),
    });
    find(root, ".caption", HTMLElement).textContent = message.words;
    find(root, ".says", HTMLElement).textContent = inWords(message);
    find(root, "figcaption .bound", HTMLElement).textContent = String(message.bound);
    find(root, "progress", HTMLProgressElement).value = message.step / message.of;
    find(root, ".near svg", SVGElement).innerHTML = nearChart(message);
    find(root, ".loss svg", SVGElement).innerHTML = lossChart(message.losses);
    later();
  };
}

// The view "Paths" of the Points tab: bent and straight paths side by side.

import { find, findAll } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import "../points/clicks.js"; // here before the first click
import { drawParticles, drawPaths, filmOf } from "../points/film.js";
import { unpackPoints } from "../points/packed.js";
import { Plane, drawnAnew } from "../points/plane.js";
import { transport } from "../points/transport.js";
import { pathsWords, qualityChart } from "./drawing.js";

const PATHS = 60; // that are drawn whole

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".points-paths", HTMLElement);
  const planes = findAll(root, "canvas", HTMLCanvasElement).map((canvas) => new Plane(canvas));
  const captions = findAll(root, ".plane figcaption", HTMLElement);
  /** @type {import("../points/film.js").Film[]} */
  let films = [];
  let data = new Float32Array();

  /** @param {number} at */
  function draw(at) {
    planes.forEach((plane, i) => {
      plane.clear();
      plane.axes();
      plane.dots(data, plane.colours.x0, { opacity: 0.28, radius: 1.5 });
      if (!films[i]) return;
      drawPaths(plane, films[i], at, PATHS);
      drawParticles(plane, films[i], at);
    });
    const last = films.length ? films[0].frames - 1 : 0;
    find(root, ".film", HTMLElement).textContent = films.length ? `step ${Math.round(at)} of ${last}` : "";
  }

  const moving = transport(root, draw);
  for (const { canvas } of planes) drawnAnew(canvas, moving.later);

  return (value) => {
    /** @type {import("../lib/messages.js").PointsPathsMessage | null} */
    const message = parse(value);
    if (!message?.paths) return;
    if (root.dataset.state === "waiting" && message.run !== root.dataset.run) return; // replaced
    data = unpackPoints(message.data);
    const before = films.length;
    films = message.paths.map(({ x, alphas, sigmas }) => filmOf(x, unpackPoints(x), alphas, sigmas));
    captions.forEach((caption, i) => {
      const path = message.paths[i];
      const name = ["Diffusion (cosine)", "Flow matching"][i];
      caption.textContent = path ? `${path.name}: paths ${path.longer.toFixed(2)} times the straight line` : name;
    });
    find(root, ".says", HTMLElement).textContent = pathsWords(message);
    find(root, "progress", HTMLProgressElement).value = message.step / Math.max(1, message.of);
    find(root, ".chart svg", SVGElement).innerHTML = qualityChart(message);
    find(root, ".caption", HTMLElement).textContent = message.words;
    Object.assign(root.dataset, { run: message.run, state: message.state, paths: String(films.length) });
    if (films.length && films.length !== before) moving.begin(films[0].frames);
    else moving.later();
  };
}

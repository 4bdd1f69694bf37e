// The view "Walk" of the Points tab: particles with tails, by two samplers side by side.

import { find, make, makeCanvas } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import "../points/clicks.js"; // here before the first click
import { drawParticles, drawPicked, filmOf, nearestPoint } from "../points/film.js";
import { unpackPoints } from "../points/packed.js";
import { Plane, drawnAnew } from "../points/plane.js";
import { transport } from "../points/transport.js";
import { equationOf, stepOf } from "./equation.js";
import { laneWords } from "./words.js";

/** @typedef {import("../lib/messages.js").PointsLane} Lane */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".points-walk", HTMLElement);
  const planes = find(root, ".planes", HTMLElement);
  /**
   * @typedef {{ message: Lane, film: import("../points/film.js").Film, x0_hat: Float32Array, eps_hat: Float32Array,
   *   noise: Float32Array | null, plane: Plane, equation: HTMLElement }} Shown
   * @type {Shown[]}
   */
  let lanes = [];
  let data = new Float32Array();
  let picked = -1;

  /** @param {number} at */
  function draw(at) {
    for (const lane of lanes) drawLane(lane, at);
    const first = lanes[0];
    if (!first) return;
    const last = Math.max(...lanes.map(({ film }) => film.frames - 1));
    const k = Math.min(Math.round(at), first.film.frames - 1);
    const t = first.message.t[k];
    find(root, ".film", HTMLElement).textContent = `step ${Math.round(at)} of ${last} · ${t < 0 ? "data" : `t = ${t}`}`;
    root.dataset.frame = String(Math.round(at));
  }

  /** @param {Shown} lane @param {number} at */
  function drawLane({ message, film, x0_hat, eps_hat, noise, plane, equation }, at) {
    plane.clear();
    plane.axes();
    plane.dots(data, plane.colours.x0, { opacity: 0.28, radius: 1.6 });
    drawParticles(plane, film, at);
    equation.hidden = picked < 0;
    if (picked < 0) return;
    const which = Math.min(picked, film.points - 1);
    drawPicked(plane, film, at, which);
    const k = Math.max(0, Math.min(film.frames - 2, Math.floor(at)));
    const values = { weights: message.weights, x: film.x, x0_hat, eps_hat, noise, points: film.points };
    equation.innerHTML = equationOf(stepOf(values, k, which), message.t[k + 1]);
  }

  const moving = transport(root, draw);

  /** @param {number} which */
  function pick(which) {
    picked = which;
    const words = find(root, ".picked .words", HTMLElement);
    const alike = lanes.length > 1 && lanes[1].message.kind !== "return";
    words.textContent = `Particle ${which + 1}${alike ? ", from the same noise in both planes" : ""}.`;
    find(root, ".another", HTMLElement).textContent = "Another particle";
    root.dataset.picked = String(which);
    moving.later();
  }

  find(root, ".another", HTMLElement).addEventListener("click", () => {
    const points = lanes[0]?.film.points ?? 0;
    if (points) pick((picked + 37) % points); // far from the last in the order of their noise
  });

  /** @param {Lane} message @returns {Shown} */
  function lane(message) {
    const figure = make("figure", { className: "plane x_t" });
    const words = laneWords(message);
    const canvas = makeCanvas(`x_t, particles of ${words.name}`);
    const caption = make("figcaption");
    const equation = make("div", { className: "equation" });
    caption.append(make("b", { words: words.name }), ` ${words.rest}`);
    figure.append(canvas, caption, equation);
    planes.append(figure);
    const film = filmOf(message.x, unpackPoints(message.x), message.alphas, message.sigmas);
    const plane = new Plane(canvas);
    canvas.addEventListener("click", (event) => pick(nearestPoint(film, moving.at, plane.at(event))));
    drawnAnew(canvas, moving.later);
    return {
      message,
      film,
      x0_hat: unpackPoints(message.x0_hat),
      eps_hat: unpackPoints(message.eps_hat),
      noise: message.noise ? unpackPoints(message.noise) : null,
      plane,
      equation,
    };
  }

  return (value) => {
    /** @type {import("../lib/messages.js").PointsWalkMessage | null} */
    const message = parse(value);
    if (!message?.lanes) return;
    data = unpackPoints(message.data);
    planes.replaceChildren();
    lanes = message.lanes.map(lane);
    planes.dataset.lanes = String(lanes.length);
    find(root, ".caption", HTMLElement).textContent = message.words;
    Object.assign(root.dataset, { id: message.id, lanes: String(lanes.length) });
    moving.begin(Math.max(...lanes.map(({ film }) => film.frames)));
  };
}

// The view "Noise" of the Points tab: x0 and eps are here, so that moving the slider mixes them
// without asking anybody; and the plane on which one draws points of one's own.

import { find } from "../lib/dom.js";
import { fixed, thousands } from "../lib/format.js";
import { wireKeys } from "../lib/keys.js";
import { parse } from "../lib/messages.js";
import { Playback, oncePerFrame } from "../lib/playback.js";
import { remember, remembered } from "../lib/storage.js";
import { playedTo } from "../noise/charts.js";
import "../points/clicks.js"; // here before the first click
import { packDrawn, unpackPoints } from "../points/packed.js";
import { Plane, REACH, css, drawnAnew, mixture } from "../points/plane.js";
import { MOST, counted, goOn } from "./strokes.js";

const SECONDS = 6; // of playing, from data to noise
const DRAWING_REACH = 1.05;
const STROKES = "points strokes";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".points-data", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const slider = find(root, "input.t", HTMLInputElement);
  const canvas = find(root, "canvas", HTMLCanvasElement);
  const plane = new Plane(canvas);
  /** @type {{ x0: Float32Array, eps: Float32Array, x_t: Float32Array, alphas: number[], drawing: boolean } | null} */
  let data = null;
  let startedAt = 0;
  let startedFrom = 0;
  /** @type {import("./strokes.js").Stroke[]} */
  let strokes = remembered(STROKES, []);
  /** @type {import("./strokes.js").Stroke | null} */
  let stroke = null;

  const playback = new Playback(
    find(root, ".play", HTMLButtonElement),
    (now) => {
      if (!data) return;
      const T = data.alphas.length;
      const t = playedTo(startedFrom, now - startedAt, T, SECONDS);
      slider.value = String(Math.min(T - 1, Math.round(t)));
      draw();
      if (t >= T - 1) playback.set(false);
    },
    { words: true },
  );
  const later = oncePerFrame(draw);

  /** Whether strokes are drawn now: on the data, before any noise. */
  const drawing = () => Boolean(data?.drawing) && Number(slider.value) === 0;

  function draw() {
    if (!data) return;
    const { x0, eps, x_t, alphas } = data;
    const t = Number(slider.value);
    const alpha = t ? alphas[t] : 1;
    const sigma = Math.sqrt(Math.max(0, 1 - alpha * alpha));
    for (let i = 0; i < x_t.length; i++) x_t[i] = alpha * x0[i] + sigma * eps[i];
    plane.reach = drawing() ? DRAWING_REACH : REACH;
    const context = plane.clear();
    plane.axes();
    const { colours } = plane;
    if (drawing()) {
      context.strokeStyle = css(colours.quiet, 0.5);
      context.setLineDash([4 * plane.ratio, 4 * plane.ratio]);
      context.strokeRect(plane.x(-1), plane.y(1), plane.x(1) - plane.x(-1), plane.y(-1) - plane.y(1));
      context.setLineDash([]);
      for (const each of [...strokes, ...(stroke ? [stroke] : [])]) {
        plane.dots(each, colours.x0, { radius: 3 });
      }
    } else {
      plane.dots(x_t, mixture(colours, alpha * alpha), { opacity: 0.8 });
    }
    $(".a").textContent = alpha.toFixed(2);
    $(".b").textContent = sigma.toFixed(2);
    $(".now").textContent = String(t);
    const snr = 2 * Math.log(alpha / sigma);
    $(".snr").textContent = t ? `log-SNR ${fixed(snr, 1)}` : "the data themselves";
    root.dataset.t = String(t);
    $(".strokes").hidden = !data.drawing;
    const count = counted(strokes);
    $(".count").textContent = count
      ? `${thousands(count)} of at most ${thousands(MOST)} points`
      : "Draw on the plane, with mouse or finger.";
    canvas.classList.toggle("drawing", drawing());
    find(root, ".undo", HTMLButtonElement).disabled = !count;
    find(root, ".clear", HTMLButtonElement).disabled = !count;
  }

  function tell() {
    root.dataset.drawn = strokes.length ? packDrawn(strokes.flat()) : "";
    remember(STROKES, strokes.length ? strokes : undefined);
    trigger("input");
    later();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!drawing() || counted(strokes) >= MOST) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    stroke = [];
    goOn(stroke, plane.at(event), MOST - counted(strokes));
    later();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      goOn(stroke, plane.at(each), MOST - counted(strokes) - stroke.length / 2);
    }
    later();
  });
  const ended = () => {
    if (!stroke) return;
    if (stroke.length) strokes.push(stroke);
    stroke = null;
    tell();
  };
  canvas.addEventListener("pointerup", ended);
  canvas.addEventListener("pointercancel", ended);
  $(".undo").addEventListener("click", () => {
    strokes.pop();
    tell();
  });
  $(".clear").addEventListener("click", () => {
    strokes = [];
    tell();
  });

  function play() {
    if (!playback.playing) {
      startedAt = performance.now();
      startedFrom = Number(slider.value) >= Number(slider.max) ? 0 : Number(slider.value);
    }
    playback.set(!playback.playing);
  }

  playback.button.addEventListener("click", play);
  slider.addEventListener("input", () => {
    playback.set(false);
    later();
  });
  wireKeys(
    root,
    (move) => {
      const [t, last] = [Number(slider.value), Number(slider.max)];
      if (move === "toggle") return play();
      playback.set(false);
      slider.value = String({ back: Math.max(0, t - 1), on: Math.min(last, t + 1), first: 0, last }[move]);
      later();
    },
    { own: slider, ready: () => data !== null },
  );
  drawnAnew(canvas, later);
  if (strokes.length) tell();

  return (value) => {
    /** @type {import("../lib/messages.js").PointsDataMessage | null} */
    const message = parse(value);
    if (!message?.x0) return;
    const [x0, eps] = [unpackPoints(message.x0), unpackPoints(message.eps)];
    const begins = message.drawing && !data?.drawing;
    data = { x0, eps, x_t: new Float32Array(x0.length), alphas: message.alphas, drawing: message.drawing };
    slider.max = String(message.alphas.length - 1);
    if (begins) slider.value = "0"; // there is nothing to noise before it is drawn
    $(".caption").textContent = message.words;
    root.dataset.id = message.id;
    draw();
  };
}

// The view "Timestep" of the Inside tab: the encodings as pictures, and the error by what is told.

import { bytes } from "../lib/bytes.js";
import { find } from "../lib/dom.js";
import { fixed } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import "./address.js"; // here before the slider moves
import { diverging, rowCurve, shareOf, wrongChart } from "./drawing.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".encoding", HTMLElement);
  const read = find(root, ".read", HTMLElement);
  const key = find(root, ".key canvas", HTMLCanvasElement);
  paintLevels(key, 64, 1, 3, (p) => diverging((Math.floor(p / 3) - 31.5) / 31.5)[p % 3]);
  /** @type {import("../lib/messages.js").InsideTimestepMessage | null} */
  let shown = null;

  /**
   * @param {string} name
   * @param {number} width
   * @param {Uint8Array} px
   */
  function paintMap(name, width, px) {
    const canvas = find(root, `.${name} canvas`, HTMLCanvasElement);
    const height = px.length / width;
    paintLevels(canvas, width, height, 3, (p) => diverging(shareOf(px[Math.floor(p / 3)]))[p % 3]);
  }

  /**
   * @param {string} name
   * @param {string} words
   */
  function say(name, words) {
    find(root, `.${name} .about`, HTMLElement).textContent = words;
  }

  for (const name of /** @type {const} */ (["features", "learnt", "similarity"])) {
    const canvas = find(root, `.${name} canvas`, HTMLCanvasElement);
    canvas.addEventListener("pointermove", (event) => {
      if (!shown) return;
      const { rows, T, features, learnt, similarity } = shown;
      const width = name === "similarity" ? rows : shown[name].width;
      const column = Math.min(width - 1, Math.floor((event.offsetX / canvas.clientWidth) * width));
      const row = Math.min(rows - 1, Math.floor((event.offsetY / canvas.clientHeight) * rows));
      /** @param {number} i */
      const timestep = (i) => Math.round(((T - 1) * i) / Math.max(1, rows - 1));
      const px = bytes(name === "similarity" ? similarity : shown[name].px);
      const most = name === "similarity" ? 1 : (name === "learnt" ? learnt : features).most;
      const value = fixed(most * shareOf(px[row * width + column]), 2);
      read.textContent =
        name === "similarity"
          ? `t = ${timestep(row)} and t = ${timestep(column)}: cosine ${value}`
          : `t = ${timestep(row)}, number ${column + 1} of ${width}: ${value}`;
    });
    canvas.addEventListener("pointerleave", () => {
      read.textContent = "";
    });
  }

  return (value) => {
    /** @type {import("../lib/messages.js").InsideTimestepMessage | null} */
    const message = parse(value);
    if (!message?.features) return;
    shown = message;
    const { t, told, T, rows, features, learnt, fourier } = message;
    paintMap("features", features.width, bytes(features.px));
    paintMap("learnt", learnt.width, bytes(learnt.px));
    paintMap("similarity", rows, bytes(message.similarity));
    for (const name of /** @type {const} */ (["features", "learnt"])) {
      const { row, most } = message[name];
      find(root, `.${name} .row`, SVGElement).innerHTML = rowCurve(row, most);
    }
    find(root, ".similarity .row", SVGElement).innerHTML = rowCurve(message.near, 1);
    for (const mark of root.querySelectorAll(".plot i")) {
      if (mark instanceof HTMLElement) mark.style.top = `${(100 * t) / Math.max(1, T - 1)}%`;
    }
    find(root, ".plot u", HTMLElement).style.left = `${(100 * told) / Math.max(1, T - 1)}%`;
    const wrong = find(root, ".wrong", SVGElement);
    wrong.innerHTML = wrongChart(message);
    find(root, ".chart", HTMLElement).hidden = !message.curve.length;
    find(root, ".said", HTMLElement).textContent = message.words;
    const each = Math.max(1, Math.round(T / rows));
    const of = fourier ? "log t" : "t";
    say("features", `Timesteps from the top down, ${each} a row as their mean: the fast ones fade. Below, those of t = ${t}: ${features.of} numbers, made of ${of} alone.`);
    const part = learnt.of > learnt.width ? `, ${learnt.width} shown` : "";
    say("learnt", `What two linear layers have learnt to make of them: ${learnt.of} numbers${part}, less their mean over all t.`);
    say("similarity", `Cosine of two learnt embeddings, less that mean: t = ${t} and t′ = ${told} have ${fixed(message.pair, 2)}. Below, t and all others.`);
    Object.assign(root.dataset, { t: String(t), told: String(told) });
  };
}

// The view "Loss" of the Inside tab: one draw as pictures, all draws as a chart, one step as bars.

import { warmth } from "../lib/warmth.js";
import { bytes } from "../lib/bytes.js";
import { find, make } from "../lib/dom.js";
import { significant } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { drawsChart, summary, weighted } from "./drawing.js";

/** @typedef {import("../lib/messages.js").InsideLossMessage} Message */

/** The colour of what the network predicts. @type {Record<string, string>} */
const TONES = { "noise ε": "eps", "picture x₀": "x0" };

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".loss", HTMLElement);
  const choice = find(root, ".weightings", HTMLElement);
  /** @type {Message | null} */
  let shown = null;
  let weighting = "none";

  /** @param {string} selector @param {string} words */
  function say(selector, words) {
    for (const place of root.querySelectorAll(selector)) place.textContent = words;
  }

  /** @param {Message} message */
  function chart(message) {
    const drawn = weighted(message, weighting);
    find(root, ".draws", SVGElement).innerHTML = drawsChart(drawn, message.T);
    const { n, mean, error, least, most } = summary(drawn.points);
    const more = weighting === "none" ? "" : ", weighted";
    say(
      ".says",
      n > 1
        ? `${n} draws${more}: from ${significant(least)} to ${significant(most)}, mean ${significant(mean)} ± ${significant(error)}.`
        : `One draw${more}: t = ${message.t}, loss ${significant(mean)}. Another t would give quite another number.`,
    );
    root.dataset.weighting = weighting;
  }

  /** @param {Message} message */
  function offer(message) {
    const names = message.weightings.map(({ name }) => name);
    if (!names.includes(weighting)) weighting = "none";
    if (choice.dataset.names === names.join()) return;
    choice.dataset.names = names.join();
    choice.replaceChildren(make("span", { words: "Weighting" }));
    for (const { name, words } of message.weightings) {
      const button = make("button", { words: name === message.own ? `${words} (its own)` : words });
      button.type = "button";
      button.dataset.name = name;
      button.setAttribute("role", "radio");
      button.addEventListener("click", () => choose(name));
      choice.append(button);
    }
    mark();
  }

  function mark() {
    for (const button of choice.querySelectorAll("button")) {
      const chosen = button.dataset.name === weighting;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
  }

  /** @param {string} name */
  function choose(name) {
    weighting = name;
    mark();
    if (shown) chart(shown);
  }

  choice.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...choice.querySelectorAll("button")];
    if (!step || !buttons.length) return;
    event.preventDefault();
    event.stopPropagation();
    const at = buttons.findIndex((button) => button.dataset.name === weighting);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    choose(next.dataset.name ?? "none");
    next.focus();
  });

  /** @param {Message} message */
  function bars({ layers }) {
    find(root, ".layers", HTMLElement).hidden = !layers.length;
    const most = Math.max(1e-12, ...layers.map(({ change }) => change));
    const cells = layers.flatMap(({ name, change }) => {
      const bar = make("i");
      bar.style.width = `${(100 * change) / most}%`;
      const className = change === most ? "most" : "";
      return [make("span", { words: name, className }), bar, make("span", { words: Number((1e6 * change).toPrecision(2)).toLocaleString("en"), className })];
    });
    find(root, ".bars", HTMLElement).replaceChildren(...cells);
  }

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!message?.x0) return;
    shown = message;
    const { width, height, channels } = message;
    for (const name of /** @type {const} */ (["x0", "eps", "x_t", "output", "target"])) {
      const levels = bytes(message[name]);
      const canvas = find(root, `.six .${name} canvas`, HTMLCanvasElement);
      paintLevels(canvas, width, height, channels, (p) => levels[p]);
    }
    const square = bytes(message.square);
    const canvas = find(root, ".six .square canvas", HTMLCanvasElement);
    paintLevels(canvas, width, height, 3, (p) => warmth(square[Math.floor(p / 3)])[p % 3]);
    for (const name of ["output", "target"]) {
      find(root, `.six .${name}`, HTMLElement).dataset.tone = TONES[message.kind] ?? "";
    }
    say(".six .t", `t = ${message.t}`);
    say(".six .kind", message.kind);
    say(".six .value", significant(message.loss));
    say(".source", message.source);
    say(".told", message.told);
    offer(message);
    chart(message);
    bars(message);
    Object.assign(root.dataset, {
      draws: String(message.points.length),
      curve: String(message.curve.length),
      layers: String(message.layers.length),
    });
  };
}

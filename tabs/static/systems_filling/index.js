// The view "GLIDE: inpainting" of the tab Systems: one hole, filled by two networks from one noise.

import { bytes } from "../lib/bytes.js";
import { find, findAll, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { layMeasured } from "../systems/measured.js";
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { boxesOf, filmWords } from "./words.js";

/** @typedef {import("../lib/messages.js").FillingMessage} Message */
/** @typedef {Record<"x_t" | "x0_hat", Uint8Array[]>} Lane */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".filling", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const places = findAll(root, ".lane", HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Lane[]} */
  let lanes = [];

  /** @param {number} at */
  function draw(at) {
    const { t = [], width = 1, height = 1, channels = 3 } = shown;
    const k = Math.max(0, Math.min(t.length - 1, Math.round(at)));
    lanes.forEach((lane, i) => {
      for (const view of /** @type {const} */ (["x_t", "x0_hat"])) {
        const px = lane[view][k];
        const canvas = find(places[i], `.${view} canvas`, HTMLCanvasElement);
        paintLevels(canvas, width, height, channels, (p) => px[p]);
      }
      find(places[i], ".shows", HTMLElement).textContent = k < t.length - 1 ? "predicted" : "the picture";
    });
    $(".film").textContent = filmWords(shown, k);
    root.dataset.frame = String(k);
  }

  const moving = transport(root, draw);
  find(root, "button.card", HTMLButtonElement).addEventListener("click", () => saveCard(shown.card, shown.file));
  wireOpening(root, host);
  root.addEventListener("system:waiting", () => sayWaiting(root));

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!takeState(root, message) || !message?.lanes) return; // what is shown stays
    shown = message;
    say($(".absent"), message.absent);
    $(".system").replaceChildren(...boxesOf(message));
    lanes = message.lanes.map((lane) => ({ x_t: lane.x_t.map(bytes), x0_hat: lane.x0_hat.map(bytes) }));
    $(".walk").hidden = !lanes.length;
    if (lanes.length) {
      places.forEach((place, i) => {
        const lane = message.lanes?.[i];
        place.style.visibility = lane ? "" : "hidden"; // its place is kept until it comes
        if (!lane) return;
        find(place, "h3", HTMLElement).textContent = lane.title[0].toUpperCase() + lane.title.slice(1);
        find(place, ".caption", HTMLElement).textContent = lane.words;
      });
      root.dataset.card = message.card ?? "";
      root.dataset.lanes = String(lanes.length);
      $(".about").textContent = message.caption ?? "";
      find(root, "button.card", HTMLButtonElement).disabled = !message.card;
      say($(".note"), message.note);
      if (root.dataset.drawn !== message.run) {
        root.dataset.drawn = message.run;
        moving.begin(lanes[0].x_t.length);
      } else moving.later();
    }
    layMeasured(root, message.results);
  };
}

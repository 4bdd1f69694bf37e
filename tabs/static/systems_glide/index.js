// The view "GLIDE" of the tab Systems: two captions from the same noise, and which words each position looks at.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { drawing as agreementOf, says as agreementWords } from "./agreement.js";
import { enlarged, laidOver, mapOf } from "./heat.js";
import { CLIP_COLUMNS, COLUMNS, drawing, saysOf, tableOf } from "./results.js";
import { boxesOf, filmWords, indexOf, laneWords, looksWords, partAt } from "./words.js";

/** @typedef {import("../lib/messages.js").GlideMessage} Message */
/** @typedef {import("../lib/messages.js").GlideLane} Lane */
/** @typedef {import("../lib/messages.js").CaptionPart} Part */
/** @typedef {Lane & { px: Record<"x_t" | "x0_hat" | "maps", Uint8Array[]> }} Decoded */
/** @typedef {{ lane: number, word: string, index: number }} Wanted */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".glide", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const places = findAll(root, ".lane", HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Decoded[]} */
  let lanes = [];
  /** What is chosen, and what the pointer is over. @type {Wanted | null} */
  let chosen = null;
  /** @type {Wanted | null} */
  let over = null;
  /** The parts whose words are laid out. @type {(Part | null)[]} */
  let laid = [];

  /** @param {HTMLElement} place @param {"x_t" | "x0_hat"} view @param {Uint8Array} px */
  function picture(place, view, px) {
    const { width = 1, height = 1, channels = 3 } = shown;
    const canvas = find(place, `.${view} canvas`, HTMLCanvasElement);
    paintLevels(canvas, width, height, channels, (p) => px[p]);
  }

  /** @param {number} at */
  function draw(at) {
    if (!lanes.length) return;
    const { t = [], width = 1, height = 1, map_size: size = [0, 0] } = shown;
    const k = Math.max(0, Math.min(t.length - 1, Math.round(at)));
    const wanted = over ?? chosen;
    /** @type {{ part: Part, index: number }[]} */
    const looked = [];
    lanes.forEach((lane, i) => {
      const part = partAt(lane.parts, k);
      layWords(i, part);
      const own = wanted?.lane === i ? indexOf(part, wanted) : -1;
      const maps = lane.px.maps[Math.min(k, lane.px.maps.length - 1)];
      const plain = lane.px.x0_hat[k];
      picture(places[i], "x_t", lane.px.x_t[k]);
      const [h, w] = size;
      if (own >= 0 && maps && shown.channels === 3) {
        const map = enlarged(mapOf(maps, part.places[own], [h, w]), [h, w], [height, width]);
        picture(places[i], "x0_hat", laidOver(plain, map));
        looked.push({ part, index: own });
      } else picture(places[i], "x0_hat", plain);
      const words = own >= 0 && maps ? `and “${part.words[own]}”` : k < t.length - 1 ? "predicted" : "the picture";
      find(places[i], ".shows", HTMLElement).textContent = words;
      mark(i, part);
    });
    const [look] = looked;
    $(".looks").textContent = looksWords(shown, look?.part ?? null, look?.index ?? -1);
    const curve = agreementOf(lanes, k);
    $(".agreement").hidden = !curve;
    find(root, ".agreement svg", SVGElement).innerHTML = curve;
    $(".agreement figcaption").textContent = agreementWords(lanes, k);
    $(".film").textContent = filmWords(shown, k);
    root.dataset.frame = String(k);
    root.dataset.word = look?.part.words[look.index] ?? "";
  }

  const moving = transport(root, draw);

  /** Which of a caption's words is chosen. @param {number} i @param {Part} part */
  function mark(i, part) {
    const own = chosen?.lane === i ? indexOf(part, chosen) : -1;
    for (const button of findAll(places[i], ".words button", HTMLButtonElement)) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.index) === own));
    }
  }

  /** @param {number} i @param {Part} part */
  function layWords(i, part) {
    if (laid[i] === part) return;
    laid[i] = part;
    const made = part.words.map((word, index) => {
      if (part.places[index] < 0) {
        const unknown = make("s", { words: word });
        unknown.title = "not known, so not drawn";
        return unknown;
      }
      if (!shown.attends) return make("span", { words: word });
      const button = make("button", { words: word });
      button.type = "button";
      button.dataset.index = String(index);
      /** @type {Wanted} */
      const own = { lane: i, word, index };
      button.addEventListener("click", () => {
        const again = button.getAttribute("aria-pressed") === "true";
        chosen = again ? null : own;
        over = null;
        moving.later();
      });
      button.addEventListener("pointerenter", (event) => {
        if (event.pointerType !== "mouse") return; // a finger chooses
        over = own;
        moving.later();
      });
      button.addEventListener("pointerleave", () => {
        over = null;
        moving.later();
      });
      return button;
    });
    find(places[i], ".words", HTMLElement).replaceChildren(...made);
  }

  /** Of new walks: the word that was looked at, if it is there again. */
  function keepWord() {
    over = null;
    laid = [];
    const wanted = chosen;
    if (!wanted) return;
    const own = lanes[wanted.lane];
    if (own && !own.parts.some((part) => indexOf(part, wanted) >= 0)) chosen = null;
  }

  function measure() {
    const { results, clip_results: byClip } = shown;
    $(".by-clip").hidden = !byClip;
    if (byClip) {
      find(root, ".by-clip table", HTMLTableElement).replaceChildren(...tableOf(byClip.rows, CLIP_COLUMNS));
      $(".by-clip .caption").textContent = byClip.words;
    }
    $(".measured").hidden = !results;
    if (!results) return;
    const svg = find(root, ".obeyed", SVGElement);
    const { markup, viewBox } = drawing(results.rows);
    svg.setAttribute("viewBox", viewBox);
    svg.innerHTML = markup;
    find(root, ".measured table", HTMLTableElement).replaceChildren(...tableOf(results.rows, COLUMNS));
    $(".measured .says").textContent = [saysOf(results.rows), results.same].filter(Boolean).join(" ");
    $(".measured .words-of").textContent = results.words;
  }

  places.forEach((place, i) => {
    find(place, "button.card", HTMLButtonElement).addEventListener("click", () => {
      saveCard(lanes[i]?.card, lanes[i]?.file);
    });
  });
  wireOpening(root, host);
  root.addEventListener("system:waiting", () => sayWaiting(root));

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!takeState(root, message) || !message?.lanes) return; // what is shown stays
    shown = message;
    say($(".absent"), message.absent);
    $(".system").replaceChildren(...boxesOf(message));
    lanes = message.lanes.map((lane) => ({
      ...lane,
      px: { x_t: lane.x_t.map(bytes), x0_hat: lane.x0_hat.map(bytes), maps: lane.maps.map(bytes) },
    }));
    const first = root.dataset.drawn !== message.run;
    $(".walk").hidden = !lanes.length;
    if (lanes.length) {
      keepWord();
      places.forEach((place, i) => {
        place.hidden = !lanes[i];
        if (lanes[i]) find(place, ".caption", HTMLElement).textContent = laneWords(lanes[i]);
      });
      root.dataset.card = message.card ?? "";
      root.dataset.lanes = String(lanes.length);
      root.dataset.attends = String(message.attends);
      $(".about").textContent = message.caption ?? "";
      say($(".note"), message.note);
      if (first) {
        root.dataset.drawn = message.run;
        moving.begin(lanes[0].x_t.length);
      } else moving.later();
    }
    measure();
  };
}

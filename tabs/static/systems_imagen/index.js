// The view "Imagen" of the tab Systems: a walk to a small picture, and one to the large picture that belongs to it.

import { bytes } from "../lib/bytes.js";
import { find, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { layMeasured } from "../systems/measured.js";
import { rowOf } from "../systems/row.js";
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { VIEW_BOX, drawing } from "./curve.js";
import { enlarged } from "./enlarge.js";
import { before, boxesOf, countedWords, filmWords, firstItem, frames, itemWords } from "./words.js";

/** @typedef {import("../lib/messages.js").ImagenMessage} Message */
/** @typedef {{ smallNoisy: Uint8Array[], small: Uint8Array[], condition: Uint8Array, noisy: Uint8Array[], large: Uint8Array[] }} Frames */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".imagen", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Frames[]} */
  let items = [];

  /** @param {string} place @param {Uint8Array | undefined} px @param {number[]} size */
  function paint(place, px, [width, height]) {
    const canvas = find(root, `${place} canvas`, HTMLCanvasElement);
    if (px) paintLevels(canvas, width, height, shown.channels ?? 3, (p) => px[p]);
    else canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
    $(place).classList.toggle("early", !px);
  }

  /** A small picture at the size of the large one. @param {Uint8Array} px */
  function asLarge(px) {
    const [w, h] = shown.small ?? [1, 1];
    return enlarged(px, [w, h], shown.channels ?? 3, (shown.large ?? [w, h])[0] / w);
  }

  /** @param {string} place @param {string} words */
  const label = (place, words) => {
    find(root, `${place} figcaption span`, HTMLElement).textContent = words;
  };

  /** @param {number} at */
  function draw(at) {
    const many = items.length ? Math.max(1, frames(shown)) : 0;
    if (!many) return;
    const { small = [1, 1], large = [1, 1], task = "" } = shown;
    const item = items[row.chosen];
    const facts = shown.items?.[row.chosen];
    if (!item || !facts) return;
    const first = before(shown);
    const k = Math.max(0, Math.min(many - 1, Math.round(at)));
    const j = k - first;
    const there = k >= first - 1; // the small picture is
    const own = item.small[Math.min(k, item.small.length - 1)];
    const seen = j >= 0 ? item.large[Math.min(j, item.large.length - 1)] : undefined;
    paint(".large", seen, large);
    // Of levels the noise is what differs; else one compares with the small picture as it is.
    const told = task === "levels";
    const beside = told ? item.condition : own;
    paint(".beside", asLarge(beside), large);
    paint(".small-x_t", first ? item.smallNoisy[Math.min(k, first - 1)] : undefined, small);
    paint(".small-x0", own, small);
    paint(".condition", there ? asLarge(item.condition) : undefined, large);
    paint(".large-x_t", j >= 0 ? item.noisy[Math.min(j, item.noisy.length - 1)] : undefined, large);
    row.draw((canvas, i) => {
      const px = j >= 0 ? items[i].large[Math.min(j, items[i].large.length - 1)] : undefined;
      if (px) paintLevels(canvas, large[0], large[1], shown.channels ?? 3, (p) => px[p]);
      else canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
    });
    const ends = !!seen && j >= item.large.length - 1;
    const what = facts.words ? `: ${facts.words}` : "";
    label(".large", seen ? `${ends ? "the large picture" : "predicted"}${what}` : "the second walk has not begun");
    const source = there ? "the small picture" : "predicted";
    label(".beside", told ? `what it is told: ${facts.words}` : `${source}, enlarged by interpolation`);
    label(".small-x0", there ? (shown.given ? "the small picture" : "the small picture, drawn") : "of the first walk");
    label(".small-x_t", "of the first walk");
    label(".condition", there ? `with noise of level ${facts.level}, enlarged` : "not there yet");
    $(".film").textContent = filmWords(shown, k);
    $(".counted").textContent = countedWords(shown, facts);
    find(root, ".curve", SVGElement).innerHTML = drawing(shown.results?.levels ?? [], facts.level);
    root.dataset.frame = String(k);
    root.dataset.item = String(row.chosen);
  }

  const moving = transport(root, draw);
  const row = rowOf(root, () => moving.later());

  /** Which places a drawing of this kind has. @param {boolean} film */
  function layPlaces(film) {
    const { given, given_size: side = 1 } = shown;
    $(".moving").hidden = !film;
    $(".given").hidden = !given;
    $(".small-x_t").hidden = !film || !!given;
    $(".large-x_t").hidden = !film;
    $(".condition").hidden = shown.task === "levels"; // it stands large beside the large picture
    if (given) paint(".given", bytes(given), [side, side]);
  }

  find(root, "button.card", HTMLButtonElement).addEventListener("click", () => saveCard(shown.card, shown.file));
  wireOpening(root, host);
  root.addEventListener("system:waiting", () => sayWaiting(root));

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!takeState(root, message)) return;
    if (message?.progress) $(".waiting").textContent = message.progress;
    if (!message?.items) return; // what is shown stays
    const growing = shown.state === "running" || message.state === "running";
    const other = message.task !== shown.task;
    shown = message;
    say($(".absent"), message.absent);
    $(".system").replaceChildren(...boxesOf(message));
    layMeasured(root, message.results);
    const levels = message.results?.levels ?? [];
    const curve = find(root, ".curve", SVGElement);
    curve.toggleAttribute("hidden", levels.length < 2);
    curve.setAttribute("viewBox", VIEW_BOX);
    curve.innerHTML = drawing(levels, message.items[0]?.level);
    items = message.items.map((item) => ({
      smallNoisy: item.small_x_t.map(bytes),
      small: item.small_x0_hat.map(bytes),
      condition: bytes(item.condition),
      noisy: item.large_x_t.map(bytes),
      large: item.large_x0_hat.map(bytes),
    }));
    $(".walk").hidden = !items.length;
    if (!items.length) return;
    const task = message.task ?? "";
    const film = (message.t_large ?? []).length > 0;
    layPlaces(film);
    // A row is seen as it grows; what is drawn in one batch is there at once.
    const at = message.state === "running" && !film ? items.length - 1 : firstItem(task);
    row.lay(film && items.length < 2 ? [] : message.items.map((item) => itemWords(task, item)), {
      begins: other || (growing && !film),
      at: Math.min(at, items.length - 1),
    });
    $(".together").classList.toggle("of-8", task === "thresholds");
    root.dataset.card = message.card ?? "";
    root.dataset.items = String(items.length);
    $(".about").textContent = message.caption ?? "";
    find(root, "button.card", HTMLButtonElement).disabled = !message.card;
    say($(".note"), message.note);
    const many = Math.max(1, frames(message));
    if (root.dataset.drawn !== message.run) {
      root.dataset.drawn = message.run;
      moving.begin(many);
    } else moving.grow(many);
  };
}

// The view "DALL·E 2" of the tab Systems: the walk of the prior, and a row of pictures that the decoder draws together.

import { bytes } from "../lib/bytes.js";
import { find, make, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { layMeasured } from "../systems/measured.js";
import { rowOf } from "../systems/row.js";
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { VIEW_BOX, drawing } from "./nearing.js";
import { before, boxesOf, filmWords, firstItem, frames, priorWords } from "./words.js";

/** @typedef {import("../lib/messages.js").UnclipMessage} Message */
/** @typedef {{ words: string, x_t: Uint8Array[], x0_hat: Uint8Array[] }} Item */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".unclip", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Item[]} */
  let items = [];
  /** @type {Uint8Array[]} */
  let given = [];

  /** @param {HTMLCanvasElement} canvas @param {Uint8Array | undefined} px */
  function paint(canvas, px) {
    const { width = 1, height = 1, channels = 3 } = shown;
    if (px) paintLevels(canvas, width, height, channels, (p) => px[p]);
    else canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
  }

  /** @param {string} place */
  const canvasOf = (place) => find(root, `${place} canvas`, HTMLCanvasElement);

  /** @param {number} at */
  function draw(at) {
    const last = frames(shown) - 1;
    if (last < 0 || !items.length) return;
    const k = Math.max(0, Math.min(last, Math.round(at)));
    const first = before(shown);
    const j = Math.max(0, k - first);
    const item = items[row.chosen];
    const early = k < first || !item.x0_hat.length;
    paint(canvasOf(".left"), given[0] ?? item.x_t[j]);
    paint(canvasOf(".x0_hat"), early ? undefined : item.x0_hat[j]);
    paint(canvasOf(".second"), given[1]);
    row.draw((canvas, i) => paint(canvas, early ? undefined : items[i].x0_hat[j]));
    for (const place of [".x0_hat", ".together"]) $(place).classList.toggle("early", early);
    const ends = k === last && !early;
    find(root, ".x0_hat figcaption span", HTMLElement).textContent = early
      ? "not begun"
      : `${ends ? "the picture" : "predicted"}: ${item.words}`;
    if (shown.prior) {
      find(root, ".nearing", SVGElement).innerHTML = drawing(shown.prior, k);
      find(root, ".walk-of-prior figcaption", HTMLElement).textContent = priorWords(shown.prior, k);
    }
    $(".film").textContent = filmWords(shown, k);
    root.dataset.frame = String(k);
    root.dataset.item = String(row.chosen);
  }

  const moving = transport(root, draw);
  const row = rowOf(root, () => moving.later());

  function layPair() {
    const of = given.length > 0;
    const left = $(".left");
    left.classList.toggle("x_t", !of);
    left.classList.toggle("of-picture", of);
    canvasOf(".left").setAttribute("aria-label", of ? "x0, the picture" : "x_t of the decoder");
    const symbol = find(left, "b", HTMLElement);
    symbol.replaceChildren("x", make("sub", { words: of ? "0" : "t" }));
    find(left, "span", HTMLElement).textContent = of ? "the picture" : "of the decoder";
    $(".second").hidden = given.length < 2;
    $(".walk-of-prior").hidden = !shown.prior;
    find(root, ".nearing", SVGElement).setAttribute("viewBox", VIEW_BOX);
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
    const other = message.task !== shown.task;
    shown = message;
    say($(".absent"), message.absent);
    $(".system").replaceChildren(...boxesOf(message));
    given = (message.given ?? []).map(bytes);
    items = message.items.map((item) => ({ words: item.words, x_t: item.x_t.map(bytes), x0_hat: item.x0_hat.map(bytes) }));
    const many = frames(message);
    $(".walk").hidden = !many;
    if (many) {
      layPair();
      const at = firstItem(message.task ?? "", items.length);
      row.lay(
        items.map(({ words }) => words),
        { begins: other, at },
      );
      root.dataset.card = message.card ?? "";
      root.dataset.items = String(items.length);
      $(".about").textContent = message.caption ?? "";
      find(root, "button.card", HTMLButtonElement).disabled = !message.card;
      say($(".note"), message.note);
      if (root.dataset.drawn !== message.run) {
        root.dataset.drawn = message.run;
        moving.begin(many);
      } else moving.grow(many);
    }
    layMeasured(root, message.results);
  };
}

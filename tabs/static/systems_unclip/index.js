// The view "DALL·E 2" of the tab Systems: the walk of the prior, and a row of pictures that the decoder draws together.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, makeCanvas, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
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
  const along = find(root, ".along input", HTMLInputElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Item[]} */
  let items = [];
  /** @type {Uint8Array[]} */
  let given = [];
  let chosen = 0;

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
    const item = items[chosen];
    const early = k < first || !item.x0_hat.length;
    paint(canvasOf(".left"), given[0] ?? item.x_t[j]);
    paint(canvasOf(".x0_hat"), early ? undefined : item.x0_hat[j]);
    paint(canvasOf(".second"), given[1]);
    findAll(root, ".together button", HTMLButtonElement).forEach((button, i) => {
      paint(find(button, "canvas", HTMLCanvasElement), early ? undefined : items[i].x0_hat[j]);
      button.setAttribute("aria-pressed", String(i === chosen));
    });
    along.value = String(chosen);
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
    root.dataset.item = String(chosen);
  }

  const moving = transport(root, draw);
  along.addEventListener("input", () => {
    chosen = Number(along.value);
    moving.later();
  });

  function layRow() {
    const row = $(".together");
    row.style.setProperty("--many", String(items.length));
    row.classList.toggle("of-3", items.length <= 3);
    row.replaceChildren(
      ...items.map(({ words }, i) => {
        const button = make("button");
        button.type = "button";
        button.append(makeCanvas(`thumbnail x0_hat, ${words}`), make("span", { words }));
        button.addEventListener("click", () => {
          chosen = i;
          moving.later();
        });
        return button;
      }),
    );
    along.max = String(Math.max(0, items.length - 1));
    $(".along").hidden = items.length <= 3;
    $(".together").hidden = !items.length;
  }

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

  function measure() {
    const { results } = shown;
    $(".measured").hidden = !results;
    if (!results) return;
    $(".measured .tables").replaceChildren(
      ...results.tables.map(({ title, columns, rows, says }) => {
        const head = make("tr");
        head.append(...columns.map((words) => make("th", { words })));
        const table = make("table");
        table.append(
          head,
          ...rows.map((row) => {
            const line = make("tr");
            line.append(...row.map((words) => make("td", { words })));
            return line;
          }),
        );
        const wide = make("div", { className: "wide" });
        Object.assign(wide, { tabIndex: 0, role: "region", ariaLabel: title });
        wide.append(table);
        const made = make("div");
        made.append(make("h4", { words: title }), wide, make("p", { words: says, className: "says" }));
        return made;
      }),
    );
    $(".measured .words-of").textContent = results.words;
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
      if (other || chosen >= items.length) chosen = firstItem(message.task ?? "", items.length);
      layPair();
      layRow();
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
    measure();
  };
}

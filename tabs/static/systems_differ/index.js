// The view "How the systems differ" of the tab Systems: one caption, drawn by all of them.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, makeCanvas, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { figures, filmWords, frameAt, frames, obeyedWords } from "./words.js";

/** @typedef {import("../lib/messages.js").DifferMessage} Message */
/** @typedef {import("../lib/messages.js").DifferRow} Row */

const CHANNELS = 3;

/** @param {HTMLCanvasElement} canvas @param {Uint8Array} px Of a square picture. */
function paint(canvas, px) {
  const side = Math.round(Math.sqrt(px.length / CHANNELS));
  paintLevels(canvas, side, side, CHANNELS, (p) => px[p]);
}

/** @param {Row} row */
function factsOf(row) {
  const list = make("ul", { className: "facts" });
  for (const { words, seen, right } of row.facts ?? []) {
    const item = make("li", { className: right ? "right" : "wrong" });
    const sign = make("i", { words: right ? "✓" : "✗" });
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", right ? "shown:" : "not shown:");
    item.append(sign, make("span", { words: right ? words : `${words} (${seen})` }));
    list.append(item);
  }
  return list;
}

/** @param {Row} row @param {Row[]} rows */
function cardOf(row, rows) {
  const card = make("article");
  card.dataset.key = row.key;
  card.setAttribute("aria-label", row.name);
  const canvas = makeCanvas(`x0_hat of ${row.name}`);
  canvas.classList.toggle("none", !row.frames.length);
  const told = make("p", { className: row.absent ? "is-told absent" : "is-told", words: row.absent ?? row.told });
  card.append(canvas, make("h3", { words: row.name }), told);
  const obeyed = make("div", { className: "figure obeyed" });
  const here = obeyedWords(row);
  if (here) obeyed.append(make("b", { words: here }), here.includes(" of ") ? " facts read" : "", factsOf(row));
  if (!row.absent) obeyed.append(make("small", { words: row.measured || "over many captions: not measured" }));
  card.append(obeyed);
  for (const { share, value, of, parts } of figures(row, rows)) {
    const figure = make("div", { className: "figure" });
    if (value) {
      const bar = make("span", { className: "bar" });
      bar.style.width = `${(100 * share).toFixed(1)}%`;
      figure.append(make("b", { words: value }), ` ${of}`, bar, make("small", { words: parts }));
    }
    card.append(figure);
  }
  return card;
}

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".differ", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Uint8Array[][]} */
  let films = [];

  /** @param {number} at */
  function draw(at) {
    const rows = shown.rows ?? [];
    const many = frames(rows);
    if (!many) return;
    const k = Math.max(0, Math.min(many - 1, Math.round(at)));
    findAll(root, ".compared canvas", HTMLCanvasElement).forEach((canvas, i) => {
      if (films[i].length) paint(canvas, films[i][frameAt(rows[i], k, many)]);
    });
    $(".film").textContent = filmWords(k, many);
    root.dataset.frame = String(k);
  }

  const moving = transport(root, draw);

  find(root, "button.card", HTMLButtonElement).addEventListener("click", () => saveCard(shown.card, shown.file));
  wireOpening(root, host);
  root.addEventListener("system:waiting", () => sayWaiting(root));

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!takeState(root, message)) return;
    if (message?.progress) $(".waiting").textContent = message.progress;
    if (!message?.rows) return; // what is shown stays
    shown = message;
    const rows = message.rows;
    films = rows.map((row) => row.frames.map(bytes));
    $(".compared").replaceChildren(...rows.map((row) => cardOf(row, rows)));
    const many = frames(rows);
    $(".walk").hidden = !many;
    if (!many) return;
    root.dataset.card = message.card ?? "";
    root.dataset.drawn = String(rows.filter((row) => row.frames.length).length);
    $(".about").textContent = message.caption ?? "";
    find(root, "button.card", HTMLButtonElement).disabled = !message.card;
    say($(".note"), message.note);
    if (message.state === "done") moving.begin(many);
    else moving.wait(many);
  };
}

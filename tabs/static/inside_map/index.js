// The map of the network: its blocks from fine to coarse and back, each with a picture of its maps.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, makeCanvas, writeQuery } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { askedOf, askedQuery } from "./clicks.js";
import { arc, rowsOf, shareOf, slabsOf } from "./drawing.js";
import { fieldInHand, openedPanel } from "./opened.js";

/** @typedef {import("../lib/messages.js").MapBlock} MapBlock */
/** @typedef {import("./clicks.js").Asked} Asked */

const SVG = "http://www.w3.org/2000/svg";
const WIDEST = 60; // pixels of the finest block
const PHONE = 460; // pixels of the map, below which its blocks stand closer
const SEEN = 0.6; // of the window's height: what begins below is not seen
const GAP = 7; // between two blocks, as the stylesheet has it
/** @type {Record<string, string>} */
const SHORT = { residual: "res", attention: "att", down: "↓", up: "↑", time: "t", condition: "class" };

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".net", HTMLElement);
  const map = find(root, ".map", HTMLElement);
  const says = find(root, ".says", HTMLElement);
  const arcs = document.createElementNS(SVG, "svg");
  arcs.setAttribute("aria-hidden", "true");
  const hint = says.textContent ?? "";
  let model = "";
  /** @type {import("../lib/messages.js").InsideMapMessage | null} */
  let shown = null;
  /** @type {Map<string, HTMLButtonElement>} */
  const buttons = new Map();
  /** @type {Asked} One object, so that what is drawn before an answer comes knows the newest wish. */
  const asked = {};
  let isNew = false; // whether another block was asked for, which is to be brought into view

  /** @param {Asked | null} next */
  function ask(next) {
    const closed = !next && asked.block;
    isNew = Boolean(next?.block) && next?.block !== asked.block;
    const wanted = { ...next };
    for (const name of /** @type {(keyof Asked)[]} */ (Object.keys(asked))) delete asked[name];
    Object.assign(asked, wanted);
    root.dataset.asked = asked.block ? JSON.stringify(asked) : "";
    writeQuery(askedQuery(location.search, asked));
    if (closed) {
      find(map, ".opened", HTMLElement).remove();
      for (const button of buttons.values()) button.setAttribute("aria-expanded", "false");
      buttons.get(closed)?.focus();
      arrange();
    } else trigger("input");
  }

  /** @param {MapBlock | null} block */
  function say(block) {
    for (const path of findAll(arcs, "path", SVGElement)) {
      const lit = block && (path.dataset.from === block.name || path.dataset.to === block.name);
      path.classList.toggle("lit", Boolean(lit));
    }
    if (!block) says.textContent = hint;
    else says.replaceChildren(make("b", { words: `${block.title}. ` }), `${block.sentence} ${block.facts}.`);
  }

  /**
   * @param {MapBlock} block
   * @param {number} finest
   * @param {number} fewest
   */
  function blockButton(block, finest, fewest) {
    const button = make("button", { className: "block" });
    button.type = "button";
    button.dataset.name = block.name;
    button.dataset.kind = block.kind;
    button.setAttribute("aria-label", `${block.title} ${block.name}`); // the rest is said below the map
    button.setAttribute("aria-expanded", "false");
    const slab = make("span", { className: "slab" });
    slab.style.setProperty("--own", `calc(var(--unit) * ${shareOf(block.side, finest)})`);
    const slabs = block.side ? slabsOf(block.channels, fewest) : 0;
    const tones = ["var(--hairline)", "var(--quiet)"];
    const shadows = [];
    for (let i = 1; i <= slabs; i++) shadows.push(`${2 * i}px ${2 * i}px 0 0 ${tones[i % 2]}`);
    button.style.setProperty("--deep", `${2 * slabs}px`);
    button.style.setProperty("--slabs", shadows.join(", ") || "none");
    if (block.picture) slab.append(makeCanvas(`thumbnail ${block.name}`));
    else slab.append(make("span", { className: "vector", words: SHORT[block.kind] ?? block.kind }));
    const kind = make("span", { className: "kind", words: SHORT[block.kind] ?? block.kind });
    button.append(slab, kind);
    for (const [name, share] of /** @type {[string, number][]} */ ([["work", block.work], ["time", block.time]])) {
      const bar = make("span", { className: `bar ${name}` });
      const fill = make("i");
      fill.style.width = `${Math.min(100, 400 * share)}%`; // full where it is a quarter of all
      bar.append(fill);
      button.append(bar);
    }
    button.addEventListener("click", () => {
      ask(asked.block === block.name ? null : { block: block.name, pixel: asked.pixel });
    });
    for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => say(block));
    for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => say(null));
    buttons.set(block.name, button);
    return button;
  }

  /** @param {MapBlock[]} blocks */
  function lay(blocks) {
    buttons.clear();
    const finest = Math.max(...blocks.map(({ side }) => side));
    const fewest = Math.min(...blocks.filter(({ side }) => side).map(({ channels }) => channels));
    /** @param {MapBlock[]} own @param {string} way */
    const group = (own, way) => {
      const made = make("div", { className: `way ${way}` });
      made.append(...own.map((block) => blockButton(block, finest, fewest)));
      return made;
    };
    /** @type {HTMLElement[]} */
    const rows = [];
    const vectors = blocks.filter(({ side }) => !side);
    if (vectors.length) {
      const row = make("div", { className: "level embeddings" });
      const words = make("div", { className: "size" });
      words.append(make("span", { words: "into every residual block" }));
      row.append(group(vectors, "down"), words, make("div"));
      rows.push(row);
    }
    for (const { level, down, up, middle } of rowsOf(blocks)) {
      const row = make("div", { className: "level" });
      row.dataset.level = String(level);
      const first = [...down, ...up, ...middle].find((b) => b.way !== "" && b.kind === "residual");
      const size = make("div", { className: "size" });
      if (middle.length) {
        size.append(group(middle, "middle"));
        find(size, ".way", HTMLElement).style.justifyContent = "center";
        row.append(make("div"), size, make("div"));
      } else {
        if (first) size.append(make("span", { words: first.facts.split(" · ")[0] }));
        row.append(group(down, "down"), size, group(up, "up"));
      }
      rows.push(row);
    }
    map.replaceChildren(arcs, ...rows);
    arcs.replaceChildren();
  }

  function arrange() {
    if (!shown || !map.clientWidth) return;
    const most = Math.max(...rowsOf(shown.blocks).map((r) => r.down.length + r.up.length), 1);
    const phone = map.clientWidth < PHONE;
    const room = map.clientWidth - most * (phone ? 4 : GAP + 2) - (phone ? 8 : 60);
    root.style.setProperty("--unit", `${Math.max(12, Math.min(WIDEST, room / most))}px`);
    const box = map.getBoundingClientRect();
    const { blocks, skips } = shown;
    arcs.replaceChildren(
      ...skips.map(([from, to]) => {
        const ends = [from, to].map((i) => {
          const slab = buttons.get(blocks[i].name)?.querySelector(".slab");
          return slab?.getBoundingClientRect() ?? box;
        });
        const path = document.createElementNS(SVG, "path");
        const at = ends.map((end, k) => ({ x: (k ? end.left : end.right) - box.left, y: end.top + end.height / 2 - box.top }));
        path.setAttribute("d", arc(at[0], at[1]));
        path.dataset.from = blocks[from].name;
        path.dataset.to = blocks[to].name;
        return path;
      }),
    );
  }

  Object.assign(asked, askedOf(location.search));
  if (asked.block) {
    root.dataset.asked = JSON.stringify(asked);
    trigger("input");
  }
  new ResizeObserver(() => arrange()).observe(map);

  return (value) => {
    /** @type {import("../lib/messages.js").InsideMapMessage | null} */
    const message = parse(value);
    if (!message?.blocks) return;
    shown = message;
    if (message.model !== model) {
      model = message.model;
      lay(message.blocks);
    }
    find(root, ".total", HTMLElement).textContent = message.words;
    for (const block of message.blocks) {
      const canvas = buttons.get(block.name)?.querySelector("canvas");
      if (!canvas || !block.picture) continue;
      const levels = bytes(block.picture);
      paintLevels(canvas, block.width, block.height, 3, (p) => levels[p]);
    }
    const kept = fieldInHand(map);
    map.querySelector(".opened")?.remove();
    const { opened } = message;
    for (const [name, button] of buttons) button.setAttribute("aria-expanded", String(name === opened?.name));
    if (opened && opened.name === asked.block) {
      const panel = openedPanel(opened, asked, ask);
      buttons.get(opened.name)?.closest(".level")?.after(panel);
      kept?.(panel);
    }
    root.dataset.t = String(message.t);
    root.dataset.opened = opened?.name ?? "";
    arrange();
    const panel = map.querySelector(".opened");
    if (!panel || !isNew) return;
    isNew = false;
    if (panel.getBoundingClientRect().top > SEEN * innerHeight) panel.scrollIntoView();
  };
}

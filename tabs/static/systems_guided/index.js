// The view "Guided diffusion" of the tab Systems: a walk that a classifier guides, seen at every step.

import { bytes } from "../lib/bytes.js";
import { find, make } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { transport } from "../points/transport.js";
import "../systems/clicks.js"; // here before the first click
import { saveCard, sayWaiting, takeState, wireOpening } from "../systems/stage.js";
import { ALGORITHMS, linesAt } from "./algorithm.js";
import { chosen, drawing, nearest } from "./trade.js";
import { COLUMNS, boxesOf, filmWords, laneWords, percent, saysOf, wide } from "./words.js";

/** @typedef {import("../lib/messages.js").GuidedMessage} Message */
/** @typedef {import("../lib/messages.js").GuidedLane} Lane */
/** @typedef {Lane & { px: Record<"x_t" | "x0_hat" | "gradients", Uint8Array[]> }} Decoded */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".guided", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @type {Message} */
  let shown = { state: "empty" };
  /** @type {Decoded[]} */
  let lanes = [];
  /** @type {{ zero: HTMLElement | null, own: HTMLElement, share: HTMLElement, name: HTMLElement }[]} */
  let rows = [];
  /** @type {Map<string, HTMLCanvasElement>} */
  const others = new Map();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Uint8Array | undefined} px Grey where there is none.
   */
  function picture(canvas, px) {
    const { width = 1, height = 1, channels = 1 } = shown;
    paintLevels(canvas, width, height, channels, (p) => (px ? px[p] : 128));
  }

  /** @param {number} at */
  function draw(at) {
    const guided = lanes[0];
    if (!guided) return;
    const last = guided.x_t.length - 1;
    const k = Math.max(0, Math.min(last, Math.round(at)));
    for (const view of /** @type {const} */ (["x_t", "x0_hat"])) {
      picture(find(root, `.main .${view} canvas`, HTMLCanvasElement), guided.px[view][k]);
    }
    picture(find(root, ".main .gradient canvas", HTMLCanvasElement), guided.px.gradients[k]);
    $(".size").textContent = k < last ? `size ${guided.sizes[k].toPrecision(2)}` : "no more";
    for (const lane of lanes.slice(1)) {
      const canvas = others.get(lane.key);
      if (canvas) picture(canvas, lane.px.x0_hat[Math.min(k, lane.px.x0_hat.length - 1)]);
    }
    believe(guided, k);
    const lit = linesAt(k, last);
    root.querySelectorAll(".algorithm li").forEach((line, i) => {
      if (lit.includes(i + 1)) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
    });
    $(".film").textContent = filmWords(shown, k);
    root.dataset.frame = String(k);
    root.dataset.lit = lit.join(" ");
  }

  /**
   * @param {Lane} guided
   * @param {number} k
   */
  function believe(guided, k) {
    const zero = lanes.find((lane) => lane.key === "zero");
    const wanted = shown.wanted?.[Math.min(k, shown.wanted.length - 1)] ?? -1;
    rows.forEach((row, y) => {
      const share = guided.beliefs[k][y];
      row.own.style.width = wide(share);
      if (row.zero && zero) row.zero.style.width = wide(zero.beliefs[Math.min(k, zero.beliefs.length - 1)][y]);
      row.share.textContent = percent(share);
      for (const part of [row.name, row.share]) part.classList.toggle("wanted", y === wanted);
    });
    root.dataset.belief = wanted < 0 ? "" : String(guided.beliefs[k][wanted]);
  }

  const moving = transport(root, draw);

  /** The bars, one row a class. */
  function layBars() {
    const zero = lanes.some((lane) => lane.key === "zero");
    const heading = make("p", {
      words: zero ? "The classifier sees: guided (thick), scale 0 (thin)" : "The classifier sees",
      className: "heading",
    });
    $(".beliefs").replaceChildren(heading);
    rows = (shown.class_names ?? []).map((words) => {
      const name = make("span", { words });
      const bars = make("span", { className: "bars" });
      const own = make("i");
      bars.append(own);
      const thin = zero ? make("i", { className: "zero" }) : null;
      if (thin) bars.append(thin);
      const share = make("span", { className: "share" });
      $(".beliefs").append(name, bars, share);
      return { own, zero: thin, share, name };
    });
  }

  /** The walks beside the guided one. */
  function layLanes() {
    others.clear();
    $(".lanes").replaceChildren(
      ...lanes.slice(1).map((lane) => {
        const figure = make("figure", { className: "x0_hat" });
        const canvas = make("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `thumbnail x0_hat, ${laneWords(lane)}`);
        const caption = make("figcaption");
        caption.append(make("b", { words: laneWords(lane) }), ", same noise");
        figure.append(canvas, caption);
        others.set(lane.key, canvas);
        return figure;
      }),
    );
  }

  function layAlgorithm() {
    const { title, lines } = ALGORITHMS[shown.algorithm ?? 2];
    $(".algorithm h4").textContent = title;
    $(".algorithm ol").replaceChildren(
      ...lines.map(([line, inner]) => {
        const li = make("li", inner ? { className: "in" } : {});
        li.innerHTML = line;
        return li;
      }),
    );
  }

  function measure() {
    const { curve } = shown;
    $(".measured").hidden = !curve;
    if (!curve) return;
    const guided = lanes[0];
    const own = guided ? chosen(curve.rows, guided.words, guided.scale) : null;
    find(root, ".trade", SVGElement).innerHTML = drawing(curve.rows, own);
    const near = guided ? nearest(curve.rows, guided.words, guided.scale) : null;
    const head = make("tr");
    head.append(...COLUMNS.map(([heading]) => make("th", { words: heading })));
    const body = curve.rows.map((row) => {
      const line = make("tr");
      line.append(...COLUMNS.map(([, cell]) => make("td", { words: cell(row) })));
      if (row === near) line.setAttribute("aria-current", "true");
      return line;
    });
    find(root, ".measured table", HTMLTableElement).replaceChildren(head, ...body);
    $(".measured .says").textContent = saysOf(own, guided);
    $(".measured .words").textContent = curve.words;
    root.dataset.own = own ? `${own.recall.toFixed(3)} ${own.precision.toFixed(3)}` : "";
  }

  find(root, "button.card", HTMLButtonElement).addEventListener("click", () => {
    saveCard(shown.card, shown.file);
  });
  wireOpening(root, host);
  root.addEventListener("system:waiting", () => sayWaiting(root));

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!takeState(root, message) || !message?.lanes) return; // what is shown stays
    shown = message;
    if (message.boxes?.length) $(".system").innerHTML = "";
    $(".system").append(...boxesOf(message));
    lanes = message.lanes.map((lane) => ({
      ...lane,
      px: {
        x_t: lane.x_t.map(bytes),
        x0_hat: lane.x0_hat.map(bytes),
        gradients: lane.gradients.map(bytes),
      },
    }));
    const first = lanes.length === 1 || root.dataset.drawn !== message.run;
    $(".walk").hidden = !lanes.length;
    if (lanes.length) {
      layBars();
      layLanes();
      if (first) layAlgorithm();
      root.dataset.card = message.card ?? "";
      root.dataset.lanes = String(lanes.length);
      root.dataset.algorithm = String(message.algorithm);
      $(".keep .caption").textContent = message.caption ?? "";
      const note = $(".note");
      note.hidden = !message.note;
      note.textContent = message.note ?? "";
      if (first) {
        root.dataset.drawn = message.run;
        moving.begin(lanes[0].x_t.length);
      } else moving.later();
    }
    measure();
  };
}

// A block of the map, laid open in its place.

import { bytes } from "../lib/bytes.js";
import { findAll, make, makeCanvas } from "../lib/dom.js";
import { fixed } from "../lib/format.js";
import { paintLevels } from "../lib/pixels.js";
import { warmth } from "../lib/warmth.js";
import { outline } from "./drawing.js";

/** @typedef {import("../lib/messages.js").OpenedBlock} OpenedBlock */
/** @typedef {import("./clicks.js").Asked} Asked */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {OpenedBlock} opened
 * @param {Asked} asked
 * @param {(asked: Asked | null) => void} ask Asks for another position or channel; null closes.
 */
export function openedPanel(opened, asked, ask) {
  const panel = make("div", { className: "opened" });
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", `${opened.title} ${opened.name}, opened`);
  const head = make("header");
  const close = make("button", { words: "Close" });
  close.type = "button";
  close.addEventListener("click", () => ask(null));
  head.append(make("h3", { words: opened.title }), make("p", { words: `${opened.name} · ${opened.facts}` }), close);
  panel.append(head, make("p", { words: opened.sentence }));
  if (opened.components) panel.append(pictures(opened, asked, ask));
  else if (opened.vector.length) panel.append(vector(opened.vector));
  if (!opened.components) panel.append(flow(opened));
  if (opened.heads.length) panel.append(attention(opened));
  if (opened.norms.length) panel.append(norms(opened.norms));
  if (opened.arithmetic) panel.append(arithmetic(opened.arithmetic, asked, ask));
  return panel;
}

/**
 * @param {OpenedBlock} opened
 * @param {Asked} asked
 * @param {(asked: Asked) => void} ask
 */
function pictures(opened, asked, ask) {
  const { width, height, rows, columns } = opened;
  const two = make("div", { className: "two" });
  const left = make("div");
  left.append(make("h4", { words: "All channels as one picture" }));
  const pick = make("div", { className: "pick" });
  const canvas = makeCanvas(`components of all channels of ${opened.name}`);
  const levels = bytes(opened.components);
  paintLevels(canvas, width, height, 3, (p) => levels[p]);
  const [row, column] = asked.pixel ?? [0.5, 0.5];
  const mark = make("i");
  const place = () => {
    mark.style.left = `${100 * column}%`;
    mark.style.top = `${100 * row}%`;
  };
  place();
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const share = (/** @type {number} */ at, /** @type {number} */ of) => Math.max(0, Math.min(0.999, at / of));
    ask({
      ...asked,
      pixel: [share(event.clientY - box.top, box.height), share(event.clientX - box.left, box.width)],
    });
  });
  pick.append(canvas, mark);
  const places = make("div", { className: "place" });
  for (const [name, count, k] of /** @type {[string, number, 0 | 1][]} */ ([["Row", rows, 0], ["Column", columns, 1]])) {
    const label = make("label", { words: name });
    const input = make("input");
    const now = Math.min(count - 1, Math.floor((k ? column : row) * count));
    Object.assign(input, { type: "range", min: "0", max: String(count - 1), step: "1", value: String(now) });
    input.id = `inside-${name.toLowerCase()}`;
    label.htmlFor = input.id;
    input.dataset.keep = name;
    input.addEventListener("change", () => {
      const pixel = /** @type {[number, number]} */ ([row, column]);
      pixel[k] = (Number(input.value) + 0.5) / count;
      ask({ ...asked, pixel });
    });
    places.append(label, input, make("span", { words: String(now) }));
  }
  const share = `Its three main components as red, green and blue: ${(100 * opened.explained).toFixed(0)} % of the variance.`;
  left.append(pick, places, make("p", { words: share }));
  const right = make("div");
  right.append(make("h4", { words: "Single channels, the most active first" }));
  const maps = make("div", { className: "maps" });
  opened.maps.forEach((map, i) => {
    const figure = make("figure");
    const small = makeCanvas(`thumbnail channel ${opened.channels[i]}`);
    const grey = bytes(map);
    paintLevels(small, width, height, 1, (p) => grey[p]);
    figure.append(small, make("figcaption", { words: `${opened.channels[i]}: ±${opened.deviations[i].toFixed(2)}` }));
    maps.append(figure);
  });
  right.append(maps);
  if (opened.left_out) right.append(make("p", { words: `${opened.left_out}.` }));
  right.append(flow(opened));
  two.append(left, right);
  return two;
}

/** @param {number[]} values */
function vector(values) {
  const box = make("div");
  const canvas = makeCanvas(`the vector, ${values.length} numbers`);
  const most = Math.max(...values.map(Math.abs), 1e-9);
  const columns = 32;
  paintLevels(canvas, columns, Math.ceil(values.length / columns), 1, (p) => 127.5 + (127.5 * (values[p] ?? 0)) / most);
  canvas.style.maxWidth = "420px";
  box.append(make("h4", { words: "The vector, row by row: dark below zero, light above" }), canvas);
  return box;
}

/** @param {OpenedBlock} opened */
function flow(opened) {
  const box = make("div");
  box.append(make("h4", { words: "Size of what passes (root mean square)" }));
  const grid = make("div", { className: "flow" });
  const parts = /** @type {[string, number, string][]} */ ([["comes in", opened.comes_in, ""]]);
  if (opened.adds !== undefined) parts.push(["the branch adds", opened.adds, "adds"]);
  parts.push(["goes on", opened.goes_on, ""]);
  const most = Math.max(...parts.map(([, size]) => size), 1e-9);
  for (const [words, size, className] of parts) {
    const rod = make("span", { className: `rod ${className}` });
    rod.style.width = `${(100 * size) / most}%`;
    grid.append(make("span", { words }), rod, make("span", { words: size.toFixed(3) }));
  }
  box.append(grid);
  return box;
}

/** @param {OpenedBlock} opened */
function attention(opened) {
  const box = make("div");
  box.append(make("h4", { words: "Attention: from where the marked place takes, per head" }));
  const maps = make("div", { className: "maps" });
  opened.heads.forEach((head, i) => {
    const figure = make("figure");
    const canvas = makeCanvas(`attention of head ${i + 1}`);
    const levels = bytes(head);
    const paint = (/** @type {number} */ p) => warmth(levels[Math.floor(p / 3)])[p % 3];
    paintLevels(canvas, opened.columns, opened.rows, 3, paint);
    const words = `head ${i + 1}: up to ${(100 * opened.most[i]).toFixed(0)} %`;
    figure.append(canvas, make("figcaption", { words }));
    maps.append(figure);
  });
  box.append(maps);
  return box;
}

/** @param {import("../lib/messages.js").NormMessage[]} all */
function norms(all) {
  const box = make("div");
  box.append(make("h4", { words: "Group norm: how often each value occurs, before and after" }));
  const grid = make("div", { className: "norms" });
  for (const norm of all) {
    const figure = make("figure");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 40");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const highest = Math.max(...norm.before, ...norm.after, 1e-9);
    for (const name of /** @type {const} */ (["before", "after"])) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      path.setAttribute("d", outline(norm[name], highest));
      path.setAttribute("vector-effect", "non-scaling-stroke");
      svg.append(path);
    }
    const caption = make("figcaption", { words: `${norm.name}, ${norm.groups} groups, −${norm.most.toFixed(1)} to ${norm.most.toFixed(1)}: ` });
    caption.append(
      make("span", { className: "key-before", words: `before (dashed) ±${norm.spread[0].toFixed(2)}` }),
      make("span", { words: ", " }),
      make("span", { className: "key-after", words: `after ±${norm.spread[1].toFixed(2)}` }),
    );
    figure.append(svg, caption);
    grid.append(figure);
  }
  box.append(grid);
  return box;
}

/**
 * @param {import("../lib/messages.js").ArithmeticMessage} sum
 * @param {Asked} asked
 * @param {(asked: Asked) => void} ask
 */
function arithmetic(sum, asked, ask) {
  const box = make("div");
  const where = `row ${sum.row}, column ${sum.column}, channel ${sum.channel}`;
  box.append(make("h4", { words: `One number of ${sum.name}: ${where}` }), choices(sum, asked, ask));
  const terms = make("div", { className: "terms wide" });
  terms.tabIndex = 0;
  terms.setAttribute("role", "group");
  terms.setAttribute("aria-label", "The sum, term by term");
  sum.inputs.forEach((channel, i) => {
    const term = make("div", { className: "term" });
    term.style.setProperty("--side", String(sum.side));
    term.append(
      make("span", { className: "which", words: `input channel ${channel}` }),
      grid(sum.patches[i]),
      make("span", { words: "·" }),
      grid(sum.kernels[i]),
      make("span", { words: `= ${fixed(sum.sums[i], 4)}` }),
    );
    terms.append(term);
  });
  const last = make("p", { className: "sum" });
  const parts = sum.sums.map((part) => fixed(part, 4));
  if (sum.others) parts.push(`${fixed(sum.rest, 4)} (the ${sum.others} other channels)`);
  parts.push(`${fixed(sum.bias, 4)} (bias)`);
  last.append(`${parts.join(" + ")} = `, make("b", { words: fixed(sum.value, 4) }));
  last.dataset.value = String(sum.value);
  box.append(terms, last);
  return box;
}

/**
 * Which convolution, and which of its channels.
 *
 * @param {import("../lib/messages.js").ArithmeticMessage} sum
 * @param {Asked} asked
 * @param {(asked: Asked) => void} ask
 */
function choices(sum, asked, ask) {
  const row = make("div", { className: "choices" });
  /** @param {string} words @param {HTMLInputElement | HTMLSelectElement} control @param {string} [more] */
  const add = (words, control, more) => {
    const label = make("label", { words });
    control.id = `inside-${words.replaceAll(" ", "-").toLowerCase()}`;
    control.dataset.keep = words;
    label.htmlFor = control.id;
    row.append(label, control);
    if (more) row.append(make("span", { words: more }));
  };
  const which = make("select");
  for (const name of sum.names) which.append(new Option(name, name, false, name === sum.name));
  which.addEventListener("change", () => {
    ask({ block: asked.block, pixel: asked.pixel, convolution: which.value });
  });
  add("Convolution", which);
  for (const [words, name, now, count] of /** @type {[string, "channel" | "written", number, number][]} */ ([
    ["Output channel", "channel", sum.channel, sum.of],
    ["Input channel", "written", sum.inputs[0], sum.given],
  ])) {
    let last = asked[name] ?? now; // the newest wish, where its answer has not come yet
    const input = make("input");
    Object.assign(input, { type: "number", min: "0", max: String(count - 1), step: "1", value: String(last) });
    input.dataset.shown = input.value;
    const commit = () => {
      if (input.dataset.redrawn) return; // the browser also calls it left where an answer takes it away
      const wanted = Math.max(0, Math.min(count - 1, Math.round(Number(input.value))));
      if (input.value === "" || Number.isNaN(wanted)) input.value = String(last);
      else if (wanted !== last) {
        last = wanted;
        ask({ ...asked, convolution: sum.name, channel: asked.channel ?? sum.channel, [name]: wanted });
      }
    };
    // A number typed while an answer draws the field anew is no change to the browser: Enter and leaving count too.
    for (const event of ["change", "blur"]) input.addEventListener(event, commit);
    input.addEventListener("keydown", ({ key }) => key === "Enter" && commit());
    add(words, input, `of 0 to ${count - 1}`);
  }
  return row;
}

/**
 * The field or menu in hand in a panel that is about to be drawn anew.
 *
 * @param {HTMLElement} panel
 * @returns {((next: HTMLElement) => void) | null} Puts focus, and what was typed so far, into the next panel.
 */
export function fieldInHand(panel) {
  const held = findAll(panel, "[data-keep]", HTMLElement).find((e) => e === document.activeElement);
  if (!held) return null;
  const typed = held instanceof HTMLInputElement && held.value !== held.dataset.shown ? held.value : null;
  held.dataset.redrawn = "yes";
  return (next) => {
    const again = findAll(next, "[data-keep]", HTMLElement).find((e) => e.dataset.keep === held.dataset.keep);
    again?.focus();
    if (typed !== null && again instanceof HTMLInputElement) again.value = typed;
  };
}

/** @param {number[]} values */
function grid(values) {
  const made = make("span", { className: "grid" });
  const middle = (values.length - 1) / 2;
  const most = Math.max(...values.map(Math.abs), 1e-9);
  values.forEach((value, i) => {
    const cell = make("span", { words: fixed(value, 2), className: i === middle ? "middle" : "" });
    cell.style.setProperty("--sign", value < 0 ? "var(--c-x-t)" : "var(--c-eps)");
    cell.style.setProperty("--share", `${Math.round((30 * Math.abs(value)) / most)}%`);
    made.append(cell);
  });
  return made;
}

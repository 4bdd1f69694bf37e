// The Schedules stage: one picture under every schedule at the cursor, and the plot's cursor.

import { find, findAll, make, makeCanvas, writeQuery } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { mixer, unpack } from "../lib/mixing.js";
import { paint } from "../lib/pixels.js";
import { oncePerFrame } from "../lib/playback.js";
import { pointing, watchPlot } from "../lib/plots.js";
import { cells, sameShare } from "./numbers.js";

const NOTE_MS = 300; // after the last move of the slider its place is written into the address

/** @typedef {import("../lib/messages.js").ScheduleNumbers} ScheduleNumbers */
/** @typedef {import("../lib/mixing.js").PictureAndNoise & { schedules: ScheduleNumbers[] }} Data */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".compare", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const slider = find(root, "input.t", HTMLInputElement);
  const address = new URLSearchParams(location.search);
  let asked = address.get("t"); // heeded once the T of the address is here too
  const askedT = Number(address.get("T") ?? 1000);
  /** @type {Data | null} */
  let data = null;
  /** @type {PlotlyElement | null} */
  let plot = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let noting;

  function draw() {
    if (!data) return;
    const { size, channels, schedules } = data;
    const t = Number(slider.value);
    const canvases = findAll(root, ".cards canvas", HTMLCanvasElement);
    const rows = findAll(root, "tbody tr", HTMLElement);
    for (const [i, schedule] of schedules.entries()) {
      paint(canvases[i], size, channels, mixer(data, schedule.alpha_bars[t]));
      const words = cells(schedule, t);
      findAll(rows[i], "td", HTMLElement).forEach((td, k) => {
        td.textContent = words[k];
      });
    }
    $(".now").textContent = String(t);
    root.dataset.t = String(t);
    place();
  }

  const later = oncePerFrame(draw);

  /** @param {string} value */
  function receive(value) {
    /** @type {import("../lib/messages.js").CompareMessage | null} */
    const message = parse(value);
    if (!message?.schedules) return;
    data = { ...unpack(message), schedules: message.schedules };
    const last = data.schedules[0].alpha_bars.length - 1;
    const [before, t] = [Number(slider.max), Number(slider.value)];
    slider.max = String(last);
    if (asked !== null && last + 1 === askedT) {
      slider.value = asked;
      asked = null;
    } else slider.value = String(sameShare(t, before, last));
    $(".end").textContent = String(last);
    const cards = data.schedules.map(({ name }) => {
      const figure = make("figure");
      figure.append(makeCanvas(`x_t, ${name}`), make("figcaption", { words: name }));
      return figure;
    });
    $(".cards").replaceChildren(...cards);
    const rows = data.schedules.map(({ name }) => {
      const row = make("tr");
      const head = make("th", { words: name });
      head.scope = "row";
      row.append(head, ...Array.from({ length: 7 }, () => make("td")));
      return row;
    });
    $("tbody").replaceChildren(...rows);
    root.dataset.id = message.id;
    draw();
  }

  // The plot is Plotly's; its cursor is ours, drawn over it, so that moving it redraws no figure.
  const cursor = make("div", { className: "plot-cursor" });
  cursor.setAttribute("aria-hidden", "true");

  function place() {
    const axis = plot?._fullLayout?.xaxis;
    const area = plot?._fullLayout?._size;
    if (!plot || !axis?.d2p || !area) return;
    if (cursor.parentElement !== plot) plot.append(cursor);
    cursor.style.left = `${area.l + axis.d2p(Number(slider.value))}px`;
    cursor.style.top = `${area.t}px`;
    cursor.style.height = `${area.h}px`;
  }

  // A moment after the last move, so that a sweep over the plot does not write a hundred addresses.
  function note() {
    clearTimeout(noting);
    noting = setTimeout(() => {
      const query = new URLSearchParams(location.search);
      query.set("tab", "schedules");
      query.set("t", slider.value);
      writeQuery(query);
    }, NOTE_MS);
  }

  watchPlot(element.closest(".stage") ?? document.body, "#schedule-plot", {
    found: (figure) => {
      plot = figure;
      pointing(figure, (t) => {
        slider.value = String(t);
        later();
        note();
      });
    },
    drawn: place,
  });
  slider.addEventListener("input", later);
  slider.addEventListener("change", note);
  return receive;
}

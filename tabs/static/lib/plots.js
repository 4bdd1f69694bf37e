// Plotly's figures: found when they come, pointed at, and fitted to a phone. Gradio makes a new
// element for every figure, and Plotly's own code may arrive after the page's.

export const NARROW = 560; // pixels of a figure's width, below which names beside it leave no room
const NAME_LINE = 18; // pixels
const BESIDE_LINE = 16; // pixels, of a name beside its curve's end, as shared/figures.py sets them

/**
 * Follows the figure of a place on the page.
 *
 * @param {Element} stage What the place is in.
 * @param {string} selector Of the place.
 * @param {{ found?: (plot: PlotlyElement) => void, drawn: (plot: PlotlyElement) => void }} acts
 *   found: once for each new figure; drawn: whenever it has been drawn, in whatever size.
 */
export function watchPlot(stage, selector, { found, drawn }) {
  /** @type {PlotlyElement | null} */
  let plot = null;
  function look() {
    /** @type {PlotlyElement | null} */
    const now = document.querySelector(`${selector} .js-plotly-plot`);
    if (!now?.on || now === plot) return;
    plot = now;
    plot.style.position = "relative";
    plot.style.touchAction = "pan-y"; // a swipe scrolls the page
    referToItself(now);
    plot.on?.("plotly_afterplot", () => {
      if (!belowInstead(now)) drawn(now);
    });
    found?.(now);
    if (!belowInstead(now)) drawn(now);
  }
  new MutationObserver(look).observe(stage, { childList: true, subtree: true });
  look();
}

/**
 * Have the figure's parts refer to each other within the page, whatever its address.
 *
 * Where a page has a base, as Gradio's has, Plotly writes the page's address of that moment before
 * each reference. Once the address is another, the browser fetches the page anew to look there, and
 * curves are clipped by nothing.
 *
 * @param {PlotlyElement} plot
 */
export function referToItself(plot) {
  if (plot._context) plot._context._baseUrl = "";
  for (const part of plot.querySelectorAll("[clip-path]")) {
    const there = part.getAttribute("clip-path") ?? "";
    part.setAttribute("clip-path", there.replace(/url\((['"]?)[^#)]*#/, "url($1#"));
  }
}

/**
 * On a phone, the names of the curves go below the figure, where beside it they leave it no room.
 *
 * @param {PlotlyElement} plot
 * @returns {boolean} Whether it is being drawn anew.
 */
function belowInstead(plot) {
  const layout = plot.layout;
  if (!layout?.annotations?.some(isEnd) || layout.below || plot.clientWidth >= NARROW) return false;
  const Plotly = /** @type {{ Plotly?: PlotlyGlobal }} */ (/** @type {unknown} */ (window)).Plotly;
  if (!Plotly || !plot.clientWidth) return false;
  layout.below = true;
  Plotly.relayout(plot, namesBelow(layout));
  return true;
}

/** Whether it names a curve at its end; see shared/figures.py. @param {{ name?: string }} part */
const isEnd = ({ name }) => name === "end";

/**
 * The changes of a layout that put the names below the figure, one after the other.
 *
 * @param {PlotlyLayout} layout
 * @returns {Record<string, unknown>}
 */
export function namesBelow({ annotations = [], shapes = [], height = 0, margin }) {
  const ends = annotations.filter(isEnd);
  const keys = shapes.filter((shape) => isEnd(shape) && shape.line.dash); // the others lead to a name
  const bottom = margin?.b ?? 0;
  let room = 0;
  const ordered = [...ends.keys()].reverse(); // from the highest at the end to the lowest
  const names = ordered.map((from) => {
    const height = NAME_LINE * ends[from].text.split("<br>").length;
    const first = -(bottom + room + NAME_LINE / 2); // the middle of the name's first line
    const yshift = -(bottom + room + height / 2);
    room += height;
    const name = { ...ends[from], x: 0, y: 0, xshift: 34, yshift };
    const place = { xanchor: 0, x0: 0, x1: 26, ysizemode: "pixel", yanchor: 0, y0: first, y1: first };
    return { name, key: { ...keys[from], ...place } };
  });
  return {
    annotations: [...annotations.filter((each) => !isEnd(each)), ...names.map(({ name }) => name)],
    shapes: [...shapes.filter((each) => !isEnd(each)), ...names.map(({ key }) => key)],
    height: height + room,
    "margin.r": 14,
    "margin.b": bottom + room,
  };
}

/**
 * Draw a figure with another height, its names beside the ends of their curves as before.
 *
 * @param {PlotlyElement | null} plot
 * @param {number | null} height In pixels; null is the figure's own.
 */
export function fitHeight(plot, height) {
  const Plotly = /** @type {{ Plotly?: PlotlyGlobal }} */ (/** @type {unknown} */ (window)).Plotly;
  const layout = plot?.layout;
  if (!plot || !layout || !Plotly || layout.below) return;
  const area = plot._fullLayout?._size;
  if (!area || (height === null && !layout.own)) return;
  const { annotations, shapes, margin } = layout;
  const whole = area.h + (margin?.t ?? 0) + (margin?.b ?? 0);
  layout.own ??= { annotations, shapes, margin, height: whole };
  const fitted = height === null ? layout.own : ofHeight(layout.own, height);
  if (Math.abs((fitted.height ?? 0) - whole) < 1) return;
  // The figure takes the size of its element, now and whenever the window changes.
  plot.style.height = `${fitted.height}px`;
  delete layout.height;
  delete layout.width;
  const changes = { annotations: fitted.annotations, shapes: fitted.shapes, autosize: true };
  Plotly.relayout(plot, changes);
}

/**
 * A layout's names, the lines that lead to them, and its height, where it is given another.
 *
 * @param {PlotlyLayout} layout
 * @param {number} wanted Height in pixels; it is more where the names need more.
 * @returns {Pick<PlotlyLayout, "annotations" | "shapes" | "height">}
 */
export function ofHeight({ annotations = [], shapes = [], height = 0, margin }, wanted) {
  const beside = (margin?.t ?? 0) + (margin?.b ?? 0);
  const names = annotations.map(({ text, y }, i) => ({
    i,
    share: y,
    height: BESIDE_LINE * text.split("<br>").length,
  }));
  const needed = names.reduce((sum, name) => sum + name.height, 0);
  const pixels = Math.round(Math.max(wanted, beside + needed));
  const [before, room] = [height - beside, pixels - beside];
  names.sort((a, b) => a.share - b.share);
  /** @type {Map<number, number>} The middle of each name, in pixels from the axis. */
  const middles = new Map();
  let low = 0;
  for (const name of names) {
    middles.set(name.i, Math.max(name.share * room, low + name.height / 2));
    low = (middles.get(name.i) ?? 0) + name.height / 2;
  }
  let high = room;
  for (const name of [...names].reverse()) {
    middles.set(name.i, Math.min(middles.get(name.i) ?? 0, high - name.height / 2));
    high = (middles.get(name.i) ?? 0) - name.height / 2;
  }
  const byName = new Map(names.map((name) => [name.i, name]));
  /** @param {number} i @param {number} of Height of the plot. @param {number} middle */
  const first = (i, of, middle) =>
    (middle + (byName.get(i)?.height ?? 0) / 2 - BESIDE_LINE / 2) / of; // of its first line
  let named = 0;
  return {
    height: pixels,
    annotations: annotations.map((each, i) => ({ ...each, y: (middles.get(i) ?? 0) / room })),
    shapes: shapes.map((shape) => {
      const i = named;
      if (shape.line.dash) named += 1; // the last line to a name is the one with a dash
      const y1 = first(i, room, middles.get(i) ?? 0);
      const was = first(i, before, annotations[i].y * before);
      const leads = Math.abs(shape.y0 - was) > 1e-9; // from the curve's end, which stays
      return { ...shape, y0: leads ? shape.y0 : y1, y1 };
    }),
  };
}

/**
 * The timestep that a place on the page stands for, within the horizontal axis.
 *
 * @param {PlotlyElement} plot
 * @param {number} clientX
 * @returns {number | null} Null where the figure is not drawn yet.
 */
export function timeAt(plot, clientX) {
  const axis = plot._fullLayout?.xaxis;
  const area = plot._fullLayout?._size;
  if (!axis?.p2d || !area) return null;
  const [first, last] = axis.range;
  const t = axis.p2d(clientX - plot.getBoundingClientRect().left - area.l);
  return Math.round(Math.min(last, Math.max(first, t)));
}

/**
 * Calls `go` with the timestep that is pointed at: by a mouse over the figure, by a tap, and by a
 * finger that moves sideways. A finger that moves up or down scrolls the page.
 *
 * @param {PlotlyElement} plot
 * @param {(t: number) => void} go
 */
export function pointing(plot, go) {
  /** @param {PointerEvent | MouseEvent} event */
  const inside = (event) => {
    const area = plot._fullLayout?._size;
    const box = plot.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (!area || x < area.l - 8 || x > area.l + area.w + 8 || y < area.t || y > area.t + area.h) return;
    const t = timeAt(plot, event.clientX);
    if (t !== null) go(t);
  };
  /** @type {{ x: number, y: number } | null} */
  let began = null;
  plot.addEventListener("pointerdown", ({ pointerType, clientX, clientY }) => {
    began = pointerType === "mouse" ? null : { x: clientX, y: clientY };
  });
  plot.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" || (began && sideways(began, event))) inside(event);
  });
  plot.addEventListener("click", inside);
}

/**
 * Whether a finger moves along the axis rather than over the page.
 *
 * @param {{ x: number, y: number }} began
 * @param {{ clientX: number, clientY: number }} now
 */
export const sideways = (began, { clientX, clientY }) =>
  Math.abs(clientX - began.x) > Math.max(6, Math.abs(clientY - began.y));

// Plotly's figures: found when they come, pointed at, and fitted to a phone. Gradio makes a new
// element for every figure, and Plotly's own code may arrive after the page's.

export const NARROW = 560; // pixels of a figure's width, below which names beside it leave no room
const NAME_LINE = 18; // pixels

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
 * On a phone, the names of the curves go below the figure, where beside it they leave it no room.
 *
 * @param {PlotlyElement} plot
 * @returns {boolean} Whether it is being drawn anew.
 */
function belowInstead(plot) {
  const layout = plot.layout;
  if (!layout?.annotations?.length || layout.below || plot.clientWidth >= NARROW) return false;
  const Plotly = /** @type {{ Plotly?: PlotlyGlobal }} */ (/** @type {unknown} */ (window)).Plotly;
  if (!Plotly || !plot.clientWidth) return false;
  layout.below = true;
  Plotly.relayout(plot, namesBelow(layout));
  return true;
}

/**
 * The changes of a layout that put the names below the figure, one after the other.
 *
 * @param {PlotlyLayout} layout
 * @returns {Record<string, unknown>}
 */
export function namesBelow({ annotations = [], shapes = [], height = 0, margin }) {
  const keys = shapes.filter(({ line }) => line.dash); // the others lead from an end to its name
  const bottom = margin?.b ?? 0;
  let room = 0;
  const ordered = [...annotations.keys()].reverse(); // from the highest at the end to the lowest
  const names = ordered.map((from) => {
    const height = NAME_LINE * annotations[from].text.split("<br>").length;
    const first = -(bottom + room + NAME_LINE / 2); // the middle of the name's first line
    const yshift = -(bottom + room + height / 2);
    room += height;
    const name = { ...annotations[from], x: 0, y: 0, xshift: 34, yshift };
    const place = { xanchor: 0, x0: 0, x1: 26, ysizemode: "pixel", yanchor: 0, y0: first, y1: first };
    return { name, key: { ...keys[from], ...place } };
  });
  return {
    annotations: names.map(({ name }) => name),
    shapes: names.map(({ key }) => key),
    height: height + room,
    "margin.r": 14,
    "margin.b": bottom + room,
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

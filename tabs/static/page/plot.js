// The curves of schedules as one picture of lines.

import { find, make } from "../lib/dom.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 300, 62, 12, 14, 34];
/** @type {Record<string, string>} */
const DASHES = {
  solid: "",
  dash: "9 6",
  dot: "2 5",
  dashdot: "9 5 2 5",
  longdash: "15 7",
  longdashdot: "15 6 2 6",
};

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {number[]} at
 * @property {(number | null)[]} values
 * @property {[string, string]} style Colour and dash.
 * @property {boolean} faint
 */

/** @param {string} text */
const safe = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** @param {number} value */
const short = (value) =>
  value !== 0 && (Math.abs(value) < 0.01 || Math.abs(value) >= 1000)
    ? value.toExponential(0)
    : String(Number(value.toFixed(2)));

/**
 * @param {HTMLElement} place
 * @param {Line[]} lines
 * @param {string} title
 * @returns {{ show: (t: number) => void, timestep: (clientX: number) => number }} Moves the cursor
 *   to a timestep, and tells which one a pointer is at.
 */
export function plot(place, lines, title) {
  const known = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const last = Math.max(...lines.flatMap(({ at }) => at));
  /** @param {number} t */
  const x = (t) => LEFT + ((WIDTH - LEFT - RIGHT) * t) / last;
  /** @param {number} value */
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / (high - low || 1);
  let inside = "";
  for (let k = 0; k <= 4; k++) {
    const value = low + ((high - low) * k) / 4;
    inside += `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`;
    inside += `<text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${short(Math.abs(value) < (high - low) / 1000 ? 0 : value)}</text>`;
    const t = Math.round((last * k) / 4);
    inside += `<text x="${x(t)}" y="${HEIGHT - 12}" text-anchor="${k === 4 ? "end" : "middle"}">${t}</text>`;
  }
  for (const { at, values, style, faint } of lines) {
    let d = "";
    values.forEach((value, i) => {
      if (value !== null) d += `${d ? "L" : "M"}${x(at[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    inside += `<path d="${d}" ${drawn(style)} class="${faint ? "faint" : ""}"/>`;
  }
  const key = make("ul", { className: "key" });
  for (const { name, style } of lines) {
    const entry = make("li");
    const sample = `<svg viewBox="0 0 30 8" aria-hidden="true"><path d="M0 4H30" ${drawn(style)}/></svg>`;
    entry.innerHTML = `${sample}${safe(name)}`;
    key.append(entry);
  }
  place.innerHTML = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${safe(title)} by timestep t">${inside}</svg>`;
  place.append(key);
  const svg = find(place, "svg", SVGSVGElement);
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", String(TOP));
  cursor.setAttribute("y2", String(HEIGHT - BOTTOM));
  svg.append(cursor);
  return {
    show: (t) => {
      cursor.setAttribute("x1", String(x(t)));
      cursor.setAttribute("x2", String(x(t)));
    },
    timestep: (clientX) => {
      const box = svg.getBoundingClientRect();
      const across = (((clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
      return Math.round(last * Math.max(0, Math.min(1, across)));
    },
  };
}

/** @param {[string, string]} style */
const drawn = ([colour, dash]) => `stroke="${colour}" stroke-dasharray="${DASHES[dash] ?? ""}"`;

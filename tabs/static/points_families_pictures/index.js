// The view "Pictures" of the Points tab: a row of pictures for each family, and their table.

import { bytes } from "../lib/bytes.js";
import { find, make, makeCanvas } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { fillClaims, line } from "../points_families/tables.js";
import { COLUMNS, layout, stateWords } from "./words.js";

const FEW = 2; // the two garments themselves stand as large as those on the way
const GROUND = 128; // of a gap

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".points-strips", HTMLElement);
  const strips = find(root, ".strips", HTMLElement);
  const measured = find(root, ".measured", HTMLElement);
  /** @type {Map<string, { row: HTMLElement, canvas: HTMLCanvasElement, title: HTMLElement, says: HTMLElement }>} */
  const made = new Map();

  /** @param {import("../lib/messages.js").PointsStrip} strip */
  function rowOf({ key, title }) {
    const known = made.get(key);
    if (known) return known;
    const row = make("div", { className: "strip-row" });
    const words = make("div");
    const heading = make("h4");
    const says = make("p");
    words.append(heading, says);
    const real = key === "real";
    const canvas = makeCanvas(real ? `x0, ${title}` : `x0_hat, ${title}`, real ? "x0" : "x0-hat");
    row.append(words, canvas);
    strips.append(row);
    const whole = { row, canvas, title: heading, says };
    made.set(key, whole);
    return whole;
  }

  return (value) => {
    /** @type {import("../lib/messages.js").PointsStripsMessage | null} */
    const message = parse(value);
    if (!message?.strips) return;
    root.dataset.state = message.state;
    find(root, ".progress", HTMLElement).textContent = stateWords(message);
    for (const strip of message.strips) {
      const { row, canvas, title, says } = rowOf(strip);
      title.textContent = strip.title;
      says.textContent = strip.says;
      row.classList.toggle("few", strip.count <= FEW);
      const { width, places } = layout(strip.count, message.side);
      const levels = bytes(strip.pictures);
      paintLevels(canvas, width, message.side, 1, (p) => (places[p] < 0 ? GROUND : levels[places[p]]));
    }
    measured.hidden = !message.rows.length;
    if (!message.rows.length) return;
    find(root, "table.rows", HTMLElement).replaceChildren(
      line(COLUMNS.map(([heading]) => heading), "th"),
      ...message.rows.map((row) => line(COLUMNS.map(([, cell]) => cell(row)))),
    );
    fillClaims(find(root, "table.claims", HTMLElement), message.claims);
  };
}

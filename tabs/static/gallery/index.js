// Pictures in rows and columns, with words.

import { bytes } from "../lib/bytes.js";
import { find, make, makeCanvas, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import "./clicks.js"; // here before the first click
import { paintLevels } from "../lib/pixels.js";
import { cellLabel, heeds, template, toneOf } from "./cells.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { server }) {
  const root = find(element, ".gallery", HTMLElement);
  const cells = find(root, ".cells", HTMLElement);

  root.addEventListener("gallery:start", (event) => {
    if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
    root.dataset.wanted = /** @type {CustomEvent<string>} */ (event).detail;
  });

  return (value) => {
    /** @type {(import("../lib/messages.js").GalleryMessage & { error?: string }) | null} */
    const message = parse(value);
    if (!message || !heeds(message.run, root.dataset.wanted)) return;
    say(find(root, ".error", HTMLElement), message.error);
    if (message.error || !message.rows) return;
    const { rows, columns, width, height, channels } = message;
    const named = rows.some((row) => row.name);
    /** @type {HTMLElement[]} */
    const children = [];
    cells.style.gridTemplateColumns = template(columns.length, named);
    root.style.setProperty("--cell", `${message.cell || 84}px`);
    root.style.setProperty("--columns", String(columns.length));
    root.style.setProperty("--rows", String(message.rows.length));
    for (const row of rows) {
      if (named) children.push(make("span", { words: row.name, className: "row" }));
      row.cells.forEach((cell, i) => {
        const canvas = makeCanvas(cellLabel(row.name, columns[i]), toneOf(row, i));
        if (cell) {
          const px = bytes(cell);
          paintLevels(canvas, width, height, channels, (p) => px[p]);
        }
        if (!row.numbers) return children.push(canvas);
        const box = make("span", { className: "measured" });
        box.append(canvas, make("span", { words: row.numbers[i] ?? "", className: "column" }));
        return children.push(box);
      });
    }
    if (named) children.push(make("span"));
    children.push(...columns.map((words) => make("span", { words, className: "column" })));
    cells.replaceChildren(...children);
    find(root, ".words", HTMLElement).textContent = message.words || "";
    root.dataset.state = message.state;
    root.dataset.run = message.run;
  };
}

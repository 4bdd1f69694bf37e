// Pictures that are drawn together: a button each, and a slider along them.

import { find, findAll, make, makeCanvas } from "../lib/dom.js";

/**
 * Wire a row, the elements .together and .along of a stage.
 *
 * @param {HTMLElement} root
 * @param {() => void} changed Called when another picture is chosen.
 */
export function rowOf(root, changed) {
  const row = find(root, ".together", HTMLElement);
  const along = find(root, ".along", HTMLElement);
  const slider = find(along, "input", HTMLInputElement);
  let chosen = 0;

  /** @param {number} i */
  function choose(i) {
    chosen = i;
    changed();
  }
  slider.addEventListener("input", () => choose(Number(slider.value)));
  return {
    get chosen() {
      return chosen;
    },
    /**
     * Lay the row out anew; the same place stays chosen, if it is there.
     *
     * @param {string[]} names What stands under each.
     * @param {{ begins: boolean, at: number }} first Whether the row is another one, and what is chosen in it first.
     */
    lay(names, { begins, at }) {
      if (begins || chosen >= names.length) chosen = at;
      row.style.setProperty("--many", String(names.length));
      row.classList.toggle("of-3", names.length <= 3);
      row.replaceChildren(
        ...names.map((words, i) => {
          const button = make("button");
          button.type = "button";
          button.append(makeCanvas(`thumbnail x0_hat, ${words}`), make("span", { words }));
          button.addEventListener("click", () => choose(i));
          return button;
        }),
      );
      slider.max = String(Math.max(0, names.length - 1));
      along.hidden = names.length <= 3;
      row.hidden = !names.length;
    },
    /** Show which one is chosen, and paint each. @param {(canvas: HTMLCanvasElement, i: number) => void} paint */
    draw(paint) {
      findAll(row, "button", HTMLButtonElement).forEach((button, i) => {
        paint(find(button, "canvas", HTMLCanvasElement), i);
        button.setAttribute("aria-pressed", String(i === chosen));
      });
      slider.value = String(chosen);
    },
  };
}

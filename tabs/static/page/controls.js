// Controls in plain HTML, made from the tabs' own tables.

import { find, findAll, make } from "../lib/dom.js";

/** @typedef {import("./description.js").Control} Control */

/**
 * Controls in a place, and their values.
 */
export class Controls {
  /**
   * @param {HTMLElement} place
   * @param {Control[]} table
   * @param {(name: string) => void} changed Called with the name of the control that was changed.
   */
  constructor(place, table, changed) {
    this.place = place;
    this.changed = changed;
    /** @type {Map<string, Control>} */
    this.table = new Map(table.map((control) => [control.name, control]));
    place.append(...table.map(block));
    place.addEventListener("input", (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      const name = target.closest("[data-name]")?.getAttribute("data-name");
      if (!name || !this.table.has(name)) return;
      this.tell(name);
      changed(name);
    });
  }

  /** Set as a hand would, so that what follows from it does. @param {string} name @param {any} value */
  change(name, value) {
    const fits = this.set(name, value);
    if (fits) this.changed(name);
    return fits;
  }

  /** @param {string} name */
  at(name) {
    return find(this.place, `[data-name="${name}"]`, HTMLElement);
  }

  /** Show the number beside a slider. @param {string} name */
  tell(name) {
    const output = this.at(name).querySelector("output");
    if (output) output.textContent = String(this.value(name));
  }

  /** @param {string} name @returns {any} */
  value(name) {
    const control = /** @type {Control} */ (this.table.get(name));
    const place = this.at(name);
    if (control.kind === "checks" || control.kind === "choice") {
      const on = findAll(place, "input", HTMLInputElement).filter((input) => input.checked);
      const values = on.map((input) => control.choices[Number(input.value)][1]);
      return control.kind === "checks" ? values : values[0];
    }
    if (control.kind === "menu") {
      return control.choices[Number(find(place, "select", HTMLSelectElement).value)]?.[1];
    }
    const input = find(place, "input", HTMLInputElement);
    if (control.kind === "flag") return input.checked;
    return control.kind === "range" ? Number(input.value) : input.value;
  }

  /**
   * @param {string} name
   * @param {any} value
   * @returns {boolean} Whether the control can hold it.
   */
  set(name, value) {
    const control = /** @type {Control} */ (this.table.get(name));
    const place = this.at(name);
    if (control.kind === "checks") {
      findAll(place, "input", HTMLInputElement).forEach((input, i) => {
        input.checked = value.includes(control.choices[i][1]);
      });
    } else if (control.kind === "menu" || control.kind === "choice") {
      const index = control.choices.findIndex(([, each]) => each === value);
      if (index < 0) return false;
      if (control.kind === "menu") find(place, "select", HTMLSelectElement).value = String(index);
      else findAll(place, "input", HTMLInputElement)[index].checked = true;
    } else {
      const input = find(place, "input", HTMLInputElement);
      if (control.kind === "range" && !(value >= control.least && value <= control.most)) return false;
      input.value = String(value);
    }
    this.tell(name);
    return true;
  }

  /**
   * Other choices for a menu.
   *
   * @param {string} name
   * @param {[string, string | number][]} choices
   */
  offer(name, choices) {
    const control = /** @type {Control} */ (this.table.get(name));
    control.choices = choices;
    find(this.at(name), "select", HTMLSelectElement).replaceChildren(...options(choices, choices[0]?.[1]));
  }

  /** @param {string} name @param {boolean} shown */
  show(name, shown) {
    this.at(name).hidden = !shown;
  }
}

/** @param {Control} control */
function block(control) {
  const grouped = control.kind === "checks" || control.kind === "choice";
  const made = make(grouped ? "fieldset" : "label", { className: `control ${control.kind}` });
  made.dataset.name = control.name;
  made.append(make(grouped ? "legend" : "span", { words: control.label, className: "name" }));
  made.append(...fields(control));
  if (control.info) made.append(make("small", { words: control.info }));
  return made;
}

/** @param {Control} control @returns {HTMLElement[]} */
function fields(control) {
  const { kind, choices, value } = control;
  if (kind === "menu") {
    const select = make("select");
    select.setAttribute("aria-label", control.label);
    select.append(...options(choices, value));
    return [select];
  }
  if (kind === "checks" || kind === "choice") {
    return choices.map(([words, each], index) => {
      const label = make("label");
      const input = make("input");
      input.type = kind === "checks" ? "checkbox" : "radio";
      input.name = `${control.name}-of-page`;
      input.value = String(index);
      input.checked = kind === "checks" ? value.includes(each) : value === each;
      label.append(input, ` ${words}`);
      return label;
    });
  }
  const input = make("input");
  input.setAttribute("aria-label", control.label);
  if (kind === "flag") {
    input.type = "checkbox";
    input.checked = value;
    return [input];
  }
  if (kind === "seed") {
    input.inputMode = "numeric";
    input.autocomplete = "off";
    input.value = String(value);
    return [input];
  }
  input.type = "range";
  [input.min, input.max, input.step] = [control.least, control.most, control.step].map(String);
  input.value = String(value);
  return [input, make("output", { words: String(value) })];
}

/** @param {[string, string | number][]} choices @param {any} value */
function options(choices, value) {
  return choices.map(([words, each], index) => {
    const option = make("option", { words });
    option.value = String(index);
    option.selected = each === value;
    return option;
  });
}

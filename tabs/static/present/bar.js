// The bar at the bottom of the page: on a phone, and while the page is presented. Its buttons press
// the open tab's own, which they stand for; nothing is computed here.

import { findAll, make } from "../lib/dom.js";

/**
 * An element of a tab that a button of the bar stands for.
 *
 * @typedef {object} Pressed
 * @property {string} of Selector; of several, the first one whose component is in view is meant.
 * @property {string} [words] On the button; else those of the element.
 * @property {string} [name] For who cannot see it; else that of the element, or the words.
 * @property {string} [sign] Name of a picture in place of the words.
 * @property {string} [where] It is meant only where something matches this selector.
 * @property {string} [during] It is meant while something matches this selector, for a while already.
 */

/** One button: the last of these that is there and meant. @typedef {Pressed[]} Slot */

const WALKING = "#denoise-player .player:is([data-state=waiting], [data-state=running])";
const TRAINING = "#train-stage .training:is([data-state=waiting], [data-state=running], [data-asked])";
const CLOUDS = "#points-space .points-space:is([data-state=waiting], [data-state=running])";
const LEARNING = ":is(#points-learn .points-learn, #points-paths .points-paths):is([data-state=waiting], [data-state=running])";
const FAMILIES = "#points-families .points-families:is([data-state=waiting], [data-state=running])";
const WORDS = "#glide-stage .glide:is([data-state=waiting], [data-state=running])";
const FILLING = "#filling-stage .filling:is([data-state=waiting], [data-state=running])";
const COMPARING = "#differ-stage .differ:is([data-state=waiting], [data-state=running])";
const EMBEDDING = "#unclip-stage .unclip:is([data-state=waiting], [data-state=running])";
const CASCADING = "#imagen-stage .imagen:is([data-state=waiting], [data-state=running])";
const GUIDING = "#guided-stage .guided:is([data-state=waiting], [data-state=running])";
/** What runs for less than this is not worth another word on a button. */
export const BUSY_MS = 700;

/** The buttons by tab. @type {Record<string, Slot[]>} */
export const SLOTS = {
  noise: [
    [{ of: ".stage .play" }],
    [{ of: "button.beside", name: "New noise", sign: "die" }],
  ],
  schedules: [],
  inside: [
    [{ of: "#inside-die", name: "New noise", sign: "die" }],
    ...["network", "timestep", "switches", "loss"].map((view) => [
      { of: `#inside-tab-${view}`, where: "html.presenting" },
    ]),
    [{ of: "#inside-draw-many", where: "html.presenting" }],
    [{ of: "#inside-switches-reset", words: "Reset", where: "html.presenting" }],
  ],
  denoise: [
    [
      { of: "#denoise-run", words: "Denoise" },
      { of: ".stage-view button.primary", where: "html.presenting" }, // what the view computes
      { of: "#denoise-stop", words: "Stop", during: WALKING },
    ],
    [{ of: "#denoise-die", name: "New seed and run", sign: "die" }],
    [{ of: ".stage .back" }],
    [{ of: ".stage .play" }],
    [{ of: ".stage .next" }],
  ],
  points: [
    [
      { of: "#points-train", words: "Train" },
      { of: "#points-both" }, // where it is in view
      { of: "#points-stop", words: "Stop", during: LEARNING },
      { of: "#points-both-stop", words: "Stop", during: LEARNING },
      { of: "#families-train", words: "Train all" },
      { of: "#families-stop", words: "Stop all", during: FAMILIES },
      { of: "#pictures-draw", words: "Draw" },
      { of: "#space-make", words: "Make" },
      { of: "#space-stop", words: "Stop", during: CLOUDS },
    ],
    [
      { of: "#points-die", name: "New noise", sign: "die" },
      { of: "#pictures-die", name: "New noise", sign: "die" },
      { of: "#space-die", name: "New noise", sign: "die" },
    ],
    [{ of: ".stage .back" }],
    [{ of: ".stage .play" }],
    [{ of: ".stage .next" }],
    ...["data", "learn", "walk", "field", "paths", "space"].map((view) => [
      { of: `#points-tab-${view}`, where: "html.presenting" },
    ]),
  ],
  systems: [
    [
      { of: "#guided-run", words: "Guide" },
      { of: "#guided-stop", words: "Stop", during: GUIDING },
      { of: "#glide-run", words: "Draw" },
      { of: "#glide-stop", words: "Stop", during: WORDS },
      { of: "#filling-run", words: "Draw" },
      { of: "#filling-stop", words: "Stop", during: FILLING },
      { of: "#unclip-run", words: "Draw" },
      { of: "#unclip-stop", words: "Stop", during: EMBEDDING },
      { of: "#differ-run", words: "Draw" },
      { of: "#differ-stop", words: "Stop", during: COMPARING },
      { of: "#imagen-run", words: "Draw" },
      { of: "#imagen-stop", words: "Stop", during: CASCADING },
    ],
    [
      { of: "#guided-die", name: "New noise", sign: "die" },
      { of: "#glide-die", name: "New noise", sign: "die" },
      { of: "#filling-die", name: "New noise", sign: "die" },
      { of: "#unclip-die", name: "New noise", sign: "die" },
      { of: "#differ-die", name: "New noise", sign: "die" },
      { of: "#imagen-die", name: "New noise", sign: "die" },
    ],
    [{ of: ".stage .back" }],
    [{ of: ".stage .play" }],
    [{ of: ".stage .next" }],
    [
      { of: "#guided-switch", words: "Switch", where: "html.presenting" },
      { of: "#glide-branch", words: "Go on", where: "html.presenting" },
    ],
  ],
  train: [
    [
      { of: "#train-run", words: "Train" },
      { of: "#train-stop", words: "Stop", during: TRAINING },
    ],
    [{ of: ".stage .play" }],
  ],
};

const DIE = `<svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true"><rect x="3" y="3" width="18" height="18" rx="4"
  fill="none" stroke="currentColor" stroke-width="2"/><g fill="currentColor"><circle cx="8" cy="8" r="1.8"/><circle cx="16" cy="8" r="1.8"/>
  <circle cx="12" cy="12" r="1.8"/><circle cx="8" cy="16" r="1.8"/><circle cx="16" cy="16" r="1.8"/></g></svg>`;

/** @param {Element} element */
export function inView(element) {
  return element.getClientRects().length > 0;
}

/** The tabs of the page, in order. */
export function pageTabs() {
  return findAll(document, ".tabs > .tab-wrapper [role=tab][data-tab-id]", HTMLElement);
}

/** @returns {string} The id of the open tab. */
export function openTab() {
  const open = pageTabs().find((tab) => tab.getAttribute("aria-selected") === "true");
  return open?.dataset.tabId ?? "";
}

/** @returns {HTMLElement | null} What is shown of the open tab. */
export function openPanel() {
  return findAll(document, ".tabitem", HTMLElement).find(inView) ?? null;
}

/**
 * The element that is meant. It may itself be hidden, for the bar stands for it: but not its
 * component, as that of a view of the stage that is not chosen.
 *
 * @param {Pressed} pressed
 * @returns {HTMLElement | null}
 */
function elementOf({ of, where }) {
  const panel = openPanel();
  if (!panel || (where && !document.querySelector(where))) return null;
  const found = findAll(panel, of, HTMLElement);
  return (
    found.find((element) => {
      const component = element.closest("section, .stage-view");
      return !element.closest("[hidden]") && (!component || inView(component));
    }) ?? null
  );
}

/**
 * The last of a slot that is there, and meant now.
 *
 * @param {Slot} slot
 * @param {(pressed: Pressed) => HTMLElement | null} find
 * @param {(selector: string) => boolean} isLong Whether something matches for a while already.
 */
export function chosen(slot, find, isLong) {
  for (const pressed of [...slot].reverse()) {
    if (pressed.during && !isLong(pressed.during)) continue;
    const element = find(pressed);
    if (element) return { pressed, element };
  }
  return null;
}

export class Bar {
  tab = "";
  /** @type {Map<string, number>} Since when something matches, by selector. */
  since = new Map();
  /** @type {HTMLButtonElement[]} One a slot of the tab. */
  buttons = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
  }

  /** @param {string} selector */
  isLong = (selector) => {
    if (!document.querySelector(selector)) {
      this.since.delete(selector);
      return false;
    }
    const now = performance.now();
    const since = this.since.get(selector) ?? now;
    if (!this.since.has(selector)) {
      this.since.set(selector, now);
      setTimeout(() => this.refresh(), BUSY_MS + 20);
    }
    return now - since >= BUSY_MS;
  };

  /** Have the buttons be those of the open tab, as its own now are. */
  refresh() {
    const tab = openTab();
    const slots = SLOTS[tab] ?? [];
    if (tab !== this.tab || this.buttons.length !== slots.length) {
      this.tab = tab;
      this.buttons = slots.map(() => {
        const button = make("button");
        button.type = "button";
        return button;
      });
      this.root.replaceChildren(...this.buttons);
    }
    slots.forEach((slot, i) => this.show(this.buttons[i], slot));
    return this.buttons.some((button) => !button.hidden);
  }

  /** Have no buttons, so that there is one of each name alone while the bar is away. */
  clear() {
    this.tab = "";
    this.buttons = [];
    this.root.replaceChildren();
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {Slot} slot
   */
  show(button, slot) {
    const found = chosen(slot, elementOf, this.isLong);
    button.hidden = !found;
    if (!found) return;
    const { pressed, element } = found;
    const words = pressed.words ?? element.textContent?.trim() ?? "";
    const face = pressed.sign ? "" : words;
    if (pressed.sign && !button.firstElementChild) button.innerHTML = DIE;
    if (!pressed.sign && button.textContent !== face) button.textContent = face;
    const name = pressed.name ?? element.getAttribute("aria-label");
    if (name && name !== words) button.setAttribute("aria-label", name);
    else button.removeAttribute("aria-label");
    button.title = pressed.sign ? (name ?? "") : "";
    button.disabled = element instanceof HTMLButtonElement && element.disabled;
    button.dataset.of = pressed.of;
    button.onclick = () => element.click();
  }
}

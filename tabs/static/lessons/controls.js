// What a lesson does on the page: it sets controls, opens tabs and views, and presses buttons, as a
// person would. Every wait is for something that the page shows.

import { findAll, openTab } from "../lib/dom.js";

/** What leaves a control as it is. */
const SKIP = { __type__: "update" };
const RUNS = /** @type {Record<string, string>} */ ({
  Denoise: "#denoise-player .player",
  "New seed and run": "#denoise-player .player",
  Race: "#denoise-race .race",
}); // buttons that begin a run, and where its state stands
const ENDED = ["done", "failed", "stopped"];
const NAMES = /** @type {Record<string, string>} */ ({ Frame: "input.scrub" });
const PATIENCE_MS = 3000; // until what is missing counts as not there
const MOST_TRIES = 4; // to set controls of which others follow

/** @typedef {Record<string, unknown>} Values By the names that the server has for controls. */
/** @typedef {{ names: string[], values: unknown[], answer: unknown[] }} Told */

/**
 * The values of a page's controls as updates: those that differ from what is wanted.
 *
 * @param {string[]} names
 * @param {unknown[]} now
 * @param {Values} wanted
 * @returns {{ updates: unknown[], changed: boolean }}
 */
export function differing(names, now, wanted) {
  const same = (/** @type {unknown} */ a, /** @type {unknown} */ b) =>
    JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
  const differs = names.map((name, i) => name in wanted && !same(now[i], wanted[name]));
  return {
    updates: names.map((name, i) => (differs[i] ? wanted[name] : SKIP)),
    changed: differs.some(Boolean),
  };
}

/**
 * In which order controls are set: what others follow from comes first.
 *
 * @param {Values} wanted
 * @returns {Values[]}
 */
export function rounds(wanted) {
  const entries = Object.entries(wanted);
  const isFirst = (/** @type {[string, unknown]} */ [name]) => / Model$/.test(name);
  return [entries.filter(isFirst), entries.filter((e) => !isFirst(e))]
    .filter((each) => each.length)
    .map((each) => Object.fromEntries(each));
}

/** The page's controls: one wish at a time, in order. */
export class Controls {
  /** @type {Promise<unknown>} */
  line = Promise.resolve();
  /** @type {{ tab: string, wanted: Values, done: (now: Values) => void } | null} */
  wish = null;

  /** @param {import("../lib/messages.js").Host} host */
  constructor(host) {
    this.host = host;
    document.addEventListener("page:lesson", (event) => {
      /** @type {Told} */
      const told = /** @type {CustomEvent} */ (event).detail;
      const { tab = "", wanted = {} } = this.wish ?? {};
      const { updates } = differing(told.names, told.values, wanted);
      told.answer = [...updates, { ...SKIP, ...(tab ? { selected: tab } : {}) }];
    });
    document.addEventListener("page:lesson-set", (event) => {
      /** @type {Told} */
      const { names, values } = /** @type {CustomEvent} */ (event).detail;
      this.wish?.done(Object.fromEntries(names.map((name, i) => [name, values[i]])));
    });
  }

  /**
   * Set some controls once, and wait until what follows from them is there.
   *
   * @param {Values} wanted
   * @param {string} [tab] Which is opened; empty stays.
   * @returns {Promise<Values>} What all controls then hold.
   */
  #once(wanted, tab = "") {
    return new Promise((done) => {
      this.wish = { tab, wanted, done };
      this.host.trigger("submit", {});
    });
  }

  /**
   * Open a tab, and have the controls hold these values.
   *
   * @param {Values} wanted
   * @param {string} tab
   * @param {() => Promise<void>} [ready] Opens in the tab what the controls lie in.
   * @returns {Promise<Values>} What all controls held before.
   */
  set(wanted, tab, ready) {
    const work = this.line.then(async () => {
      let now = await this.#once({}, openTab() === tab ? "" : tab);
      const before = now;
      if (tab) await until(() => ["", tab].includes(openTab()) && panel());
      await ready?.();
      for (const some of rounds(wanted)) {
        const names = Object.keys(some);
        for (let tries = 0; tries < MOST_TRIES; tries++) {
          if (!differing(names, names.map((name) => now[name]), some).changed) break;
          now = await this.#once(some);
        }
      }
      return before;
    });
    this.line = work.catch(() => {});
    return work;
  }
}

/**
 * Wait for something that the page shows.
 *
 * @param {() => unknown} true_
 * @param {AbortSignal} [signal] Ends the waiting.
 */
export function until(true_, signal) {
  return new Promise((/** @type {(value?: undefined) => void} */ done) => {
    const watcher = new MutationObserver(look);
    function look() {
      if (!signal?.aborted && !true_()) return;
      watcher.disconnect();
      done();
    }
    signal?.addEventListener("abort", look);
    watcher.observe(document.body, { attributes: true, childList: true, subtree: true });
    look();
  });
}

/** @param {Element} element */
const isShown = (element) => element.getClientRects().length > 0;

/** @returns {HTMLElement | null} The panel of the tab that is open. */
export function panel() {
  const panels = findAll(document, ".tabitem[role=tabpanel]", HTMLElement);
  return panels.find(isShown) ?? null;
}

/**
 * What a person calls an element.
 *
 * @param {HTMLElement} element
 */
export function nameOf(element) {
  return (element.getAttribute("aria-label") ?? element.textContent ?? "").replace(/[▼◀▲►\s]+$/u, "").trim();
}

/**
 * A slider of one of our own components, in the open tab.
 *
 * @param {string} name
 */
export function slider(name) {
  const found = findAll(panel() ?? document, NAMES[name] ?? 'input[type="range"]', HTMLInputElement);
  return found.find((each) => name in NAMES || each.getAttribute("aria-label") === name) ?? null;
}

/**
 * Move a slider of our own, as a hand would.
 *
 * @param {string} name
 * @param {number} value
 * @returns {number | null} Where it stood; null where there is none.
 */
export function slide(name, value) {
  const found = slider(name);
  if (!found) return null;
  const before = Number(found.value);
  if (before !== value) {
    found.value = String(value);
    found.dispatchEvent(new Event("input", { bubbles: true }));
    found.dispatchEvent(new Event("change", { bubbles: true }));
  }
  return before;
}

/**
 * Open a view of the stage, or a fold, of the open tab.
 *
 * @param {string} name
 * @returns {Promise<string>} The view that was open before; empty where none was, or it was a fold.
 */
export async function openView(name) {
  const root = panel() ?? document;
  const views = findAll(root, '[role="tab"]', HTMLElement);
  const view = views.find((each) => nameOf(each) === name);
  const before = views.find((each) => each.getAttribute("aria-selected") === "true");
  if (view) {
    if (view !== before) view.click();
    return before ? nameOf(before) : "";
  }
  const folds = findAll(root, "button.label-wrap", HTMLElement);
  const fold = folds.find((each) => nameOf(each) === name || nameOf(each).startsWith(`${name}:`));
  if (!fold || fold.classList.contains("open")) return "";
  fold.click();
  await until(
    () => fold.classList.contains("open") && fold.nextElementSibling?.querySelector("button"),
    AbortSignal.timeout(PATIENCE_MS),
  );
  return "";
}

/**
 * Press a button of the open tab; one that begins a run is waited for.
 *
 * @param {string} name
 * @param {AbortSignal} signal Ends the waiting.
 * @returns {Promise<boolean>} Whether there is such a button.
 */
export async function press(name, signal) {
  // Where the page has a bar at the bottom, the buttons that it stands for are not seen.
  const find = () => {
    const named = findAll(panel() ?? document, "button", HTMLButtonElement).filter(
      (each) => nameOf(each) === name && each.getAttribute("role") !== "tab",
    );
    return named.find(isShown) ?? named[0];
  };
  await until(find, AbortSignal.timeout(PATIENCE_MS));
  const button = find();
  if (!button) return false;
  await until(() => !button.isConnected || !button.disabled, signal);
  // What it opens may be open already, as where one comes back to a step.
  if (signal.aborted || button.getAttribute("aria-expanded") === "true") return true;
  const run = () => /** @type {HTMLElement | null} */ (document.querySelector(RUNS[name]));
  const before = RUNS[name] ? run()?.dataset.wanted : "";
  (find() ?? button).click();
  if (RUNS[name]) {
    const ended = () => {
      const { wanted, state = "" } = run()?.dataset ?? {};
      return wanted !== before && ENDED.includes(state);
    };
    await until(ended, signal);
  }
  return true;
}

// When the values of a page's controls are looked up, so that they can be remembered. Gradio tells of
// a control's change only where a listener is attached to it, and each listener makes the page slower
// to open. So they are looked up, a tab at a time, a moment after something may have changed them: a
// person has used the page, or the server has answered.

import { openTab } from "../lib/dom.js";

const USED_MS = 200; // from a person's act until its tab is looked up
const SETTLE_MS = 50; // until Gradio has taken up what a person did
const QUIET_MS = 500; // without an answer, until all tabs are looked up
const RUNNING_MS = 2000; // between two looks at the open tab while answers stream
const ACTS = ["input", "change", "click", "keyup", "pointerup", "drop", "paste"];

/** Knows which tabs are to be looked up, and when. */
export class Saver {
  /** @type {Set<string>} Tabs in which something may have changed. */
  touched = new Set();
  /** Whether anybody has done anything: what the page opens with needs no memory. */
  begun = false;
  streaming = false;
  lastAct = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  soon;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  quiet;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  regular;

  /**
   * @param {string[]} tabs
   * @param {() => string} open Names the tab that is open, if it can.
   * @param {(tab: string) => void} save Looks up the values of a tab.
   */
  constructor(tabs, open, save) {
    this.tabs = tabs;
    this.open = open;
    this.save = save;
  }

  /** A person has done something in the tab that is open. */
  act() {
    this.begun = true;
    this.lastAct = Date.now();
    this.#opened().forEach((tab) => this.touched.add(tab));
    this.soon ??= setTimeout(() => this.#look(), USED_MS);
  }

  /** The open tab; all where it is not known. */
  #opened() {
    const tab = this.open();
    return tab ? [tab] : this.tabs;
  }

  #look() {
    const tabs = [...this.touched];
    this.flush(tabs);
    if (Date.now() - this.lastAct >= SETTLE_MS) return;
    tabs.forEach((tab) => this.touched.add(tab));
    this.soon = setTimeout(() => this.flush([...this.touched]), USED_MS);
  }

  /**
   * A request to the server has ended.
   *
   * @param {string} address
   */
  answered(address) {
    const [, what] = address.split("/gradio_api/");
    if (!what || /^(component_server|heartbeat|file=)/.test(what)) return;
    if (what.startsWith("queue/join")) this.#stream(true);
    if (what.startsWith("queue/data")) this.#stream(false);
    if (!this.begun) return;
    if (what.startsWith("upload")) this.act();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.quiet = undefined;
      // One by one, so that the page can answer a person in between.
      this.tabs.forEach((tab, i) => setTimeout(this.save, 20 * i, tab));
    }, QUIET_MS);
  }

  /** @param {boolean} goes Whether answers stream. */
  #stream(goes) {
    if (goes === this.streaming) return;
    this.streaming = goes;
    clearInterval(this.regular);
    if (goes) this.regular = setInterval(() => this.begun && this.#opened().forEach(this.save), RUNNING_MS);
  }

  /**
   * Look up now what is due.
   *
   * @param {string[]} [tabs]
   */
  flush(tabs = this.quiet || this.streaming ? this.tabs : [...this.touched]) {
    clearTimeout(this.soon);
    this.soon = undefined;
    this.touched.clear();
    if (this.begun) tabs.forEach(this.save);
  }
}

/**
 * Have a page's tabs looked up when something may have changed in them.
 *
 * @param {string[]} tabs
 * @param {(tab: string) => void} save
 */
export function watchChanges(tabs, save) {
  const saver = new Saver(tabs, openTab, save);
  for (const act of ACTS) document.addEventListener(act, () => saver.act(), { capture: true });
  document.addEventListener("page:lesson", () => saver.act()); // it may have come with the address
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") saver.flush();
  });
  // The page works on until the next one has come; after pagehide it does not.
  addEventListener("beforeunload", () => saver.flush());
  new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) saver.answered(name);
  }).observe({ type: "resource" });
}

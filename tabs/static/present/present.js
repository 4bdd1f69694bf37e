// Present: the screen is filled with the stage of the open tab, and the bar stands beneath it.

import { findAll, make } from "../lib/dom.js";
import { PHONE } from "../lib/phone.js";
import { oncePerFrame } from "../lib/playback.js";
import { fitHeight } from "../lib/plots.js";
import { Bar, inView, openPanel, openTab, pageTabs } from "./bar.js";
import { actOf, moved } from "./keys.js";

const LOW = 900; // pixels of height, up to which presented words and curves leave room to pictures
/** Plots, and how much of the stage's height each takes. @type {[string, number][]} */
const PLOTS = [
  ["#schedule-plot", 0.5],
  ["#denoise-return-plot", 0.38],
];
const STANDS_FOR = "#inside-t input[type=range]"; // moved where the stage has no slider to be seen
const root = () => document.documentElement;
/** @param {string} place @returns {PlotlyElement | null} */
const plotIn = (place) => document.querySelector(`${place} .js-plotly-plot`);

export class Present {
  filled = false; // whether the browser has given the whole screen
  /** @type {MutationObserver | null} While the bar is there, of what it stands for. */
  observer = null;

  /**
   * @param {HTMLElement} place Of the bar.
   * @param {HTMLButtonElement} opener The button "Present".
   */
  constructor(place, opener) {
    this.place = place;
    this.opener = opener;
    const own = make("div", { className: "own" });
    /** @param {string} className @param {string} words @param {() => void} act */
    const button = (className, words, act) => {
      const made = make("button", { className, words });
      made.type = "button";
      made.addEventListener("click", act);
      return made;
    };
    this.before = button("tab-before", "", () => this.turn(-1));
    this.after = button("tab-after", "", () => this.turn(1));
    this.ending = button("end", "End", () => this.end());
    this.ending.setAttribute("aria-label", "End presenting");
    this.bar = new Bar(own);
    place.append(this.before, own, this.after, this.ending);
    this.later = oncePerFrame(() => this.refresh());
    opener.addEventListener("click", () => this.begin());
    const phone = matchMedia(PHONE);
    this.isPhone = () => phone.matches;
    phone.addEventListener("change", () => this.arrange());
    addEventListener("resize", () => this.later());
    document.addEventListener("fullscreenchange", () => {
      if (document.fullscreenElement) this.filled = true;
      else if (this.filled) this.end();
    });
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    this.arrange();
  }

  get isOn() {
    return root().classList.contains("presenting");
  }

  begin() {
    if (this.isOn) return;
    root().classList.add("presenting");
    this.arrange();
    const first = findAll(this.place, "button", HTMLButtonElement).filter(inView);
    (first.find((b) => b.dataset.of?.endsWith(".play")) ?? this.ending).focus();
    if (!document.fullscreenEnabled) return;
    root()
      .requestFullscreen()
      .catch(() => {}); // the page fills its window, as in the frame of another page
  }

  end() {
    if (!this.isOn) return;
    root().classList.remove("presenting");
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    this.filled = false;
    this.arrange();
    this.opener.focus();
  }

  /** Show the bar where it belongs, and follow what it stands for while it is shown. */
  arrange() {
    const shown = this.isOn || this.isPhone();
    for (const part of [this.before, this.after, this.ending]) part.hidden = !this.isOn;
    if (shown && !this.observer) {
      this.observer = new MutationObserver(this.later);
      this.observer.observe(document.querySelector("main") ?? document.body, {
        childList: true,
        subtree: true,
        attributes: true,
        attributeFilter: ["aria-label", "aria-selected", "data-state", "data-shown", "data-asked", "disabled", "hidden"],
      });
    } else if (!shown) {
      this.observer?.disconnect();
      this.observer = null;
    }
    this.refresh();
    dispatchEvent(new Event("resize")); // what measures its width, as Plotly's figures do
  }

  refresh() {
    const shown = this.isOn || this.isPhone();
    const has = shown && this.bar.refresh();
    if (!shown) this.bar.clear();
    this.place.hidden = !(this.isOn || has);
    root().classList.toggle("barred", !this.place.hidden);
    root().classList.toggle("low", innerHeight <= LOW);
    root().classList.toggle("upright", innerHeight > innerWidth);
    if (!this.isOn) {
      for (const stage of findAll(document, ".stage[tabindex]", HTMLElement)) stage.removeAttribute("tabindex");
      for (const [place] of PLOTS) fitHeight(plotIn(place), null);
      return;
    }
    this.nameNeighbours();
    this.fit();
  }

  /** The tabs before and after the open one. */
  nameNeighbours() {
    const tabs = pageTabs();
    const at = tabs.findIndex((tab) => tab.dataset.tabId === openTab());
    /** @param {HTMLElement} button @param {HTMLElement | undefined} tab @param {(title: string) => string} words */
    const name = (button, tab, words) => {
      const title = tab?.textContent?.trim() ?? "";
      if (button.textContent !== words(title)) button.textContent = words(title);
      button.style.visibility = tab ? "" : "hidden";
      button.setAttribute("aria-label", `Tab ${title}`);
    };
    name(this.before, tabs[at - 1], (title) => `‹ ${title}`);
    name(this.after, tabs[at + 1], (title) => `${title} ›`);
  }

  /** Tell the style sheet what it cannot count: what stands above the stage, and its pictures. */
  fit() {
    const stage = openPanel()?.querySelector(".stage");
    if (!(stage instanceof HTMLElement)) return;
    const top = stage.getBoundingClientRect().top + scrollY;
    stage.tabIndex = 0; // so that keys scroll it, where nothing else in it takes them
    root().style.setProperty("--stage-top", `${Math.round(top)}px`);
    stage.style.setProperty("--beneath", "0px");
    for (const [place, share] of PLOTS) {
      const plot = findAll(stage, place, HTMLElement).find(inView);
      if (!plot) continue;
      const k = Number(getComputedStyle(plot).getPropertyValue("--k")) || 1;
      fitHeight(plotIn(place), (share * stage.clientHeight) / k);
      plot.style.setProperty("--plot-height", `${plot.offsetHeight}px`);
      stage.style.setProperty("--beneath", `${Math.round(k * plot.offsetHeight)}px`);
    }
    for (const views of findAll(stage, ".views", HTMLElement)) {
      const figures = findAll(views, "figure", HTMLElement).filter(inView);
      const across = figures.length > 4 ? Math.ceil(figures.length / 2) : figures.length;
      views.style.setProperty("--in-row", String(Math.max(1, across)));
      views.style.setProperty("--rows", figures.length > 4 ? "2" : "1");
    }
  }

  /** @param {number} by */
  turn(by) {
    const tabs = pageTabs();
    const at = tabs.findIndex((tab) => tab.dataset.tabId === openTab());
    tabs[at + by]?.click();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.isOn || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      event.preventDefault();
      return this.end();
    }
    const panel = openPanel();
    const act = panel && actOf(event, openTab() === "denoise");
    const at = event.target instanceof Element ? event.target : null;
    const own = at?.closest("input, select, textarea, [contenteditable]");
    if (!panel || !act || own || (event.key === " " && at?.closest("button"))) return;
    if ("press" in act) {
      const { press } = act;
      const wanted = this.bar.buttons.find((b) => !b.hidden && b.dataset.of?.endsWith(`.${press}`));
      if (!wanted) return;
      event.preventDefault();
      return wanted.click();
    }
    const inStage = findAll(panel, ".stage input[type=range]", HTMLInputElement).find(inView);
    const slider = inStage ?? panel.querySelector(STANDS_FOR);
    if (!(slider instanceof HTMLInputElement)) return;
    event.preventDefault();
    slider.value = String(moved(act, slider));
    for (const type of ["input", "change"]) slider.dispatchEvent(new Event(type, { bubbles: true }));
  }
}

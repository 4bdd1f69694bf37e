// The bar of the lessons; see tabs/lessons. A lesson is data: every word of it is shown as text.

import { find, findAll, make, openTab, say } from "../lib/dom.js";
import { bringStages, holdStages } from "../lib/held.js";
import { parse } from "../lib/messages.js";
import { cameBack, remember, remembered } from "../lib/storage.js";
import { joined, settingsBack } from "../lib/visit.js";
import { fragment, packed, readPlace } from "./address.js";
import { Controls, openView, panel, press, slide } from "./controls.js";
import "./events.js"; // here before the first click
import { lastRun, settings, verdict } from "./steps.js";

/** @typedef {import("../lib/messages.js").LessonMessage} LessonMessage */
/** @typedef {import("./controls.js").Values} Values */
/** @typedef {{ tab: string, controls: Values, own: Record<string, Record<string, number>>, views: Record<string, string>, search?: string }} Before */

const TOO_OLD = "The lesson in the address cannot be read: copy the whole address, or open its file.";
const MOST_BYTES = 65_536;

class Bar {
  /** @type {LessonMessage[]} */
  lessons = [];
  /** @type {LessonMessage | null} The one that is followed. */
  lesson = null;
  named = ""; // as the address names it
  at = 0;
  /** @type {Map<number, number>} What was predicted, by the number of the step. */
  chosen = new Map();
  /** @type {Set<number>} The steps whose answer was shown. */
  answered = new Set();
  /** @type {Before | null} What the person had before the lesson. */
  before = null;
  turn = new AbortController();

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/messages.js").Host} host
   */
  constructor(root, host) {
    this.root = root;
    this.host = host;
    this.controls = new Controls(host);
    /** @param {string} selector */
    this.$ = (selector) => find(root, selector, HTMLElement);
    root.addEventListener("lessons:open", () => this.toggle());
    this.$(".leave").addEventListener("click", () => this.leave());
    this.$(".next").addEventListener("click", () => this.go(this.at + 1));
    this.$(".back").addEventListener("click", () => this.go(this.at - 1));
    this.$(".show").addEventListener("click", () => this.show());
    this.wireFiles();
    this.wireKeys();
    addEventListener("hashchange", () => this.openAddress());
    const height = () => {
      const { offsetHeight } = root;
      document.documentElement.style.setProperty("--lesson-height", `${offsetHeight}px`);
    };
    new ResizeObserver(height).observe(root);
  }

  /** @param {string} value The page's own lessons. */
  async receive(value) {
    /** @type {import("../lib/messages.js").LessonsMessage | null} */
    const message = parse(value);
    if (!message?.lessons || this.lessons.length) return;
    this.lessons = message.lessons;
    this.list();
    await joined.promise;
    await settingsBack.promise;
    if (cameBack()) this.before = remembered("lesson", /** @type {Before | null} */ (null));
    else remember("lesson", undefined);
    this.openAddress();
  }

  /** The lessons to choose from. */
  list() {
    const items = this.lessons.map((lesson) => {
      const item = make("li");
      const button = make("button", { words: lesson.title });
      button.type = "button";
      button.disabled = !lesson.steps.length;
      button.addEventListener("click", () => this.begin(lesson, lesson.id, 0));
      item.append(button, make("span", { words: lesson.error ?? lesson.about }));
      return item;
    });
    this.$(".list").replaceChildren(...items);
  }

  toggle() {
    if (!this.root.hidden) return this.leave();
    this.state("menu");
    find(this.root, ".list button, .leave", HTMLButtonElement).focus();
  }

  /** @param {"closed" | "menu" | "step"} state */
  state(state) {
    this.root.dataset.state = state;
    this.root.hidden = state === "closed";
    this.$(".menu").hidden = state !== "menu";
    this.$(".step").hidden = state !== "step";
    if (state === "menu") {
      this.$("h2").textContent = "Lessons";
      this.$(".place").textContent = "";
      this.$(".leave").textContent = "Close";
    }
    document.querySelector("#lessons-open")?.setAttribute("aria-expanded", String(!this.root.hidden));
  }

  wireFiles() {
    const input = find(this.root, ".open input", HTMLInputElement);
    input.addEventListener("change", () => {
      if (input.files?.[0]) this.openFile(input.files[0]);
      input.value = "";
    });
    const isLesson = (/** @type {File} */ file) => /\.ya?ml$/i.test(file.name);
    document.addEventListener(
      "drop",
      (event) => {
        const file = [...(event.dataTransfer?.files ?? [])].find(isLesson);
        if (!file || !this.root.isConnected) return;
        event.preventDefault();
        event.stopPropagation();
        this.openFile(file);
      },
      true,
    );
    document.addEventListener("dragover", (event) => {
      const types = [...(event.dataTransfer?.items ?? [])].map((item) => item.type);
      if (types.some((type) => /yaml/.test(type)) || !this.root.hidden) event.preventDefault();
    });
  }

  /** @param {File} file */
  async openFile(file) {
    if (file.size > MOST_BYTES) {
      const size = file.size.toLocaleString("en");
      return this.fail(`The lesson has ${size} bytes, and at most 65,536 are read.`);
    }
    await this.openText(await file.text(), 0);
  }

  /**
   * @param {string} text Of a lesson's file.
   * @param {number} step
   */
  async openText(text, step) {
    /** @type {import("../lib/messages.js").LessonAnswer | null} */
    let answer = null;
    try {
      answer = parse(await this.host.server.open_lesson({ text }));
    } catch {
      // The server cannot be reached.
    }
    if (!answer?.lesson) {
      return this.fail(answer?.error ?? "The lesson could not be read: the page has no connection.");
    }
    await this.begin(answer.lesson, await packed(text), step);
  }

  /** Open the lesson that the address names. */
  async openAddress() {
    if (this.lesson && location.hash === fragment(this.named, this.at)) return;
    try {
      const place = await readPlace(location.hash);
      if (!place) return;
      if (place.text) return this.openText(place.text, place.step);
      const lesson = this.lessons.find((each) => each.id === place.id);
      if (!lesson) return this.fail(`There is no lesson ${JSON.stringify(place.id.slice(0, 60))}: choose one of these.`);
      if (lesson.error) return this.fail(lesson.error);
      await this.begin(lesson, lesson.id, place.step);
    } catch {
      this.fail(TOO_OLD);
    }
  }

  /** @param {string} sentence What is wrong with a lesson that was to be opened. */
  fail(sentence) {
    if (!this.lesson) this.state("menu");
    say(this.$(".error"), sentence);
  }

  /**
   * @param {LessonMessage} lesson
   * @param {string} named As the address names it.
   * @param {number} step
   */
  async begin(lesson, named, step) {
    say(this.$(".error"));
    this.lesson = lesson;
    this.named = named;
    this.chosen.clear();
    this.answered.clear();
    this.at = -1;
    await this.go(Math.min(step, lesson.steps.length - 1));
  }

  /** @param {number} k The number of a step, from 0 on; after the last the lesson is over. */
  async go(k) {
    const { lesson } = this;
    if (!lesson || k < 0) return;
    if (k >= lesson.steps.length) return this.leave();
    const follows = k === this.at + 1;
    this.turn.abort();
    const { signal } = (this.turn = new AbortController());
    this.at = k;
    const step = lesson.steps[k];
    history.replaceState(null, "", `${location.pathname}${location.search}${fragment(this.named, k)}`);
    this.render();
    this.busy(true);
    await this.setPage(signal);
    const answered = this.answered.has(k);
    const own = step.press.length > 0 && (!step.ask || answered);
    if (!signal.aborted && (own || !follows)) await this.run(answered, signal);
    if (!signal.aborted) this.busy(false);
  }

  /** The step's words, its question, and what was answered. */
  render() {
    const { lesson, at } = this;
    if (!lesson) return;
    const { say: sentence, ask, choices } = lesson.steps[at];
    this.state("step");
    say(this.$(".error"));
    this.$("h2").textContent = lesson.title;
    this.$(".place").textContent = `Step ${at + 1} of ${lesson.steps.length}`;
    this.$(".leave").textContent = "Leave";
    this.$(".say").textContent = sentence;
    this.root.dataset.step = String(at + 1);
    const question = this.$(".ask");
    question.hidden = !ask;
    this.$("legend").textContent = ask;
    const options = choices.map((words, i) => {
      const label = make("label", { className: "choice" });
      const input = make("input");
      input.type = "radio";
      input.name = "prediction";
      input.checked = this.chosen.get(at) === i;
      input.disabled = this.answered.has(at);
      input.addEventListener("change", () => this.choose(i));
      label.append(input, make("span", { words }));
      return label;
    });
    this.$(".choices").replaceChildren(...options);
    find(this.root, ".back", HTMLButtonElement).disabled = at === 0;
    this.$(".next").textContent = at + 1 < lesson.steps.length ? "Next" : "Finish";
    this.tellAnswer();
    if (ask && !this.answered.has(at)) this.$("legend").focus({ preventScroll: true });
  }

  /** @param {number} i The choice. */
  choose(i) {
    if (!this.lesson?.steps[this.at]?.ask || this.answered.has(this.at)) return;
    this.chosen.set(this.at, i);
    const inputs = findAll(this.root, ".choice input", HTMLInputElement);
    if (!inputs[i]) return;
    inputs[i].checked = true;
    this.tellAnswer();
  }

  /** Show the answer where it may be seen, and the button for it where a prediction was made. */
  tellAnswer() {
    const { lesson, at } = this;
    if (!lesson) return;
    const step = lesson.steps[at];
    const answered = this.answered.has(at);
    const button = find(this.root, ".show", HTMLButtonElement);
    button.hidden = !step.ask || answered;
    button.disabled = !this.chosen.has(at);
    this.$(".answer").textContent =
      step.ask && answered ? verdict(step, this.chosen.get(at) ?? -1) : "";
    this.root.toggleAttribute("data-answered", answered);
    findAll(this.root, ".choice", HTMLElement).forEach((label, i) => {
      label.toggleAttribute("data-right", answered && i === step.right);
    });
    this.$(".next").classList.toggle("onward", !step.ask || answered);
  }

  /** The prediction is made: run, and then say whether it was right. */
  async show() {
    const { lesson, at } = this;
    if (!lesson || !this.chosen.has(at) || this.root.dataset.busy) return;
    const { signal } = this.turn;
    findAll(this.root, ".choice input", HTMLInputElement).forEach((input) => {
      input.disabled = true;
    });
    find(this.root, ".show", HTMLButtonElement).disabled = true;
    this.$(".answer").textContent = lesson.steps[at].press.length ? "Computing …" : "";
    this.answered.add(at);
    this.busy(true);
    await this.setPage(signal);
    if (!signal.aborted && lesson.steps[at].press.length) await this.run(true, signal);
    if (signal.aborted) return;
    this.busy(false);
    this.tellAnswer();
    this.$(".next").focus({ preventScroll: true });
  }

  /**
   * The page's controls as this step has them.
   *
   * @param {AbortSignal} signal
   */
  async setPage(signal) {
    const { lesson, at } = this;
    if (!lesson) return;
    const { tab, view, controls, own } = settings(lesson.steps, at, this.answered.has(at));
    const open = openTab();
    const { search } = location;
    let was = "";
    if (!this.before) holdStages();
    const held = await this.controls.set(controls, tab, async () => {
      if (view) was = await openView(view);
    });
    this.before ??= { tab: open, controls: held, own: {}, views: {}, search };
    const { before } = this;
    if (was && !(tab in before.views)) before.views[tab] = was;
    if (signal.aborted) return;
    for (const [name, value] of Object.entries(own)) {
      const stood = slide(name, value);
      const saved = (before.own[tab] ??= {});
      // A frame belongs to the walk that was shown, which another has taken the place of.
      if (stood !== null && name !== "Frame" && !(name in saved)) saved[name] = stood;
    }
    remember("lesson", before);
    this.bringStage();
  }

  /** Have the stage in view, under the bar. */
  bringStage() {
    const stage = panel()?.querySelector(".stage");
    const { top = 0 } = stage?.getBoundingClientRect() ?? {};
    const below = this.root.getBoundingClientRect().bottom;
    if (stage && (top < below - 8 || top > innerHeight / 2)) stage.scrollIntoView({ block: "start" });
  }

  /**
   * Press what this step's picture comes from.
   *
   * @param {boolean} answered
   * @param {AbortSignal} signal
   */
  async run(answered, signal) {
    if (!this.lesson) return;
    const { press: names, own } = lastRun(this.lesson.steps, this.at, answered);
    for (const name of names) {
      if (signal.aborted) return;
      if (await press(name, signal)) continue;
      const quoted = JSON.stringify(name);
      say(this.$(".error"), `This lesson presses ${quoted}, and there is no such button here.`);
    }
    if (signal.aborted) return;
    for (const [name, value] of Object.entries(own)) slide(name, value);
  }

  /** @param {boolean} busy Whether the page is being set, or computes for the step. */
  busy(busy) {
    this.root.toggleAttribute("data-busy", busy);
    this.root.setAttribute("aria-busy", String(busy));
  }

  /** The lesson is over: the person has again what they had. */
  async leave() {
    const { before } = this;
    this.turn.abort();
    this.lesson = null;
    this.before = null;
    this.named = "";
    this.busy(false);
    this.state("closed");
    say(this.$(".error"));
    delete this.root.dataset.step;
    if (location.hash.startsWith("#lesson=")) {
      history.replaceState(null, "", `${location.pathname}${location.search}`);
    }
    document.querySelector(/** @type {"button"} */ ("#lessons-open"))?.focus({ preventScroll: true });
    if (!before) return;
    this.root.dataset.returning = "";
    bringStages();
    for (const tab of new Set([...Object.keys(before.own), ...Object.keys(before.views)])) {
      await this.controls.set({}, tab);
      if (before.views[tab]) await openView(before.views[tab]);
      for (const [name, value] of Object.entries(before.own[tab] ?? {})) slide(name, value);
    }
    await this.controls.set(before.controls, before.tab);
    if (before.search !== undefined) {
      history.replaceState(null, "", `${location.pathname}${before.search}${location.hash}`);
    }
    delete this.root.dataset.returning;
    if (!this.before) remember("lesson", undefined);
  }

  wireKeys() {
    const act = (/** @type {KeyboardEvent} */ event) => {
      if (!this.lesson || !this.root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
      const inside = this.root.contains(document.activeElement);
      // A presenter's remote sends these two keys.
      const presenting = document.documentElement.classList.contains("presenting");
      if (!inside && !presenting) return;
      const digit = Number(event.key);
      if (event.key === "PageDown") this.go(this.at + 1);
      else if (event.key === "PageUp") this.go(this.at - 1);
      else if (event.key === "Escape" && inside && !presenting) this.leave();
      else if (digit >= 1 && digit <= 4 && this.lesson.steps[this.at].ask) this.choose(digit - 1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    // Before the page's own keys, of which some are the same while it is presented.
    addEventListener("keydown", act, { capture: true });
  }
}

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".lessons", HTMLElement);
  const bar = new Bar(root, host);
  return (value) => {
    bar.receive(value);
  };
}

// A training as it goes: what it learns from, what it makes, its losses. See train/messages.py.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, makeCanvas, say } from "../lib/dom.js";
import { thousands } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { foldOnPhone } from "../lib/phone.js";
import { GAP, paintLevels } from "../lib/pixels.js";
import { Playback } from "../lib/playback.js";
import "./clicks.js"; // here before the first click
import { watchBusy } from "./busy.js";
import { binsChart, lossChart } from "./charts.js";
import { Job, mapRows, mapSheet, nearestRow, wordsOf } from "./milestones.js";

/** @typedef {import("./milestones.js").Milestone} Milestone */
/** @typedef {import("../lib/messages.js").DatasetMessage} DatasetMessage */
/** @typedef {import("../lib/messages.js").TrainingMessage} TrainingMessage */
/** @typedef {{ width: number, height: number, channels: number, px: Uint8Array | string }} Pixels */

const MILESTONE_MS = 300; // of playing
const MAP_CELL = 52; // CSS pixels

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Pixels} picture
 */
function show(canvas, { width, height, channels, px }) {
  const levels = typeof px === "string" ? bytes(px) : px;
  paintLevels(canvas, width, height, channels, (p) => levels[p]);
}

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".training", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @param {string} selector */
  const canvas = (selector) => find(root, selector, HTMLCanvasElement);
  const grown = find(root, ".grown", HTMLInputElement);
  const walked = find(root, ".walked", HTMLInputElement);
  const map = canvas(".map");
  /** @type {Job | null} */
  let job = null;
  let follows = true; // whether the newest milestone is shown as it comes
  let clock = 0;

  const playback = new Playback(
    find(root, ".play", HTMLButtonElement),
    (now) => {
      if (!job || now - clock <= MILESTONE_MS) return;
      clock = now;
      if (Number(grown.value) >= Number(grown.max)) return playback.set(false);
      grown.value = String(Number(grown.value) + 1);
      drawSamples();
    },
    { of: " the training" },
  );

  foldOnPhone(findAll(root, ".more", HTMLDetailsElement));
  watchBusy(root);

  function drawSamples() {
    const all = job?.known ?? [];
    if (!job?.shape || !all.length) return;
    grown.max = String(all.length - 1);
    if (follows) grown.value = grown.max;
    const milestone = all[Math.min(Number(grown.value), all.length - 1)];
    const last = milestone.walk.length - 1;
    const k = Math.min(Number(walked.value), last);
    walked.max = String(last);
    const [height, width, channels] = job.shape;
    show(canvas(".x_t canvas"), { width, height, channels, px: milestone.walk[k] });
    const words = wordsOf(milestone.step, k, last);
    $(".made").textContent = words.made;
    $(".at").textContent = `step ${thousands(milestone.step)}`;
    $(".k").textContent = words.k;
    root.dataset.step = String(milestone.step);
    root.dataset.k = String(k);
    drawLooks(milestone);
    drawMap(all);
    drawLoss();
  }

  /** @param {Milestone} milestone */
  function drawLooks(milestone) {
    const task = job?.task;
    if (!task) return;
    const holder = $(".looks");
    if (!holder.children.length) layOutLooks(holder, task);
    const guesses = findAll(holder, 'canvas[aria-label^="thumbnail x0_hat"]', HTMLCanvasElement);
    guesses.forEach((guess, i) => show(guess, { ...task, px: milestone.looks[i] }));
  }

  /**
   * @param {HTMLElement} holder
   * @param {import("./milestones.js").Task} task
   */
  function layOutLooks(holder, task) {
    /** @type {[string, string, string, Uint8Array[] | null][]} Symbol, colour, label, pictures. */
    const rows = [
      ["x<sub>t</sub>", "x-t", "x_t", task.noised],
      ["x̂<sub>0</sub>", "x0-hat", "x0_hat", null],
      ["x<sub>0</sub>", "x0", "x0", task.clean],
    ];
    for (const [symbol, tone, label, pictures] of rows) {
      const name = make("span");
      name.innerHTML = `<b>${symbol}</b>`;
      name.style.color = `var(--c-${tone})`;
      const cells = task.times.map((t, i) => {
        const cell = makeCanvas(`thumbnail ${label} t = ${t}`, tone);
        if (pictures) show(cell, { ...task, px: pictures[i] });
        return cell;
      });
      holder.append(name, ...cells);
    }
    const times = task.times.map((t) => make("span", { words: `t = ${t}` }));
    holder.append(make("span"), ...times);
  }

  /** @param {Milestone[]} all */
  function drawMap(all) {
    if (!job?.task || !job.shape) return;
    const { width, height } = job.task;
    const across = all[0].walk.length;
    const shown = mapRows(all.length);
    const walks = shown.map((index) => all[index].walk);
    show(map, mapSheet(walks, job.task, job.shape[1]));
    const column = Math.min(Number(walked.value), across - 1);
    const row = nearestRow(shown, Math.min(Number(grown.value), all.length - 1));
    const g = map.getContext("2d");
    if (g) {
      g.strokeStyle = getComputedStyle(root).getPropertyValue("--c-x-t");
      g.lineWidth = 2;
      const [left, top] = [column * (width + GAP) - 1, row * (height + GAP) - 1];
      g.strokeRect(left, top, width + 2, height + 2);
    }
    map.style.width = `${across * MAP_CELL}px`;
    const names = shown.map((m) => make("span", { words: `step ${thousands(all[m].step)}` }));
    $(".of").replaceChildren(...names);
  }

  function drawLoss() {
    if (!job) return;
    const chart = lossChart(job.loss, job.total, Number(root.dataset.step) || 0);
    if (!chart) return;
    find(root, ".loss", SVGElement).innerHTML = chart.svg;
    $(".chart .words").textContent = `Now ${chart.now.toPrecision(3)}.`;
  }

  function drawBins() {
    const chart = job && binsChart(job.bins, job.first, job.T);
    if (chart) find(root, ".bins", SVGElement).innerHTML = chart;
  }

  /** @param {string} run */
  function begin(run) {
    follows = true;
    playback.set(false);
    walked.value = "10";
    $(".looks").replaceChildren();
    return new Job(run);
  }

  /** @param {string} value */
  function receive(value) {
    /** @type {(Partial<DatasetMessage & TrainingMessage> & { error?: string }) | null} */
    const message = parse(value);
    if (!message) return;
    const { run, state = "", step = 0, total = 0, checks = [] } = message;
    if (message.error) delete root.dataset.asked;
    if (message.error || !run) return say($(".error"), message.error);
    // A sentence stays while it is of what the page shows.
    if (root.dataset.run !== run || root.dataset.state !== state) say($(".error"));
    if (job?.run !== run) job = begin(run);
    if (message.sheet) show(canvas(".x0 canvas"), message.sheet);
    if (message.noise) {
      show(canvas(".x_t canvas"), message.noise);
      $(".made").textContent = "the noise that sampling begins with";
    }
    root.dataset.state = state;
    if (state === "waiting" || state === "running") delete root.dataset.asked; // it has begun
    root.dataset.run = run;
    root.dataset.done = String(step);
    const trained = state !== "before";
    for (const part of findAll(root, ".rulers, .more", HTMLElement)) part.hidden = !trained;
    $(".health").hidden = !checks.length;
    $(".status").textContent = message.line || "";
    $(".line i").style.width = trained ? `${(100 * step) / total}%` : "0";
    if (trained) grow(job, /** @type {TrainingMessage} */ (message));
  }

  /**
   * @param {Job} job
   * @param {TrainingMessage} message
   */
  function grow(job, message) {
    job.take(message);
    if (message.new.length || !root.dataset.step) drawSamples();
    else drawLoss();
    root.dataset.milestones = String(job.known.length);
    drawBins();
    const list = message.checks.map(({ ok, words }) => {
      return make("li", { words, className: ok ? "" : "bad" });
    });
    $(".health ul").replaceChildren(...list);
  }

  playback.button.addEventListener("click", () => {
    if (!job) return;
    follows = false;
    if (!playback.playing && Number(grown.value) >= Number(grown.max)) grown.value = "0";
    drawSamples();
    clock = performance.now();
    playback.set(!playback.playing);
  });
  grown.addEventListener("input", () => {
    playback.set(false);
    follows = grown.value === grown.max;
    drawSamples();
  });
  walked.addEventListener("input", drawSamples);
  map.addEventListener("click", (event) => {
    const all = job?.known ?? [];
    if (!all.length) return;
    playback.set(false);
    const box = map.getBoundingClientRect();
    const shown = mapRows(all.length);
    const down = (event.clientY - box.top) / box.height;
    const across = (event.clientX - box.left) / box.width;
    grown.value = String(shown[Math.min(shown.length - 1, Math.floor(down * shown.length))]);
    walked.value = String(Math.floor(across * all[0].walk.length));
    follows = grown.value === grown.max;
    drawSamples();
  });
  return receive;
}

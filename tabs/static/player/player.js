// The frame player: draws the frames of a walk, and says what they are.

import { find, findAll, make, say, writeQuery } from "../lib/dom.js";
import { trueMinus } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { inSheet, paintLevels, tileOffset } from "../lib/pixels.js";
import { Pace, Playback, frameInterval, reducedMotion } from "../lib/playback.js";
import { Announcer } from "./announce.js";
import { equation } from "./equation.js";
import { InBrowser } from "./in_browser.js";
import {
  Run,
  available,
  describe,
  filmWords,
  goesOnBy,
  samePictures,
  sameWalk,
  insidePicture,
  pictureAt,
  pixels,
  samplerAt,
  track,
} from "./run.js";
import {
  axes,
  expected,
  expectedSquare,
  histogramPaths,
  levelsOf,
  meanSquare,
  squarePaths,
} from "./charts.js";

/** @typedef {import("./run.js").DecodedFrame} DecodedFrame */
/** @typedef {import("../lib/messages.js").Head} Head */

/**
 * A walk that is held: its run and what was seen of it; the address may have named it.
 *
 * @typedef {object} Held
 * @property {Run} run
 * @property {Run | null} parent
 * @property {number} at
 * @property {Run | null} before
 * @property {Set<string>} shown
 * @property {number} picked
 * @property {string | null} address
 */

/** @type {Record<string, string>} */
const NAMES = {
  x_t: "xₜ",
  x0_hat: "x̂₀",
  eps_hat: "ε̂",
  change: "change",
  noise: "fresh noise z",
  parent: "parent",
  exact: "exact answer",
  first: "first guess",
  x0: "true x₀",
};
const REFUSED =
  "This could not begin: a value of the controls is out of range, or too many are waiting. " +
  "Change it, or try again.";
const SAME_WALK = "Same seed and settings: the same walk. Press the die for another.";
const STATISTICS_MS = 150; // between two drawings of the charts while frames move
const HOLD_MS = 600; // that the finished picture stands before its walk is shown again
const CALM_MS = 200; // between two frames of a walk that is computed, where little motion is wanted

export class Player {
  /** @type {Run | null} */
  run = null;
  /** @type {Run | null} The run that the present one branched from. */
  parent = null;
  /** @type {Run | null} What it will be, when the run that was asked for is there. */
  nextParent = null;
  at = -1; // index of the frame on the canvases
  /** @type {Run | null} The run that was shown before. */
  before = null;
  /** @type {Held | null} The walk that was there when the page opened. */
  opened = null;
  /**
   * What moves the frames: the walk as it is computed, its replay, or who presses Play.
   *
   * @type {"live" | "replay" | "play"}
   */
  mode = "play";
  replayFrom = 0;
  pace = new Pace();
  waiting = false; // Denoise was pressed, nothing has come yet
  /** @type {string | null} The run whose messages are heeded; null takes what is there at first. */
  wanted = null;
  opening = false; // the address names a walk that is to be replayed
  shown = new Set(["x_t", "x0_hat"]);
  lastStatistics = 0;
  /** @type {{ of: Uint8Array | null, levels: Float64Array, square: number }} */
  basis = { of: null, levels: new Float64Array(256), square: 0 };

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/messages.js").Host} host
   */
  constructor(root, host) {
    this.root = root;
    this.host = host;
    this.figures = findAll(root, ".view", HTMLElement);
    this.scrub = find(root, ".scrub", HTMLInputElement);
    this.speed = find(root, "[aria-label=Speed]", HTMLSelectElement);
    this.loop = find(root, ".loop", HTMLInputElement);
    this.pick = find(root, ".pick", HTMLSelectElement);
    this.along = find(root, ".along input", HTMLInputElement);
    const button = find(root, ".play", HTMLButtonElement);
    this.playback = new Playback(button, (now) => this.advance(now));
    if (reducedMotion()) this.speed.value = "16s";
    this.announcer = new Announcer(this.$(".heard"));
    this.inBrowser = new InBrowser(this);
    this.wirePicking();
    this.wirePage();
  }

  /** @param {string} selector */
  $(selector) {
    return find(this.root, selector, HTMLElement);
  }

  /** @param {string} selector */
  svg(selector) {
    return find(this.root, selector, SVGElement);
  }

  get last() {
    return this.run?.last ?? -1;
  }

  get available() {
    const known = this.figures.map((f) => f.dataset.view ?? "");
    return this.run ? available(known, this.run, this.parent) : [];
  }

  /** Index of the picture that is shown alone; -1 shows them all. */
  get picked() {
    return Number(this.pick.value);
  }

  // Playing.

  /** @param {boolean} playing */
  setPlaying(playing) {
    const frame = this.run?.frames[this.at];
    const paused = this.playback.playing && !playing;
    if (!playing) this.mode = "play";
    this.playback.set(playing);
    if (paused && this.run?.head && frame) this.statistics(frame);
    this.state();
  }

  /** @param {number} now */
  advance(now) {
    const { run, mode } = this;
    if (!run?.head) return;
    if (mode === "live") return this.follow(run, now);
    const steps = run.last - (mode === "replay" ? this.replayFrom : 0);
    let next = this.at;
    for (let due = this.pace.due(now, frameInterval(this.speed.value, steps)); due > 0; due--) {
      const further = run.after(next);
      if (further < 0) return this.ended(run, now, next);
      next = further;
    }
    if (next !== this.at) this.draw(next);
    if (mode === "replay" && this.at === run.last) {
      this.mode = "play"; // what follows is no part of the replay
      this.setPlaying(this.loop.checked);
    }
  }

  /**
   * Show a walk as it is computed, and when it has come to its end, show it again.
   *
   * @param {Run} run
   * @param {number} now
   */
  follow(run, now) {
    const calm = reducedMotion();
    let next = this.at;
    if (calm && run.over) next = run.last;
    else if (!calm || now - this.pace.last >= CALM_MS) {
      for (let k = goesOnBy(run, this.at, calm); k > 0; k--) next = Math.max(next, run.after(next));
    }
    if (next !== this.at) {
      this.pace.last = now;
      this.draw(next);
    } else if (run.over) {
      if (run.stopped || calm || run.last < 1 || !this.root.getClientRects().length) {
        this.setPlaying(false);
      } else if (now - this.pace.last >= HOLD_MS) this.replay(run, now);
    }
  }

  /**
   * Show a walk that is finished again, slowly enough to be seen.
   *
   * @param {Run} run
   * @param {number} now
   */
  replay(run, now) {
    this.mode = "replay";
    this.replayFrom = Math.max(0, run.fork);
    this.pace.last = now;
    this.draw(this.replayFrom);
    this.state();
  }

  /** What ends a replay, or comes just before it, shows the finished picture. */
  endReplay() {
    const { mode, run } = this;
    const near = mode === "replay" || (mode === "live" && run?.over && this.at === run.last);
    if (near && this.playback.playing) this.show(this.last);
  }

  /**
   * @param {Run} run
   * @param {number} now
   * @param {number} at The last frame that is here.
   */
  ended(run, now, at) {
    if (at !== this.at) this.draw(at);
    if (!run.over) return;
    if (this.loop.checked && run.last > 0) {
      this.at = -1;
      this.pace.last = now + HOLD_MS;
    } else this.setPlaying(false);
  }

  /** @param {number} index */
  show(index) {
    this.setPlaying(false);
    this.draw(Math.max(0, Math.min(this.last, index)));
  }

  togglePlay() {
    const { playing } = this.playback;
    if (!playing) {
      this.mode = this.run?.over ? "play" : "live";
      if (this.run?.over && this.at >= this.last) this.at = -1;
      this.pace.last = -Infinity;
    }
    this.setPlaying(!playing);
  }

  // Drawing.

  /** @param {number} index */
  draw(index) {
    const frame = this.run?.frames[index];
    if (!this.run?.head || !frame) return;
    const { root, run } = this;
    const { head } = this.run;
    this.at = index;
    for (const figure of this.figures) if (!figure.hidden) this.drawView(figure, frame, head);
    root.dataset.frame = String(index);
    root.dataset.t = String(frame.t);
    root.dataset.step = String(frame.i);
    this.scrub.value = String(index);
    this.$(".mark").style.left = `${100 * (run.total > 1 ? index / (run.total - 1) : 1)}%`;
    this.svg(".seen").setAttribute("d", track(head.alpha_bars, index + 1, head.straight));
    this.$(".gain").textContent =
      frame.t < 0 ? "nothing more" : `shown × ${trueMinus(Number(frame.n.gain.toPrecision(2)).toString())}`;
    this.describe(frame, index);
    // While frames move, charts and equation follow more slowly than the pictures: laying them out
    // takes the longest.
    const due = performance.now() - this.lastStatistics > STATISTICS_MS;
    if (!this.playback.playing || frame.t < 0 || due) this.statistics(frame);
    const detail = {
      t: frame.t,
      tp: frame.tp,
      index,
      noise: "noise" in frame.w || (head.hole && frame.tp >= 0),
      sampler: samplerAt(head.samplers, frame.i),
      picture: Boolean(run.x0) && !head.hole,
    };
    document.dispatchEvent(new CustomEvent("player:frame", { detail }));
  }

  /**
   * What a figure shows of a frame: the sheet, or the one picture of it that is picked.
   *
   * @param {HTMLElement} figure
   * @param {DecodedFrame} frame
   * @param {Head} head
   * @returns {{ width: number, height: number, channels: number, level: (p: number) => number } | null}
   *   null where the figure has no picture at this frame.
   */
  pictureOf(figure, frame, { width, height, channels, tile, columns, images }) {
    const view = figure.dataset.view ?? "";
    const px = this.run && pixels(view, frame, this.run, this.parent);
    if (!px) return null;
    const single = view === "x0"; // a single picture, whatever the batch
    const i = this.picked;
    if (i >= 0 && i < images && !single) {
      const offset = tileOffset(i, columns, tile);
      /** @param {number} p */
      const level = (p) => px[inSheet(p, offset, tile[0], width, channels)];
      return { width: tile[0], height: tile[1], channels, level };
    }
    const [w, h] = single ? tile : [width, height];
    return { width: w, height: h, channels, level: (p) => px[p] };
  }

  /**
   * @param {HTMLElement} figure
   * @param {DecodedFrame} frame
   * @param {Head} head
   */
  drawView(figure, frame, head) {
    const picture = this.pictureOf(figure, frame, head);
    figure.style.visibility = picture ? "" : "hidden";
    if (!picture) return;
    const { width, height, channels, level } = picture;
    const canvas = find(figure, "canvas", HTMLCanvasElement);
    paintLevels(canvas, width, height, channels, level);
    const ratio = String(width / height);
    canvas.style.setProperty("--ratio", ratio);
    if (figure.dataset.view !== "x0") this.root.style.setProperty("--sheet-ratio", ratio);
  }

  /**
   * Equation and charts. Theory needs the clean pictures: the finished ones, or until they are
   * there the present guess.
   *
   * @param {DecodedFrame} frame
   */
  statistics(frame) {
    const { run, at } = this;
    if (!run?.head) return;
    const { head } = run;
    this.lastStatistics = performance.now();
    const sampler = samplerAt(head.samplers, frame.i);
    this.$(".step-equation").innerHTML = equation(frame, head.formulas[sampler], head.hole);
    const finished = run.frames[run.total - 1];
    const px = finished ? finished.px[0] : frame.px[1];
    if (this.basis.of !== px) {
      const levels = levelsOf(px, (p) => insidePicture(head, p));
      this.basis = { of: px, levels, square: meanSquare(levels) };
    }
    const { levels, square } = this.basis;
    const histogram = histogramPaths(frame.h, expected(levels, frame.ab, head.straight));
    this.svg(".histogram .bars").setAttribute("d", histogram.bars);
    this.svg(".histogram .theory").setAttribute("d", histogram.theory);
    const values = Array.from(run.frames, (f) => (f ? f.n.mean_square : null));
    const theory = head.alpha_bars.map((ab) => expectedSquare(ab, square, head.straight));
    const norm = squarePaths(values, at, run.total, theory, head.steps);
    this.svg(".histogram .scale").innerHTML = axes(histogram.across, histogram.up);
    this.svg(".norm .scale").innerHTML = axes(norm.across, norm.up);
    this.svg(".norm .line").setAttribute("d", norm.line);
    this.svg(".norm .theory").setAttribute("d", norm.theory);
    this.svg(".norm .dot").setAttribute("cx", String(norm.dot[0]));
    this.svg(".norm .dot").setAttribute("cy", String(norm.dot[1]));
    this.$(".basis").textContent = finished ? "" : "It takes the present guess for the picture.";
    this.$(".square").textContent = frame.n.mean_square.toFixed(3);
    this.$(".square-theory").textContent = expectedSquare(frame.ab, square, head.straight).toFixed(3);
  }

  /**
   * @param {DecodedFrame} frame
   * @param {number} index
   */
  describe(frame, index) {
    if (!this.run?.head) return;
    const parts = describe(frame, index, this.run);
    const { known } = this.run.head;
    this.$(".status").textContent = parts.join(" · ");
    this.$(".exactly").textContent =
      frame.t < 0
        ? `the nearest of ${known} training images`
        : `the exact answer: the best guess of one who remembers ${known} training images`;
    this.scrub.setAttribute("aria-valuetext", parts.slice(0, 2).join(", "));
  }

  /** Which views are on the stage, and the chips that say so. */
  arrange() {
    const head = this.run?.head;
    if (!head) return;
    const names = this.available;
    let visible = names.filter((view) => this.shown.has(view));
    if (!visible.length) visible = ["x_t"];
    this.figures.forEach((f) => {
      f.hidden = !visible.includes(f.dataset.view ?? "");
    });
    const wide = head.row && this.picked < 0; // a row of pictures wants the whole width
    const across = wide ? 1 : visible.length <= 4 ? visible.length : 3;
    this.root.style.setProperty("--across", String(across));
    this.root.toggleAttribute("data-single", visible.length === 1 && !wide);
    const chips = names.map((name) => {
      const chip = make("button", { words: NAMES[name], className: name });
      chip.type = "button";
      chip.setAttribute("aria-pressed", String(visible.includes(name)));
      chip.addEventListener("click", () => {
        const others = visible.filter((view) => view !== name);
        this.shown = new Set(visible.includes(name) ? others : [...visible, name]);
        this.arrange();
        this.draw(this.at);
        findAll(this.$(".chips"), "button", HTMLElement)
          .find((c) => c.className === name)
          ?.focus();
      });
      return chip;
    });
    this.$(".chips").replaceChildren(...chips);
    this.root.dataset.shown = visible.join(" ");
  }

  /**
   * Lay out what stays the same in all frames of a walk.
   *
   * @param {Run} run
   * @param {Head} head
   */
  layOut(run, head) {
    this.root.toggleAttribute("data-straight", Boolean(head.straight));
    const whole = track(head.alpha_bars, Infinity, head.straight);
    this.svg(".curve").setAttribute("d", whole);
    this.svg(".area").setAttribute("d", `${whole}L1000 100L0 100Z`);
    this.$(".caption").textContent = [head.caption, head.bound].filter(Boolean).join(". ");
    // The curve's name stands where the curve does not: above its beginning, or under a high one.
    const early = head.alpha_bars[Math.round(0.3 * (head.alpha_bars.length - 1))];
    this.root.dataset.curve = Math.sqrt(early) > 0.6 ? "high" : "low";
    this.$(".from").textContent = "step 0: noise";
    this.$(".to").textContent = `step ${head.steps}: picture`;
    this.scrub.max = String(run.total - 1);
    const keeps = this.before?.head && samePictures(this.before.head, head);
    const chosen = keeps ? this.pick.value : "-1";
    const options = Array.from({ length: head.images + 1 }, (_, i) => {
      return new Option(i ? String(i) : "all", String(i - 1));
    });
    this.pick.replaceChildren(...options);
    this.pick.value = Number(chosen) < head.images && !head.row ? chosen : "-1";
    this.$(".picked").style.display = head.images > 1 ? "" : "none";
    this.root.dataset.images = String(head.images);
    this.$(".along").hidden = !head.row;
    this.along.max = String(head.images - 1);
    this.$(".along .place").textContent = "all";
    this.$(".fork").hidden = head.branch < 0;
    this.$(".fork").style.left = `${(100 * head.branch) / Math.max(1, head.steps)}%`;
    // What is new and to be compared is shown without being asked for.
    if (head.branch >= 0 && this.parent) this.shown.add("parent");
    else this.shown.delete("parent");
    if (head.views.includes("exact")) this.shown.add("exact");
    if (run.x0) {
      this.shown.add("x0");
      if (!head.views.includes("exact") && !head.hole) this.shown.add("first");
    }
    this.$(".truth").textContent = head.hole
      ? "the picture; what was painted over is made anew"
      : "the true picture; the network never sees it without noise";
    this.root.toggleAttribute("data-picked", this.picked >= 0);
    this.arrange();
  }

  state() {
    const { root, run, waiting } = this;
    const ended = run?.stopped ? "stopped" : run?.done ? "done" : "running";
    root.dataset.state = waiting ? "waiting" : run ? ended : "empty";
    root.dataset.run = run ? run.id : "";
    root.dataset.frames = String(run ? run.last + 1 : 0);
    const playing = this.playback.playing;
    root.toggleAttribute("data-replay", playing && this.mode === "replay");
    this.$(".film").textContent = filmWords(run, waiting, playing ? this.mode : "play");
    this.announcer.hear(run, waiting);
    const share = run && !waiting ? (run.last + 1) / run.total : 0;
    this.$(".track").style.setProperty("--received", String(share));
  }

  /**
   * @param {".error" | ".note"} place
   * @param {string} [sentence]
   */
  say(place, sentence) {
    say(this.$(place), sentence);
    if (place === ".error") this.$(".offer").hidden = true; // it belongs to what is refused
  }

  // What the server sends, or this browser has walked.

  /** @param {string} value */
  receive(value) {
    /** @type {import("./run.js").Taken | null} */
    const message = parse(value);
    if (message) this.take(message);
  }

  /** @param {import("./run.js").Taken} message */
  take(message) {
    if (this.wanted !== null && message.run !== this.wanted) return;
    if ("error" in message) {
      this.waiting = false;
      this.say(".error", message.error);
      this.$(".offer").hidden = !message.offer;
      return this.state();
    }
    if (!this.run || this.run.id !== message.run) this.begin(message);
    const run = /** @type {Run} */ (this.run);
    if (run.take(message) && run.head) this.layOut(run, run.head);
    if (message.walk && run.loading === null) this.inBrowser.begin(run, message.walk);
    if (message.note) this.say(".note", message.note);
    else if (this.before && sameWalk(this.before, run)) this.say(".note", SAME_WALK);
    // What is there when the page opens stands in the middle of its walk, where there is most to
    // see.
    if (this.at < 0 && run.done && !this.playback.playing) {
      this.draw(Math.round(0.6 * run.last));
      this.opened ??= this.hold();
    }
    // The walk that branched off begins to move where it left its parent.
    if (this.at < 0 && run.frames[0] && run.fork >= 0) this.draw(run.fork);
    this.state();
  }

  /** @param {import("./run.js").Frames} message */
  begin(message) {
    const first = this.run === null;
    if (!first) this.parent = this.nextParent;
    this.before = this.run;
    this.run = new Run(message.run, message.total);
    this.at = -1;
    this.root.dataset.frame = "-1"; // none of this run is drawn yet
    this.waiting = false;
    this.say(".error", "");
    this.say(".note", "");
    this.$(".kept").textContent = "";
    this.mode = "live";
    this.setPlaying(!(first && message.done));
  }

  // What a lesson takes the place of, and gives back.

  /** @returns {Held | null} What stands on the stage, to be brought back. */
  hold() {
    const { run, parent, at, before, shown, picked } = this;
    if (!run?.head) return null;
    const address = new URLSearchParams(location.search).get("run");
    return { run, parent, at, before, shown: new Set(shown), picked, address };
  }

  /**
   * Show a walk again that was held: as far as it had come, where another has ended it.
   *
   * @param {Held} held
   */
  bring({ run, parent, at, before, shown, picked, address }) {
    if (!run.head || (this.run === run && !this.waiting)) return;
    const { root } = this;
    this.stop();
    if (root.dataset.wanted) this.host.server.give_up(root.dataset.wanted).catch(() => {});
    this.wanted = root.dataset.wanted = run.id;
    if (!run.done) run.stopped = true;
    this.run = run;
    this.parent = parent;
    this.nextParent = null;
    this.before = null;
    this.waiting = false;
    this.say(".error", "");
    this.say(".note", "");
    this.$(".kept").textContent = "";
    this.layOut(run, run.head);
    this.before = before;
    this.shown = shown;
    this.pick.value = String(picked);
    this.pick.dispatchEvent(new Event("change"));
    this.show(at);
    if (!address) return;
    const query = new URLSearchParams(location.search);
    query.set("run", address);
    writeQuery(query);
  }

  // What the page's buttons send.

  stop() {
    const { run } = this;
    this.wanted = ""; // of the runs so far, nothing more is heeded
    if (!run || run.done) return;
    run.stopped = true;
    this.inBrowser.stop(run);
    this.setPlaying(false);
    const frame = run.frames[this.at];
    if (frame) this.describe(frame, this.at);
  }

  /** @param {{ id: string, branch: boolean }} detail */
  start({ id, branch }) {
    const { root } = this;
    this.stop();
    this.nextParent = branch ? this.run : null;
    if (root.dataset.wanted) this.host.server.give_up(root.dataset.wanted).catch(() => {});
    this.wanted = root.dataset.wanted = id;
    const query = new URLSearchParams(location.search);
    if (query.has("run") && !this.opening) {
      // The address names another walk.
      query.delete("run");
      writeQuery(query);
    }
    this.opening = false;
    this.waiting = true;
    this.say(".error", "");
    this.say(".note", "");
    this.state();
  }

  wirePage() {
    const { root } = this;
    root.addEventListener("player:start", (event) => {
      this.start(/** @type {CustomEvent} */ (event).detail);
    });
    root.addEventListener("player:failed", () => {
      if (!this.waiting) return;
      this.waiting = false;
      this.say(".error", REFUSED);
      this.state();
    });
    root.addEventListener("player:stop", () => {
      this.stop();
      this.waiting = false;
      this.state();
    });
    // What a branch needs to know of the run that is here.
    root.addEventListener("player:ask", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      const { run } = this;
      detail.run = run ? run.id : "";
      detail.card = run ? run.card : "";
      const here = run?.frames[this.at] ?? run?.frames[Number(this.scrub.value)];
      detail.step = here && run?.head ? Math.min(here.i, run.head.steps - 1) : 0;
    });
    this.listen("player:tell", () => this.draw(this.at));
    this.$(".offer .here").addEventListener("click", () => this.host.trigger("retry"));
  }

  wirePicking() {
    const { pick, along } = this;
    pick.addEventListener("change", () => {
      const i = this.picked;
      this.root.toggleAttribute("data-picked", i >= 0);
      if (i >= 0) along.value = pick.value;
      const of = this.run?.head?.images;
      this.$(".along .place").textContent = i < 0 ? "all" : `${i + 1} of ${of}`;
      this.arrange();
      this.draw(this.at);
    });
    /** @param {string} value */
    const choose = (value) => {
      pick.value = value;
      pick.dispatchEvent(new Event("change"));
    };
    along.addEventListener("input", () => choose(along.value));
    // A click on one picture of the grid shows it large; another click shows the grid again.
    this.$(".views").addEventListener("click", (event) => {
      const canvas = /** @type {Element} */ (event.target).closest("canvas");
      const head = this.run?.head;
      if (!canvas || !head || head.images < 2 || canvas.closest(".x0")) return;
      if (this.picked >= 0) return choose("-1");
      const box = canvas.getBoundingClientRect();
      const across = (event.clientX - box.left) / box.width;
      const down = (event.clientY - box.top) / box.height;
      choose(String(pictureAt(head, across, down)));
    });
  }

  /**
   * Listen to the document; the listener is taken away with the player that it speaks for.
   *
   * @param {string} name
   * @param {(event: Event) => void} act
   * @param {boolean} [capture]
   */
  listen(name, act, capture = false) {
    /** @param {Event} event */
    const heard = (event) => {
      if (this.root.isConnected) act(event);
      else document.removeEventListener(name, heard, capture);
    };
    document.addEventListener(name, heard, capture);
  }
}

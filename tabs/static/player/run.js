// A walk as it arrives: its frames, and what may be asked of them.

import { bytes } from "../lib/bytes.js";
import { duration, evaluations, timeLeft } from "../lib/format.js";
import { amplitudes } from "../lib/mixing.js";
import { GAP } from "../lib/pixels.js";

/** @typedef {import("../lib/messages.js").Frame} Frame */
/** @typedef {import("../lib/messages.js").Head} Head */
/** @typedef {import("../lib/messages.js").PlayerMessage} PlayerMessage */
/** @typedef {Omit<Frame, "px"> & { px: Uint8Array[] }} DecodedFrame */
/** @typedef {Omit<PlayerMessage, "frames"> & { frames: (Frame | DecodedFrame)[] }} Frames */
/** @typedef {Frames | import("../lib/messages.js").Failure} Taken */

/** @param {string | Uint8Array} px As the server sends a picture, or as this browser made it. */
const decoded = (px) => (typeof px === "string" ? bytes(px) : px);

/** A run of the player: begun by its first message, and filled by those that follow. */
export class Run {
  /** @type {(DecodedFrame | undefined)[]} */
  frames = [];
  done = false;
  stopped = false;
  /** @type {Head | null} */
  head = null;
  card = "";
  link = ""; // the card as its link holds it, where that is another
  /** @type {Uint8Array | null} The picture that the walk began with. */
  x0 = null;
  /** @type {number | null} How much of the network this browser has, 0 to 1; null on the server. */
  loading = null;

  /**
   * @param {string} id
   * @param {number} total Frames that there will be.
   */
  constructor(id, total) {
    this.id = id;
    this.total = total;
  }

  /**
   * Take what is new in a message; messages overlap, and a frame that is here stays.
   *
   * @param {Frames} message
   * @returns {boolean} Whether the head came with it, for the first time.
   */
  take(message) {
    const headed = Boolean(message.head) && !this.head;
    if (message.head && headed) {
      this.head = message.head;
      this.x0 = message.head.x0 ? bytes(message.head.x0) : null;
    }
    message.frames.forEach((frame, i) => {
      const index = message.first + i;
      if (frame.px && !this.frames[index]) {
        this.frames[index] = { ...frame, px: frame.px.map(decoded) };
      }
    });
    if (message.card) this.card = message.card;
    if (message.link) this.link = message.link;
    if (message.done) this.done = true;
    return headed;
  }

  /** Index of the last frame that is here; -1 where there is none. */
  get last() {
    let n = this.frames.length - 1;
    while (n >= 0 && !this.frames[n]) n--;
    return n;
  }

  /** Whether no more frames will come. */
  get over() {
    return this.done || this.stopped;
  }

  /**
   * The next frame that is here after one, which may lie beyond a gap.
   *
   * @param {number} at
   * @returns {number} Its index; -1 where there is none.
   */
  after(at) {
    for (let i = at + 1; i < this.frames.length; i++) if (this.frames[i]) return i;
    return -1;
  }

  /** Index of the first frame at or after the step at which the walk left its parent; or -1. */
  get fork() {
    const branch = this.head?.branch ?? -1;
    return branch < 0 ? -1 : this.frames.findIndex((f) => f && f.i >= branch);
  }

  /**
   * The frame at a timestep: another walk's counterpart of a frame of this one.
   *
   * @param {number} t
   */
  at(t) {
    return this.frames.find((f) => f && f.t === t);
  }
}

/**
 * The pixels of a view at a frame.
 *
 * @param {string} view
 * @param {DecodedFrame} frame
 * @param {Run} run
 * @param {Run | null} parent The run that this one branched from.
 * @returns {Uint8Array | null} null where the view has none.
 */
export function pixels(view, frame, run, parent) {
  const views = run.head?.views ?? [];
  const k = views.indexOf(view);
  if (k >= 0) return frame.px[k];
  if (view === "first") return (run.x0 && run.frames[0]?.px[views.indexOf("x0_hat")]) || null;
  if (view === "parent") return parent?.at(frame.t)?.px[0] ?? null;
  return view === "x0" ? run.x0 : null;
}

/**
 * The views that a run has, of those that the page knows, in the page's order.
 *
 * @param {string[]} known
 * @param {Run} run
 * @param {Run | null} parent
 */
export function available(known, run, parent) {
  const names = [...(run.head?.views ?? [])];
  if (parent) names.push("parent");
  if (run.x0) names.push(...(run.head?.hole ? [] : ["first"]), "x0");
  return known.filter((view) => names.includes(view));
}

/**
 * The sampler at work in a step: before a branch's first step it was its parent's.
 *
 * @param {[number, string][]} samplers First step and sampler of each part.
 * @param {number} step
 */
export function samplerAt(samplers, step) {
  const begun = samplers.filter(([first]) => step >= first);
  return begun[begun.length - 1][1];
}

/**
 * Which picture of a sheet lies at a place.
 *
 * @param {Head} head
 * @param {number} across Share of the sheet's width, 0 to 1.
 * @param {number} down Share of its height.
 */
export function pictureAt({ width, height, tile, columns, images }, across, down) {
  const column = Math.floor((across * width) / (tile[0] + GAP));
  const row = Math.floor((down * height) / (tile[1] + GAP));
  return Math.min(images - 1, row * columns + column);
}

/**
 * Whether a number of a sheet belongs to a picture, and not to a gap or an empty place.
 *
 * @param {Head} head
 * @param {number} p
 */
export function insidePicture({ channels, tile, width, columns, images }, p) {
  const pixel = Math.floor(p / channels);
  const x = pixel % width;
  const y = Math.floor(pixel / width);
  const across = tile[0] + GAP;
  const down = tile[1] + GAP;
  const i = Math.floor(y / down) * columns + Math.floor(x / across);
  return x % across < tile[0] && y % down < tile[1] && i < images;
}

/**
 * Where a frame is, in words.
 *
 * @param {DecodedFrame} frame
 * @param {number} index
 * @param {Run} run
 */
export function describe(frame, index, run) {
  const { steps = 0, known } = run.head ?? {};
  const parts = [
    frame.t < 0 ? "finished" : `t = ${frame.t}`,
    `step ${frame.i} of ${steps}`,
    `signal ${Math.sqrt(frame.ab).toFixed(2)}, noise ${Math.sqrt(1 - frame.ab).toFixed(2)}`,
    evaluations(frame.nfe),
    duration(frame.ms),
  ];
  if ("x0" in frame.n) parts.push(`${frame.n.x0.toFixed(2)} from the true picture`);
  if ("exact" in frame.n) {
    const other = frame.t < 0 ? `the nearest of ${known} training images` : "the exact answer";
    parts.push(`${frame.n.exact.toFixed(2)} from ${other}`);
  }
  if (run.stopped && index === run.last) parts.push("stopped");
  else if (!run.done && index === run.last && frame.ms > 3000) {
    parts.push(timeLeft((frame.ms / 1000 / (frame.i + 1)) * (steps - frame.i - 1)));
  }
  return parts;
}

/**
 * The scrubber's track, 1000 by 100: the picture's amplitude over the frames of a walk.
 *
 * @param {number[]} alphaBars
 * @param {number} count Of frames, from the first on.
 * @param {boolean} [straight] Whether the path is that of flow matching.
 */
export function track(alphaBars, count, straight) {
  const n = alphaBars.length;
  let d = "";
  for (let i = 0; i < Math.min(count, n); i++) {
    const x = ((1000 * i) / Math.max(1, n - 1)).toFixed(1);
    d += `${i ? "L" : "M"}${x} ${(96 - 92 * amplitudes(alphaBars[i], straight)[0]).toFixed(2)}`;
  }
  return d;
}

const MOST_BEHIND = 120; // frames, before some are passed over to show the walk as it is computed

/**
 * By how many frames the pictures go on while a walk is computed.
 *
 * @param {Run} run
 * @param {number} at
 * @param {boolean} calm Whether the newest frame is shown at once, and those between are not.
 */
export function goesOnBy(run, at, calm) {
  const behind = run.last - at;
  return calm ? behind : Math.min(behind, 1 + Math.floor(behind / MOST_BEHIND));
}

/**
 * What is said over the pictures on how they came about.
 *
 * @param {Run | null} run
 * @param {boolean} waiting Whether a new one was asked for, and nothing of it is here.
 * @param {"live" | "replay" | "play"} mode
 */
export function filmWords(run, waiting, mode) {
  if (!run?.head || waiting) return "";
  if (mode === "replay") {
    const ms = run.frames[run.last]?.ms ?? 0;
    return `replay of the walk computed in ${duration(ms)}`;
  }
  if (run.loading !== null && run.last < 0 && !run.over) {
    const share = Math.floor(100 * run.loading);
    return share < 100 ? `this browser loads the network: ${share} %` : "the network gets ready";
  }
  if (mode === "live" && !run.over) {
    return run.loading === null
      ? "live: each step as it is computed"
      : "live: each step as this browser computes it";
  }
  return run.id === OPENING ? `computed at start-up, ${run.head.seeds}` : "";
}

const OPENING = "opening"; // the walk that is there when the page opens

/**
 * Whether two walks have the same noise and the same network, so that their pictures, one by one,
 * are about the same.
 *
 * @param {Head} a
 * @param {Head} b
 */
export function samePictures(a, b) {
  return a.name === b.name && a.seeds === b.seeds && a.images === b.images && a.row === b.row;
}

/**
 * Whether a walk is the one before it again: known by its run card when it is finished, and until
 * then by what its head and its first frame say.
 *
 * @param {Run} before
 * @param {Run} run
 */
export function sameWalk(before, run) {
  if (before.card && run.card) return before.card === run.card;
  const [a, b] = [before.frames[0], run.frames[0]];
  if (!a || !b || !before.head || !run.head || before.head.hole || run.head.hole) return false;
  if (JSON.stringify(before.head) !== JSON.stringify(run.head)) return false;
  return a.px.every((px, k) => px.length === b.px[k].length && px.every((x, p) => x === b.px[k][p]));
}

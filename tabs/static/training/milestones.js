// What a training made at each of its milestones, and the map of all of them.

import { bytes } from "../lib/bytes.js";
import { thousands } from "../lib/format.js";
import { GAP } from "../lib/pixels.js";

/** @typedef {import("../lib/messages.js").TrainingMessage} TrainingMessage */
/** @typedef {{ step: number, walk: Uint8Array[], looks: Uint8Array[] }} Milestone */
/** @typedef {Omit<import("../lib/messages.js").Task, "clean" | "noised"> & { clean: Uint8Array[], noised: Uint8Array[] }} Task */

const ROWS = 12; // of the map
const GREY = 128;

/** A training as it arrives. */
export class Job {
  /** @type {Map<number, Milestone>} By step. */
  at = new Map();
  /** @type {number[]} Steps of all milestones that there are. */
  steps = [];
  /** @type {[number, number, number] | null} Height, width and channels of a sheet of a walk. */
  shape = null;
  /** @type {Task | null} */
  task = null;
  /** @type {[number, number][]} */
  loss = [];
  /** @type {(number | null)[]} */
  bins = [];
  /** @type {(number | null)[]} */
  first = [];
  total = 0;
  T = 0;

  /** @param {string} run */
  constructor(run) {
    this.run = run;
  }

  /** @param {TrainingMessage} message */
  take(message) {
    if (message.task) {
      const { clean, noised } = message.task;
      this.task = { ...message.task, clean: clean.map(bytes), noised: noised.map(bytes) };
    }
    if (message.shape) this.shape = message.shape;
    this.steps = message.steps;
    for (const step of this.at.keys()) if (!message.steps.includes(step)) this.at.delete(step);
    for (const { step, walk, looks } of message.new) {
      this.at.set(step, { step, walk: walk.map(bytes), looks: looks.map(bytes) });
    }
    const { loss, bins, first, total, T } = message;
    Object.assign(this, { loss, bins, first, total, T });
  }

  /** Milestones that have arrived without a gap, in order. */
  get known() {
    /** @type {Milestone[]} */
    const all = [];
    for (const step of this.steps) {
      const milestone = this.at.get(step);
      if (!milestone) break;
      all.push(milestone);
    }
    return all;
  }
}

/**
 * Which milestones the map shows: a dozen, evenly chosen, the last among them.
 *
 * @param {number} n How many there are.
 */
export function mapRows(n) {
  if (n <= ROWS) return [...Array(n).keys()];
  return [...Array(ROWS).keys()].map((i) => Math.round((i * (n - 1)) / (ROWS - 1)));
}

/**
 * The row of the map that is nearest to a milestone.
 *
 * @param {number[]} shown Milestones of the rows.
 * @param {number} at
 */
export const nearestRow = (shown, at) =>
  shown.reduce((best, m, i) => (Math.abs(m - at) < Math.abs(shown[best] - at) ? i : best), 0);

/**
 * The map: the first picture of every frame, milestones downwards, the walk to the right.
 *
 * @param {Uint8Array[][]} walks Sheets of the walk of each row.
 * @param {{ width: number, height: number, channels: number }} picture
 * @param {number} sheetWidth Of a frame, in pixels.
 */
export function mapSheet(walks, { width, height, channels }, sheetWidth) {
  const W = walks[0].length * (width + GAP) - GAP;
  const H = walks.length * (height + GAP) - GAP;
  const px = new Uint8Array(W * H * channels).fill(GREY);
  walks.forEach((walk, r) =>
    walk.forEach((frame, c) => {
      for (let y = 0; y < height; y++) {
        const from = y * sheetWidth * channels;
        const to = ((r * (height + GAP) + y) * W + c * (width + GAP)) * channels;
        px.set(frame.subarray(from, from + width * channels), to);
      }
    }),
  );
  return { width: W, height: H, channels, px };
}

/**
 * What the stage shows, in words.
 *
 * @param {number} step Of training.
 * @param {number} k Step of the walk.
 * @param {number} last The walk's last.
 */
export function wordsOf(step, k, last) {
  const when = step ? `after ${thousands(step)} steps of training` : "before any training";
  return {
    made:
      k === last
        ? `what it makes of the same noise, ${when}`
        : `step ${k} of ${last} of a walk from the same noise, ${when}`,
    k: k === last ? "finished" : k ? `step ${k} of ${last}` : "noise",
  };
}

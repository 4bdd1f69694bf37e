// A race as it arrives: several walks on one clock of computing time.

import { bytes } from "../lib/bytes.js";
import { duration, evaluations } from "../lib/format.js";

/** @typedef {import("../lib/messages.js").RaceFrame} RaceFrame */
/** @typedef {import("../lib/messages.js").RaceMessage} RaceMessage */
/** @typedef {Omit<RaceFrame, "px" | "lane" | "k"> & { px: Uint8Array[] }} LaneFrame */
/** @typedef {import("../lib/messages.js").RaceLane & { frames: (LaneFrame | undefined)[] }} Lane */

const SHORTEST = 2000; // milliseconds of playing
const LONGEST = 8000;
const NOISE = 0.05; // of one computing time measured twice

/** All lanes of a race. */
export class Race {
  done = false;
  stopped = false;

  /** @param {RaceMessage} message The first of the race. */
  constructor({ run, head }) {
    this.id = run;
    this.head = head;
    /** @type {Lane[]} */
    this.lanes = head.lanes.map((lane) => ({ ...lane, frames: [] }));
  }

  /**
   * Take what is new in a message; messages overlap, and a frame that is here stays.
   *
   * @param {RaceMessage} message
   */
  take(message) {
    for (const { lane, k, ...frame } of message.frames) {
      this.lanes[lane].frames[k] ??= { ...frame, px: frame.px.map(bytes) };
    }
    if (message.done) this.done = true;
  }

  /** Computing time of the slowest lane so far, in milliseconds. */
  get longest() {
    return Math.max(1, ...this.lanes.map((lane) => lane.frames.at(-1)?.ms || 0));
  }

  /** How long the race plays: as it was computed, but within 2 to 8 seconds. In milliseconds. */
  get span() {
    return Math.min(LONGEST, Math.max(SHORTEST, this.longest));
  }

  /**
   * What a lane shows at a time: the last frame that it had computed by then.
   *
   * @param {number} i Of the lane.
   * @param {number} ms
   */
  frameAt(i, ms) {
    const { frames } = this.lanes[i];
    return frames.filter((f) => f && f.ms <= ms + 1e-6).at(-1) ?? frames[0];
  }

  /**
   * Milliseconds of an evaluation of a kind of lane, as measured so far.
   *
   * @param {string} kind
   */
  rate(kind) {
    const lasts = this.lanes.filter((l) => l.kind === kind).map((l) => l.frames.at(-1));
    const ms = lasts.reduce((sum, frame) => sum + (frame?.ms ?? 0), 0);
    const count = lasts.reduce((sum, frame) => sum + (frame?.nfe ?? 0), 0);
    return count ? ms / count : 0;
  }

  /** Milliseconds until all lanes have finished, about. */
  get left() {
    return this.lanes.reduce((sum, { frames, evaluations, kind }) => {
      const last = frames.at(-1);
      return last && last.t < 0 ? sum : sum + (evaluations - (last?.nfe ?? 0)) * this.rate(kind);
    }, 0);
  }

  /**
   * The place of a lane, in words; empty while it runs.
   *
   * The clocks of two lanes with the same work differ by chance. So a lane's place goes by its
   * evaluations, each at the mean cost of its kind, and within that chance two arrive together.
   *
   * @param {number} i Of the lane.
   * @param {LaneFrame} frame
   */
  place(i, frame) {
    if (frame.t >= 0) return "";
    const cost = this.lanes.map((lane) => lane.evaluations * this.rate(lane.kind));
    const others = cost.filter((_, j) => {
      const last = this.lanes[j].frames.at(-1);
      return j !== i && last && last.t < 0;
    });
    const before = others.filter((c) => c < cost[i] * (1 - NOISE)).length;
    const together = others.filter((c) => Math.abs(c - cost[i]) <= cost[i] * NOISE).length;
    const place = ["finished first", "finished 2nd", "finished 3rd", "finished 4th"][before];
    return place + (together ? `, together with ${together} other${together > 1 ? "s" : ""}` : "");
  }

  /**
   * Whether another race ended in the same pictures, in as many lanes.
   *
   * @param {Race | null} other
   */
  sameAs(other) {
    if (!this.done || !other?.done || other.lanes.length !== this.lanes.length) return false;
    return this.lanes.every(({ frames, name }, i) => {
      const [mine, its] = [frames.at(-1)?.px[0], other.lanes[i].frames.at(-1)?.px[0]];
      if (!mine || mine.length !== its?.length || name !== other.lanes[i].name) return false;
      return mine.every((level, p) => level === its[p]);
    });
  }
}

/**
 * What a frame took, in words.
 *
 * @param {LaneFrame} frame
 */
export const stamp = ({ t, nfe, ms }) =>
  `${evaluations(nfe)}, ${duration(ms)}${t < 0 ? "" : `, t = ${t}`}`;

/**
 * The table of distances: a row of words for every lane, headed by its name.
 *
 * @param {RaceMessage} message The last.
 * @param {string[]} names Of the lanes.
 */
export function distanceTable({ distances = [], nearest, known }, names) {
  return {
    heads: [...names, ...(nearest ? [`nearest of ${known} training images`] : [])],
    rows: distances.map((row, i) => [
      ...row.map((d, j) => (i === j ? "" : d.toFixed(3))),
      ...(nearest ? [nearest[i].toFixed(3)] : []),
    ]),
  };
}

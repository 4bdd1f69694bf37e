// A race as it arrives: several walks on one clock of computing time.

import { bytes } from "../lib/bytes.js";
import { duration, evaluations } from "../lib/format.js";

/** @typedef {import("../lib/messages.js").RaceFrame} RaceFrame */
/** @typedef {import("../lib/messages.js").RaceMessage} RaceMessage */
/** @typedef {Omit<RaceFrame, "px" | "lane" | "k"> & { px: Uint8Array[] }} LaneFrame */
/** @typedef {{ name: string, steps: number, frames: (LaneFrame | undefined)[] }} Lane */

const SHORTEST = 2000; // milliseconds of playing
const LONGEST = 8000;

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
   * How many lanes had finished by the time of a frame.
   *
   * @param {LaneFrame} frame
   */
  finishedBy({ ms }) {
    return this.lanes.filter(({ frames }) => {
      const last = frames.at(-1);
      return last && last.t < 0 && last.ms <= ms;
    }).length;
  }

  /**
   * The place of a lane, in words; empty while it runs.
   *
   * @param {LaneFrame} frame
   */
  place(frame) {
    if (frame.t >= 0) return "";
    const place = this.finishedBy(frame);
    return `finished${place > 1 ? `, no. ${place}` : " first"}`;
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

// What a screen reader says of a walk: that it has begun, each quarter of it, and its end.

import { duration } from "../lib/format.js";

/** @typedef {import("./run.js").Run} Run */

const PAUSE_MS = 3000; // between two words on the way: what comes faster is not heard to its end

/** Says each thing once, in a place that screen readers listen to. */
export class Announcer {
  /** What was said last of: the run, and how much of it. */
  #said = "";
  #at = -Infinity;
  /** @type {string | undefined} The run that was there when a new one was asked for. */
  #before;

  /** @param {{ textContent: string | null }} place A live region. */
  constructor(place) {
    this.place = place;
  }

  /**
   * @param {Run | null} run
   * @param {boolean} waiting Whether a walk was asked for, and nothing of it is here.
   * @param {number} [now] In milliseconds.
   */
  hear(run, waiting, now = performance.now()) {
    if (waiting) {
      this.#before = run?.id;
      return this.#say("waiting", "The walk begins.", now);
    }
    // Of what the page opens with, and of what a new walk takes the place of, nothing is said.
    if (!run?.head || run.last < 0 || !this.#said || run.id === this.#before) return;
    const { steps } = run.head;
    const { i, ms } = /** @type {{ i: number, ms: number }} */ (run.frames[run.last]);
    if (run.stopped) this.#say(`${run.id} over`, `Stopped after ${i} of ${steps} steps.`, now);
    else if (run.done) {
      this.#say(`${run.id} over`, `The walk is finished: ${steps} steps, ${duration(ms)}.`, now);
    } else {
      const quarter = Math.floor((4 * i) / Math.max(1, steps));
      if (quarter < 1 || now - this.#at < PAUSE_MS) return;
      this.#say(`${run.id} ${quarter}`, `Step ${i} of ${steps}.`, now);
    }
  }

  /**
   * @param {string} key
   * @param {string} words
   * @param {number} now
   */
  #say(key, words, now) {
    if (key === this.#said) return;
    this.#said = key;
    this.#at = now;
    this.place.textContent = words;
  }
}

// Walks of the player that this browser computes itself. Where none is asked for, nothing of what
// does it is loaded.

import { parse } from "../lib/messages.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("../lib/messages.js").BrowserWalk} BrowserWalk */

const EMPTY = '"result": ""';

/**
 * A run card with the digest of its result.
 *
 * @param {string} card JSON.
 * @param {string} digest
 */
export const withResult = (card, digest) => card.replace(EMPTY, `"result": "${digest}"`);

/**
 * @param {string} words What went wrong.
 * @returns {string} The sentence for it.
 */
export function brokeOff(words) {
  return (
    `The walk in this browser broke off (${words.replace(/\.$/, "")}); press Denoise again, or ` +
    'choose "this server" under Runs on.'
  );
}

export class InBrowser {
  /** @type {((run: string) => void) | null} Ends a walk, once one was begun. */
  end = null;

  /** @param {Player} player */
  constructor(player) {
    this.player = player;
  }

  /**
   * @param {Run} run
   * @param {BrowserWalk} walk
   */
  async begin(run, walk) {
    const { player } = this;
    run.loading = 0;
    /** @param {string} words */
    const failed = (words) => {
      run.stopped = true;
      player.take({ run: run.id, error: brokeOff(words) });
    };
    const frames = { run: run.id, total: run.total, done: false, first: 0, frames: [] };
    try {
      const { digest, floats, startWalk, stopWalk } = await import("../walker/walker.js");
      this.end = stopWalk;
      if (run.stopped) return;
      startWalk(run.id, walk, run.x0, {
        loading: (share) => {
          run.loading = share;
          player.state();
        },
        frame: (at, frame) => player.take({ ...frames, first: at, frames: [frame] }),
        done: async (result) => {
          const hash = await digest(result);
          const [card, link] = [walk.card, walk.link].map((text) => withResult(text, hash));
          player.take({ ...frames, first: run.total, done: true, card, link });
        },
        failed,
        noise: async (first) => {
          const request = { run: run.id, first, count: walk.table.piece };
          /** @type {import("../lib/messages.js").NoiseAnswer | null} */
          const answer = parse(await player.host.server.walk_noise(request));
          if (!answer?.values) throw new Error(answer?.error ?? "the server sent no noise");
          return floats(answer.values);
        },
      });
    } catch (error) {
      failed(/** @type {Error} */ (error).message);
    }
  }

  /** @param {Run} run It is over; where this browser walked it, it stops after the step it is in. */
  stop(run) {
    this.end?.(run.id);
  }
}

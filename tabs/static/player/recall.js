// The walk that this window showed last, shown again after a reload: its frames as far as it came.

import { holds } from "../lib/held.js";
import { parse } from "../lib/messages.js";
import { cameBack, remember, remembered } from "../lib/storage.js";
import { joined, lastWalk } from "../lib/visit.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {{ run: string, at: number, frame: number }} Kept */

/** @typedef {import("./player.js").Held} Held */

const keptWalk = () => remembered("walk", /** @type {Kept | null} */ (null));

let isRead = false; // once for the page, also where the player is mounted again

/**
 * @param {Player} player
 * @returns {Promise<boolean>} Whether it is there.
 */
export async function wireRecall(player) {
  player.root.addEventListener("player:start", (event) => {
    const { id } = /** @type {CustomEvent} */ (event).detail;
    remember("walk", { run: id, at: Date.now(), frame: -1 });
  });
  addEventListener("pagehide", () => {
    const kept = keptWalk();
    if (kept && player.root.isConnected && player.run?.id === kept.run) {
      remember("walk", { ...kept, frame: player.at });
    }
  });
  wireHolding(player);
  if (isRead) return false;
  isRead = true;
  const kept = cameBack() ? keptWalk() : null;
  if (!kept) {
    lastWalk.settle(null);
    return false;
  }
  const found = await recall(player, kept).catch(() => false);
  if (!found) remember("walk", undefined);
  lastWalk.settle({ at: kept.at, found, finished: Boolean(player.run?.done) });
  return found;
}

/**
 * Hold the walk that a lesson takes the place of. Its frames lie here; where the page was loaded
 * again meanwhile, the server may still have them, as those of the walk that the page opens with.
 *
 * @param {Player} player
 */
function wireHolding(player) {
  /** @type {Held | null} */
  let held = null;
  const hold = () => {
    held = player.hold();
    const kept = keptWalk();
    remember("held", kept ? { ...kept, frame: player.at } : null);
  };
  const bring = async () => {
    const kept = remembered("held", /** @type {Kept | null} */ (null));
    remember("held", undefined);
    remember("walk", kept ?? undefined);
    const back = held ?? (kept ? null : player.opened);
    held = null;
    if (back) player.bring(back);
    else if (kept) await recall(player, kept).catch(() => false);
  };
  holds(player.root, hold, bring);
}

/**
 * @param {Player} player
 * @param {Kept} kept
 */
async function recall(player, { run, frame }) {
  const { session } = await joined.promise;
  const { wanted } = player;
  let first = 0;
  for (;;) {
    /** @type {import("../lib/messages.js").PlayerMessage | null} */
    const message = parse(await player.host.server.recall({ run, session, first }));
    // Another was begun meanwhile.
    if (player.wanted !== wanted && player.wanted !== run) return first > 0;
    if (!message) break;
    player.wanted = player.root.dataset.wanted = run;
    player.receive(JSON.stringify(message));
    first += message.frames.length;
    if (message.done) break;
  }
  if (!first || player.run?.id !== run) return false;
  if (!player.run.done) player.run.stopped = true;
  player.show(frame >= 0 ? frame : player.last);
  player.state();
  return true;
}

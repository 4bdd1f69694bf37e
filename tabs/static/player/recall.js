// The walk that this window showed last, shown again after a reload: its frames as far as it came.

import { parse } from "../lib/messages.js";
import { cameBack, remember, remembered } from "../lib/storage.js";
import { joined, lastWalk } from "../lib/visit.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {{ run: string, at: number, frame: number }} Kept */

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
 * @param {Player} player
 * @param {Kept} kept
 */
async function recall(player, { run, frame }) {
  const { session } = await joined.promise;
  let first = 0;
  for (;;) {
    /** @type {import("../lib/messages.js").PlayerMessage | null} */
    const message = parse(await player.host.server.recall({ run, session, first }));
    const { wanted } = player;
    if (wanted !== null && wanted !== run) return first > 0; // another was begun meanwhile
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

// The page's side of the worker that walks: one worker for the page, which keeps runtime and
// network from walk to walk.

import { bytes } from "../lib/bytes.js";

/** @typedef {import("../lib/messages.js").BrowserWalk} BrowserWalk */
/** @typedef {import("./worker.js").FromWorker} FromWorker */
/** @typedef {import("./worker.js").ToWorker} ToWorker */

/**
 * Who hears of a walk.
 *
 * @typedef {object} Listener
 * @property {(share: number) => void} loading How much of runtime and network is here, 0 to 1.
 * @property {(at: number, frame: import("./frames.js").Frame) => void} frame
 * @property {(result: Float32Array) => void} done
 * @property {(words: string) => void} failed
 * @property {(first: number) => Promise<Float32Array>} noise Asks for a piece of the walk's noise.
 */

/** @type {Worker | null} */
let worker = null;
/** @type {Map<string, { loaded: number, of: number, listener: Listener }>} */
const walks = new Map();

/** @param {ToWorker} message @param {Transferable[]} [transferred] */
const tell = (message, transferred = []) => worker?.postMessage(message, transferred);

/** @param {string} base64 @returns {Float32Array<ArrayBuffer>} */
export const floats = (base64) => new Float32Array(bytes(base64).buffer);

/**
 * The numbers (C, H, W) of a picture that was sent as levels (H, W, C).
 *
 * @param {Uint8Array} levels
 * @param {number[]} shape Channels, height, width.
 */
export function asNumbers(levels, [channels, height, width]) {
  const plane = height * width;
  return Float32Array.from(levels, (_, i) => {
    return levels[(i % plane) * channels + Math.floor(i / plane)] / 127.5 - 1;
  });
}

function working() {
  const url = new URL("./worker.js", import.meta.url);
  const made = new Worker(url, { type: "module" });
  made.addEventListener("message", ({ data }) => hear(data));
  made.addEventListener("error", (event) => {
    // It could not be loaded, or died: a new one is made for the next walk.
    event.preventDefault();
    made.terminate();
    worker = null;
    for (const run of [...walks.keys()]) end(run)?.failed(event.message || "its worker ended");
  });
  return made;
}

/**
 * @param {string} run
 * @returns {Listener | undefined} Who heard of it.
 */
function end(run) {
  const listener = walks.get(run)?.listener;
  walks.delete(run);
  return listener;
}

/** @param {FromWorker} message */
function hear(message) {
  const { run } = message;
  const walk = walks.get(run);
  if (!walk) return; // it was stopped
  const { listener } = walk;
  if (message.kind === "frame") listener.frame(message.at, message.frame);
  else if (message.kind === "done") end(run)?.done(message.result);
  else if (message.kind === "failed") end(run)?.failed(message.words);
  else if (message.kind === "loading") {
    walk.loaded += message.bytes;
    listener.loading(Math.min(1, walk.loaded / walk.of));
  } else {
    const { first } = message;
    listener.noise(first).then(
      (values) => tell({ kind: "noise", run, first, values }, [values.buffer]),
      (error) => {
        if (!walks.has(run)) return;
        stopWalk(run);
        listener.failed(error.message);
      },
    );
  }
}

/**
 * Begin a walk; one that goes on is to be stopped before.
 *
 * @param {string} run
 * @param {BrowserWalk} walk
 * @param {Uint8Array | null} x0 The picture that it began with, as the player has it.
 * @param {Listener} listener
 */
export function startWalk(run, { table, runtime, graph, size, start }, x0, listener) {
  walks.set(run, { loaded: 0, of: size, listener });
  worker ??= working();
  const numbers = x0 && asNumbers(x0, table.shape);
  tell({
    kind: "walk",
    run,
    table,
    runtime: new URL(runtime, document.baseURI).href,
    graph: new URL(graph, document.baseURI).href,
    start: floats(start),
    x0: numbers,
  });
}

/** End a walk; nothing more is heard of it. @param {string} run */
export function stopWalk(run) {
  if (end(run)) tell({ kind: "stop", run });
}

/**
 * SHA-256 of numbers as the run card has it; empty where the browser allows no digests, as on a
 * page without https.
 *
 * @param {Float32Array} result
 */
export async function digest(result) {
  if (!globalThis.crypto?.subtle) return "";
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-256", /** @type {Float32Array<ArrayBuffer>} */ (result)),
  );
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

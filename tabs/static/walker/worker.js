// The worker that walks: it loads runtime and network once, and takes one walk after the other.
// `Walker` of walker.js is its other side.

import { endOf, frameOf } from "./frames.js";
import { download, evaluator, loadRuntime } from "./runtime.js";
import { walk } from "./walk.js";

/** @typedef {import("../lib/messages.js").WalkTable} WalkTable */
/** @typedef {import("./frames.js").Frame} Frame */

/**
 * What the page sends. A walk carries its start and, where it began with a picture, x0.
 *
 * @typedef {{ kind: "walk", run: string, table: WalkTable, runtime: string, graph: string,
 *   start: Float32Array, x0: Float32Array | null }
 *   | { kind: "noise", run: string, first: number, values: Float32Array }
 *   | { kind: "stop", run: string }} ToWorker
 */

/**
 * What the worker sends.
 *
 * @typedef {{ kind: "loading", run: string, bytes: number }
 *   | { kind: "need", run: string, first: number }
 *   | { kind: "frame", run: string, at: number, frame: Frame }
 *   | { kind: "done", run: string, result: Float32Array }
 *   | { kind: "failed", run: string, words: string }} FromWorker
 */

/** @param {FromWorker} message @param {Transferable[]} [transferred] */
const tell = (message, transferred = []) => postMessage(message, { transfer: transferred });

/** @type {Promise<import("./runtime.js").Runtime> | null} */
let runtime = null;
/** @type {{ graph: string, session: import("./runtime.js").Session } | null} */
let network = null;
/** Walks that are to end. @type {Set<string>} */
const stopped = new Set();
/** @type {{ run: string, first: number, take: (values: Float32Array) => void } | null} */
let awaited = null; // the piece of noise that is to come
let walking = Promise.resolve();

/** Let messages in that have come meanwhile. */
function pause() {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done(null);
    };
    port2.postMessage(null);
  });
}

/**
 * @param {string} run
 * @param {string} folder
 * @param {string} graph
 */
async function load(run, folder, graph) {
  /** @param {number} bytes */
  const arrived = (bytes) => tell({ kind: "loading", run, bytes });
  runtime ??= loadRuntime(folder, arrived);
  runtime.catch(() => {
    runtime = null; // the next walk tries again
  });
  if (network?.graph === graph) return { runtime: await runtime, session: network.session };
  await network?.session.release();
  network = null;
  const content = await download(graph, arrived);
  const loaded = await runtime;
  const session = await loaded.InferenceSession.create(content, { executionProviders: ["wasm"] });
  network = { graph, session };
  return { runtime: loaded, session };
}

/** @param {Extract<ToWorker, { kind: "walk" }>} request */
async function go({ run, table, runtime: folder, graph, start, x0 }) {
  const { runtime, session } = await load(run, folder, graph);
  const size = start.length;
  /** @type {{ first: number, values: Float32Array }} */
  let piece = { first: 0, values: new Float32Array() };
  /** @type {Promise<Float32Array> | null} */
  let coming = null;
  let next = 0;
  const request = () => {
    const first = next;
    next += table.piece;
    coming = new Promise((take) => {
      awaited = { run, first, take };
    });
    tell({ kind: "need", run, first });
  };
  const random = table.steps.filter((row) => "noise" in row.weights).length;
  if (random) request();
  /** @param {number} index */
  const noiseOf = async (index) => {
    while (index >= piece.first + piece.values.length / size) {
      const first = next - table.piece;
      const values = await /** @type {Promise<Float32Array>} */ (coming);
      if (!values.length) throw new Error("it was stopped");
      piece = { first, values };
      if (next < random) request(); // the next piece comes while this one is used
    }
    const at = (index - piece.first) * size;
    return piece.values.slice(at, at + size);
  };
  let ms = 0;
  let kept = 0;
  let last = null;
  for await (const step of walk(table, start, evaluator(runtime, session, table), noiseOf)) {
    ms += step.ms;
    last = step;
    if (step.index % table.stride === 0) {
      const frame = frameOf(table, step, ms, x0);
      tell({ kind: "frame", run, at: kept, frame }, frame.px.map((px) => px.buffer));
      kept += 1;
    }
    await pause();
    if (stopped.has(run)) return;
  }
  if (!last) return;
  const frame = endOf(table, last, ms, x0);
  tell({ kind: "frame", run, at: kept, frame }, [...new Set(frame.px.map((px) => px.buffer))]);
  tell({ kind: "done", run, result: last.x_prev });
}

addEventListener("message", ({ data }) => {
  /** @type {ToWorker} */
  const message = data;
  if (message.kind === "walk") {
    walking = walking
      .then(() => (stopped.has(message.run) ? undefined : go(message)))
      .catch((error) => {
        if (stopped.has(message.run)) return;
        tell({ kind: "failed", run: message.run, words: String(error?.message ?? error) });
      })
      .finally(() => stopped.delete(message.run));
  } else if (message.kind === "stop") {
    stopped.add(message.run);
    if (awaited?.run === message.run) awaited.take(new Float32Array()); // nobody sends any more
  } else if (awaited?.run === message.run && awaited.first === message.first) {
    awaited.take(message.values);
  }
});

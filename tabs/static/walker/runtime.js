// ONNX Runtime in a worker, and a network that it evaluates. No request leaves the page's host:
// both come from addresses of the page's own.

import { joined } from "../lib/bytes.js";

/**
 * What is used of the module onnxruntime-web.
 *
 * @typedef {object} Runtime
 * @property {{ wasm: { numThreads: number, wasmBinary: ArrayBuffer }, logLevel: string }} env
 * @property {{ create: (graph: Uint8Array, options: object) => Promise<Session> }} InferenceSession
 * @property {new (type: string, values: Float32Array | BigInt64Array, shape: number[]) => object} Tensor
 */

/**
 * @typedef {object} Session
 * @property {(inputs: Record<string, object>) => Promise<{ output: { data: Float32Array } }>} run
 * @property {() => Promise<void>} release
 */

export const RUNTIME_MODULE = "ort.wasm.bundle.min.mjs";
export const RUNTIME_BINARY = "ort-wasm-simd-threaded.wasm.gz";

/**
 * @param {string} url
 * @param {(bytes: number) => void} arrived Called with what has newly come.
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function download(url, arrived) {
  const answer = await fetch(url);
  if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status}`);
  /** @type {Uint8Array[]} */
  const parts = [];
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    arrived(value.length);
  }
  return joined(parts);
}

/**
 * @param {Uint8Array<ArrayBuffer>} content Gzipped; or as it is, where a server has told the
 *   browser to unpack it on its way.
 * @returns {Promise<ArrayBuffer>}
 */
export async function unpacked(content) {
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content.buffer;
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old: it cannot unpack gzip");
  }
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/**
 * @param {string} folder Address of the runtime's folder, with a slash at its end.
 * @param {(bytes: number) => void} arrived
 * @returns {Promise<Runtime>}
 */
export async function loadRuntime(folder, arrived) {
  const binary = download(new URL(RUNTIME_BINARY, folder).href, arrived);
  /** @type {Runtime} */
  const runtime = await import(new URL(RUNTIME_MODULE, folder).href);
  runtime.env.wasm.wasmBinary = await unpacked(await binary);
  runtime.env.wasm.numThreads = 1; // more need a page that is isolated from other origins
  runtime.env.logLevel = "error";
  return runtime;
}

/**
 * The network as a function of pictures and a timestep.
 *
 * @param {Runtime} runtime
 * @param {Session} session
 * @param {Pick<import("../lib/messages.js").WalkTable, "shape" | "images" | "guidance" | "y">} table
 * @returns {import("./walk.js").Evaluate}
 */
export function evaluator(runtime, session, { shape, images, guidance, y }) {
  const count = images * (guidance === 1 ? 1 : 2);
  const conditions = y.length
    ? new runtime.Tensor("int64", BigInt64Array.from(y.flat(), BigInt), [
        count,
        ...(Array.isArray(y[0]) ? [y[0].length] : []),
      ])
    : null;
  return async (x, t) => {
    const { output } = await session.run({
      x_t: new runtime.Tensor("float32", x, [count, ...shape]),
      t: new runtime.Tensor("int64", new BigInt64Array(count).fill(BigInt(t)), [count]),
      ...(conditions ? { y: conditions } : {}),
    });
    return output.data;
  };
}

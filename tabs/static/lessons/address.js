// A lesson and its step in the fragment of the page's address, which no server ever sees:
// #lesson=guidance&step=3, or the text of a lesson: #lesson=base64:… or, deflated, #lesson=deflate:….

import { base64, bytes, joined } from "../lib/bytes.js";

const MOST_BYTES = 65_536; // of a lesson's text; the server reads no more either
const LONGEST = 8_000; // characters of a fragment that other programs still take for an address

/** @typedef {{ id: string, text: string, step: number }} Place */

/** @param {string} text In base64, of which an address changes three characters. */
const fromUrl = (text) => bytes(text.replaceAll("-", "+").replaceAll("_", "/"));

/** @param {Uint8Array} values */
const toUrl = (values) =>
  base64(values).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/**
 * @param {Uint8Array<ArrayBuffer>} values
 * @param {"CompressionStream" | "DecompressionStream"} kind
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {Error} If it is not deflated, or too long.
 */
async function through(values, kind) {
  const stream = new Blob([values]).stream().pipeThrough(new globalThis[kind]("deflate-raw"));
  const reader = stream.getReader();
  /** @type {Uint8Array[]} */
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel().catch(() => {});
      throw new Error("too long");
    }
  }
  return joined(parts);
}

/**
 * The fragment for a lesson of one's own; empty where it would be too long for an address.
 *
 * @param {string} text
 */
export async function packed(text) {
  const whole = new TextEncoder().encode(text);
  if (whole.length > MOST_BYTES || !("CompressionStream" in globalThis)) return "";
  const fragment = `deflate:${toUrl(await through(whole, "CompressionStream"))}`;
  return fragment.length > LONGEST ? "" : fragment;
}

/**
 * What a fragment names.
 *
 * @param {string} hash With its #.
 * @returns {Promise<Place | null>} null where it names no lesson.
 * @throws {Error} If its text cannot be read.
 */
export async function readPlace(hash) {
  const query = new URLSearchParams(hash.slice(1));
  const named = query.get("lesson");
  if (named === null) return null;
  const step = Math.max(1, Math.trunc(Number(query.get("step"))) || 1) - 1;
  const [, kind, text] = /^(base64|deflate):(.*)$/s.exec(named) ?? [];
  if (!kind) return { id: named, text: "", step };
  // In a query a plus sign is a space; whoever wrote base64 by hand may have used it.
  const given = fromUrl(text.replaceAll(" ", "+"));
  const whole = kind === "deflate" ? await through(given, "DecompressionStream") : given;
  return { id: "", text: new TextDecoder("utf-8", { fatal: true }).decode(whole), step };
}

/**
 * @param {string} named The lesson's id, or its text as `packed` gives it; empty names none.
 * @param {number} step From 0 on.
 * @returns {string} The fragment, with its #.
 */
export function fragment(named, step) {
  return named ? `#lesson=${named}&step=${step + 1}` : "";
}

// A run card as text of an address: JSON in base64, with the letters that an address may hold; and
// the names of a walk's files.

import { parseExactly, textOf } from "../lib/json.js";

/** @param {string} json */
export function toAddress(json) {
  const text = btoa(unescape(encodeURIComponent(json)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * @param {string} text
 * @returns {string} What it holds; "no card" where it holds nothing that can be read.
 */
export function fromAddress(text) {
  try {
    return decodeURIComponent(escape(atob(text.replace(/-/g, "+").replace(/_/g, "/"))));
  } catch {
    return "no card";
  }
}

/** Longer ones are cut, by servers, mail programs and chats. */
export const LONGEST_LINK = 8000;

/**
 * The sentence on a link that is too long to be sent; empty for one that is not.
 *
 * @param {string} link
 */
export function tooLong(link) {
  if (link.length <= LONGEST_LINK) return "";
  return (
    `The link to this walk has ${link.length.toLocaleString("en")} characters, and many servers ` +
    `cut it after ${LONGEST_LINK.toLocaleString("en")}; its run card opens the same walk.`
  );
}

/**
 * The link that walks a run again.
 *
 * @param {string} card JSON.
 * @param {string} page Address of the page, without its query.
 * @throws {Error} If the walk began with a picture, which is too large for an address.
 */
export function linkOf(card, page) {
  const values = parseExactly(card);
  if (values.given) {
    throw new Error(
      "This walk began with a picture, which a link cannot carry; keep its run card instead.",
    );
  }
  const query = new URLSearchParams({ tab: "denoise", run: toAddress(textOf(values)) });
  return `${page}?${query}`;
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/;

/**
 * The sentence on a page that no other device can open; empty for one that others may.
 *
 * @param {string} hostname
 */
export function onlyHere(hostname) {
  if (!LOOPBACK.test(hostname)) return "";
  return (
    `There is no QR code, because a phone cannot open ${hostname}, this computer's own address. ` +
    "Open the page at its address in the network, then press again."
  );
}

/** @typedef {import("../lib/messages.js").Head} Head */

/**
 * What the names of a walk's files begin with, as "avatars-seed7-10steps".
 *
 * @param {Pick<Head, "name" | "steps">} head
 */
export const stem = ({ name, steps }) => `${name}-${steps}steps`;

/**
 * The name of a picture's file, as "avatars-seed7-step3of10-x_t.png".
 *
 * @param {Pick<Head, "name" | "steps">} head
 * @param {string} view
 * @param {number} step
 * @param {number} picked Which of the pictures is shown alone; -1 for all.
 */
export function pictureName({ name, steps }, view, step, picked) {
  const image = picked < 0 ? "" : `-image${picked + 1}`;
  return `${name}-step${step}of${steps}${image}-${view}.png`;
}

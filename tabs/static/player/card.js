// A run card as text of an address: JSON in base64, with the letters that an address may hold.

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

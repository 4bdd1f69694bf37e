// The table of what is left when the picture is taken out of x_t.

import { fixed } from "../lib/format.js";

/** @param {[number, number]} measured A value and its standard error. */
export const withError = ([value, error]) => `${fixed(value, 4)} ± ${fixed(error, 4)}`;

/**
 * Mean and variance, by row of the table.
 *
 * @param {Pick<import("../lib/messages.js").ChainMessage, "variance" | "of_chain" | "of_jump">} of
 * @returns {Record<string, string[]>}
 */
export const rows = ({ variance, of_chain, of_jump }) => ({
  theory: ["0", variance.toFixed(4)],
  "of-chain": [withError(of_chain.mean), withError(of_chain.variance)],
  "of-jump": [withError(of_jump.mean), withError(of_jump.variance)],
});

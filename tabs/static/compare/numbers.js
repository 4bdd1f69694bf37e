// What a schedule is at one timestep, in numbers; and where the slider stands when T changes.

import { decibels, significant } from "../lib/format.js";

/**
 * The cells of a schedule's row: β, ᾱ, √ᾱ, √(1 − ᾱ), natural log-SNR, dB, posterior variance.
 *
 * @param {import("../lib/messages.js").ScheduleNumbers} schedule
 * @param {number} t
 */
export function cells({ alpha_bars, betas, posterior }, t) {
  const ab = alpha_bars[t];
  const logSnr = Math.log(ab / (1 - ab));
  const values = [betas[t], ab, Math.sqrt(ab), Math.sqrt(1 - ab), logSnr, decibels(ab), posterior[t]];
  return values.map(significant);
}

/**
 * The timestep after a change of T: the same share of the way.
 *
 * @param {number} t
 * @param {number} before The last timestep, before.
 * @param {number} last The last timestep now.
 */
export const sameShare = (t, before, last) => (before === last ? t : Math.round((t / before) * last));

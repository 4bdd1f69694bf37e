// One step of a sampler as an equation: symbols, this step's numbers, what the numbers are.

import { weightSize } from "../lib/format.js";

/** @typedef {import("../lib/messages.js").Formula} Formula */

/**
 * Class, which gives the colour, and symbol of what a step adds up.
 *
 * @type {Record<string, [string, string]>}
 */
const SYMBOLS = {
  x_t: ["x_t", "x<sub>t</sub>"],
  x0_hat: ["x0_hat", "x̂<sub>0</sub>"],
  eps_hat: ["eps_hat", "ε̂"],
  noise: ["noise", "z"],
  scaled_noise: ["noise", "σ̂ z"],
  x0_before: ["x0_hat", "x̂<sub>0</sub> before"],
  eps_there: ["eps_hat", "ε̂ there"],
};

const FILLED_STRAIGHT =
  " Where the picture is kept: (1 − u′) x₀ + u′ z instead; and where the step is taken again, the " +
  "whole is noised back to t.";
const FILLED =
  " Where the picture is kept: √ᾱ′ x₀ + √(1 − ᾱ′) z instead; and where the step is taken again, " +
  "the whole is noised back to t.";

/**
 * @param {string} html
 * @param {string} under
 */
const term = (html, under) => `<span class="term"><span>${html}</span><small>${under}</small></span>`;

/**
 * @param {{ w: Record<string, number>, tp: number }} frame
 * @param {Formula} formula Of the sampler that took the step.
 * @param {boolean} [hole] Whether a part of a picture is made anew.
 * @returns {string} HTML.
 */
export function equation({ w: weights, tp }, formula, hole) {
  const names = Object.keys(weights);
  if (!names.length) {
    return term('finished: <b class="x0_hat">x<sub>0</sub></b>', "no noise is left");
  }
  const terms = formula.terms.find((set) => names.every((name) => name in set)) ?? {};
  const [index, there] = tp < 0 ? ["0", "0"] : ["t′", `t′ = ${tp}`];
  let html = term(`<b class="x_t">x<sub>${index}</sub></b>`, there) + term("=", "");
  names.forEach((name, k) => {
    const [tone, symbol] = SYMBOLS[name];
    const sign = weights[name] < 0 ? "−" : k ? "+" : "";
    html += term(
      `${sign} ${weightSize(weights[name])} <b class="${tone}">${symbol}</b>`,
      terms[name] ?? "",
    );
  });
  const filled = formula.terms.length ? FILLED : FILLED_STRAIGHT;
  return `${html}<small class="letters">${formula.letters}.${hole ? filled : ""}</small>`;
}

// One step of a sampler as an equation: symbols, this step's numbers, what the numbers are.

import { weightSize } from "../lib/format.js";

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
  x0_before: ["x0_hat", "x̂<sub>0</sub> before"],
  eps_there: ["eps_hat", "ε̂ there"],
};

/**
 * What the numbers are.
 *
 * @type {Record<string, Record<string, string>>}
 */
const COEFFICIENTS = {
  ddim: { x0_hat: "√ᾱ′", eps_hat: "√(1 − ᾱ′ − σ²)", noise: "σ" },
  ddpm: { x0_hat: "√ᾱ′ (1 − α) / (1 − ᾱ)", x_t: "√α (1 − ᾱ′) / (1 − ᾱ)", noise: "σ" },
  heun: { x0_hat: "√ᾱ′", x_t: "√(ᾱ′ / ᾱ)", eps_hat: "½ √ᾱ′ Δσ", eps_there: "½ √ᾱ′ Δσ" },
  dpmpp_2m: { x_t: "√(1 − ᾱ′) / √(1 − ᾱ)", x0_hat: "c (1 + 1/2r)", x0_before: "−c / 2r" },
};

/**
 * Under the equation, what its letters mean.
 *
 * @type {Record<string, string>}
 */
const LETTERS = {
  ddim: "ᾱ at t, ᾱ′ at t′; σ² = η² (1 − ᾱ′)/(1 − ᾱ) (1 − ᾱ/ᾱ′)",
  ddpm: "ᾱ at t, ᾱ′ at t′; α = ᾱ/ᾱ′; σ² the variance of the step",
  heun: "ᾱ at t, ᾱ′ at t′; Δσ = √(1/ᾱ′ − 1) − √(1/ᾱ − 1)",
  dpmpp_2m:
    "ᾱ at t, ᾱ′ at t′; c = √ᾱ′ − √((1 − ᾱ′)/(1 − ᾱ)) √ᾱ; r the last step in log-SNR over this one",
};

const FILLED =
  " Where the picture is kept: √ᾱ′ x₀ + √(1 − ᾱ′) z instead; and where the step is taken again, " +
  "the whole is noised back to t.";

/**
 * @param {string} html
 * @param {string} under
 */
const term = (html, under) => `<span class="term"><span>${html}</span><small>${under}</small></span>`;

/**
 * What a weight is, in letters.
 *
 * A first step of dpmpp_2m knows no x̂₀ before, and a last step of heun is one of Euler's.
 *
 * @param {string} sampler
 * @param {string} name What it weighs.
 * @param {Record<string, number>} weights Of the step.
 */
export function coefficient(sampler, name, weights) {
  if (sampler === "dpmpp_2m" && name === "x0_hat" && !("x0_before" in weights)) return "c";
  if (sampler === "heun" && name === "eps_hat" && !("eps_there" in weights)) return "√(1 − ᾱ′)";
  return COEFFICIENTS[sampler]?.[name] ?? "";
}

/**
 * @param {{ w: Record<string, number>, tp: number }} frame
 * @param {string} sampler
 * @param {boolean} [hole] Whether a part of a picture is made anew.
 * @returns {string} HTML.
 */
export function equation({ w: weights, tp }, sampler, hole) {
  const names = Object.keys(weights);
  if (!names.length) {
    return term('finished: <b class="x0_hat">x<sub>0</sub></b>', "ᾱ = 1, no noise is left");
  }
  const [index, there] = tp < 0 ? ["0", "0"] : ["t′", `t′ = ${tp}`];
  let html = term(`<b class="x_t">x<sub>${index}</sub></b>`, there) + term("=", "");
  names.forEach((name, k) => {
    const [tone, symbol] = SYMBOLS[name];
    const sign = weights[name] < 0 ? "−" : k ? "+" : "";
    html += term(
      `${sign} ${weightSize(weights[name])} <b class="${tone}">${symbol}</b>`,
      coefficient(sampler, name, weights),
    );
  });
  return `${html}<small class="letters">${LETTERS[sampler] ?? ""}.${hole ? FILLED : ""}</small>`;
}

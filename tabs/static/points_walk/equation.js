// The step of one particle as an equation with its numbers.

import { fixed, weightSize } from "../lib/format.js";

/** @typedef {[number, number]} Place */
/** @typedef {{ name: string, sign: string, weight: string, value: Place }} Term */

/** The page's signs of the terms, and the colour that each has. @type {Record<string, { sign: string, tone: string }>} */
export const SIGNS = {
  x_t: { sign: "x<sub>t</sub>", tone: "x_t" },
  x0_hat: { sign: "x̂<sub>0</sub>", tone: "x0" },
  eps_hat: { sign: "ε̂", tone: "eps" },
  noise: { sign: "z", tone: "eps" },
  x0_before: { sign: "x̂<sub>0</sub> before", tone: "x0" },
  eps_there: { sign: "ε̂ there", tone: "eps" },
};

/**
 * The values of a step's terms for one particle.
 *
 * @param {{ weights: Record<string, number>[], x: Float32Array, x0_hat: Float32Array, eps_hat: Float32Array, noise: Float32Array | null, points: number }} lane
 * @param {number} k The step.
 * @param {number} which The particle.
 * @returns {{ terms: Term[], result: Place }}
 */
export function stepOf({ weights, x, x0_hat, eps_hat, noise, points }, k, which) {
  /** @param {ArrayLike<number> | null} values @param {number} frame @returns {Place} */
  const at = (values, frame) => {
    const i = 2 * (frame * points + which);
    return values && i >= 0 ? [values[i], values[i + 1]] : [0, 0];
  };
  const result = at(x, k + 1);
  /** @type {Record<string, Place>} */
  const known = {
    x_t: at(x, k),
    x0_hat: at(x0_hat, k),
    eps_hat: at(eps_hat, k),
    noise: at(noise, k),
    x0_before: at(x0_hat, k - 1),
  };
  const step = weights[k];
  if (step.eps_there) {
    // The one term that is not sent: what the others leave of the result.
    const rest = /** @type {(0 | 1)[]} */ ([0, 1]).map((axis) => {
      const others = Object.keys(known).reduce((sum, n) => sum + (step[n] ?? 0) * known[n][axis], 0);
      return (result[axis] - others) / step.eps_there;
    });
    known.eps_there = [rest[0], rest[1]];
  }
  const terms = Object.entries(step).map(([name, weight], i) => ({
    name,
    sign: weight < 0 ? "−" : i ? "+" : "",
    weight: weightSize(weight),
    value: known[name] ?? [0, 0],
  }));
  return { terms, result };
}

/** @param {Place} place */
export const inBrackets = ([x, y]) => `(${fixed(x, 2)}, ${fixed(y, 2)})`;

/**
 * The equation as markup; nothing in it comes from a person.
 *
 * @param {ReturnType<typeof stepOf>} step
 * @param {number} tNext Timestep that the step leads to.
 */
export function equationOf({ terms, result }, tNext) {
  const left = `<span class="term x_t">x<sub>${tNext < 0 ? "0" : tNext}</sub></span>`;
  const right = terms.map(({ name, sign, weight, value }) => {
    const { sign: letter, tone } = SIGNS[name];
    return `${sign && `${sign} `}${weight} <span class="term ${tone}">${letter}</span><small>${inBrackets(value)}</small>`;
  });
  return `${left} = ${right.join(" ")} = <b>${inBrackets(result)}</b>`;
}

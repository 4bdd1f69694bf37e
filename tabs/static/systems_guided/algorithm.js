// The paper's two algorithms, and which of their lines made a frame.

/** Lines as markup, all our own. @type {Record<number, { title: string, lines: [string, boolean][] }>} */
export const ALGORITHMS = {
  1: {
    title: "Algorithm 1 of Dhariwal and Nichol 2021, for ddpm",
    lines: [
      ["x<sub>T</sub> ~ N(0, I)", false],
      ["for t = T, …, 1 do", false],
      ["μ, Σ = μ<sub>θ</sub>(x<sub>t</sub>), Σ<sub>θ</sub>(x<sub>t</sub>)", true],
      ["x<sub>t−1</sub> ~ N(μ + s Σ ∇ log p<sub>φ</sub>(y | x<sub>t</sub>), Σ)", true],
      ["end for", false],
      ["return x<sub>0</sub>", false],
    ],
  },
  2: {
    title: "Algorithm 2 of Dhariwal and Nichol 2021, for every other sampler",
    lines: [
      ["x<sub>T</sub> ~ N(0, I)", false],
      ["for t = T, …, 1 do", false],
      ["ε̂ = ε<sub>θ</sub>(x<sub>t</sub>) − s √(1 − ᾱ<sub>t</sub>) ∇ log p<sub>φ</sub>(y | x<sub>t</sub>)", true],
      ["x<sub>t−1</sub> = √ᾱ<sub>t−1</sub> (x<sub>t</sub> − √(1 − ᾱ<sub>t</sub>) ε̂) / √ᾱ<sub>t</sub> + √(1 − ᾱ<sub>t−1</sub>) ε̂", true],
      ["end for", false],
      ["return x<sub>0</sub>", false],
    ],
  },
};

/**
 * The lines that run at a frame, counted from 1.
 *
 * @param {number} at Of the frame.
 * @param {number} last The number of the last frame, which is the finished picture.
 * @returns {number[]}
 */
export function linesAt(at, last) {
  if (at >= last) return [6];
  return at === 0 ? [1, 3, 4] : [3, 4];
}

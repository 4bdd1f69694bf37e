// A walk from a table of weights, which diffusion_core/generation/table.py makes: the network is
// evaluated, x0_hat clipped, and pictures are added up. Which sampler it is is nowhere known here.

/** @typedef {import("../lib/messages.js").WalkTable} WalkTable */
/** @typedef {import("../lib/messages.js").TableStep} TableStep */
/** @typedef {import("../lib/messages.js").EstimateWeights} EstimateWeights */
/** @typedef {Record<string, Float32Array>} Pictures Numbers of a batch (B, C, H, W), by name. */

/**
 * One step of a walk; the names are those of diffusion_core's SamplerStep.
 *
 * @typedef {object} Step
 * @property {number} index
 * @property {TableStep} row
 * @property {Float32Array} x_t
 * @property {Float32Array} x0_hat
 * @property {Float32Array} eps_hat
 * @property {Float32Array | null} noise
 * @property {Float32Array} x_prev
 * @property {number} nfe Evaluations of the network so far.
 * @property {number} ms Of this step, without the wait for its noise.
 */

/**
 * What the network puts out for a batch of pictures at one timestep.
 *
 * @typedef {(x: Float32Array, t: number) => Promise<Float32Array>} Evaluate
 */

/**
 * @param {Record<string, number>} weights
 * @param {Pictures} pictures
 * @returns {Float32Array} The sum of weight · picture.
 */
export function weighed(weights, pictures) {
  const terms = Object.entries(weights).map(([name, weight]) => ({ x: pictures[name], weight }));
  const sum = new Float32Array(terms[0].x.length);
  for (const { x, weight } of terms) for (let i = 0; i < sum.length; i++) sum[i] += weight * x[i];
  return sum;
}

/**
 * Bring x0_hat into [-limit, limit], in place, as `estimate` of diffusion_core/denoiser.py does.
 *
 * @param {Float32Array} x0
 * @param {Pick<WalkTable, "images" | "clip" | "percentile">} table Where the percentile is not 0,
 *   each picture is first divided by that quantile of its own |x0_hat|, if this is above the limit.
 */
export function clip(x0, { images, clip: limit, percentile }) {
  if (!limit) return;
  const size = x0.length / images;
  for (let i = 0; i < images; i++) {
    const image = x0.subarray(i * size, (i + 1) * size);
    const range = percentile ? Math.max(1, quantile(image, percentile) / limit) : 1;
    for (let p = 0; p < size; p++) image[p] = Math.max(-limit, Math.min(limit, image[p] / range));
  }
}

/**
 * The quantile of the numbers' sizes, between two of them by a straight line.
 *
 * @param {Float32Array} values
 * @param {number} share 0 to 1.
 */
export function quantile(values, share) {
  const sorted = values.map(Math.abs).sort();
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/**
 * Walk, and yield every step.
 *
 * @param {WalkTable} table
 * @param {Float32Array} start x_T of all pictures.
 * @param {Evaluate} evaluate Gets each picture once, or guided first all and then all again.
 * @param {(index: number) => Promise<Float32Array>} noiseOf The noise of a step that has some.
 * @returns {AsyncGenerator<Step>}
 */
export async function* walk(table, start, evaluate, noiseOf) {
  const { guidance, steps } = table;
  const guided = guidance !== 1;

  /**
   * @param {Float32Array} x
   * @param {EstimateWeights} at
   */
  const estimate = async (x, at) => {
    const output = guided ? guide(await evaluate(twice(x), at.t), guidance) : await evaluate(x, at.t);
    const x0_hat = weighed(at.x0_hat, { x_t: x, output });
    clip(x0_hat, table);
    return { x0_hat, eps_hat: weighed(at.eps_hat, { x_t: x, output, x0_hat }) };
  };

  let x_t = start;
  let nfe = 0;
  /** @type {Float32Array | null} */
  let before = null;
  for (const [index, row] of steps.entries()) {
    const noise = "noise" in row.weights ? await noiseOf(index) : null;
    const began = performance.now();
    /** @type {Pictures} */
    const pictures = { x_t, ...(await estimate(x_t, row.estimate)) };
    if (before) pictures.x0_before = before;
    if (noise) pictures.noise = noise;
    nfe += 1;
    if (row.trial && row.there) {
      const trial = weighed(row.trial, pictures);
      pictures.eps_there = (await estimate(trial, row.there)).eps_hat;
      nfe += 1;
    }
    const x_prev = weighed(row.weights, pictures);
    const ms = performance.now() - began;
    const { x0_hat, eps_hat } = pictures;
    yield { index, row, x_t, x0_hat, eps_hat, noise, x_prev, nfe, ms };
    x_t = x_prev;
    before = x0_hat;
  }
}

/** @param {Float32Array} x */
function twice(x) {
  const both = new Float32Array(2 * x.length);
  both.set(x);
  both.set(x, x.length);
  return both;
}

/**
 * Classifier-free guidance: unconditional + scale · (conditional − unconditional).
 *
 * @param {Float32Array} output Of the conditional half, and of the unconditional one.
 * @param {number} scale
 */
function guide(output, scale) {
  const half = output.length / 2;
  const guided = new Float32Array(half);
  for (let i = 0; i < half; i++) {
    guided[i] = output[half + i] + scale * (output[i] - output[half + i]);
  }
  return guided;
}

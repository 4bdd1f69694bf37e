// Walks of the static page: from the controls' values to what the player gets, and run cards.

import { base64 } from "../lib/bytes.js";
import { GAP } from "../lib/pixels.js";
import { WalkNoise } from "./generator.js";

/** @typedef {import("./description.js").Model} Model */
/** @typedef {import("./description.js").Description} Description */
/** @typedef {import("../lib/messages.js").TableStep} TableStep */

/** Cards of this page are a kind of their own, since their noise is of the page's own generator. */
export const FORMAT = "diffusion-playground/page-run-1";
const SERVER_FORMAT = "diffusion-playground/run-1";
export const NOISE = "this page's own generator: xoshiro128** by splitmix64, Box-Muller";
const PIECE_BYTES = 2 ** 20;

/**
 * The settings of a walk, in the words of SamplingRequest.
 *
 * @typedef {object} Settings
 * @property {string} choice The menu's choice of a sampler.
 * @property {string | null} label
 * @property {number} guidance
 * @property {number} steps
 * @property {string} spacing
 * @property {number} eta
 * @property {bigint} seed
 * @property {number} images
 */

/**
 * The name of a walk among a model's tables, as playground_page/models.py makes it.
 *
 * @param {Settings} settings
 */
export const keyOf = ({ choice, spacing, steps, eta }) => `${choice} ${spacing} ${steps} ${eta}`;

/** @param {Float32Array} values */
export const inText = (values) => base64(new Uint8Array(values.buffer));

/**
 * What the network is asked for: of a guided walk each picture with its condition, then each without.
 *
 * @param {Model} model
 * @param {Settings} settings
 * @returns {number[] | number[][]}
 * @throws {Error} With a sentence, if the model cannot be asked for that.
 */
export function conditions(model, { label, guidance, images }) {
  if (!model.classes.length) return [];
  const asked = model.classes.find(([name]) => name === label)?.[1] ?? model.null;
  if (asked === null) throw new Error("This model needs a class: choose one.");
  if (label === null && guidance !== 1) {
    throw new Error("Guidance needs a class: choose one, or set guidance to 1.");
  }
  const each = [...Array(images).fill(asked)];
  return guidance === 1 ? each : [...each, ...Array(images).fill(model.null)];
}

/**
 * The player's message of a walk, and the noise of its steps.
 *
 * @param {Description} told
 * @param {Model} model
 * @param {Settings} settings
 * @param {TableStep[]} rows
 * @param {string} run
 */
export function message(told, model, settings, rows, run) {
  const { images, seed, choice, guidance, label, steps, eta, spacing } = settings;
  const [channels, height, width] = model.shape;
  const columns = Math.ceil(Math.sqrt(images));
  const down = Math.ceil(images / columns);
  const { sampler } = told.samplers[choice];
  const random = rows.filter((row) => "noise" in row.weights).length;
  const views = ["x_t", "x0_hat", "eps_hat", "change", ...(random ? ["noise"] : [])];
  const noise = new WalkNoise(seed, images, channels * height * width);
  const bytes = 4 * images * channels * height * width;
  const last = BigInt.asUintN(64, seed + BigInt(images - 1));
  const seeds = `seed ${seed}${images > 1 ? ` to ${last}` : ""} of this page's own noise`;
  const card = JSON.stringify(cardOf(told, model, settings), null, 2);
  /** @type {import("../lib/messages.js").PlayerMessage} */
  const values = {
    run,
    total: rows.length + 1,
    done: false,
    first: 0,
    frames: [],
    head: {
      width: columns * (width + GAP) - GAP,
      height: down * (height + GAP) - GAP,
      channels,
      tile: [width, height],
      columns,
      images,
      row: false,
      views,
      steps: rows.length,
      alpha_bars: [...rows.map((row) => row.alpha_bar), 1],
      straight: model.straight,
      samplers: [[0, sampler]],
      formulas: model.formulas,
      branch: -1,
      name: `${model.name}-page-seed${seed}`,
      seeds,
      caption: [
        `walked by this browser · ${model.name}`,
        label ?? "no class",
        `${choice}, ${steps} steps`,
        `guidance ${guidance}`,
        ...(eta ? [`eta ${eta}`] : []),
        ...(spacing === "trailing" ? [] : [`spacing ${spacing}`]),
        seeds,
        `weights ${model.weights.slice(0, 8)}`,
      ].join(" · "),
      bound: "",
    },
    walk: {
      table: {
        shape: model.shape,
        images,
        columns,
        views,
        stride: 1,
        piece: Math.max(1, Math.floor(PIECE_BYTES / bytes)),
        guidance,
        clip: model.clip,
        percentile: 0,
        y: conditions(model, settings),
        steps: rows,
      },
      runtime: told.runtime,
      graph: model.graph,
      size: model.bytes + told.runtime_bytes,
      start: inText(noise.draw(1)),
      card,
      link: JSON.stringify(cardOf(told, model, settings)).replace('"result":""', '"result": ""'),
    },
  };
  return { message: values, noise, random };
}

/**
 * @param {Description} told
 * @param {Model} model
 * @param {Settings} settings
 */
function cardOf(told, model, settings) {
  const { sampler, variance } = told.samplers[settings.choice];
  return {
    format: FORMAT,
    model: model.name,
    weights: model.weights,
    noise: NOISE,
    walk: {
      num_images: settings.images,
      label: settings.label,
      sampler,
      variance,
      num_steps: settings.steps,
      eta: settings.eta,
      spacing: settings.spacing,
      guidance_scale: settings.guidance,
      seed: String(settings.seed), // digits, since a number of JSON is read inexactly by many
    },
    versions: { "onnxruntime-web": told.version, device: "a browser" },
    result: "",
  };
}

/**
 * The settings of a run card, and the name of its model.
 *
 * @param {Description} told
 * @param {string} text
 * @returns {{ model: string, values: Record<string, any> }} Values of the controls, by name.
 * @throws {Error} With a sentence, if it cannot be walked here.
 */
export function opened(told, text) {
  let card;
  try {
    card = JSON.parse(text);
  } catch {
    card = null;
  }
  if (card?.format === SERVER_FORMAT) {
    throw new Error(
      "This run card is of a playground with a server, whose noise this page cannot draw; open it there.",
    );
  }
  if (card?.format !== FORMAT || typeof card.walk !== "object" || card.walk === null) {
    throw new Error("This is not a run card of this page; choose one that was kept here.");
  }
  const model = told.models.find((each) => each.weights === card.weights);
  if (!model) throw new Error(`This page has no model "${String(card.model).slice(0, 60)}" of these weights.`);
  const { walk } = card;
  const choice = Object.entries(told.samplers).find(
    ([, each]) => each.sampler === walk.sampler && each.variance === walk.variance,
  )?.[0];
  const values = {
    model: model.name,
    label: walk.label ?? "",
    guidance: walk.guidance_scale,
    sampler: choice,
    steps: walk.num_steps,
    seed: String(walk.seed),
    images: walk.num_images,
    eta: walk.eta,
    spacing: walk.spacing,
  };
  return { model: model.name, values };
}

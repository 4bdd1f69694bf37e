// What the page is told: page.json, which playground_page/write.py writes.

/**
 * A control, of the tabs' own tables.
 *
 * @typedef {object} Control
 * @property {string} name
 * @property {"menu" | "choice" | "checks" | "range" | "flag" | "seed"} kind
 * @property {string} label
 * @property {string} info
 * @property {any} value
 * @property {[string, string | number][]} choices
 * @property {number} least
 * @property {number} most
 * @property {number} step
 */

/**
 * A schedule with its defaults.
 *
 * @typedef {object} Curves
 * @property {boolean} straight Whether it is the path of flow matching.
 * @property {number[]} alpha_bars
 * @property {number[]} betas
 * @property {number[]} posterior
 * @property {number[]} at Timesteps of the curves.
 * @property {Record<string, [string, (number | null)[]][]>} plots By quantity: suffix and heights.
 */

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {string} graph
 * @property {string} walks
 * @property {number} bytes Of the graph.
 * @property {string} weights
 * @property {[number, number, number]} shape
 * @property {number} clip
 * @property {[string, number | number[]][]} classes Each with the condition that asks for it.
 * @property {number | number[] | null} null The condition without a class, where there is one.
 * @property {boolean} straight
 * @property {Record<string, import("../lib/messages.js").Formula>} formulas
 * @property {string} about
 */

/**
 * @typedef {object} Description
 * @property {Control[]} noise
 * @property {Control[]} schedules
 * @property {Control[]} denoise
 * @property {import("../lib/messages.js").LessonsMessage} lessons
 * @property {[string, string][]} pictures
 * @property {Record<string, Curves>} curves
 * @property {Record<string, string>} quantities
 * @property {[string, string][]} colours
 * @property {Record<string, { sampler: string, variance: string, eta: boolean }>} samplers
 * @property {Model[]} models
 * @property {string} runtime
 * @property {number} runtime_bytes
 * @property {string} version
 */

export {};

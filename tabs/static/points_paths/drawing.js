// What the view "Paths" says and draws of both paths.

import { line } from "../lib/curves.js";
import { thousands } from "../lib/format.js";
import { LEFT, RIGHT, frame, logAxis, rules } from "../training/axis.js";

/** @typedef {import("../lib/messages.js").PointsPathsMessage} Message */

const LEAST = 0.3; // the distance of two sets may be 0

/**
 * Quality by steps of both paths, as SVG.
 *
 * @param {Pick<Message, "paths" | "bound">} message
 */
export function qualityChart({ paths, bound }) {
  const all = paths.flatMap(({ near }) => near);
  if (!all.length) return "";
  const axis = logAxis([...all.map(([, ratio]) => Math.max(LEAST, ratio)), bound, 1]);
  const steps = [...new Set(all.map(([count]) => count))].sort((a, b) => a - b);
  const most = Math.log(Math.max(2, steps[steps.length - 1]));
  /** @param {number} count */
  const x = (count) => LEFT + ((RIGHT - LEFT) * Math.log(count)) / most;
  const curves = paths.map(({ near }, i) => {
    const points = near.map(
      ([count, ratio]) => /** @type {[number, number]} */ ([x(count), axis.y(Math.max(LEAST, ratio))]),
    );
    const name = i ? "flow" : "diffusion";
    const dots = points.map(([cx, cy]) => `<circle class="${name}" cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4"/>`);
    return `<path class="curve ${name}" d="${line(points)}"/>${dots.join("")}`;
  });
  return (
    rules(axis).replaceAll(/>(\d+)\.00</g, ">$1<") +
    `<line class="bound" x1="${LEFT}" x2="${RIGHT}" y1="${axis.y(bound)}" y2="${axis.y(bound)}"/>` +
    curves.join("") +
    frame(steps.map((count) => [x(count), String(count)]), "steps of the walk", "times data's own")
  );
}

/**
 * The comparison in words.
 *
 * @param {Pick<Message, "state" | "step" | "of" | "paths">} message
 */
export function pathsWords({ state, step, of, paths }) {
  if (state === "waiting") return "Waiting for its turn …";
  if (state === "stopped") return "Stopped: press Train both to go on with what is not learnt yet.";
  if (state === "running") return `${thousands(step)} of ${thousands(of)} steps, of both networks together.`;
  if (paths.length < 2) {
    return "Press Train both: one network learns by diffusion and one by flow matching, for equal steps on the same points.";
  }
  const [one, other] = paths;
  const better = one.near.filter(([, ratio], i) => other.near[i][1] < ratio).map(([count]) => count);
  const at = better.length
    ? `Flow matching ends nearer to the data at ${better.join(", ")} steps.`
    : "Diffusion ends nearer to the data at each number of steps.";
  return (
    `Diffusion's paths are ${one.longer.toFixed(2)} times as long as the straight line between their ends, ` +
    `those of flow matching ${other.longer.toFixed(2)} times. ${at}`
  );
}

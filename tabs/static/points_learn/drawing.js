// What the view "Learn" draws beside the samples: two charts, and the training in words.

import { line } from "../lib/curves.js";
import { thousands } from "../lib/format.js";
import { BASE, LEFT, RIGHT, frame, logAxis, rules } from "../training/axis.js";

/** @typedef {import("../lib/messages.js").PointsLearnMessage} Message */

/**
 * The ratios of energy distances by seconds, as SVG.
 *
 * @param {Pick<Message, "ratios" | "bound" | "recognised">} message
 */
export function nearChart({ ratios, bound, recognised }) {
  if (!ratios.length) return "";
  const least = 0.3; // the distance of two sets may be 0, or below
  const axis = logAxis([...ratios.map(([, ratio]) => Math.max(least, ratio)), bound, 1]);
  const end = Math.max(1, ratios[ratios.length - 1][0]);
  /** @param {number} seconds */
  const x = (seconds) => LEFT + ((RIGHT - LEFT) * seconds) / end;
  const curve = ratios.map(
    ([seconds, ratio]) => /** @type {[number, number]} */ ([x(seconds), axis.y(Math.max(least, ratio))]),
  );
  const [cx, cy] = curve[curve.length - 1];
  const here = recognised === null ? "" : `<line class="here" x1="${x(recognised)}" x2="${x(recognised)}" y1="6" y2="${BASE}"/>`;
  return (
    rules(axis).replaceAll(/>(\d+)\.00</g, ">$1<") +
    `<line class="bound" x1="${LEFT}" x2="${RIGHT}" y1="${axis.y(bound)}" y2="${axis.y(bound)}"/>` +
    here +
    `<path class="curve" d="${line(curve)}"/><circle class="last" cx="${cx}" cy="${cy}" r="5"/>` +
    frame([[LEFT, "0"], [RIGHT, `${end.toFixed(0)} s`]], "seconds of training", "times data's own")
  );
}

/**
 * Losses by timestep, as SVG.
 *
 * @param {[number, number][]} losses
 * @param {number} [T]
 */
export function lossChart(losses, T = 1000) {
  const known = losses.filter(([, loss]) => loss > 0);
  if (known.length < 2) return "";
  const axis = logAxis(known.map(([, loss]) => loss));
  /** @param {number} t */
  const x = (t) => LEFT + ((RIGHT - LEFT) * t) / (T - 1);
  return (
    rules(axis) +
    `<path class="curve" d="${line(known.map(([t, loss]) => [x(t), axis.y(loss)]))}"/>` +
    frame(
      [0, 0.5, 1].map((part) => [x((T - 1) * part), String(Math.round((T - 1) * part))]),
      "timestep t",
      "loss (log scale)",
    )
  );
}

/**
 * The training in one or two sentences.
 *
 * @param {Pick<Message, "state" | "step" | "of" | "seconds" | "ratios" | "recognised" | "bound">} message
 */
export function inWords({ state, step, of, seconds, ratios, recognised, bound }) {
  if (state === "empty") {
    return "Press Train: a small network learns these points, and you see its samples land better and better.";
  }
  if (state === "waiting") return "Waiting for its turn …";
  if (!ratios.length) return "Stopped before the first step.";
  const ratio = ratios[ratios.length - 1][1];
  const so = state === "running" ? "" : state === "done" ? "Done: " : "Stopped: ";
  const known =
    recognised === null
      ? `Recognisable below ${bound}.`
      : `Recognisable after ${recognised.toFixed(1)} s.`;
  return (
    `${so}${thousands(step)} of ${thousands(of)} steps in ${seconds.toFixed(1)} s. ` +
    `The samples are ${ratio.toFixed(1)} times as far from the data as data from data. ${known}`
  );
}

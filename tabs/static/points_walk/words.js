// What is said of a walk below its plane.

/**
 * @param {Pick<import("../lib/messages.js").PointsLane, "name" | "kind" | "nfe" | "near" | "turned" | "error">} lane
 */
export function laneWords({ name, kind, nfe, near, turned, error }) {
  const ends = `ends ${near.toFixed(1)} times as far from the data as data from data`;
  if (kind === "return") {
    return {
      name: "data → noise → data",
      rest: `DDIM inversion, ${nfe} evaluations: points come back to within ${(error ?? 0).toFixed(4)} on average.`,
    };
  }
  const share = Math.round(100 * turned);
  const crossing =
    kind === "ODE"
      ? `Its paths cannot cross at one time: ${share} % of the triples of neighbours end turned over`
      : `Fresh noise mixes the paths: ${share} % of the triples of neighbours end turned over`;
  return { name, rest: `${kind}, ${nfe} evaluations, ${ends}. ${crossing}.` };
}

// What the buttons of the page do in the browser before the server hears of a click. Each function
// gets the values of its event's inputs, and gives them back with what the page adds to them.

/** Leaves a component as it is; its value, handed back, would undo what it was given meanwhile. */
export const SKIP = { __type__: "update" };

/**
 * The name of a run: the browser gives it, and nobody else can guess it. It begins with the time
 * since the page was opened, so that of two runs everybody knows the newer one, also where the
 * server hears of them the other way round.
 */
export function newRun() {
  const time = Math.floor(performance.now() * 10).toString(36).padStart(8, "0");
  const parts = [...crypto.getRandomValues(new Uint32Array(4))];
  return `${time}-${parts.map((n) => n.toString(36)).join("")}`;
}

/**
 * @param {string} selector
 * @returns {HTMLElement | null} Null in a tab or a fold that was never opened.
 */
export function stage(selector) {
  return document.querySelector(selector);
}

/**
 * The inputs of an event with other values in place of the last ones, which only hold the places.
 *
 * @param {unknown[]} inputs
 * @param {unknown[]} last
 */
export function withLast(inputs, ...last) {
  return [...inputs.slice(0, -last.length), ...last];
}

/**
 * What an event sets a component to, without asking the server.
 *
 * @template T
 * @param {T} value
 */
export function same(value) {
  return value;
}

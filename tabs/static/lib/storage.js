// What one window of the browser remembers over reloads. Its session storage is its own: no other
// window reads it, though one that is duplicated takes a copy along. Where a browser keeps none, as
// in a frame of another site, the page works and remembers nothing.

/** Two playgrounds may stand side by side, under two paths of one proxy. */
const path = () => `playground ${location.pathname}`;

/**
 * @param {string} name
 * @param {unknown} value As JSON can hold it; undefined forgets.
 */
export function remember(name, value) {
  try {
    if (value === undefined) sessionStorage.removeItem(`${path()} ${name}`);
    else sessionStorage.setItem(`${path()} ${name}`, JSON.stringify(value));
  } catch {
    // There is no storage, or it is full.
  }
}

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise What is given where nothing is remembered.
 * @returns {T}
 */
export function remembered(name, otherwise) {
  try {
    const text = sessionStorage.getItem(`${path()} ${name}`);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Whether the page was loaded again: a reload, also after a lost connection, or Back and Forward. */
export function cameBack() {
  const [entry] = performance.getEntriesByType("navigation");
  const { type } = /** @type {PerformanceNavigationTiming} */ (entry) ?? {};
  return type === "reload" || type === "back_forward";
}

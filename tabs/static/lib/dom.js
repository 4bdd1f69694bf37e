// Small helpers for markup.

/**
 * The first element of a selector.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new (...values: any[]) => T} kind
 * @returns {T}
 * @throws {Error} If there is none, or it is of another kind.
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The markup has no ${kind.name} "${selector}".`);
  return found;
}

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new (...values: any[]) => T} kind
 * @returns {T[]}
 */
export function findAll(root, selector, kind) {
  /** @type {T[]} */
  const found = [];
  for (const e of root.querySelectorAll(selector)) if (e instanceof kind) found.push(e);
  return found;
}

/**
 * A new element with words in it.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{ words?: string, className?: string }} [options]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, { words, className } = {}) {
  const made = document.createElement(tag);
  if (words !== undefined) made.textContent = words;
  if (className) made.className = className;
  return made;
}

/**
 * A canvas that a screen reader takes for a picture.
 *
 * @param {string} label
 * @param {string} [tone] Colour of its frame, one of the page's --c- tokens.
 */
export function makeCanvas(label, tone) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  if (tone) canvas.style.setProperty("--tone", `var(--c-${tone})`);
  return canvas;
}

/**
 * Show a sentence, or hide its place where there is none.
 *
 * @param {HTMLElement} place
 * @param {string} [sentence]
 */
export function say(place, sentence) {
  place.hidden = !sentence;
  place.textContent = sentence || "";
}

const SAVING_MS = 60_000; // Safari reads a file only when its person has agreed to save it

/**
 * Let the browser save a file.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function saveBlob(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVING_MS);
}

/**
 * Write parameters into the page's address, without loading anything; its fragment stays.
 *
 * @param {URLSearchParams} query
 */
export function writeQuery(query) {
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
}

/** @returns {string} The id of the open tab; empty where its name is in a menu of a narrow page. */
export function openTab() {
  const tab = document.querySelector("[role=tab][data-tab-id][aria-selected=true]");
  return tab?.getAttribute("data-tab-id") ?? "";
}

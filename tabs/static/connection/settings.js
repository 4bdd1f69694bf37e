// The controls of all tabs and the open tab, remembered as they change and put back after a reload.

import { cameBack, remember, remembered } from "../lib/storage.js";

/** What leaves a control as it is. */
const SKIP = { __type__: "update" };

/**
 * The values that a page's controls get back.
 *
 * @param {unknown[]} now Their values as the page opens.
 * @param {string[]} names What each control is, as the server names it.
 * @param {Record<string, unknown>} saved Values by these names.
 * @returns {{ values: unknown[], changed: boolean }}
 */
export function putBack(now, names, saved) {
  let changed = false;
  const values = names.map((name, i) => {
    if (!(name in saved) || JSON.stringify(saved[name]) === JSON.stringify(now[i])) return SKIP;
    changed = true;
    return saved[name];
  });
  return { values, changed };
}

/**
 * The paths of the files among values of controls.
 *
 * @param {unknown} value
 * @returns {string[]}
 */
export function filesOf(value) {
  if (Array.isArray(value)) return value.flatMap(filesOf);
  const { path, meta } = /** @type {{ path?: string, meta?: unknown }} */ (value ?? {});
  return typeof path === "string" && meta ? [path] : [];
}

/**
 * Listen to the page's own scripts: `page:settings` brings values that have changed, `page:tab` the
 * tab that was opened, and `page:restore` asks for what was remembered.
 *
 * @param {(changed: boolean) => void} restored
 * @param {(files: string[]) => void} given Called with the paths of files that controls hold.
 */
export function wireSettings(restored, given) {
  let restoring = cameBack(); // until then the controls show what a new page shows
  document.addEventListener("page:settings", (event) => {
    const { names, values } = /** @type {CustomEvent} */ (event).detail;
    given(filesOf(values));
    if (restoring) return;
    /** @type {Record<string, unknown>} */
    const saved = remembered("settings", {});
    names.forEach((/** @type {string} */ name, /** @type {number} */ i) => {
      saved[name] = values[i];
    });
    remember("settings", saved);
  });
  document.addEventListener("page:tab", (event) => {
    if (!restoring) remember("tab", /** @type {CustomEvent} */ (event).detail);
  });
  document.addEventListener("page:restore", (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    const { values, changed } = putBack(detail.values, detail.names, remembered("settings", {}));
    detail.answer = values;
    restoring = false;
    restored(changed);
  });
}

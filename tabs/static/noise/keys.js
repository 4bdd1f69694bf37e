// Keys that act on the whole tab: the arrows, space, home and end.

/** What each kind of control uses itself; of others, no key. */
const OWN = /** @type {[string, (key: string) => boolean][]} */ ([
  ["input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=true], .cm-editor", () => true],
  ["input[type=radio], [role=tab], [role=slider], [role=listbox], [role=menu], [role=option]", (key) => key !== " "],
  ["button, a, summary, input[type=checkbox], input[type=radio], [role=button], [role=tab]", (key) => key === " "],
]);

/**
 * Whether the focused control uses a key itself.
 *
 * @param {{ closest: (selector: string) => unknown } | null} target
 * @param {string} key
 */
export const usesKey = (target, key) =>
  OWN.some(([selector, uses]) => uses(key) && Boolean(target?.closest(selector)));

/**
 * Where a key leads.
 *
 * @param {string} key
 * @param {number} t
 * @param {number} last
 * @returns {number | "play" | null} A timestep; "play"; or null of a key that does nothing here.
 */
export function led(key, t, last) {
  if (key === " ") return "play";
  /** @type {Record<string, number>} */
  const to = {
    ArrowLeft: t - 1,
    ArrowDown: t - 1,
    ArrowRight: t + 1,
    ArrowUp: t + 1,
    Home: 0,
    End: last,
  };
  return key in to ? Math.min(last, Math.max(0, to[key])) : null;
}

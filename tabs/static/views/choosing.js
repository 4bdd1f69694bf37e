// Which view of the stage is shown, and what the address says of it.

export const WALK = "walk";
const PARAMETER = "view";

/**
 * The view that the arrow keys, Home and End lead to; null where the key leads nowhere.
 *
 * @param {string} key As keyboard events name it.
 * @param {string[]} names Of the views that are there, in their order.
 * @param {string} now
 */
export function led(key, names, now) {
  const at = names.indexOf(now);
  const last = names.length - 1;
  /** @type {Record<string, number>} */
  const to = {
    ArrowRight: at === last ? 0 : at + 1,
    ArrowLeft: at <= 0 ? last : at - 1,
    Home: 0,
    End: last,
  };
  return key in to ? names[to[key]] : null;
}

/**
 * The view that an address names; the walk where it names none, or opens a run card.
 *
 * @param {string} search The query of the address.
 * @param {boolean} reloaded Whether the page was loaded again, so that the card's walk is there.
 */
export function viewOf(search, reloaded) {
  const query = new URLSearchParams(search);
  return (query.has("run") && !reloaded ? null : query.get(PARAMETER)) ?? WALK;
}

/**
 * The query that names a view: of the walk nothing is said, so that addresses stay short.
 *
 * @param {string} search The query as it is.
 * @param {string} view
 */
export function named(search, view) {
  const query = new URLSearchParams(search);
  query.delete(PARAMETER);
  if (view !== WALK) {
    query.set("tab", "denoise");
    query.set(PARAMETER, view);
  }
  return query;
}

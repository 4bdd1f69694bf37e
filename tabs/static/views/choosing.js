// Which view of the stage is shown, and what the address says of it.

export const WALK = "walk";
const PARAMETER = "view";

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

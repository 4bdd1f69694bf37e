// What the parts of the page tell each other when it comes back: whose session it is, which the
// connection finds out, and whether the last walk is still there, which the player does.

/** @typedef {{ session: string }} Joined */
/** @typedef {{ at: number, found: boolean, finished: boolean } | null} Walk */

/** @template T */
function promised() {
  /** @type {(value: T) => void} */
  let settle = () => {};
  /** @type {Promise<T>} */
  const promise = new Promise((done) => {
    settle = done;
  });
  return { promise, settle };
}

/** The page's session, once the server knows whose it is; empty where it could not be connected. */
export const joined = /** @type {ReturnType<typeof promised<Joined>>} */ (promised());

/** The walk that this window showed last; null where there was none. */
export const lastWalk = /** @type {ReturnType<typeof promised<Walk>>} */ (promised());

/** Whether controls were put back after a reload, once they hold what they held. */
export const settingsBack = /** @type {ReturnType<typeof promised<boolean>>} */ (promised());

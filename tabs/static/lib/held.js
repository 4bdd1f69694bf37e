// What stands on the stages, held while a lesson shows its own there, and brought back after it.

/**
 * Have a stage hold what it shows, and bring it back, when the page asks for it.
 *
 * @param {HTMLElement} root Of the stage; when it has left the page, nothing is asked of it any more.
 * @param {() => void} hold
 * @param {() => void} bring
 */
export function holds(root, hold, bring) {
  for (const [name, act] of Object.entries({ "stage:hold": hold, "stage:bring": bring })) {
    const heard = () => {
      if (root.isConnected) act();
      else document.removeEventListener(name, heard);
    };
    document.addEventListener(name, heard);
  }
}

/** Have every stage hold what it now shows. */
export const holdStages = () => document.dispatchEvent(new Event("stage:hold"));

/** Have every stage show again what it holds. */
export const bringStages = () => document.dispatchEvent(new Event("stage:bring"));

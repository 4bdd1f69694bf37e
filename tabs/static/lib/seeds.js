// The boxes for seeds; see shared/seed_input.py.

/** A seed at random, of all the bits that torch reads; text, as the box holds it. */
export function newSeed() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0]);
}

/**
 * What the box of a seed is, for screen readers and for keyboards on a screen: a number.
 *
 * @param {HTMLLabelElement} label The box with its name.
 */
export function markAsNumber(label) {
  const box = label.querySelector("input");
  box?.setAttribute("role", "spinbutton");
  box?.setAttribute("inputmode", "numeric");
  box?.setAttribute("aria-label", (label.textContent ?? "").trim());
}

/** Mark every box of the class "seed", now and when a tab is opened for the first time. */
export function markSeeds() {
  const mark = () => {
    /** @type {NodeListOf<HTMLLabelElement>} */
    const labels = document.querySelectorAll(".seed label:has(input:not([role]))");
    labels.forEach(markAsNumber);
  };
  new MutationObserver(mark).observe(document.body, { childList: true, subtree: true });
  mark();
}

// A phone, upright or lying down: the screens on which the stage stands above its controls.

/** The same as in the style sheets. */
export const PHONE = "(max-width: 768px), (max-height: 500px)";

/**
 * Close folds on a phone, where the controls follow below them, and open them anywhere else; again
 * whenever the screen becomes the one or the other.
 *
 * @param {HTMLDetailsElement[]} folds
 */
export function foldOnPhone(folds) {
  const phone = matchMedia(PHONE);
  function fold() {
    for (const each of folds) each.open = !phone.matches;
  }
  phone.addEventListener("change", fold);
  fold();
}

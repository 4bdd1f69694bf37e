// A finger on a curve that is a slider: a tap and a move sideways set the timestep, a swipe up or down
// scrolls the page and sets nothing. A browser's own slider jumps at once to where a finger begins; so
// where fingers are what the page is used with, page.css has the slider let them through to its curve.

const CURVE = ".track, .rail";
const SIDEWAYS = 8; // CSS pixels from which a move is one

/**
 * @param {number} x Of the finger.
 * @param {{ left: number, width: number }} box Of the curve.
 * @param {{ min: string, max: string, step: string }} slider
 * @returns {number} The slider's value there.
 */
export function valueAt(x, { left, width }, { min, max, step }) {
  const [low, high, by] = [Number(min), Number(max), Number(step) || 1];
  const share = Math.min(1, Math.max(0, (x - left) / width));
  return low + by * Math.round((share * (high - low)) / by);
}

/** Heed fingers on all curves of the page. */
export function heedFingers() {
  /** @type {{ id: number, x: number, moves: boolean, curve: HTMLElement, slider: HTMLInputElement } | null} */
  let finger = null;
  /** @param {PointerEvent} event @param {string} type */
  const set = ({ clientX }, type) => {
    if (!finger) return;
    const { curve, slider } = finger;
    slider.value = String(valueAt(clientX, curve.getBoundingClientRect(), slider));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (type === "change") slider.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("pointerdown", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    const curve = at?.closest(CURVE);
    const slider = curve?.querySelector("input[type=range]");
    if (event.pointerType !== "touch" || at === slider) return;
    if (!(curve instanceof HTMLElement && slider instanceof HTMLInputElement)) return;
    finger = { id: event.pointerId, x: event.clientX, moves: false, curve, slider };
  });
  document.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger?.id) return;
    finger.moves ||= Math.abs(event.clientX - finger.x) > SIDEWAYS;
    if (finger.moves) set(event, "input");
  });
  document.addEventListener("pointerup", (event) => {
    if (event.pointerId === finger?.id) set(event, "change");
    finger = null;
  });
  document.addEventListener("pointercancel", () => {
    finger = null; // the browser scrolls
  });
}

// Playing: a button's face, and a clock that runs while something plays.

/**
 * @param {boolean} playing
 * @param {{ words?: boolean, of?: string }} [options] words: whether the sign has its word beside
 *   it; of: what is played, for who cannot see it.
 */
export function playFace(playing, { words = false, of = "" } = {}) {
  const name = playing ? "Pause" : "Play";
  const text = (playing ? "❚❚" : "▶︎") + (words ? ` ${name}` : "");
  return { text, label: name + of };
}

/** Calls `advance` once for every animation frame while it plays; at rest nothing runs. */
export class Playback {
  #ticking = false;
  #playing = false;

  /**
   * @param {HTMLElement} button Shows what a press would do.
   * @param {(now: number) => void} advance Given the time of the animation frame in milliseconds.
   * @param {object} [options]
   * @param {boolean} [options.words] See `playFace`.
   * @param {string} [options.of] See `playFace`.
   * @param {(callback: (now: number) => void) => unknown} [options.request]
   */
  constructor(button, advance, options = {}) {
    this.button = button;
    this.advance = advance;
    this.options = options;
    this.request = options.request ?? ((callback) => requestAnimationFrame(callback));
  }

  get playing() {
    return this.#playing;
  }

  /** @param {boolean} playing */
  set(playing) {
    this.#playing = playing;
    if (playing && !this.#ticking) {
      this.#ticking = true;
      this.request(this.#tick);
    }
    const { text, label } = playFace(playing, this.options);
    this.button.textContent = text;
    this.button.setAttribute("aria-label", label);
  }

  /** @param {number} now */
  #tick = (now) => {
    this.#ticking = this.#playing && this.button.isConnected;
    if (!this.#ticking) return;
    this.advance(now);
    this.request(this.#tick);
  };
}

/**
 * Runs `draw` once in the next animation frame, however often it is asked to.
 *
 * @param {() => void} draw
 * @param {(callback: () => void) => unknown} [request]
 */
export function oncePerFrame(draw, request = (callback) => requestAnimationFrame(callback)) {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    request(() => {
      pending = false;
      draw();
    });
  };
}

/** The longest that a page may sleep, in milliseconds, before it goes on as if it had not. */
const LAG_MS = 250;
const TOLERANCE_MS = 4; // animation frames come a little early and a little late

/** Spreads the frames of a film over time. */
export class Pace {
  /** When the last frame was due, in milliseconds; later than now, it holds the film. */
  last = -Infinity;

  /**
   * How many frames the film goes on by. Where frames are shorter than what the screen shows, some
   * are passed over, so that the film lasts as long; a page that slept goes on by one.
   *
   * @param {number} now
   * @param {number} interval Milliseconds of a frame.
   */
  due(now, interval) {
    if (now - this.last > Math.max(2 * interval, LAG_MS)) this.last = now - interval;
    const count = Math.floor((now - this.last + Math.min(TOLERANCE_MS, interval / 2)) / interval);
    if (count < 1) return 0;
    this.last += count * interval;
    return count;
  }
}

/**
 * Milliseconds that a frame is shown.
 *
 * @param {string} speed Seconds a walk, as "4s"; or steps a second, as "15".
 * @param {number} steps From the first frame of the film to its last.
 */
export function frameInterval(speed, steps) {
  const number = parseFloat(speed);
  return speed.endsWith("s") ? (1000 * number) / Math.max(1, steps) : 1000 / number;
}

/** Whether the person wants little motion on the page. */
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

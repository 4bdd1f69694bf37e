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

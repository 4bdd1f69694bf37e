// Play, step and scrub of a film of points.

import { find } from "../lib/dom.js";
import { wireKeys } from "../lib/keys.js";
import { Playback, oncePerFrame, reducedMotion } from "../lib/playback.js";

const SECONDS = 5; // of a whole film

/**
 * Wire the buttons .play, .back, .next and the slider .scrub of a component.
 *
 * @param {HTMLElement} root
 * @param {(at: number) => void} draw Given the time in frames, a fraction between two of them.
 */
export function transport(root, draw) {
  const slider = find(root, "input.scrub", HTMLInputElement);
  let at = 0;
  let last = 0;
  let before = 0;
  const later = oncePerFrame(() => {
    slider.value = String(Math.round(at));
    draw(at);
  });
  const playback = new Playback(
    find(root, ".play", HTMLButtonElement),
    (now) => {
      const passed = Math.min(100, now - before);
      before = now;
      at = Math.min(last, at + (passed / 1000 / SECONDS) * last);
      slider.value = String(Math.round(at));
      draw(at);
      if (at >= last) playback.set(false);
    },
    { words: true },
  );

  /** @param {number} frame */
  function go(frame) {
    playback.set(false);
    at = Math.max(0, Math.min(last, frame));
    later();
  }

  function play() {
    if (!playback.playing && at >= last) at = 0;
    before = performance.now();
    playback.set(!playback.playing);
  }

  playback.button.addEventListener("click", play);
  find(root, ".back", HTMLElement).addEventListener("click", () => go(Math.ceil(at) - 1));
  find(root, ".next", HTMLElement).addEventListener("click", () => go(Math.floor(at) + 1));
  slider.addEventListener("input", () => go(Number(slider.value)));
  wireKeys(
    root,
    (move) => {
      if (move === "toggle") play();
      else go({ back: Math.ceil(at) - 1, on: Math.floor(at) + 1, first: 0, last }[move]);
    },
    { own: slider, ready: () => last > 0 },
  );
  return {
    later,
    get at() {
      return at;
    },
    /** More frames of the same film have come: who stands at its end goes on with it. @param {number} frames */
    grow(frames) {
      const follows = !playback.playing && at >= last;
      last = Math.max(last, frames - 1);
      slider.max = String(last);
      if (follows) at = last;
      later();
    },
    /** Stand at a frame. @param {number} frame */
    go,
    /** A film that has no frame yet, or keeps so many of its first ones. @param {number} frames */
    wait(frames = 0) {
      playback.set(false);
      last = Math.max(0, frames - 1);
      at = last;
      slider.max = String(last);
      later();
    },
    /** A new film of so many frames: played, or its end shown. @param {number} frames */
    begin(frames) {
      last = frames - 1;
      slider.max = String(last);
      playback.set(false);
      at = reducedMotion() ? last : 0;
      if (!reducedMotion()) play();
      later();
    },
  };
}

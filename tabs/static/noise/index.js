// The Noise stage: x0 and eps are here, so moving the slider mixes them without asking anybody.

import { find, findAll, make, makeCanvas, saveBlob } from "../lib/dom.js";
import { fixed } from "../lib/format.js";
import { wireKeys } from "../lib/keys.js";
import { parse } from "../lib/messages.js";
import { amplitudes, mixer, unpack } from "../lib/mixing.js";
import { paint, toLevel } from "../lib/pixels.js";
import { Playback, oncePerFrame } from "../lib/playback.js";
import { largePng, png } from "../lib/png.js";
import { stage } from "../lib/runs.js";
import "./clicks.js"; // here before the first click
import {
  densityBars,
  measure,
  normalCurve,
  playedTo,
  scheduleCurve,
  signalToNoise,
  stripTimes,
  ticks,
} from "./charts.js";
import { strip } from "./strip.js";

const SETTLED_MS = 250; // without another timestep
const SECONDS = 6; // of playing, from the picture to noise

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".noise", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  /** @param {string} selector */
  const svg = (selector) => find(root, selector, SVGElement);
  /** @param {string} selector */
  const canvas = (selector) => find(root, selector, HTMLCanvasElement);
  const slider = find(root, "input.t", HTMLInputElement);
  /** @type {(import("../lib/mixing.js").PictureAndNoise & { alphaBars: number[], straight: boolean, file: string }) | null} */
  let data = null;
  let startedAt = 0;
  let startedFrom = 0;
  let timer = 0;

  const playback = new Playback(
    find(root, ".play", HTMLButtonElement),
    (now) => {
      if (!data) return;
      const T = data.alphaBars.length;
      const t = playedTo(startedFrom, now - startedAt, T, SECONDS);
      slider.value = String(Math.min(T - 1, Math.round(t)));
      draw();
      if (t >= T - 1) playback.set(false);
    },
    { words: true },
  );
  const later = oncePerFrame(draw);

  function draw() {
    if (!data) return;
    const t = Number(slider.value);
    const alphaBar = data.alphaBars[t];
    const mix = mixer(data, alphaBar, data.straight);
    const [signal, noise] = amplitudes(alphaBar, data.straight);
    paint(canvas(".view.x_t canvas"), data.size, data.channels, mix);
    $(".now").textContent = String(t);
    find(root, ".a", Element).textContent = signal.toFixed(2);
    find(root, ".b", Element).textContent = noise.toFixed(2);
    $(".snr").textContent = signalToNoise(alphaBar);
    $(".mark").style.left = `${(100 * t) / (data.alphaBars.length - 1)}%`;
    const n = data.x0.length;
    const { counts, mean, deviation } = measure(mix, n);
    svg(".bars").setAttribute("d", densityBars(counts, n));
    const words = `Mean ${fixed(mean, 2)}, standard deviation ${deviation.toFixed(2)}.`;
    $(".moments").textContent = words;
    for (const button of findAll(root, ".strip button", HTMLElement)) {
      button.setAttribute("aria-current", String(Number(button.dataset.t) === t));
    }
    root.dataset.t = String(t);
    settled();
  }

  /** Tell the server of the timestep that is shown, once it stays, where the code of it is seen. */
  function settled() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (stage("#noise-code")?.offsetParent) trigger("input");
    }, SETTLED_MS);
  }

  /** @param {number} t */
  function go(t) {
    playback.set(false);
    slider.value = String(t);
    later();
  }

  /**
   * A small picture of the film strip, which leads to its timestep.
   *
   * @param {number} t
   */
  function frame(t) {
    const button = make("button");
    const small = makeCanvas(`thumbnail t = ${t}`);
    button.type = "button";
    button.dataset.t = String(t);
    button.setAttribute("aria-label", `Show t = ${t}`);
    button.append(small, make("span", { words: `t = ${t}` }));
    button.addEventListener("click", () => go(t));
    if (data) paint(small, data.size, data.channels, mixer(data, data.alphaBars[t], data.straight));
    return button;
  }

  /** @param {string} value */
  function receive(value) {
    /** @type {import("../lib/messages.js").NoiseMessage | null} */
    const message = parse(value);
    if (!message?.x0) return;
    const { alpha_bars: alphaBars, straight, file } = message;
    const made = { ...unpack(message), alphaBars, straight, file };
    const { size, channels, x0, eps } = made;
    const T = alphaBars.length;
    data = made;
    slider.max = String(T - 1);
    $(".end").textContent = String(T - 1);
    $(".times").replaceChildren(
      ...ticks(T - 1).map((t) => {
        const tick = make("i", { words: String(t) });
        tick.style.left = `${(100 * t) / (T - 1)}%`;
        return tick;
      }),
    );
    svg(".signal").setAttribute("d", scheduleCurve(alphaBars, (ab) => amplitudes(ab, straight)[0]));
    svg(".noising").setAttribute("d", scheduleCurve(alphaBars, (ab) => amplitudes(ab, straight)[1]));
    svg(".normal").setAttribute("d", normalCurve());
    paint(canvas(".view.x0 canvas"), size, channels, (p) => x0[p]);
    paint(canvas(".view.eps canvas"), size, channels, (p) => eps[p]);
    $(".strip").replaceChildren(...stripTimes(T).map(frame));
    $(".caption").textContent = message.caption;
    root.toggleAttribute("data-straight", straight);
    root.dataset.id = message.id;
    draw();
  }

  function play() {
    if (!playback.playing) {
      startedAt = performance.now();
      startedFrom = Number(slider.value) >= Number(slider.max) ? 0 : Number(slider.value);
    }
    playback.set(!playback.playing);
  }

  playback.button.addEventListener("click", play);
  slider.addEventListener("input", () => {
    playback.set(false);
    later();
  });
  wireKeys(
    root,
    (move) => {
      const [t, last] = [Number(slider.value), Number(slider.max)];
      if (move === "toggle") play();
      else go({ back: Math.max(0, t - 1), on: Math.min(last, t + 1), first: 0, last }[move]);
    },
    { own: slider, ready: () => data !== null },
  );
  $(".save-png").addEventListener("click", async () => {
    if (!data) return;
    const t = Number(slider.value);
    const { size, channels, alphaBars, file } = data;
    const mix = mixer(data, alphaBars[t], data.straight);
    /** @param {number} p */
    const level = (p) => toLevel(mix(p));
    const picture = { width: size, height: size, channels, level };
    saveBlob(await largePng(picture), `${file}-t${t}.png`);
  });
  $(".save-strip").addEventListener("click", async () => {
    if (!data) return;
    const { width, height, channels, level } = strip(data, stripTimes(data.alphaBars.length));
    saveBlob(await png(width, height, channels, level), `${data.file}-strip.png`);
  });
  return receive;
}

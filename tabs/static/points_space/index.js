// The view "Space" of the Points tab: four clouds side by side, turned together.

import { find, make, makeCanvas, saveBlob, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { Playback } from "../lib/playback.js";
import { unpackPoints } from "../points/packed.js";
import { drawnAnew } from "../points/plane.js";
import { transport } from "../points/transport.js";
import { asking } from "./clicks.js";
import { Scene, turnedBy } from "./cloud.js";

const TURN = 0.012; // radians a pixel
const KEY_TURN = 0.15; // radians a key
const SPIN = 0.5; // radians a second
const MOST_CARD = 4 * 2 ** 20; // bytes of a run card's file

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".points-space", HTMLElement);
  const clouds = find(root, ".clouds", HTMLElement);
  const note = find(root, ".note", HTMLElement);
  /** @typedef {{ t: number, signal: number, x: Float32Array, x0_hat: Float32Array, shape: number[] }} Decoded */
  /** @type {Decoded[]} */
  let frames = [];
  /** @type {Scene[]} */
  let scenes = [];
  /** @type {import("./cloud.js").Camera} */
  let camera = { azimuth: -0.6, elevation: 0.35 };
  let known = 0;
  let total = 0;
  let card = "";
  let run = ""; // whose frames are shown

  const branch = find(root, ".branch", HTMLButtonElement);
  const keep = find(root, ".keep", HTMLButtonElement);
  const file = find(root, "input[type=file]", HTMLInputElement);

  /** @param {number} at */
  function draw(at) {
    const k = Math.max(0, Math.min(frames.length - 1, Math.floor(at)));
    const frame = frames[k];
    if (!frame) return;
    const view = root.dataset.seen === "x0_hat" ? "x0_hat" : "x";
    const next = frames[Math.min(frames.length - 1, k + 1)];
    const share = at - k;
    const signal = view === "x" ? frame.signal + share * (next.signal - frame.signal) : 1;
    const each = frame.shape[1] * 3;
    scenes.forEach((scene, b) => {
      const here = frame[view].subarray(b * each, (b + 1) * each);
      const there = next[view].subarray(b * each, (b + 1) * each);
      const points = share ? here.map((value, i) => value + share * (there[i] - value)) : here;
      scene.draw(points, camera, signal, known);
    });
    const step = Math.min(total - 1, Math.round(at));
    const t = frames[Math.min(frames.length - 1, Math.round(at))].t;
    find(root, ".film", HTMLElement).textContent =
      `step ${step} of ${total - 1} · ${t < 0 ? "finished" : `t = ${t}`}`;
    root.dataset.frame = String(step);
    branch.disabled = !card || known > 0 || step >= total - 1;
  }

  const moving = transport(root, draw);

  /** @param {number} count */
  function layOut(count) {
    if (scenes.length === count) return;
    clouds.replaceChildren();
    scenes = Array.from({ length: count }, (_, b) => {
      const canvas = makeCanvas(`x_t, cloud ${b + 1}; arrow keys turn it`);
      canvas.tabIndex = b ? -1 : 0;
      const figure = make("figure", { className: "plane x_t" });
      figure.append(canvas);
      clouds.append(figure);
      return new Scene(canvas);
    });
    drawnAnew(clouds, moving.later);
  }

  // Turning: by a press that moves, on any cloud, and by the arrow keys of the one in focus.
  /** @type {{ id: number, x: number, y: number } | null} */
  let held = null;
  clouds.addEventListener("pointerdown", (event) => {
    held = { id: event.pointerId, x: event.clientX, y: event.clientY };
    clouds.setPointerCapture(event.pointerId);
  });
  clouds.addEventListener("pointermove", (event) => {
    if (!held || event.pointerId !== held.id) return;
    camera = turnedBy(camera, -TURN * (event.clientX - held.x), TURN * (event.clientY - held.y));
    held = { id: held.id, x: event.clientX, y: event.clientY };
    moving.later();
  });
  for (const over of ["pointerup", "pointercancel"]) clouds.addEventListener(over, () => (held = null));
  clouds.addEventListener("keydown", (event) => {
    /** @type {Record<string, [number, number]>} */
    const turns = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const turn = turns[event.key];
    if (!turn || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault(); // the same keys move the walk elsewhere
    camera = turnedBy(camera, KEY_TURN * turn[0], KEY_TURN * turn[1]);
    moving.later();
  });
  let before = 0;
  const spin = find(root, ".spin", HTMLButtonElement);
  const spinning = new Playback(make("button"), (now) => {
    const passed = Math.min(100, now - before);
    before = now;
    if (held || !root.getClientRects().length) return;
    camera = turnedBy(camera, (SPIN * passed) / 1000, 0);
    draw(moving.at);
  });
  spin.addEventListener("click", () => {
    before = performance.now();
    document.head.append(spinning.button); // a clock runs while its button is on the page
    spinning.set(!spinning.playing);
    spin.setAttribute("aria-pressed", String(spinning.playing));
  });

  const expects = find(root, ".expects", HTMLButtonElement);
  expects.addEventListener("click", () => {
    root.dataset.seen = root.dataset.seen === "x" ? "x0_hat" : "x";
    const guessed = root.dataset.seen === "x0_hat";
    expects.setAttribute("aria-pressed", String(guessed));
    for (const { canvas } of scenes) {
      const label = canvas.getAttribute("aria-label") ?? "";
      canvas.setAttribute("aria-label", label.replace(/^\w+/, guessed ? "x0_hat" : "x_t"));
      canvas.parentElement?.classList.toggle("x0_hat", guessed);
      canvas.parentElement?.classList.toggle("x_t", !guessed);
    }
    moving.later();
  });

  /** @param {{ parent?: string, card?: string, step?: number }} asked */
  function ask(asked) {
    say(note);
    root.dataset.asked = asking(asked);
    trigger("input");
  }
  branch.addEventListener("click", () => ask({ parent: run, card, step: Math.round(moving.at) }));
  keep.addEventListener("click", () => {
    saveBlob(new Blob([card], { type: "application/json" }), "clouds-run.json");
  });
  find(root, ".open", HTMLButtonElement).addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (!chosen) return;
    if (chosen.size > MOST_CARD) return say(note, "This file is too large for a run card; choose another one.");
    ask({ card: await chosen.text() });
  });

  return (value) => {
    /** @type {import("../lib/messages.js").SpaceMessage | null} */
    const message = parse(value);
    if (!message?.run || message.run !== root.dataset.run) return; // of a walk that was replaced
    if (message.run !== run && message.frames.length) {
      // A branch goes on from its parent's frames, which are here.
      frames = message.first <= frames.length ? frames.slice(0, message.first) : [];
      ({ run } = message);
      card = "";
      moving.wait(frames.length);
    }
    message.frames.forEach((frame, i) => {
      frames[message.first + i] ??= {
        t: frame.t,
        signal: frame.signal,
        x: unpackPoints(frame.x),
        x0_hat: unpackPoints(frame.x0_hat),
        shape: frame.x.shape,
      };
    });
    if (message.frames.length) {
      ({ known, total } = message);
      layOut(message.frames[0].x.shape[0]);
      find(root, ".caption", HTMLElement).textContent = message.words;
      find(root, ".legend", HTMLElement).hidden = !known;
    }
    card = message.card ?? card;
    keep.disabled = !card;
    say(note, message.note);
    Object.assign(root.dataset, { state: message.state, frames: String(frames.length) });
    if (frames.length) moving.grow(frames.length);
  };
}

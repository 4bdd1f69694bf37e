// The view "Field" of the Points tab: arrows over the exact density, and where the two fields differ.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make } from "../lib/dom.js";
import { fixed, significant } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import { oncePerFrame } from "../lib/playback.js";
import "../points/clicks.js"; // here before the first click
import { unpackPoints } from "../points/packed.js";
import { Plane, css, drawnAnew } from "../points/plane.js";
import "./clicks.js";
import { arrowsOf, fieldWords } from "./words.js";

/** @typedef {import("../lib/messages.js").PointsFieldMessage} Message */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".points-field", HTMLElement);
  const slider = find(root, "input.t", HTMLInputElement);
  /** @param {string} name */
  const plane = (name) => new Plane(find(root, `.${name} canvas`, HTMLCanvasElement));
  const [exact, learnt, apart] = ["exact", "learnt", "apart"].map(plane);
  /** @type {Message | null} */
  let shown = null;
  let kind = "score";

  /**
   * A map of bytes in one colour, the more of it the larger the byte.
   *
   * @param {Plane} on
   * @param {string} packed
   * @param {number} side
   * @param {import("../points/plane.js").Rgb} colour
   * @param {number} strongest
   */
  function map(on, packed, side, [r, g, b], strongest) {
    const levels = bytes(packed);
    const small = make("canvas");
    small.width = small.height = side;
    const context = small.getContext("2d");
    if (!context) return;
    const image = context.createImageData(side, side);
    levels.forEach((level, i) => image.data.set([r, g, b, level * strongest], 4 * i));
    context.putImageData(image, 0, 0);
    on.context.imageSmoothingQuality = "high";
    on.context.drawImage(small, 0, 0, on.side, on.side);
  }

  /** @param {Plane} on @param {import("../lib/messages.js").PackedPoints} packed @param {number} side */
  function arrows(on, packed, side) {
    const { context, colours, ratio } = on;
    context.strokeStyle = css(kind === "score" ? colours.text : colours.eps, 0.85);
    context.fillStyle = context.strokeStyle;
    context.lineWidth = 1.3 * ratio;
    for (const [x, y, dx, dy] of arrowsOf(unpackPoints(packed), side, on.reach, kind === "score" ? -1 : 1)) {
      const [fromX, fromY] = [on.x(x - dx / 2), on.y(y - dy / 2)];
      const [toX, toY] = [on.x(x + dx / 2), on.y(y + dy / 2)];
      const far = Math.hypot(toX - fromX, toY - fromY);
      const head = Math.min(4 * ratio, 0.45 * far);
      const turn = Math.atan2(toY - fromY, toX - fromX);
      context.beginPath();
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
      for (const side of [-1, 1]) {
        context.moveTo(toX, toY);
        context.lineTo(toX - head * Math.cos(turn + 0.5 * side), toY - head * Math.sin(turn + 0.5 * side));
      }
      context.stroke();
    }
  }

  const later = oncePerFrame(() => {
    if (!shown) return;
    for (const on of [exact, learnt, apart]) {
      on.reach = shown.reach;
      on.clear();
      on.axes();
    }
    const { alpha } = shown;
    const points = unpackPoints(shown.data).map((v) => alpha * v);
    const { x0, eps } = exact.colours;
    for (const on of [exact, learnt]) map(on, shown.density, shown.density_side, x0, 0.62);
    if (points.length <= 800) for (const on of [exact, learnt]) on.dots(points, x0, { radius: points.length <= 100 ? 3 : 1.6 });
    arrows(exact, shown.exact, shown.side);
    if (shown.learnt) arrows(learnt, shown.learnt, shown.side);
    if (shown.apart && shown.apart_side) map(apart, shown.apart, shown.apart_side, eps, 0.9);
  });
  for (const on of [exact, learnt, apart]) drawnAnew(on.canvas, later);

  function say() {
    const t = Number(slider.value);
    const here = shown && shown.t === t ? ` · log-SNR ${fixed(2 * Math.log(shown.alpha / shown.sigma), 1)}` : "";
    find(root, ".film", HTMLElement).textContent = `t = ${t}${here}`;
  }

  slider.addEventListener("input", () => {
    root.dataset.asked = slider.value;
    say();
    trigger("input");
  });

  const kinds = findAll(root, ".kinds button", HTMLButtonElement);
  /** @param {HTMLButtonElement} button */
  function choose(button) {
    kind = button.dataset.kind ?? "score";
    for (const each of kinds) {
      each.setAttribute("aria-checked", String(each === button));
      each.tabIndex = each === button ? 0 : -1;
    }
    later();
  }
  for (const button of kinds) button.addEventListener("click", () => choose(button));
  find(root, ".kinds", HTMLElement).addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = kinds[kinds[0].getAttribute("aria-checked") === "true" ? 1 : 0];
    choose(next);
    next.focus();
  });

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!message?.exact) return;
    shown = message;
    slider.max = String(message.T - 1);
    if (!root.dataset.asked) slider.value = String(message.t);
    find(root, ".learnt-words", HTMLElement).textContent = message.learnt
      ? "by the network, over the same density."
      : "Nothing has learnt these points yet.";
    find(root, ".apart-words", HTMLElement).textContent =
      message.mean_apart === undefined
        ? "of the two guessed noises."
        : `of the two guessed noises: ${significant(message.mean_apart)} in the mean; full colour is ${significant(message.most_apart ?? 0)}. It fades where hardly a point comes.`;
    find(root, ".says", HTMLElement).textContent = fieldWords(message);
    find(root, ".errors tbody", HTMLElement).replaceChildren(
      ...message.errors.map(({ name, known, new: fresh }) => {
        const row = make("tr");
        const head = make("th", { words: name });
        head.scope = "row";
        row.append(head, make("td", { words: known.toFixed(3) }), make("td", { words: fresh.toFixed(3) }));
        return row;
      }),
    );
    find(root, ".caption", HTMLElement).textContent = message.words;
    Object.assign(root.dataset, { t: String(message.t), learnt: String(Boolean(message.learnt)), share: String(message.share ?? "") });
    say();
    later();
  };
}

// What can be kept of a run: picture, strip, animation, run card, link, QR code.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, saveBlob } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { largePng } from "../lib/png.js";
import { linkOf, onlyHere, pictureName, stem, tooLong } from "./card.js";

/** @typedef {import("./player.js").Player} Player */

/** @param {Player} player */
export function wireKeeping(player) {
  const { root, host } = player;
  const kept = find(root, ".kept", HTMLElement);
  const native = find(root, ".native", HTMLInputElement);

  /**
   * @param {Blob} blob
   * @param {string} name
   */
  function save(blob, name) {
    saveBlob(blob, name);
    kept.textContent = `${name} is saved.`;
  }

  /** @typedef {import("./run.js").Run} Run */

  /**
   * @param {string} card
   * @param {import("../lib/messages.js").Head} head
   */
  function keepCard(card, head) {
    save(new Blob([card], { type: "application/json" }), `${stem(head)}-run-card.json`);
  }

  /**
   * @param {Run} run
   * @param {import("../lib/messages.js").Head} head
   * @returns {string} Empty where it is too long; then the run card is offered.
   */
  function checkedLink({ card, link: short }, head) {
    const link = linkOf(short || card, `${location.origin}${location.pathname}`);
    if (!tooLong(link)) return link;
    const offer = make("button", { words: "Save the run card" });
    offer.type = "button";
    offer.addEventListener("click", () => keepCard(card, head));
    kept.replaceChildren(`${tooLong(link)} `, offer);
    return "";
  }

  /**
   * @param {Run} run
   * @param {import("../lib/messages.js").Head} head
   */
  async function keepLink(run, head) {
    const link = checkedLink(run, head);
    if (!link) return;
    history.replaceState(null, "", link);
    const framed = window.top !== window; // where the address bar has another page's address
    try {
      await navigator.clipboard.writeText(link);
      kept.textContent = framed
        ? "The link is copied."
        : "The link is copied, and stands in the address bar.";
    } catch {
      const text = make("input", { className: "link" });
      text.type = "text";
      text.readOnly = true;
      text.value = link;
      text.setAttribute("aria-label", "Link to this walk");
      const where = framed ? "" : " The link stands in the address bar, too.";
      kept.replaceChildren(`Copy this link.${where}`, text);
      text.focus();
      text.select();
    }
  }

  /**
   * @param {Run} run
   * @param {import("../lib/messages.js").Head} head
   */
  async function keepCode(run, head) {
    if (onlyHere(location.hostname)) throw new Error(onlyHere(location.hostname));
    const link = checkedLink(run, head);
    if (!link) return;
    /** @type {import("../lib/messages.js").CodeAnswer | null} */
    const answer = parse(await host.server.qr_code(link));
    if (!answer?.svg) throw new Error(answer?.error ?? "No QR code came back.");
    const code = make("img", { className: "code" });
    code.src = `data:image/svg+xml,${encodeURIComponent(answer.svg)}`;
    code.alt = "QR code of the link to this walk";
    kept.replaceChildren("A phone's camera opens this walk:", code);
  }

  /** Save the first of the pictures on the stage, as it now stands. */
  async function keepPicture() {
    const figure = player.figures.find((f) => !f.hidden);
    const frame = player.run?.frames[player.at];
    const head = player.run?.head;
    const picture = figure && frame && head && player.pictureOf(figure, frame, head);
    if (!picture) return;
    const name = pictureName(head, figure.dataset.view ?? "", frame.i, player.picked);
    save(await largePng(picture, native.checked), name);
  }

  /** @param {string} kind */
  async function keepAs(kind) {
    const { run } = player;
    if (!run?.head) return;
    if (kind === "png") return keepPicture();
    if (!run.card) throw new Error("Let the walk come to its end first.");
    if (kind === "card") return keepCard(run.card, run.head);
    if (kind === "link") return keepLink(run, run.head);
    if (kind === "qr") return keepCode(run, run.head);
    kept.textContent = "One moment …";
    const { views } = run.head;
    const view = player.available.find((v) => player.shown.has(v) && views.includes(v)) ?? "x_t";
    /** @type {import("../lib/messages.js").KeepRequest} */
    const request = { run: run.id, card: run.card, kind, view, native: native.checked };
    /** @type {import("../lib/messages.js").KeepAnswer | null} */
    const answer = parse(await host.server.keep(request));
    if (!answer?.name || !answer.data) throw new Error(answer?.error ?? "No file came back.");
    save(new Blob([bytes(answer.data)], { type: answer.type }), answer.name);
  }

  for (const button of findAll(root, "[data-keep]", HTMLElement)) {
    button.addEventListener("click", () => {
      keepAs(button.dataset.keep ?? "").catch((error) => {
        kept.textContent = error.message;
      });
    });
  }
}

// What can be kept of a run: picture, strip, animation, run card, link.

import { bytes } from "../lib/bytes.js";
import { find, findAll, saveBlob } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { linkOf } from "./card.js";

/** @typedef {import("./player.js").Player} Player */

/** @param {Player} player */
export function wireKeeping(player) {
  const { root, host } = player;
  const kept = find(root, ".kept", HTMLElement);

  /**
   * @param {Blob} blob
   * @param {string} name
   */
  function save(blob, name) {
    saveBlob(blob, name);
    kept.textContent = `${name} is saved.`;
  }

  /** @param {string} card */
  async function keepLink(card) {
    const link = linkOf(card, `${location.origin}${location.pathname}`);
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      kept.textContent = "The link is copied, and stands in the address bar.";
    } catch {
      kept.textContent = "The link stands in the address bar.";
    }
  }

  /** Save the first of the pictures on the stage, as it now stands. */
  function keepPicture() {
    const figure = player.figures.find((f) => !f.hidden);
    if (!figure) return;
    const name = `${figure.dataset.view}-t${root.dataset.t}.png`;
    find(figure, "canvas", HTMLCanvasElement).toBlob((blob) => blob && save(blob, name));
  }

  /** @param {string} kind */
  async function keepAs(kind) {
    const { run } = player;
    if (!run?.head) return;
    if (kind === "png") return keepPicture();
    if (!run.card) throw new Error("Let the walk come to its end first.");
    if (kind === "card") {
      return save(new Blob([run.card], { type: "application/json" }), "run-card.json");
    }
    if (kind === "link") return keepLink(run.card);
    kept.textContent = "One moment …";
    const { views } = run.head;
    const view = player.available.find((v) => player.shown.has(v) && views.includes(v)) ?? "x_t";
    /** @type {import("../lib/messages.js").KeepRequest} */
    const request = { run: run.id, card: run.card, kind, view };
    /** @type {import("../lib/messages.js").KeepAnswer | null} */
    const answer = parse(await host.server.keep(request));
    if (!answer?.name || !answer.data) throw new Error(answer?.error ?? "No file came back.");
    save(new Blob([bytes(answer.data)]), answer.name);
  }

  for (const button of findAll(root, "[data-keep]", HTMLElement)) {
    button.addEventListener("click", () => {
      keepAs(button.dataset.keep ?? "").catch((error) => {
        kept.textContent = error.message;
      });
    });
  }
}

// What can be kept of a run: picture, strip, animation, run card, link.

import { bytes } from "../lib/bytes.js";
import { find, findAll, make, saveBlob } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { png } from "../lib/png.js";
import { linkOf, tooLong } from "./card.js";

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
  function keepCard(card) {
    save(new Blob([card], { type: "application/json" }), "run-card.json");
  }

  /** @param {import("./run.js").Run} run */
  async function keepLink({ card, link: short }) {
    const link = linkOf(short || card, `${location.origin}${location.pathname}`);
    if (tooLong(link)) {
      const offer = make("button", { words: "Save the run card" });
      offer.type = "button";
      offer.addEventListener("click", () => keepCard(card));
      kept.replaceChildren(`${tooLong(link)} `, offer);
      return;
    }
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      kept.textContent = "The link is copied, and stands in the address bar.";
    } catch {
      kept.textContent = "The link stands in the address bar.";
    }
  }

  /** Save the first of the pictures on the stage, as it now stands. */
  async function keepPicture() {
    const figure = player.figures.find((f) => !f.hidden);
    const frame = player.run?.frames[player.at];
    const head = player.run?.head;
    const picture = figure && frame && head && player.pictureOf(figure, frame, head);
    if (!picture) return;
    const { width, height, channels, level } = picture;
    const name = `${figure.dataset.view}-t${root.dataset.t}.png`;
    save(await png(width, height, channels, level), name);
  }

  /** @param {string} kind */
  async function keepAs(kind) {
    const { run } = player;
    if (!run?.head) return;
    if (kind === "png") return keepPicture();
    if (!run.card) throw new Error("Let the walk come to its end first.");
    if (kind === "card") return keepCard(run.card);
    if (kind === "link") return keepLink(run);
    kept.textContent = "One moment …";
    const { views } = run.head;
    const view = player.available.find((v) => player.shown.has(v) && views.includes(v)) ?? "x_t";
    /** @type {import("../lib/messages.js").KeepRequest} */
    const request = { run: run.id, card: run.card, kind, view };
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

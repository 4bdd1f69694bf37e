// A run card comes as a file, chosen or dropped anywhere on the page, or in the page's address.

import { find } from "../lib/dom.js";
import { fromAddress } from "./card.js";

/** @typedef {import("./player.js").Player} Player */

let addressIsRead = false; // once for the page, also where the player is mounted again

/**
 * @param {Player} player
 * @param {Promise<boolean>} [recalled] Whether the walk of before a reload is shown already.
 */
export function wireOpening(player, recalled = Promise.resolve(false)) {
  const { root, host } = player;

  /**
   * Two events: of one, the page would fill its controls when the walk has come to its end.
   *
   * @param {string} card
   */
  function replay(card) {
    host.trigger("upload", { card });
    host.trigger("submit", { card });
  }

  /** @param {Blob} file */
  const open = async (file) => replay(await file.text());

  const input = find(root, ".open input", HTMLInputElement);
  input.addEventListener("change", () => {
    if (input.files?.[0]) open(input.files[0]);
    input.value = "";
  });
  player.listen("dragover", (event) => {
    const items = [.../** @type {DragEvent} */ (event).dataTransfer?.items ?? []];
    if (items.some((item) => item.type === "application/json")) event.preventDefault();
  });
  player.listen(
    "drop",
    (event) => {
      const files = [.../** @type {DragEvent} */ (event).dataTransfer?.files ?? []];
      const file = files.find((f) => f.name.endsWith(".json"));
      if (!file) return;
      event.preventDefault();
      event.stopPropagation();
      const tabs = /** @type {NodeListOf<HTMLElement>} */ (
        document.querySelectorAll('[role="tab"]')
      );
      [...tabs].find((tab) => tab.textContent?.trim() === "Denoise")?.click();
      open(file);
    },
    true,
  );

  const asked = new URLSearchParams(location.search).get("run");
  if (!asked || addressIsRead) return;
  addressIsRead = true;
  player.opening = true;
  recalled.then((found) => {
    // It is the address's own: whichever walk is begun takes another's out of the address.
    if (found) player.opening = false;
    else setTimeout(() => replay(fromAddress(asked)), 0);
  });
}

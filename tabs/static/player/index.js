// The frame player's door; see shared/player.py for its messages.

import { find, findAll } from "../lib/dom.js";
import { foldOnPhone } from "../lib/phone.js";
import "./clicks.js"; // here before the first click
import { wireKeeping } from "./exports.js";
import { wireOpening } from "./card_input.js";
import { Player } from "./player.js";
import { wireRecall } from "./recall.js";
import { wireTransport } from "./transport.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const player = new Player(find(element, ".player", HTMLElement), host);
  foldOnPhone(findAll(element, ".player > details", HTMLDetailsElement));
  wireTransport(player);
  wireKeeping(player);
  wireOpening(player, wireRecall(player));
  return (value) => player.receive(value);
}

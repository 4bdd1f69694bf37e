// The line of years above the systems. Each entry opens the view that shows it; see opening.js.

import { find, make } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { entryWords, mark } from "./opening.js";

/** @typedef {import("../lib/messages.js").TimelineMessage} Message */

const LEAST_PX = 112; // of an entry; what is left of the width goes by months

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const root = find(element, ".timeline", HTMLElement);
  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!message) return;
    find(root, "ol", HTMLElement).replaceChildren(
      ...message.entries.map((entry) => {
        const button = make("button");
        button.type = "button";
        button.title = entryWords(entry);
        Object.assign(button.dataset, { tab: entry.tab, shown: entry.shown });
        button.append(make("b", { words: entry.name }), make("small", { words: entry.when }));
        button.addEventListener("click", () => {
          Object.assign(root.dataset, { tab: entry.tab, shown: entry.shown });
          host.trigger("submit", {});
        });
        const place = make("li");
        place.style.flex = `${entry.months} 1 ${LEAST_PX}px`;
        place.append(button);
        return place;
      }),
    );
    mark(message.seen);
  };
}

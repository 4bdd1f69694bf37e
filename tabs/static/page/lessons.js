// The lessons of the static page: the bar of the playground, which here sets plain controls.

import { find } from "../lib/dom.js";
import { openLessons } from "../lessons/events.js";
import { mount } from "../lessons/index.js";

/** @typedef {import("./controls.js").Controls} Controls */

/**
 * @param {HTMLElement} place
 * @param {Record<string, Controls>} boards The controls of each tab.
 * @param {(tab: string) => void} openTab
 * @param {import("../lib/messages.js").LessonsMessage} lessons
 */
export function wireLessons(place, boards, openTab, lessons) {
  const parts = Object.entries(boards).flatMap(([tab, board]) =>
    [...board.table.values()].map(({ name, label }) => ({ board, name, called: `${tab} ${label}` })),
  );
  const names = parts.map(({ called }) => called);
  const values = () => parts.map(({ board, name }) => board.value(name));
  const receive = mount(place, {
    props: { value: "" },
    // As the page with a server does when the bar has a wish: it is told what the controls hold,
    // answers what they shall hold and, last, which tab shall be open, and is told again.
    trigger() {
      const told = { names, values: values(), answer: /** @type {any[]} */ ([]) };
      document.dispatchEvent(new CustomEvent("page:lesson", { detail: told }));
      const isWish = (/** @type {any} */ value) => value?.__type__ !== "update";
      parts.forEach(({ board, name }, i) => {
        if (isWish(told.answer[i])) board.change(name, told.answer[i]);
      });
      const { selected } = told.answer[parts.length];
      if (selected) openTab(selected);
      const held = { names, values: values(), answer: [] };
      document.dispatchEvent(new CustomEvent("page:lesson-set", { detail: held }));
    },
    server: {
      open_lesson: async () =>
        JSON.stringify({ error: "A lesson's file is read by a playground with a server." }),
    },
  });
  find(document, "#lessons-open", HTMLElement).addEventListener("click", openLessons);
  receive?.(JSON.stringify(lessons));
}

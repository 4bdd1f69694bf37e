// Under a field for a caption: known words that begin as what is typed, the words that are not known,
// and captions to begin with. Each is a button, so that it is reached by the key Tab too.

import { find, make } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { completed, completions, wordAt } from "./complete.js";

/** @typedef {import("../lib/messages.js").CaptionNoteMessage} Message */

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".help-with-words", HTMLElement);
  const offered = find(root, ".completions", HTMLElement);
  /** @type {Message} */
  let shown = { field: "", words: [], examples: [], note: "" };
  let caret = 0;

  /** @returns {HTMLTextAreaElement | HTMLInputElement | null} */
  const field = () => document.querySelector(`#${shown.field} :is(textarea, input)`);

  /** Write into the field as a person does. @param {string} text @param {number} at The caret's place. */
  function write(text, at) {
    const box = field();
    if (!box) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
    box.setSelectionRange(at, at);
    offered.replaceChildren();
  }

  function offer() {
    const box = field();
    if (!box) return;
    caret = box.selectionStart ?? box.value.length;
    const { word } = wordAt(box.value, caret);
    offered.replaceChildren(
      ...completions(shown.words, word).map((whole) => {
        const button = make("button", { words: whole });
        button.type = "button";
        button.addEventListener("click", () => {
          const now = field();
          if (!now) return;
          const made = completed(now.value, caret, whole);
          write(made.text, made.caret);
        });
        return button;
      }),
    );
  }

  /** @param {Event} event */
  const typed = (event) => {
    if (!root.isConnected) return document.removeEventListener("input", typed);
    if (event.target === field() && event.isTrusted) offer();
  };
  document.addEventListener("input", typed);
  /** They go when the focus is neither in the field nor on one of them. @param {FocusEvent} event */
  const left = (event) => {
    if (!root.isConnected) return document.removeEventListener("focusin", left);
    const now = /** @type {Node} */ (event.target);
    if (now !== field() && !offered.contains(now)) offered.replaceChildren();
  };
  document.addEventListener("focusin", left);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !offered.contains(document.activeElement)) return;
    offered.replaceChildren();
    field()?.focus();
  });

  return (value) => {
    /** @type {Message | null} */
    const message = parse(value);
    if (!message) return;
    shown = message;
    find(root, ".unknown", HTMLElement).textContent = message.note;
    const examples = find(root, ".examples", HTMLElement);
    examples.hidden = !message.examples.length;
    examples.replaceChildren(
      make("span", { words: "Try" }),
      ...message.examples.map(({ name, caption }) => {
        const button = make("button", { words: name });
        button.type = "button";
        button.title = caption;
        button.addEventListener("click", () => write(caption, caption.length));
        return button;
      }),
    );
  };
}

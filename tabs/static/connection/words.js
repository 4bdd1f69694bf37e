// What a page that comes back says: one sentence on what is still here, and what is not.

/**
 * @typedef {object} Return
 * @property {boolean} known Whether the server knew this window.
 * @property {boolean} restarted Whether the server was started anew meanwhile.
 * @property {boolean} copy Whether the window that it was duplicated from is still open.
 * @property {boolean} settings Whether settings were put back.
 * @property {import("../lib/visit.js").Walk} walk
 * @property {string[]} kept What the visitor has here.
 * @property {string[]} lost What they had, and have no longer.
 * @property {number} minutes For how long what belongs to a closed page is kept.
 */

/**
 * @param {number} at Milliseconds.
 * @returns {string} The time of day, as in 14:02.
 */
export function clock(at) {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}

/** @param {string[]} words */
function listed(words) {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/** @param {string[]} words */
function verb(words) {
  return words.length > 1 || /^(your settings|the models) ?/.test(words[0]) ? "are" : "is";
}

/**
 * @param {Return} back
 * @returns {string} Empty where there is nothing to say.
 */
export function sentence({ known, restarted, copy, settings, walk, kept, lost, minutes }) {
  const own = walk ? [`your walk of ${clock(walk.at)}`] : [];
  if (walk?.found && !walk.finished) own[0] += " as far as it had come";
  const here = [...(walk?.found ? own : []), ...kept];
  const gone = [...(walk && !walk.found ? own : []), ...lost];
  if (settings && (!here.length || gone.length)) here.unshift("your settings");
  const ends = gone.length ? `${listed(gone)} ${verb(gone)} no longer here` : "";
  const stays = here.length ? `${listed(here)} ${verb(here)} still here` : "";
  if (copy) {
    return kept.length
      ? `This window is a copy of another: ${listed(kept)} ${kept.length > 1 ? "belong" : "belongs"} to both.`
      : "";
  }
  if (!stays && !ends) return restarted ? "The server was started anew." : "";
  const why = restarted
    ? "The server was started anew"
    : known
      ? "Connected again"
      : `Nothing was heard of this page for more than ${minutes} minutes`;
  return `${why}: ${[stays, ends].filter(Boolean).join("; ")}.`;
}

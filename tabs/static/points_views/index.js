// The views of the Points tab: a row of tabs above the stage. See tabs/points/layout.py.

import { find, writeQuery } from "../lib/dom.js";
import { tablist } from "../lib/tablist.js";
import { FIRST, PARAMETER } from "../points/clicks.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  const root = find(element, ".stage-views", HTMLElement);
  const asked = new URLSearchParams(location.search).get(PARAMETER) ?? FIRST;
  const { names, show } = tablist(root, (view) => {
    const query = new URLSearchParams(location.search);
    query.set("tab", "points");
    if (view === FIRST) query.delete(PARAMETER);
    else query.set(PARAMETER, view);
    writeQuery(query);
    trigger("input");
  });
  const first = names().includes(asked) ? asked : FIRST;
  show(first);
  if (first !== FIRST) trigger("input"); // the server was told of the first one
}

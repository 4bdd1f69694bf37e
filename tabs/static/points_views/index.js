// The views of the Points tab: a row of tabs above the stage. See tabs/points/layout.py.

import { tabViews } from "../lib/tabviews.js";
import { FIRST, PARAMETER } from "../points/clicks.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  tabViews(element, { tab: "points", parameter: PARAMETER, first: FIRST }, () => trigger("input"));
}

// The views of the Inside tab: a row of tabs below the pictures. See inside/layout.py.

import { tabViews } from "../lib/tabviews.js";
import { FIRST, PARAMETER } from "../inside/clicks.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { trigger }) {
  tabViews(element, { tab: "inside", parameter: PARAMETER, first: FIRST }, () => trigger("input"));
}

// What the page's own buttons tell the bar.

import { stage } from "../lib/runs.js";

/** Open the bar, or close it where it is open. */
export function openLessons() {
  stage("#lessons .lessons")?.dispatchEvent(new Event("lessons:open"));
}

// The race: several walks from the same noise, on one clock of computing time. See denoise/race.py.

import { find, findAll, make, makeCanvas, say } from "../lib/dom.js";
import { bytes } from "../lib/bytes.js";
import { duration, timeLeft } from "../lib/format.js";
import { parse } from "../lib/messages.js";
import "./clicks.js"; // here before the first click
import { holds } from "../lib/held.js";
import { paintLevels } from "../lib/pixels.js";
import { Playback } from "../lib/playback.js";
import { Race, distanceTable, stamp } from "./lanes.js";

const AGAIN =
  "The same pictures as before: seed and settings are the same. Another seed gives others.";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, { server }) {
  const root = find(element, ".race", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const scrub = find(root, ".scrub", HTMLInputElement);
  const guess = find(root, ".guess", HTMLInputElement);
  /** @type {Race | null} */
  let race = null;
  /** @type {Race | null} The last one that came to its end. */
  let before = null;
  /** @type {string | null} */
  let wanted = null;
  let startedAt = 0;
  let startedFrom = 0;
  let live = false;
  /** @type {import("../lib/messages.js").RaceMessage | null} The last of the race that is shown. */
  let result = null;
  /** @type {{ race: Race | null, before: Race | null, result: import("../lib/messages.js").RaceMessage | null } | null} */
  let held = null;

  const playback = new Playback(
    find(root, ".play", HTMLButtonElement),
    (now) => {
      if (!race) return playback.set(false);
      const share = startedFrom + (now - startedAt) / race.span;
      scrub.value = String(Math.min(1000, 1000 * share));
      draw(Math.min(1, share) * race.longest);
      if (share >= 1) playback.set(false);
    },
    { of: " the lanes" },
  );

  /** @param {number} ms */
  function draw(ms) {
    if (!race) return;
    const { width, height, channels } = race.head;
    const figures = findAll(root, ".lane:not(.neighbour)", HTMLElement);
    race.lanes.forEach((lane, i) => {
      const frame = race?.frameAt(i, ms);
      if (!race || !frame) return;
      const figure = figures[i];
      const px = frame.px[guess.checked ? 1 : 0];
      const canvas = find(figure, "canvas", HTMLCanvasElement);
      paintLevels(canvas, width, height, channels, (p) => px[p]);
      canvas.style.setProperty("--ratio", String(width / height));
      find(figure, ".line i", HTMLElement).style.width = `${(100 * frame.i) / lane.steps}%`;
      find(figure, ".stamp", HTMLElement).textContent = stamp(frame);
      find(figure, ".place", HTMLElement).textContent = race.place(i, frame);
      figure.dataset.t = String(frame.t);
    });
    const left = live && !race.done && !race.stopped ? ` · ${timeLeft(race.left / 1000)}` : "";
    $(".now").textContent = duration(ms) + left;
    root.dataset.ms = String(Math.round(ms));
  }

  /** Draw the time at which the scrubber stands. */
  const redraw = () => {
    if (race) draw((Number(scrub.value) / 1000) * race.longest);
  };

  /** @param {Race} begun */
  function layOut({ head, lanes }) {
    root.style.setProperty("--lanes", String(lanes.length * (head.neighbours ? 2 : 1)));
    const figures = lanes.flatMap((lane, i) => {
      const figure = make("figure", { className: "lane" });
      const canvas = makeCanvas(`thumbnail lane ${i + 1}: ${lane.name}`);
      canvas.width = canvas.height = 28;
      const line = make("div", { className: "line" });
      line.append(make("i"));
      const caption = make("figcaption");
      const words = [
        make("b", { words: lane.name }),
        make("span", { className: "stamp" }),
        " ",
        make("span", { className: "place" }),
      ];
      caption.append(...words);
      figure.append(canvas, line, caption);
      return head.neighbours ? [figure, neighbour(lane.name)] : [figure];
    });
    $(".lanes").replaceChildren(...figures);
    $(".caption").textContent = head.caption;
    $("table").hidden = true;
  }

  /**
   * The place of the training images nearest to a lane's results.
   *
   * @param {string} name Of the lane.
   */
  function neighbour(name) {
    const figure = make("figure", { className: "lane neighbour" });
    const canvas = makeCanvas(`thumbnail nearest training images of ${name}`);
    canvas.width = canvas.height = 28;
    figure.append(canvas, make("div", { className: "line" }), make("figcaption"));
    return figure;
  }

  /** @param {import("../lib/messages.js").RaceMessage} message The last. */
  function showNeighbours({ head, neighbours = [], nearest = [], known }) {
    const { width, height, channels } = head;
    findAll(root, ".neighbour", HTMLElement).forEach((figure, i) => {
      const px = bytes(neighbours[i]);
      const canvas = find(figure, "canvas", HTMLCanvasElement);
      paintLevels(canvas, width, height, channels, (p) => px[p]);
      canvas.style.setProperty("--ratio", String(width / height));
      const words = `at a distance of ${nearest[i].toFixed(2)}`;
      find(figure, "figcaption", HTMLElement).replaceChildren(
        make("b", { words: `nearest of ${known} training images` }),
        make("span", { words, className: "stamp" }),
      );
    });
  }

  /** @param {import("../lib/messages.js").RaceMessage} message */
  function showDistances(message) {
    const names = message.head.lanes.map((lane) => lane.name);
    const { heads, rows } = distanceTable(message, names);
    /**
     * @param {string} words
     * @param {string} scope
     */
    const header = (words, scope) => {
      const cell = make("th", { words });
      cell.scope = scope;
      return cell;
    };
    /** @param {HTMLElement[]} cells */
    const row = (cells) => {
      const made = make("tr");
      made.append(...cells);
      return made;
    };
    $("thead").replaceChildren(row(["", ...heads].map((name) => header(name, "col"))));
    const body = rows.map((cells, i) =>
      row([header(names[i], "row"), ...cells.map((words) => make("td", { words }))]),
    );
    $("tbody").replaceChildren(...body);
    $("table").hidden = false;
  }

  /** @param {import("../lib/messages.js").RaceMessage} message The last. */
  function showResult(message) {
    showDistances(message);
    if (message.neighbours) showNeighbours(message);
  }

  /** Show again what is held: the race, or that there was none. */
  function bring() {
    if (!held || held.race === race) return;
    if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
    ({ race, before, result } = held);
    held = null;
    wanted = "";
    live = false;
    playback.set(false);
    say($(".error"));
    say($(".note"));
    if (race) {
      if (!race.done) race.stopped = true;
      layOut(race);
      if (result) showResult(result);
      scrub.value = "1000";
      draw(race.longest);
    } else {
      $(".lanes").replaceChildren();
      $(".caption").textContent = $(".now").textContent = "";
      $("table").hidden = true;
    }
    state();
  }

  function state() {
    const ended = race?.stopped ? "stopped" : race?.done ? "done" : "running";
    root.dataset.state = race ? ended : "empty";
    root.dataset.run = race ? race.id : "";
  }

  /** @param {string} value */
  function receive(value) {
    /** @type {(import("../lib/messages.js").RaceMessage & { error?: string }) | null} */
    const message = parse(value);
    if (!message?.run || (wanted !== null && message.run !== wanted)) return;
    if (message.error) {
      say($(".error"), message.error);
      root.dataset.state = "failed";
      return;
    }
    if (race?.id !== message.run) {
      if (race?.done) before = race;
      race = new Race(message);
      result = null;
      live = true;
      say($(".note"));
      playback.set(false);
      say($(".error"));
      layOut(race);
    }
    race.take(message);
    if (message.done) {
      result = message;
      showResult(message);
      if (race.sameAs(before)) say($(".note"), AGAIN);
    }
    if (live) {
      scrub.value = "1000";
      draw(race.longest);
    }
    state();
  }

  playback.button.addEventListener("click", () => {
    if (!race) return;
    live = false;
    startedAt = performance.now();
    const share = Number(scrub.value) / 1000;
    startedFrom = share >= 1 ? 0 : share;
    playback.set(!playback.playing);
  });
  scrub.addEventListener("input", () => {
    if (!race) return;
    live = false;
    playback.set(false);
    redraw();
  });
  guess.addEventListener("change", () => {
    root.toggleAttribute("data-guess", guess.checked);
    redraw();
  });
  root.addEventListener("race:start", (event) => {
    if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
    wanted = root.dataset.wanted = /** @type {CustomEvent<string>} */ (event).detail;
    if (race && !race.done) race.stopped = true;
    say($(".error"));
    root.dataset.state = "waiting";
  });
  root.addEventListener("race:stop", () => {
    wanted = "";
    if (race && !race.done) race.stopped = true;
    state();
  });
  const hold = () => {
    held = { race, before, result };
  };
  holds(root, hold, bring);
  state();
  return receive;
}

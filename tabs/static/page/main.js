// The static page: plain controls, and the stages of Noise, Schedules and Denoise behind them.

import { find, findAll, make, say, writeQuery } from "../lib/dom.js";
import { newRun } from "../lib/runs.js";
import { newSeed } from "../lib/seeds.js";
import { remember, remembered } from "../lib/storage.js";
import { tablist } from "../lib/tablist.js";
import { joined, settingsBack } from "../lib/visit.js";
import { mount as mountCompare } from "../compare/index.js";
import { mount as mountNoise } from "../noise/index.js";
import { mount as mountPlayer } from "../player/index.js";
import { download, unpacked } from "../walker/runtime.js";
import { Controls } from "./controls.js";
import { wireLessons } from "./lessons.js";
import { seedOf } from "./generator.js";
import { pictureAndNoise, readPicture, squareOf } from "./picture.js";
import { plot } from "./plot.js";
import { inText, keyOf, message, opened } from "./walks.js";

/** @typedef {import("./description.js").Description} Description */
/** @typedef {import("./description.js").Model} Model */
/** @typedef {import("../lib/messages.js").Host} Host */
/** @typedef {import("../lib/messages.js").TableStep} TableStep */

const NO_CLASS = "no class";
const DARK = "page-dark";
/** @param {string} id */
const at = (id) => find(document, `#${id}`, HTMLElement);
const problem = at("page-problem");

/**
 * Do something, and say its sentence where it cannot be.
 *
 * @param {() => void | Promise<void>} act
 */
async function saying(act) {
  say(problem);
  try {
    await act();
  } catch (error) {
    say(problem, /** @type {Error} */ (error).message);
  }
}

function wireLook() {
  const dark = remembered(DARK, matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", Boolean(dark));
  at("page-look").addEventListener("click", () => {
    remember(DARK, document.documentElement.classList.toggle("dark"));
  });
}

function wireTabs() {
  const row = at("page-tabs");
  const panels = findAll(document, ".panel", HTMLElement);
  /** @param {string} view */
  const seen = (view) => {
    for (const panel of panels) panel.hidden = panel.id !== `panel-${view}`;
    // The stages move by the keys that are pressed on them; a panel that is not seen has none.
    const query = new URLSearchParams(location.search);
    query.set("tab", view);
    writeQuery(query);
  };
  const tabs = tablist(row, seen);
  const asked = new URLSearchParams(location.search).get("tab") ?? "";
  const first = tabs.names().includes(asked) ? asked : "denoise";
  tabs.show(first);
  for (const panel of panels) panel.hidden = panel.id !== `panel-${first}`;
  /** @param {string} view */
  const open = (view) => {
    tabs.show(view);
    seen(view);
  };
  return open;
}

/** @param {Description} told */
function wireNoise(told) {
  /** @type {Host} */
  const host = { props: { value: "" }, trigger() {}, server: {} };
  const receiveNoise = mountNoise(at("part-noise"), host);
  const receiveCompare = mountCompare(at("part-compare"), host);
  const slider = find(document, "#part-compare input.t", HTMLInputElement);
  /** @type {ReturnType<typeof plot> | null} */
  let drawn = null;
  slider.addEventListener("input", () => drawn?.show(Number(slider.value)));
  /** @param {PointerEvent} event */
  const point = ({ clientX, target }) => {
    if (!drawn || !(/** @type {Element} */ (target).closest("svg[role=img]"))) return;
    slider.value = String(drawn.timestep(clientX));
    slider.dispatchEvent(new Event("input"));
  };
  at("schedule-curves").addEventListener("pointermove", point);
  at("schedule-curves").addEventListener("pointerdown", point);
  /** @type {ImageBitmap | null} */
  let picture = null;
  let name = "picture";

  const noise = () => {
    if (!picture) return;
    const size = Number(controls.value("size"));
    const schedule = controls.value("schedule");
    const seed = seedOf(controls.value("seed"));
    const { alpha_bars, straight } = told.curves[schedule];
    /** @type {import("../lib/messages.js").NoiseMessage} */
    const values = {
      ...pictureAndNoise(squareOf(picture, size), seed),
      alpha_bars,
      straight,
      file: `${name}-${schedule}`,
      caption:
        `${size} × ${size} pixels · ${schedule} schedule, T = ${alpha_bars.length} · ` +
        `noise of seed ${seed} of this page`,
    };
    receiveNoise?.(JSON.stringify(values));
  };
  const compare = () => {
    /** @type {string[]} */
    const names = chosen.value("names");
    if (!names.length) throw new Error("Choose at least one schedule.");
    const words = chosen.value("what");
    const kind = told.quantities[words];
    const all = Object.keys(told.curves);
    const lines = names.flatMap((each) =>
      told.curves[each].plots[kind].map(([suffix, values], i) => ({
        name: each + suffix,
        at: told.curves[each].at,
        values,
        style: told.colours[all.indexOf(each) % told.colours.length],
        faint: i > 0,
      })),
    );
    drawn = plot(at("schedule-curves"), lines, words);
    drawn.show(Number(slider.value));
    if (!picture) return;
    const schedules = names.map((each) => ({ ...told.curves[each], name: each }));
    const values = { ...pictureAndNoise(squareOf(picture, 64), 0n), schedules };
    receiveCompare?.(JSON.stringify(values));
  };
  const controls = new Controls(at("controls-noise"), told.noise, () => saying(noise));
  const chosen = new Controls(at("controls-schedules"), told.schedules, () => saying(compare));

  /** @param {ImageBitmap} taken @param {string} called */
  const take = (taken, called) => {
    picture = taken;
    name = called;
    noise();
    compare();
  };
  const buttons = told.pictures.map(([words, file]) => {
    const button = make("button");
    const image = make("img");
    button.type = "button";
    image.src = file;
    image.alt = "";
    button.append(image, make("span", { words }));
    button.addEventListener("click", () => {
      saying(async () => {
        await image.decode();
        take(await readPicture(image), words.toLowerCase());
        buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
      });
    });
    return button;
  });
  find(document, ".pictures", HTMLElement).append(...buttons);
  find(document, ".control.file input", HTMLInputElement).addEventListener("change", (event) => {
    event.stopPropagation();
    const { files } = /** @type {HTMLInputElement} */ (event.target);
    if (!files?.[0]) return;
    saying(async () => {
      take(await readPicture(files[0]), "picture");
      buttons.forEach((each) => each.setAttribute("aria-pressed", "false"));
    });
  });
  saying(compare);
  buttons[0]?.click();
  return { noise: controls, schedules: chosen };
}

/** @param {Description} told */
function wireDenoise(told) {
  /** @type {Map<string, Promise<Record<string, TableStep[]>>>} */
  const tables = new Map();
  /** @type {Map<string, (request: { first: number, count: number }) => string>} */
  const noises = new Map();

  /** @param {Model} model */
  const tablesOf = (model) => {
    let coming = tables.get(model.walks);
    if (!coming) {
      coming = download(new URL(model.walks, document.baseURI).href, () => {})
        .then(unpacked)
        .then((content) => JSON.parse(new TextDecoder().decode(content)));
      tables.set(model.walks, coming);
      coming.catch(() => tables.delete(model.walks)); // the next walk tries again
    }
    return coming;
  };
  /** @type {Host} */
  const host = {
    props: { value: "" },
    trigger: (event, data) => {
      if (event !== "submit") return;
      const { card } = /** @type {{ card: string }} */ (data);
      saying(() => replay(card));
    },
    server: {
      walk_noise: async ({ run, first, count }) =>
        noises.get(run)?.({ first, count }) ?? JSON.stringify({ error: "this walk is over" }),
      recall: async () => "null",
      give_up: async () => "",
    },
  };
  joined.settle({ session: "" }); // there is no server whose session it could be
  settingsBack.settle(false);
  const receive = mountPlayer(at("part-player"), host);
  const player = find(document, "#part-player .player", HTMLElement);
  const controls = new Controls(at("controls-denoise"), told.denoise, (name) => {
    if (name === "model") offerClasses();
    fit();
  });

  const model = () =>
    /** @type {Model} */ (told.models.find((each) => each.name === controls.value("model")));
  const offerClasses = () => {
    const { classes, null: none } = model();
    const names = classes.map(([name]) => /** @type {[string, string]} */ ([name, name]));
    const free = none === null && names.length ? [] : [/** @type {[string, string]} */ ([NO_CLASS, ""])];
    controls.offer("label", [...free, ...names]);
  };
  const fit = () => {
    const asks = model().classes.length > 0;
    controls.show("label", asks);
    controls.show("guidance", asks);
    controls.show("eta", told.samplers[controls.value("sampler")].eta);
  };

  const walk = async () => {
    const chosen = model();
    const label = controls.value("label") || null;
    const settings = {
      choice: controls.value("sampler"),
      label,
      guidance: label === null ? 1 : controls.value("guidance"),
      steps: controls.value("steps"),
      spacing: controls.value("spacing"),
      eta: told.samplers[controls.value("sampler")].eta ? controls.value("eta") : 0,
      seed: seedOf(controls.value("seed")),
      images: controls.value("images"),
    };
    const run = newRun();
    player.dispatchEvent(new CustomEvent("player:start", { detail: { id: run, branch: false } }));
    const rows = (await tablesOf(chosen))[keyOf(settings)];
    const { message: values, noise, random } = message(told, chosen, settings, rows, run);
    let next = 0;
    noises.clear();
    noises.set(run, ({ first, count }) => {
      if (first !== next) return JSON.stringify({ error: "the noise is drawn in order" });
      const steps = Math.min(count, random - first);
      next += steps;
      return JSON.stringify({ values: inText(noise.draw(steps)) });
    });
    receive?.(JSON.stringify(values));
  };

  /** @param {string} card */
  const replay = async (card) => {
    const { values } = opened(told, card);
    controls.set("model", values.model);
    offerClasses();
    for (const [name, value] of Object.entries(values)) {
      if (!controls.set(name, value)) {
        throw new Error(`This run card's ${name} is ${String(value).slice(0, 40)}, which this page does not offer.`);
      }
    }
    fit();
    await walk();
  };

  offerClasses();
  fit();
  const megabytes = () => Math.ceil((model().bytes + told.runtime_bytes) / 1e6);
  find(player, ".status", HTMLElement).textContent =
    `Press Denoise. The first walk loads the network and what evaluates it, ${megabytes()} MB.`;
  const go = () => saying(walk).then(() => !problem.hidden && player.dispatchEvent(new Event("player:stop")));
  at("denoise-run").addEventListener("click", go);
  at("denoise-die").addEventListener("click", () => {
    controls.set("seed", newSeed());
    go();
  });
  at("denoise-stop").addEventListener("click", () => {
    player.dispatchEvent(new Event("player:stop"));
  });
  return { denoise: controls };
}

async function begin() {
  wireLook();
  const openTab = wireTabs();
  const answer = await fetch(new URL("page.json", document.baseURI));
  if (!answer.ok) throw new Error("page.json did not come; put the whole folder on the server.");
  /** @type {Description} */
  const told = await answer.json();
  const boards = { ...wireNoise(told), ...wireDenoise(told) };
  wireLessons(at("part-lessons"), boards, openTab, told.lessons);
  document.documentElement.dataset.ready = "true";
}

saying(begin);

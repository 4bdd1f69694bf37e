// The frame player. `element`, `props`, `watch` and `server` come from Gradio; the messages are described in player.py.
const root = element.querySelector(".player");
const $ = (selector) => root.querySelector(selector);
const figures = [...root.querySelectorAll(".view")];
const scrub = $(".scrub"), playButton = $(".play"), speed = $("[aria-label=Speed]"), loop = $(".loop"), pick = $(".pick");
const NAMES = { x_t: "xₜ", x0_hat: "x̂₀", eps_hat: "ε̂", change: "change", noise: "fresh noise z", parent: "parent", exact: "exact answer", first: "first guess", x0: "true x₀" };
let run = null;        // {id, head, total, done, stopped, frames: [], card, note}
let parent = null;     // the run that the present one branched from
let nextParent = null; // what it will be, when the run that was asked for is there
let at = -1;           // index of the frame on the canvases
let playing = false;
let waiting = false;   // Denoise was pressed, nothing has come yet
let wanted = null;     // the run whose messages are heeded; null takes what is there at the start
let lastDraw = 0, lastStatistics = 0;
let shown = new Set(["x_t", "x0_hat"]);

function last() {
  let n = run ? run.frames.length - 1 : -1;
  while (n >= 0 && !run.frames[n]) n--;
  return n;
}

// The pixels of a view at this frame, or null where it has none.
function pixels(view, frame) {
  const k = run.head.views.indexOf(view);
  if (k >= 0) return frame.px[k];
  if (view === "first") return run.x0 && run.frames[0]?.px[run.head.views.indexOf("x0_hat")];
  if (view === "parent" && parent) {
    const twin = parent.frames.find((f) => f && f.t === frame.t);
    return twin ? twin.px[0] : null;
  }
  return view === "x0" ? run.x0 : null;
}

// Where in the sheet the picked image lies; null shows the whole sheet.
function part() {
  const i = Number(pick.value), { tile, columns, images } = run.head;
  if (i < 0 || i >= images) return null;
  return { left: (i % columns) * (tile[0] + 2), top: Math.floor(i / columns) * (tile[1] + 2) };
}

function draw(index) {
  if (!run || !run.head || !run.frames[index]) return;
  at = index;
  const { width, height, channels, tile } = run.head, frame = run.frames[index], cut = part();
  for (const figure of figures) {
    if (figure.hidden) continue;
    const view = figure.dataset.view, canvas = figure.querySelector("canvas"), px = pixels(view, frame);
    const one = view === "x0";  // a single picture, whatever the batch
    figure.style.visibility = px ? "" : "hidden";
    if (!px) continue;
    if (one || !cut) {
      const [w, h] = one ? tile : [width, height];
      paintLevels(canvas, w, h, channels, (p) => px[p]);
    } else {
      paintLevels(canvas, tile[0], tile[1], channels, (p) => {
        const pixel = Math.floor(p / channels), x = pixel % tile[0], y = (pixel - x) / tile[0];
        return px[((cut.top + y) * width + cut.left + x) * channels + (p % channels)];
      });
    }
    canvas.style.setProperty("--ratio", one || cut ? tile[0] / tile[1] : width / height);
  }
  root.dataset.frame = index;
  root.dataset.t = frame.t;
  root.dataset.step = frame.i;
  scrub.value = index;
  $(".mark").style.left = `${100 * (run.total > 1 ? index / (run.total - 1) : 1)}%`;
  $(".seen").setAttribute("d", path(run.head.alpha_bars, index + 1));
  $(".gain").textContent = frame.t < 0 ? "nothing more" : `shown × ${frame.n.gain.toPrecision(2)}`;
  describe(frame, index);
  // While frames move, charts and equation follow more slowly than the pictures: laying them out takes the longest.
  if (!playing || frame.t < 0 || performance.now() - lastStatistics > 150) statistics(frame);
  document.dispatchEvent(new CustomEvent("player:frame", { detail: { t: frame.t, tp: frame.tp, index, noise: "noise" in frame.w || (run.head.hole && frame.tp >= 0), sampler: samplerAt(frame), picture: Boolean(run.x0) && !run.head.hole } }));
}

// Before a branch's first step its parent's sampler was at work.
function samplerAt(frame) {
  return run.head.samplers.filter(([first]) => frame.i >= first).pop()[1];
}

// Theory needs the clean pictures: the finished ones, or until they are there the present guess.
function statistics(frame) {
  lastStatistics = performance.now();
  equation($(".step-equation"), frame, run.head.formulas[samplerAt(frame)], run.head.hole);
  const finished = run.frames[run.total - 1], { channels, tile, width, columns, images } = run.head;
  const px = finished ? finished.px[0] : frame.px[1];
  if (run.levelsOf !== px) {
    run.levelsOf = px;
    const rows = Math.ceil(images / columns);
    run.levels = levelsOf(px, (p) => {
      const pixel = Math.floor(p / channels), x = pixel % width, y = Math.floor(pixel / width);
      const i = Math.floor(y / (tile[1] + 2)) * columns + Math.floor(x / (tile[0] + 2));
      return x % (tile[0] + 2) < tile[0] && y % (tile[1] + 2) < tile[1] && i < images && rows;
    });
    run.square = meanSquare(run.levels);
  }
  const theory = (ab) => ab * run.square + 1 - ab;
  drawHistogram($(".histogram"), frame.h, expected(run.levels, frame.ab));
  drawNorm($(".norm"), run.frames, at, run.total, run.head.alpha_bars.map(theory));
  $(".basis").textContent = finished ? "" : "It takes the present guess for the picture.";
  $(".square").textContent = frame.n.mean_square.toFixed(3);
  $(".square-theory").textContent = theory(frame.ab).toFixed(3);
}

function describe(frame, index) {
  const where = frame.t < 0 ? "finished" : `t = ${frame.t}`;
  const left = `signal ${Math.sqrt(frame.ab).toFixed(2)}, noise ${Math.sqrt(1 - frame.ab).toFixed(2)}`;
  const time = frame.ms < 1000 ? `${Math.round(frame.ms)} ms` : `${(frame.ms / 1000).toFixed(2)} s`;
  const parts = [where, `step ${frame.i} of ${run.head.steps}`, left,
    `${frame.nfe} evaluation${frame.nfe === 1 ? "" : "s"}`, time];
  if ("x0" in frame.n) parts.push(`${frame.n.x0.toFixed(2)} from the true picture`);
  if ("exact" in frame.n) parts.push(frame.t < 0 ? `${frame.n.exact.toFixed(2)} from the nearest of ${run.head.known} training images` : `${frame.n.exact.toFixed(2)} from the exact answer`);
  if (run.stopped && index === last()) parts.push("stopped");
  else if (!run.done && index === last() && frame.ms > 3000) {
    const seconds = frame.ms / 1000 / (frame.i + 1) * (run.head.steps - frame.i - 1);
    parts.push(`about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`} left`);
  }
  $(".status").textContent = parts.join(" · ");
  $(".exactly").textContent = frame.t < 0 ? `the nearest of ${run.head.known} training images` : `the exact answer: what one would guess who remembers ${run.head.known} training images`;
  scrub.setAttribute("aria-valuetext", parts.slice(0, 2).join(", "));
}

function path(alphaBars, count) {
  const n = alphaBars.length;
  let d = "";
  for (let i = 0; i < Math.min(count, n); i++) {
    d += `${i ? "L" : "M"}${(1000 * i / Math.max(1, n - 1)).toFixed(1)} ${(96 - 92 * Math.sqrt(alphaBars[i])).toFixed(2)}`;
  }
  return d;
}

function available() {
  const names = [...run.head.views];
  if (parent) names.push("parent");
  if (run.x0) names.push(...(run.head.hole ? [] : ["first"]), "x0");
  return figures.map((f) => f.dataset.view).filter((v) => names.includes(v));
}

// Which views are on the stage, and the chips that say so.
function arrange() {
  const names = available();
  let visible = names.filter((v) => shown.has(v));
  if (!visible.length) visible = ["x_t"];
  figures.forEach((f) => { f.hidden = !visible.includes(f.dataset.view); });
  const wide = run.head.row && Number(pick.value) < 0;  // a row of pictures wants the whole width
  root.style.setProperty("--across", wide ? 1 : visible.length <= 4 ? visible.length : 3);
  $(".views").style.maxWidth = visible.length === 1 && !wide ? "560px" : "";
  $(".chips").replaceChildren(...names.map((name) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = name;
    chip.textContent = NAMES[name];
    chip.setAttribute("aria-pressed", String(visible.includes(name)));
    chip.addEventListener("click", () => {
      shown = new Set(visible.includes(name) ? visible.filter((v) => v !== name) : [...visible, name]);
      arrange();
      draw(at);
      [...$(".chips").children].find((c) => c.className === name)?.focus();
    });
    return chip;
  }));
  root.dataset.shown = visible.join(" ");
}

function dressed() {
  const { head, total } = run, whole = path(head.alpha_bars, Infinity);
  run.x0 = head.x0 ? bytes(head.x0) : null;
  $(".curve").setAttribute("d", whole);
  $(".area").setAttribute("d", `${whole}L1000 100L0 100Z`);
  $(".caption").textContent = [head.caption, head.bound].filter(Boolean).join(". ");
  scrub.max = total - 1;
  const chosen = pick.value;
  pick.replaceChildren(...Array.from({ length: head.images + 1 }, (_, i) => new Option(i ? String(i) : "all", i - 1)));
  pick.value = Number(chosen) < head.images ? chosen : "-1";
  $(".picked").style.display = head.images > 1 ? "" : "none";
  root.dataset.images = head.images;
  $(".along").hidden = !head.row;
  $(".along input").max = head.images - 1;
  $(".along .place").textContent = "all";
  if (head.row) pick.value = "-1";
  $(".fork").hidden = head.branch < 0;
  $(".fork").style.left = `${(100 * head.branch) / Math.max(1, head.steps)}%`;
  // What is new and to be compared is shown without being asked for.
  if (head.branch >= 0 && parent) shown.add("parent"); else shown.delete("parent");
  if (head.views.includes("exact")) shown.add("exact");
  if (run.x0) { shown.add("x0"); if (!head.views.includes("exact") && !head.hole) shown.add("first"); }
  $(".truth").textContent = head.hole ? "the picture; what was painted over is made anew" : "the true picture, which the network never sees clean";
  root.toggleAttribute("data-picked", Number(pick.value) >= 0);
  arrange();
}

function state() {
  const name = waiting ? "waiting" : !run ? "empty" : run.stopped ? "stopped" : run.done ? "done" : "running";
  root.dataset.state = name;
  root.dataset.run = run ? run.id : "";
  root.dataset.frames = run ? last() + 1 : 0;
  const share = waiting ? 0 : run ? (last() + 1) / run.total : 0;
  $(".track").style.setProperty("--received", share);
}

function say(where, sentence) {
  $(where).hidden = !sentence;
  $(where).textContent = sentence || "";
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message || (wanted !== null && message.run !== wanted)) return;
  if (message.error) {
    waiting = false;
    say(".error", message.error);
    return state();
  }
  if (!run || run.id !== message.run) {
    const first = run === null;
    if (!first) parent = nextParent;
    run = { id: message.run, total: message.total, frames: [], done: false, stopped: false, head: null, card: "" };
    at = -1;
    waiting = false;
    say(".error", "");
    say(".note", "");
    $(".kept").textContent = "";
    setPlaying(!(first && message.done));
  }
  if (message.head && !run.head) {
    run.head = message.head;
    dressed();
  }
  message.frames.forEach((frame, i) => {
    if (frame.px && !run.frames[message.first + i]) {
      run.frames[message.first + i] = { ...frame, px: frame.px.map(bytes) };
    }
  });
  if (message.card) run.card = message.card;
  if (message.note) say(".note", message.note);
  if (message.done) run.done = true;
  // What is there when the page opens stands in the middle of its walk, where there is most to see.
  if (at < 0 && run.done && !playing) draw(Math.round(0.6 * last()));
  // The walk that branched off begins to move where it left its parent.
  if (at < 0 && run.head && run.head.branch >= 0 && run.frames[0]) {
    const fork = run.frames.findIndex((f) => f && f.i >= run.head.branch);
    if (fork >= 0) draw(fork);
  }
  state();
}

// A training as it goes: what it learns from, what it makes, its losses. See train/watching.py.
const root = element.querySelector(".training");
const $ = (selector) => root.querySelector(selector);
const grown = $(".grown"), walked = $(".walked"), playButton = $(".play"), map = $(".map");
const ROWS = 12;
let job = null, playing = false, follows = true, clock = 0;

function show(canvas, p) {
  const px = typeof p.px === "string" ? bytes(p.px) : p.px;
  paintLevels(canvas, p.width, p.height, p.channels, (i) => px[i]);
}

// Milestones that have arrived without a gap, in order.
const known = () => { const all = []; for (const step of job.steps) { const m = job.at.get(step); if (!m) break; all.push(m); } return all; };
const thousand = (n) => n.toLocaleString("en");

function drawSamples() {
  const all = known();
  if (!all.length) return;
  grown.max = all.length - 1;
  if (follows) grown.value = all.length - 1;
  const m = all[Math.min(+grown.value, all.length - 1)], last = m.walk.length - 1, k = Math.min(+walked.value, last);
  walked.max = last;
  const [height, width] = job.shape;
  show($(".x_t canvas"), { width, height, channels: job.shape[2], px: m.walk[k] });
  const when = m.step ? `after ${thousand(m.step)} steps of training` : "before any training";
  $(".made").textContent = k === last ? `what it makes of the same noise, ${when}` : `step ${k} of ${last} of a walk from the same noise, ${when}`;
  $(".at").textContent = `step ${thousand(m.step)}`;
  $(".k").textContent = k === last ? "finished" : k ? `step ${k} of ${last}` : "noise";
  root.dataset.step = m.step;
  root.dataset.k = k;
  drawLooks(m);
  drawMap(all);
  drawLoss();
}

function drawLooks(m) {
  if (!job.task) return;
  const { width, height, channels } = job.task, holder = $(".looks");
  if (!holder.children.length) {
    const add = (tag, text) => { const e = document.createElement(tag); e.innerHTML = text || ""; holder.append(e); return e; };
    [["x<sub>t</sub>", "x-t", "x_t"], ["x̂<sub>0</sub>", "x0-hat", "x0_hat"], ["x<sub>0</sub>", "x0", "x0"]].forEach(([name, tone, label], row) => {
      add("span", `<b>${name}</b>`).style.color = `var(--c-${tone})`;
      job.task.times.forEach((t, i) => {
        const canvas = add("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `thumbnail ${label} t = ${t}`);
        canvas.style.setProperty("--tone", `var(--c-${tone})`);
        if (row !== 1) show(canvas, { width, height, channels, px: (row ? job.task.clean : job.task.noised)[i] });
      });
    });
    add("span");
    job.task.times.forEach((t) => add("span", `t = ${t}`));
  }
  holder.querySelectorAll('canvas[aria-label^="thumbnail x0_hat"]').forEach((canvas, i) => show(canvas, { width, height, channels, px: m.looks[i] }));
}

// Which milestones the map shows: a dozen, evenly chosen, the last among them.
const rows = (n) => (n <= ROWS ? [...Array(n).keys()] : [...Array(ROWS).keys()].map((i) => Math.round((i * (n - 1)) / (ROWS - 1))));

// The first picture of each frame, side by side; nearest-neighbour enlarged by the page.
function drawMap(all) {
  if (!job.task) return;
  const { width, height, channels } = job.task, across = all[0].walk.length, full = job.shape[1], gap = 2, shown = rows(all.length);
  const W = across * (width + gap) - gap, H = shown.length * (height + gap) - gap, px = new Uint8Array(W * H * channels).fill(128);
  shown.forEach((index, r) => all[index].walk.forEach((frame, c) => {
    for (let y = 0; y < height; y++) {
      const from = y * full * channels, to = ((r * (height + gap) + y) * W + c * (width + gap)) * channels;
      px.set(frame.subarray(from, from + width * channels), to);
    }
  }));
  show(map, { width: W, height: H, channels, px });
  const g = map.getContext("2d"), at = Math.min(+grown.value, all.length - 1), c = Math.min(+walked.value, across - 1);
  const r = shown.reduce((best, index, i) => (Math.abs(index - at) < Math.abs(shown[best] - at) ? i : best), 0);
  g.strokeStyle = getComputedStyle(root).getPropertyValue("--c-x-t");
  g.lineWidth = 2;
  g.strokeRect(c * (width + gap) - 1, r * (height + gap) - 1, width + 2, height + 2);
  map.style.width = `${across * 52}px`;
  $(".of").replaceChildren(...shown.map((index) => { const e = document.createElement("span"); e.textContent = `step ${thousand(all[index].step)}`; return e; }));
}

const number = (v) => (v >= 0.1 ? v.toFixed(2) : v >= 0.01 ? v.toFixed(3) : v.toExponential(0));
// A logarithmic axis: its ruler from 1, 2, 5 times a power of ten, and where a value lies.
function logAxis(values) {
  const low = Math.min(...values) / 1.15, high = Math.max(...values) * 1.15, y = (v) => 124 - (116 * Math.log(v / low)) / Math.log(high / low);
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) for (const f of [1, 2, 5]) { const v = f * 10 ** e; if (v >= low && v <= high) ticks.push(v); }
  if (ticks.length < 2) ticks.splice(0, 2, Math.min(...values), Math.max(...values));
  const few = ticks.length > 6 ? ticks.filter((v) => /^[1]/.test(v.toExponential())) : ticks;
  const rules = (few.length > 1 ? few : ticks).map((v) => `<line class="rule" x1="36" x2="316" y1="${y(v)}" y2="${y(v)}"/><text x="32" y="${y(v) + 4}" text-anchor="end">${number(v)}</text>`).join("");
  return { y, rules };
}

function drawLoss() {
  const points = job.loss.filter(([, v]) => v > 0);
  if (points.length < 2) return;
  const { y, rules } = logAxis(points.map(([, v]) => v)), x = (k) => 36 + (280 * k) / job.total;
  const path = points.map(([k, v], i) => `${i ? "L" : "M"}${x(k).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const here = +root.dataset.step || 0;
  $(".loss").innerHTML = `${rules}<line class="here" x1="${x(here)}" x2="${x(here)}" y1="6" y2="126"/><path class="curve" d="${path}"/><text x="36" y="142">0</text><text x="316" y="142" text-anchor="end">step ${thousand(job.total)}</text>`;
  $(".chart .words").textContent = `Now ${points.at(-1)[1].toPrecision(3)}.`;
}

function drawBins() {
  const values = [...job.bins, ...job.first].filter((v) => v > 0);
  if (!values.length) return;
  const { y, rules } = logAxis(values), n = job.bins.length, x = (i) => 36 + (280 * i) / n;
  const bars = job.bins.map((v, i) => (v > 0 ? `<rect class="bar" x="${x(i) + 1}" width="${280 / n - 2}" y="${y(v)}" height="${Math.max(0, 126 - y(v))}"/>` : "")).join("");
  const first = job.first.map((v, i) => (v > 0 ? `M${x(i)} ${y(v)}H${x(i + 1)}` : "")).join("");
  $(".bins").innerHTML = `${rules}${bars}<path class="first" d="${first}"/><text x="36" y="142">t = 0</text><text x="316" y="142" text-anchor="end">t = ${job.T - 1}</text>`;
}

function say(sentence) {
  $(".error").hidden = !sentence;
  $(".error").textContent = sentence || "";
}

function receive() {
  let m;
  try { m = JSON.parse(props.value); } catch { return; }
  if (!m) return;
  if (m.error || !m.run) { say(m.error); return; }
  if (root.dataset.run !== m.run || root.dataset.state !== m.state) say("");  // else it is of now
  if (!job || job.run !== m.run) {
    job = { run: m.run, at: new Map(), steps: [], loss: [], bins: [], first: [], shape: null, task: null };
    follows = true;
    setPlaying(false);
    walked.value = 10;
    $(".looks").replaceChildren();
  }
  if (m.sheet) show($(".x0 canvas"), m.sheet);
  if (m.noise) { show($(".x_t canvas"), m.noise); $(".made").textContent = "the noise that it will begin with"; }
  root.dataset.state = m.state;
  root.dataset.run = m.run;
  root.dataset.done = m.step || 0;
  const trained = m.state !== "before";
  ["rulers", "charts", "task", "both"].forEach((part) => { $(`.${part}`).hidden = !trained; });
  $(".health").hidden = !(m.checks || []).length;
  $(".status").textContent = m.line || "";
  $(".line i").style.width = trained ? `${(100 * m.step) / m.total}%` : "0";
  if (!trained) return;
  if (m.task) job.task = { ...m.task, clean: m.task.clean.map(bytes), noised: m.task.noised.map(bytes) };
  if (m.shape) job.shape = m.shape;
  job.steps = m.steps;
  for (const step of job.at.keys()) if (!m.steps.includes(step)) job.at.delete(step);
  for (const { step, walk, looks } of m.new) job.at.set(step, { step, walk: walk.map(bytes), looks: looks.map(bytes) });
  Object.assign(job, { loss: m.loss, bins: m.bins, first: m.first, total: m.total, T: m.T });
  if (m.new.length || !root.dataset.step) drawSamples(); else drawLoss();
  root.dataset.milestones = known().length;
  drawBins();
  const list = (m.checks || []).map((c) => { const li = document.createElement("li"); li.className = c.ok ? "" : "bad"; li.textContent = c.words; return li; });
  $(".health ul").replaceChildren(...list);
}

function setPlaying(value) {
  playing = value;
  facePlay(playButton, playing, false, " the training");
  if (playing) requestAnimationFrame(tick);
}

function tick(now) {
  if (!playing || !root.isConnected || !job) return;
  if (now - clock > 300) {
    clock = now;
    if (+grown.value >= +grown.max) return setPlaying(false);
    grown.value = +grown.value + 1;
    drawSamples();
  }
  requestAnimationFrame(tick);
}

playButton.addEventListener("click", () => {
  if (!job) return;
  follows = false;
  if (!playing && +grown.value >= +grown.max) grown.value = 0;
  drawSamples();
  clock = performance.now();
  setPlaying(!playing);
});
grown.addEventListener("input", () => { setPlaying(false); follows = +grown.value === +grown.max; drawSamples(); });
walked.addEventListener("input", drawSamples);
map.addEventListener("click", (event) => {
  const all = known(), box = map.getBoundingClientRect();
  if (!all.length) return;
  setPlaying(false);
  const shown = rows(all.length);
  grown.value = shown[Math.min(shown.length - 1, Math.floor(((event.clientY - box.top) / box.height) * shown.length))];
  walked.value = Math.floor(((event.clientX - box.left) / box.width) * all[0].walk.length);
  follows = +grown.value === +grown.max;
  drawSamples();
});

watch("value", receive);
receive();

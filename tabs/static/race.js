// The race: several walks from the same noise, on one clock of computing time. See racing.py.
const root = element.querySelector(".race");
const $ = (selector) => root.querySelector(selector);
const scrub = $(".scrub"), playButton = $(".play"), guess = $(".guess");
let race = null, wanted = null, playing = false, startedAt = 0, startedFrom = 0, live = false;

const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);
const longest = () => Math.max(1, ...race.lanes.map((l) => l.frames.at(-1)?.ms || 0));

// Each lane shows the last frame that it had computed by then.
function draw(ms) {
  if (!race) return;
  race.lanes.forEach((lane, i) => {
    const known = lane.frames.filter((f) => f && f.ms <= ms + 1e-6), frame = known.at(-1) || lane.frames[0], figure = root.querySelectorAll(".lane")[i];
    if (!frame) return;
    const px = frame.px[guess.checked ? 1 : 0], canvas = figure.querySelector("canvas");
    paintLevels(canvas, race.width, race.height, race.channels, (p) => px[p]);
    canvas.style.setProperty("--ratio", race.width / race.height);
    const over = frame.t < 0;
    figure.querySelector(".line i").style.width = `${(100 * frame.i) / lane.steps}%`;
    figure.querySelector(".stamp").textContent = `${frame.nfe} evaluation${frame.nfe === 1 ? "" : "s"}, ${time(frame.ms)}${over ? "" : `, t = ${frame.t}`}`;
    figure.dataset.t = frame.t;
    const before = race.lanes.filter((l) => l.frames.at(-1)?.t < 0 && l.frames.at(-1).ms <= frame.ms).length;
    figure.querySelector(".place").textContent = over ? `finished${before > 1 ? `, no. ${before}` : " first"}` : "";
  });
  $(".now").textContent = time(ms);
  root.dataset.ms = Math.round(ms);
}

function dressed() {
  root.style.setProperty("--lanes", race.lanes.length);
  $(".lanes").replaceChildren(...race.lanes.map((lane, i) => {
    const figure = document.createElement("figure");
    figure.className = "lane";
    figure.innerHTML = `<canvas width="28" height="28" role="img"></canvas><div class="line"><i></i></div><figcaption><b></b><span class="stamp"></span> <span class="place"></span></figcaption>`;
    figure.querySelector("canvas").setAttribute("aria-label", `thumbnail lane ${i + 1}: ${lane.name}`);
    figure.querySelector("b").textContent = lane.name;
    return figure;
  }));
  $(".caption").textContent = race.caption;
  $("table").hidden = true;
}

function table(message) {
  const cell = (kind, text, scope) => { const c = document.createElement(kind); c.textContent = text; if (scope) c.scope = scope; return c; };
  const row = (cells) => { const r = document.createElement("tr"); r.append(...cells); return r; };
  $("thead").replaceChildren(row([cell("th", "", "col"), ...race.lanes.map((l) => cell("th", l.name, "col")), ...(message.nearest ? [cell("th", `nearest of ${message.known} training images`, "col")] : [])]));
  $("tbody").replaceChildren(...message.distances.map((d, i) => row([cell("th", race.lanes[i].name, "row"), ...d.map((v, j) => cell("td", i === j ? "" : v.toFixed(3))), ...(message.nearest ? [cell("td", message.nearest[i].toFixed(3))] : [])])));
  $("table").hidden = false;
}

function state() {
  root.dataset.state = !race ? "empty" : race.stopped ? "stopped" : race.done ? "done" : "running";
  root.dataset.run = race ? race.id : "";
}

function say(sentence) {
  $(".error").hidden = !sentence;
  $(".error").textContent = sentence || "";
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message || !message.run || (wanted !== null && message.run !== wanted)) return;
  if (message.error) { say(message.error); root.dataset.state = "failed"; return; }
  if (!race || race.id !== message.run) {
    race = { id: message.run, ...message.head, lanes: message.head.lanes.map((l) => ({ ...l, frames: [] })) };
    live = true;
    setPlaying(false);
    say("");
    dressed();
  }
  for (const { lane, k, ...frame } of message.frames) {
    if (!race.lanes[lane].frames[k]) race.lanes[lane].frames[k] = { ...frame, px: frame.px.map(bytes) };
  }
  if (message.done) { race.done = true; table(message); }
  if (live) { scrub.value = 1000; draw(longest()); }
  state();
}

function setPlaying(value) {
  playing = value;
  facePlay(playButton, playing, false, " the race");
  if (playing) requestAnimationFrame(tick);
}

// As fast as it was computed, but in 8 seconds at most and 2 at least.
function tick(now) {
  if (!playing || !root.isConnected || !race) return;
  const span = Math.min(8000, Math.max(2000, longest()));
  const share = startedFrom + (now - startedAt) / span;
  scrub.value = Math.min(1000, 1000 * share);
  draw(Math.min(1, share) * longest());
  if (share >= 1) return setPlaying(false);
  requestAnimationFrame(tick);
}

playButton.addEventListener("click", () => {
  if (!race) return;
  live = false;
  startedAt = performance.now();
  startedFrom = scrub.value >= 1000 ? 0 : scrub.value / 1000;
  setPlaying(!playing);
});
scrub.addEventListener("input", () => { if (race) { live = false; setPlaying(false); draw((scrub.value / 1000) * longest()); } });
guess.addEventListener("change", () => { root.toggleAttribute("data-guess", guess.checked); if (race) draw((scrub.value / 1000) * longest()); });
root.addEventListener("race:start", (event) => {
  if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
  wanted = root.dataset.wanted = event.detail;
  if (race && !race.done) race.stopped = true;
  say("");
  root.dataset.state = "waiting";
});
root.addEventListener("race:stop", () => { wanted = ""; if (race && !race.done) race.stopped = true; state(); });

watch("value", receive);
receive();
state();

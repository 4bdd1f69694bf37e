// The frame player. `element`, `props` and `watch` come from Gradio; the message is described in player.py.
const root = element.querySelector(".player");
const $ = (selector) => root.querySelector(selector);
const canvases = [...root.querySelectorAll("canvas")];
const scrub = $(".scrub"), playButton = $(".play"), speed = $("select"), loop = $(".loop");
let run = null;        // {id, head, total, done, stopped, frames: []}
let at = -1;           // index of the frame on the canvases
let playing = false;
let waiting = false;   // Denoise was pressed, nothing has come yet
let wanted = null;     // the run whose messages are heeded; null takes what is there at the start
let lastDraw = 0;

function last() {
  let n = run ? run.frames.length - 1 : -1;
  while (n >= 0 && !run.frames[n]) n--;
  return n;
}

function draw(index) {
  if (!run || !run.head || !run.frames[index]) return;
  at = index;
  const { width, height, channels } = run.head, frame = run.frames[index];
  canvases.forEach((canvas, v) => {
    paintLevels(canvas, width, height, channels, (p) => frame.px[v][p]);
  });
  root.dataset.frame = index;
  root.dataset.t = frame.t;
  scrub.value = index;
  const x = run.total > 1 ? index / (run.total - 1) : 1;
  $(".mark").style.left = `${100 * x}%`;
  $(".seen").setAttribute("d", path(run.head.alpha_bars, index + 1));
  describe(frame, index);
}

function describe(frame, index) {
  const steps = run.total - 1;
  const where = frame.t < 0 ? "finished" : `t = ${frame.t}`;
  const left = `signal ${Math.sqrt(frame.ab).toFixed(2)}, noise ${Math.sqrt(1 - frame.ab).toFixed(2)}`;
  const time = frame.ms < 1000 ? `${Math.round(frame.ms)} ms` : `${(frame.ms / 1000).toFixed(2)} s`;
  const parts = [where, `step ${Math.min(index, steps)} of ${steps}`, left,
    `${frame.nfe} evaluation${frame.nfe === 1 ? "" : "s"}`, time];
  if (run.stopped && index === last()) parts.push("stopped");
  $(".status").textContent = parts.join(" · ");
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

function dressed() {
  const { head, total } = run, whole = path(head.alpha_bars, Infinity);
  $(".curve").setAttribute("d", whole);
  $(".area").setAttribute("d", `${whole}L1000 100L0 100Z`);
  $(".caption").textContent = head.caption;
  scrub.max = total - 1;
  root.style.setProperty("--ratio", head.width / head.height);
}

let ticking = false;
function setPlaying(value) {
  playing = value;
  if (playing && !ticking) {
    ticking = true;
    requestAnimationFrame(tick);
  }
  playButton.textContent = playing ? "⏸︎" : "▶︎";
  playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
}

function state() {
  const name = waiting ? "waiting" : !run ? "empty" : run.stopped ? "stopped" : run.done ? "done" : "running";
  root.dataset.state = name;
  root.dataset.run = run ? run.id : "";
  root.dataset.frames = run ? last() + 1 : 0;
  const share = waiting ? 0 : run ? (last() + 1) / run.total : 0;
  $(".track").style.setProperty("--received", share);
}

function say(sentence) {
  $(".error").hidden = !sentence;
  $(".error").textContent = sentence || "";
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message || (wanted !== null && message.run !== wanted)) return;
  if (message.error) {
    waiting = false;
    say(message.error);
    return state();
  }
  if (!run || run.id !== message.run) {
    const first = run === null;
    run = { id: message.run, total: message.total, frames: [], done: false, stopped: false, head: null };
    at = -1;
    waiting = false;
    say("");
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
  if (message.done) run.done = true;
  // What is there when the page opens stands in the middle of its walk, where there is most to see.
  if (at < 0 && run.done && !playing) draw(Math.round(0.6 * last()));
  state();
}

function tick(now) {
  ticking = playing && root.isConnected;  // at rest, nothing runs
  if (!ticking) return;
  if (run && run.head && now - lastDraw >= 1000 / speed.value - 4) {
    let next = at + 1;
    while (next < run.frames.length && !run.frames[next]) next++;
    if (next < run.frames.length) {
      draw(next);
      lastDraw = now;
    } else if (run.done || run.stopped) {
      if (loop.checked && last() > 0) { at = -1; lastDraw = now + 600; } else setPlaying(false);
    }
  }
  requestAnimationFrame(tick);
}

function show(index) {
  setPlaying(false);
  draw(Math.max(0, Math.min(last(), index)));
}

function togglePlay() {
  if (!playing && run && at >= last() && (run.done || run.stopped)) at = -1;
  setPlaying(!playing);
}

scrub.addEventListener("input", () => show(Number(scrub.value)));
playButton.addEventListener("click", togglePlay);
$(".first").addEventListener("click", () => show(0));
$(".back").addEventListener("click", () => show(at - 1));
$(".next").addEventListener("click", () => show(at + 1));
$(".last").addEventListener("click", () => show(last()));
root.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.matches("select, button, .loop") && event.key !== "Home" && event.key !== "End") return;
  const act = { " ": togglePlay, ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1),
    Home: () => show(0), End: () => show(last()) }[event.key];
  if (act) { event.preventDefault(); act(); }
});

// The page's buttons speak to the player by these two.
function stopRun() {
  wanted = "";  // of the runs so far, nothing more is heeded
  if (run && !run.done) {
    run.stopped = true;
    setPlaying(false);
    if (run.frames[at]) describe(run.frames[at], at);
  }
}
root.addEventListener("player:start", (event) => {
  stopRun();
  wanted = root.dataset.wanted = event.detail;
  waiting = true;
  say("");
  state();
});
root.addEventListener("player:stop", () => { stopRun(); waiting = false; state(); });

if (matchMedia("(prefers-reduced-motion: reduce)").matches) speed.value = "5";
watch("value", receive);
receive();

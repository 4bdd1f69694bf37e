// The player's playing, keys, picking and keeping; goes after player.js.
let ticking = false;
function setPlaying(value) {
  if (playing && !value && run?.head && run.frames[at]) statistics(run.frames[at]);
  playing = value;
  if (playing && !ticking) {
    ticking = true;
    requestAnimationFrame(tick);
  }
  facePlay(playButton, playing);
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
$(".first-frame").addEventListener("click", () => show(0));
$(".back").addEventListener("click", () => show(at - 1));
$(".next").addEventListener("click", () => show(at + 1));
$(".last").addEventListener("click", () => show(last()));
root.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target !== scrub && event.target.closest("input, select, button, label")) return;
  const act = { " ": togglePlay, ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1),
    Home: () => show(0), End: () => show(last()) }[event.key];
  if (act) { event.preventDefault(); act(); }
});

pick.addEventListener("change", () => {
  root.toggleAttribute("data-picked", Number(pick.value) >= 0);
  if (Number(pick.value) >= 0) $(".along input").value = pick.value;
  $(".along .place").textContent = Number(pick.value) < 0 ? "all" : `${Number(pick.value) + 1} of ${run?.head?.images}`;
  if (run?.head) arrange();
  draw(at);
});
$(".along input").addEventListener("input", () => {
  pick.value = $(".along input").value;
  pick.dispatchEvent(new Event("change"));
});
// A click on one picture of the grid shows it large; another click shows the grid again.
$(".views").addEventListener("click", (event) => {
  const canvas = event.target.closest("canvas");
  if (!canvas || !run?.head || run.head.images < 2 || canvas.closest(".x0")) return;
  if (Number(pick.value) >= 0) pick.value = "-1";
  else {
    const { width, height, tile, columns, images } = run.head, box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * width / (tile[0] + 2));
    const row = Math.floor(((event.clientY - box.top) / box.height) * height / (tile[1] + 2));
    pick.value = String(Math.min(images - 1, row * columns + column));
  }
  pick.dispatchEvent(new Event("change"));
});

function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  $(".kept").textContent = `${name} is saved.`;
}

function address() {
  const card = JSON.parse(run.card);
  if (card.given) throw new Error("This walk began with a picture, which a link cannot carry; keep its run card instead.");
  const text = btoa(unescape(encodeURIComponent(JSON.stringify(card)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const query = new URLSearchParams({ tab: "denoise", run: text });
  return `${location.origin}${location.pathname}?${query}`;
}

async function keepAs(kind) {
  if (!run) return;
  const view = available().find((v) => shown.has(v) && run.head.views.includes(v)) || "x_t";
  if (kind === "png") {
    const canvas = figures.find((f) => !f.hidden).querySelector("canvas");
    return canvas.toBlob((blob) => saveBlob(blob, `${figures.find((f) => !f.hidden).dataset.view}-t${root.dataset.t}.png`));
  }
  if (!run.card) throw new Error("Let the walk come to its end first.");
  if (kind === "card") return saveBlob(new Blob([run.card], { type: "application/json" }), "run-card.json");
  if (kind === "link") {
    const link = address();
    history.replaceState(null, "", link);
    try { await navigator.clipboard.writeText(link); $(".kept").textContent = "The link is copied, and stands in the address bar."; }
    catch { $(".kept").textContent = "The link stands in the address bar."; }
    return;
  }
  $(".kept").textContent = "One moment …";
  const answer = JSON.parse(await server.keep({ run: run.id, card: run.card, kind, view }));
  if (answer.error) throw new Error(answer.error);
  saveBlob(new Blob([bytes(answer.data)]), answer.name);
}
root.querySelectorAll("[data-keep]").forEach((button) => button.addEventListener("click", () => {
  keepAs(button.dataset.keep).catch((error) => { $(".kept").textContent = error.message; });
}));

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
  nextParent = event.detail.branch ? run : null;
  if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
  wanted = root.dataset.wanted = event.detail.id;
  const query = new URLSearchParams(location.search);
  if (query.has("run") && !opening) {  // the address names another walk
    query.delete("run");
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }
  opening = false;
  waiting = true;
  say(".error", "");
  say(".note", "");
  state();
});
root.addEventListener("player:failed", () => {
  if (!waiting) return;
  waiting = false;
  say(".error", "This could not begin: a value of the controls is out of range, or too many are waiting. Change it, or try again.");
  state();
});
root.addEventListener("player:stop", () => { stopRun(); waiting = false; state(); });
root.addEventListener("player:ask", (event) => {  // what a branch needs to know of the run that is here
  event.detail.run = run ? run.id : "";
  event.detail.card = run ? run.card : "";
  const here = run && (run.frames[at] || run.frames[Number(scrub.value)]);
  event.detail.step = here ? Math.min(here.i, run.head.steps - 1) : 0;
});

// Listeners of the document are taken away with the player that they speak for.
function listen(name, act, capture = false) {
  const heard = (event) => { if (root.isConnected) act(event); else document.removeEventListener(name, heard, capture); };
  document.addEventListener(name, heard, capture);
}
listen("player:tell", () => draw(at));

// A run card comes as a file, chosen or dropped anywhere on the page, or in the page's address.
// Two events: of one, the page would fill its controls when the walk has come to its end.
function replay(card) {
  trigger("upload", { card });
  trigger("submit", { card });
}
async function open(file) {
  replay(await file.text());
}
$(".open input").addEventListener("change", (event) => {
  if (event.target.files[0]) open(event.target.files[0]);
  event.target.value = "";
});
const dropped = (event) => [...(event.dataTransfer?.items || [])].some((i) => i.type === "application/json");
listen("dragover", (event) => { if (dropped(event)) event.preventDefault(); });
listen("drop", (event) => {
  const file = [...(event.dataTransfer?.files || [])].find((f) => f.name.endsWith(".json"));
  if (!file) return;
  event.preventDefault();
  event.stopPropagation();
  [...document.querySelectorAll('[role="tab"]')].find((tab) => tab.textContent.trim() === "Denoise")?.click();
  open(file);
}, true);
const asked = new URLSearchParams(location.search).get("run");
let opening = Boolean(asked) && !window.openedFromAddress;
if (opening) {
  window.openedFromAddress = true;
  let card = "no card";
  try { card = decodeURIComponent(escape(atob(asked.replace(/-/g, "+").replace(/_/g, "/")))); } catch {}
  setTimeout(() => replay(card), 0);
}

if (matchMedia("(prefers-reduced-motion: reduce)").matches) speed.value = "5";
watch("value", receive);
receive();

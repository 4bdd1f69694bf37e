// The Noise stage: x0 and eps are here, so moving the slider mixes them without asking anybody.
const root = element.querySelector(".noise");
const $ = (selector) => root.querySelector(selector);
const slider = $("input.t"), playButton = $(".play");
let data = null, playing = false, pending = false, startedAt = 0, startedFrom = 0;

function mixer(t) {
  const a = Math.sqrt(data.alphaBars[t]), b = Math.sqrt(1 - data.alphaBars[t]);
  return (p) => a * data.x0[p] + b * data.eps[p];
}

function histogram(mix) {
  const bins = new Float64Array(60), n = data.x0.length;
  let sum = 0, squares = 0;
  for (let p = 0; p < n; p++) {
    const v = mix(p), bin = Math.floor((v + 3) * 10);
    sum += v;
    squares += v * v;
    if (bin >= 0 && bin < 60) bins[bin]++;
  }
  let d = "M0 120";
  bins.forEach((count, i) => {
    const y = 120 - Math.min(118, (110 * count) / (n * 0.1) / 0.9);
    d += `L${5 * i} ${y.toFixed(1)}L${5 * i + 5} ${y.toFixed(1)}`;
  });
  $(".bars").setAttribute("d", `${d}L300 120Z`);
  const mean = sum / n, deviation = Math.sqrt(Math.max(0, squares / n - mean * mean));
  $(".moments").textContent = `Mean ${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)}.`;
}

function draw() {
  pending = false;
  if (!data) return;
  const t = Number(slider.value), ab = data.alphaBars[t], mix = mixer(t);
  paint($(".view.x_t canvas"), data.size, data.channels, mix);
  $(".now").textContent = t;
  $(".a").textContent = Math.sqrt(ab).toFixed(2);
  $(".b").textContent = Math.sqrt(1 - ab).toFixed(2);
  const decibel = 10 * Math.log10(ab / (1 - ab));
  $(".snr").textContent = `Signal to noise ${decibel > 0 ? "+" : ""}${decibel.toFixed(1)} dB, ᾱ = ${ab < 0.001 ? ab.toExponential(1) : ab.toFixed(3)}`;
  $(".mark").style.left = `${(100 * t) / (data.alphaBars.length - 1)}%`;
  histogram(mix);
  root.querySelectorAll(".strip button").forEach((b) => b.setAttribute("aria-current", String(Number(b.dataset.t) === t)));
  root.dataset.t = t;
}

function later() {
  if (!pending) {
    pending = true;
    requestAnimationFrame(draw);
  }
}

function curve(f) {
  const ab = data.alphaBars, n = ab.length, step = Math.max(1, Math.floor(n / 200));
  let d = "";
  for (let i = 0; i < n; i += step) d += `${i ? "L" : "M"}${((1000 * i) / (n - 1)).toFixed(1)} ${(97 - 94 * f(ab[i])).toFixed(1)}`;
  return d;
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message || !message.x0) return;
  data = { ...unpack(message), alphaBars: message.alpha_bars };
  const T = data.alphaBars.length;
  slider.max = T - 1;
  $(".end").textContent = T - 1;
  $(".signal").setAttribute("d", curve((ab) => Math.sqrt(ab)));
  $(".noising").setAttribute("d", curve((ab) => Math.sqrt(1 - ab)));
  paint($(".view.x0 canvas"), data.size, data.channels, (p) => data.x0[p]);
  paint($(".view.eps canvas"), data.size, data.channels, (p) => data.eps[p]);
  let normal = "";
  for (let i = 0; i <= 60; i++) {
    const v = -3 + i / 10, y = 120 - (110 * Math.exp((-v * v) / 2)) / Math.sqrt(2 * Math.PI) / 0.9;
    normal += `${i ? "L" : "M"}${5 * i} ${y.toFixed(1)}`;
  }
  $(".normal").setAttribute("d", normal);
  const strip = $(".strip");
  strip.replaceChildren();
  for (let k = 0; k < 8; k++) {
    const t = Math.round((k * (T - 1)) / 7), button = document.createElement("button");
    const canvas = document.createElement("canvas"), words = document.createElement("span");
    canvas.setAttribute("aria-label", `thumbnail t = ${t}`);
    canvas.setAttribute("role", "img");
    words.textContent = t;
    button.type = "button";
    button.dataset.t = t;
    button.setAttribute("aria-label", `Show t = ${t}`);
    button.append(canvas, words);
    button.addEventListener("click", () => go(t));
    strip.append(button);
    paint(canvas, data.size, data.channels, mixer(t));
  }
  $(".caption").textContent = message.caption;
  root.dataset.id = message.id;
  draw();
}

let ticking = false;
function setPlaying(value) {
  playing = value;
  if (playing && !ticking) {
    ticking = true;
    requestAnimationFrame(tick);
  }
  facePlay(playButton, playing, true);
}

function go(t) {
  setPlaying(false);
  slider.value = t;
  later();
}

const SECONDS = 6;  // from the picture to noise
function tick(now) {
  ticking = playing && root.isConnected;
  if (!ticking) return;
  if (data) {
    const T = data.alphaBars.length, t = startedFrom + ((now - startedAt) / 1000 / SECONDS) * (T - 1);
    slider.value = Math.min(T - 1, Math.round(t));
    draw();
    if (t >= T - 1) setPlaying(false);
  }
  requestAnimationFrame(tick);
}

playButton.addEventListener("click", () => {
  if (!playing) {
    startedAt = performance.now();
    startedFrom = Number(slider.value) >= Number(slider.max) ? 0 : Number(slider.value);
  }
  setPlaying(!playing);
});
slider.addEventListener("input", () => { setPlaying(false); later(); });

function save(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }, "image/png");
}
$(".save-png").addEventListener("click", () => save($(".view.x_t canvas"), `noised-t${root.dataset.t}.png`));
$(".save-strip").addEventListener("click", () => {
  const all = [...root.querySelectorAll(".strip canvas")], size = data.size, sheet = document.createElement("canvas");
  sheet.width = all.length * (size + 2) - 2;
  sheet.height = size;
  all.forEach((c, i) => sheet.getContext("2d").drawImage(c, i * (size + 2), 0));
  save(sheet, "noising-strip.png");
});

watch("value", receive);
receive();

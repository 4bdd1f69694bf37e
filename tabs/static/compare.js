// The Schedules stage: one picture under every schedule at the cursor, and the plot's cursor.
const root = element.querySelector(".compare");
const $ = (selector) => root.querySelector(selector);
const slider = $("input.t");
let data = null, pending = false, plot = null, noting = 0;
const address = new URLSearchParams(location.search);
let asked = address.get("t");  // heeded once the T of the address is here too
const askedT = Number(address.get("T") ?? 1000);

const number = (x) => {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const text = x !== 0 && Math.abs(x) < 0.001 ? x.toExponential(2) : x.toPrecision(4);
  return text.replace("-", "−");
};

function draw() {
  pending = false;
  if (!data) return;
  const t = Number(slider.value);
  data.schedules.forEach((s, i) => {
    const ab = s.alpha_bars[t], a = Math.sqrt(ab), b = Math.sqrt(1 - ab), snr = ab / (1 - ab);
    paint(root.querySelectorAll(".cards canvas")[i], data.size, data.channels, (p) => a * data.x0[p] + b * data.eps[p]);
    const values = [s.betas[t], ab, a, b, Math.log(snr), 10 * Math.log10(snr), s.posterior[t]];
    root.querySelectorAll("tbody tr")[i].querySelectorAll("td").forEach((td, k) => { td.textContent = number(values[k]); });
  });
  $(".now").textContent = t;
  root.dataset.t = t;
  place();
}

function later() {
  if (!pending) {
    pending = true;
    requestAnimationFrame(draw);
  }
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message || !message.schedules) return;
  data = { ...unpack(message), schedules: message.schedules };
  const last = data.schedules[0].alpha_bars.length - 1, before = Number(slider.max), t = Number(slider.value);
  slider.max = last;
  if (asked !== null && last + 1 === askedT) {
    slider.value = asked;
    asked = null;
  } else if (before !== last) slider.value = Math.round((t / before) * last);  // T changed: the same share of the way
  $(".end").textContent = last;
  $(".cards").replaceChildren(...data.schedules.map((s) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"), words = document.createElement("figcaption");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `x_t, ${s.name}`);
    words.textContent = s.name;
    figure.append(canvas, words);
    return figure;
  }));
  $("tbody").replaceChildren(...data.schedules.map((s) => {
    const row = document.createElement("tr"), head = document.createElement("th");
    head.scope = "row";
    head.textContent = s.name;
    row.append(head, ...Array.from({ length: 7 }, () => document.createElement("td")));
    return row;
  }));
  root.dataset.id = message.id;
  draw();
}

// The plot is Plotly's; its cursor is ours, drawn over it, so that moving it redraws no figure.
const cursor = document.createElement("div");
cursor.className = "plot-cursor";
cursor.setAttribute("aria-hidden", "true");

function place() {
  const axis = plot?._fullLayout?.xaxis, area = plot?._fullLayout?._size;
  if (!axis?.l2p || !area) return;
  if (cursor.parentElement !== plot) plot.append(cursor);
  cursor.style.left = `${area.l + axis.l2p(Number(slider.value))}px`;
  cursor.style.top = `${area.t}px`;
  cursor.style.height = `${area.h}px`;
}

function bind() {
  const found = document.querySelector("#schedule-plot .js-plotly-plot");
  if (!found?.on || found === plot) return place();
  plot = found;
  plot.style.position = "relative";
  plot.on("plotly_hover", (event) => {
    slider.value = Math.round(event.points[0].x);
    later();
    note();
  });
  plot.on("plotly_afterplot", place);
  place();
}

// Plotly's code may arrive after this; on a slow line even the plot's place on the page may.
const stage = element.closest(".stage") ?? document.body;
new MutationObserver(bind).observe(stage, { childList: true, subtree: true });
slider.addEventListener("input", later);
// A moment after the last move, so that a sweep over the plot does not write a hundred addresses.
function note() {
  clearTimeout(noting);
  noting = setTimeout(writeAddress, 300);
}

function writeAddress() {
  const query = new URLSearchParams(location.search);
  query.set("tab", "schedules");
  query.set("t", slider.value);
  history.replaceState(null, "", `${location.pathname}?${query}`);
}

slider.addEventListener("change", note);
watch("value", receive);
receive();
bind();

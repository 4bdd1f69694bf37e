// Control points of a schedule, dragged or moved by arrow keys; a point cannot rise above the one before.
const root = element.querySelector(".draw"), svg = root.querySelector("svg");
const LIMIT = 15, STEP = 0.5;
let points = JSON.parse(props.value), dragged = -1, pending = false;

const x = (i) => 300 * i / (points.length - 1);
const y = (value) => 100 - 100 * value / LIMIT;

const make = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  root.querySelector(".handles").append(made);
  return made;
};
const handles = points.map((_, i) => {
  const handle = make("circle", { class: "handle", r: 8, tabindex: 0, role: "slider", "aria-valuemin": -LIMIT,
    "aria-valuemax": LIMIT, "aria-label": `Point ${i + 1} of ${points.length}: log-SNR`, "aria-orientation": "vertical" });
  handle.addEventListener("keydown", (event) => {
    const move = { ArrowUp: STEP, ArrowRight: STEP, ArrowDown: -STEP, ArrowLeft: -STEP, PageUp: 3, PageDown: -3 }[event.key];
    if (!move) return;
    event.preventDefault();
    put(i, points[i] + move);
  });
  return handle;
});

function draw() {
  root.querySelector(".curve").setAttribute("d", points.map((p, i) => `${i ? "L" : "M"}${x(i)} ${y(p)}`).join(""));
  handles.forEach((handle, i) => {
    handle.setAttribute("cx", x(i));
    handle.setAttribute("cy", y(points[i]));
    handle.setAttribute("aria-valuenow", points[i]);
  });
  root.dataset.points = JSON.stringify(points);
}

function put(i, value) {
  const above = i ? points[i - 1] : LIMIT, below = i < points.length - 1 ? points[i + 1] : -LIMIT;
  const held = Math.max(below, Math.min(above, Math.round(value / STEP) * STEP));
  if (held === points[i]) return;
  points[i] = held;
  draw();
  if (pending) return;
  pending = true;  // at most four times a second, and always the last
  setTimeout(() => { pending = false; props.value = JSON.stringify(points); trigger("input"); }, 250);
}

function pointed(event) {
  const box = svg.getBoundingClientRect();
  return { i: Math.round((points.length - 1) * (event.clientX - box.left) / box.width), value: LIMIT * (1 - 2 * (event.clientY - box.top) / box.height) };
}
svg.addEventListener("pointerdown", (event) => {
  const { i, value } = pointed(event);
  dragged = Math.max(0, Math.min(points.length - 1, i));
  svg.setPointerCapture(event.pointerId);
  handles[dragged].focus();
  event.preventDefault();
  put(dragged, value);
});
svg.addEventListener("pointermove", (event) => { if (dragged >= 0) put(dragged, pointed(event).value); });
for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { dragged = -1; });

// The sliders beside it say the same in numbers.
root.addEventListener("draw:set", (event) => {
  if (dragged >= 0 || pending) return;
  points = event.detail.map(Number);
  draw();
});
draw();

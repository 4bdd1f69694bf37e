// Painting a hole into a picture, at the model's own pixels. What is painted is 1 in `mask`.
const root = element.querySelector(".hole"), canvas = root.querySelector("canvas");
let data = null, px = null, mask = null, erasing = false, painting = false;

function draw() {
  const { width, height, channels } = data;
  paintLevels(canvas, width, height, channels, (p) => {
    const pixel = Math.floor(p / channels), x = pixel % width, y = (pixel - x) / width;
    if (!mask[pixel]) return px[p];
    return (x + y) % 2 ? 245 : 150;  // hatched
  });
  root.dataset.open = mask.reduce((sum, open) => sum + open, 0);
}

function send() {
  let text = "";
  mask.forEach((open) => { text += String.fromCharCode(open); });
  data.mask = btoa(text);
  props.value = JSON.stringify(data);
  trigger("input");
}

function receive() {
  let message;
  try { message = JSON.parse(props.value); } catch { return; }
  if (!message?.px) return;
  if (data && message.px === data.px) {
    if (message.mask && message.mask !== data.mask) {  // a run card's hole
      data = message;
      mask = bytes(message.mask);
      draw();
    } else if (data.mask && !message.mask) send();  // the server does not know what is painted here
    return;
  }
  const same = data && data.width === message.width && data.height === message.height;
  data = message;
  px = bytes(message.px);
  if (message.mask) mask = bytes(message.mask);
  else if (!same) mask = new Uint8Array(data.width * data.height);
  draw();
  if (same) send();  // what is painted stays with the next picture
}

function dab(event) {
  const box = canvas.getBoundingClientRect(), { width, height } = data, size = Number(root.querySelector("input").value);
  const cx = ((event.clientX - box.left) / box.width) * width, cy = ((event.clientY - box.top - 4) / (box.height - 4)) * height;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (Math.hypot(x + 0.5 - cx, y + 0.5 - cy) <= size / 2 + 0.25) mask[y * width + x] = erasing ? 0 : 1;
    }
  }
  draw();
}

canvas.addEventListener("pointerdown", (event) => {
  if (!data) return;
  erasing = event.button === 2 || event.shiftKey;
  painting = true;
  canvas.setPointerCapture(event.pointerId);
  dab(event);
});
canvas.addEventListener("pointermove", (event) => { if (painting) dab(event); });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (painting) { painting = false; send(); } });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

const SHAPES = {
  centre: (x, y, w, h) => x >= w / 4 && x < (3 * w) / 4 && y >= h / 4 && y < (3 * h) / 4,
  left: (x, y, w) => x < w / 2,
  top: (x, y, w, h) => y < h / 2,
  none: () => false,
};
root.querySelectorAll("[data-shape]").forEach((button) => button.addEventListener("click", () => {
  if (!data) return;
  const inside = SHAPES[button.dataset.shape], { width, height } = data;
  mask = mask.map((_, i) => (inside(i % width, Math.floor(i / width), width, height) ? 1 : 0));
  draw();
  send();
}));

watch("value", receive);
receive();

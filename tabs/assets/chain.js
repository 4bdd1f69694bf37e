// Chain or jump: draws what the server computed; see `chain_messages` in noise.py.
const root = element.querySelector(".chain");
const $ = (selector) => root.querySelector(selector);
const canvases = [...root.querySelectorAll("canvas")];

function paint(canvas, base64, size, channels) {
  const text = atob(base64), image = new ImageData(size, size), out = image.data;
  if (canvas.width !== size) canvas.width = canvas.height = size;
  for (let i = 0, p = 0; i < size * size; i++, p += channels) {
    out[4 * i] = text.charCodeAt(p);
    out[4 * i + 1] = text.charCodeAt(p + (channels > 1 ? 1 : 0));
    out[4 * i + 2] = text.charCodeAt(p + (channels > 1 ? 2 : 0));
    out[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function receive() {
  let m;
  try { m = JSON.parse(props.value); } catch { return; }
  if (!m || !m.chain) return;
  paint(canvases[0], m.chain, m.size, m.channels);
  paint(canvases[1], m.jump, m.size, m.channels);
  $(".k").textContent = m.k;
  $(".line i").style.width = `${(100 * m.k) / m.of}%`;
  $(".line").setAttribute("aria-valuenow", Math.round((100 * m.k) / m.of));
  const cells = (row, values) => root.querySelectorAll(`.${row} td`).forEach((td, i) => { td.textContent = values[i]; });
  const pm = ([value, error]) => `${value.toFixed(4)} ± ${error.toFixed(4)}`;
  cells("theory", ["0", m.variance.toFixed(4)]);
  cells("of-chain", [pm(m.of_chain.mean), pm(m.of_chain.variance)]);
  cells("of-jump", [pm(m.of_jump.mean), pm(m.of_jump.variance)]);
  $(".why").textContent = m.words;
  root.dataset.k = m.k;
  root.dataset.state = m.done ? "done" : "running";
}

watch("value", receive);
receive();

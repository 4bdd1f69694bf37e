// Chain or jump: draws what the server computed; see `chain_messages` in noise.py.
const root = element.querySelector(".chain");
const $ = (selector) => root.querySelector(selector);
const canvases = [...root.querySelectorAll("canvas")];

function receive() {
  let m;
  try { m = JSON.parse(props.value); } catch { return; }
  if (!m || !m.chain) return;
  [m.chain, m.jump].forEach((base64, i) => {
    const levels = bytes(base64);
    paintLevels(canvases[i], m.size, m.size, m.channels, (p) => levels[p]);
  });
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

// Pictures in rows and columns, with words. Message: run, rows [{name, tone, cells: [base64 or null]}], columns, width, height, channels, words; or run, error.
const root = element.querySelector(".gallery"), cells = root.querySelector(".cells");

function receive() {
  let m;
  try { m = JSON.parse(props.value); } catch { return; }
  const { wanted } = root.dataset;  // the run whose messages are heeded
  if (!m || (wanted && m.run !== wanted)) return;
  root.querySelector(".error").hidden = !m.error;
  root.querySelector(".error").textContent = m.error || "";
  if (m.error || !m.rows) return;
  const named = m.rows.some((row) => row.name), children = [];
  cells.style.gridTemplateColumns = `${named ? "auto " : ""}repeat(${m.columns.length}, auto)`;
  root.style.setProperty("--cell", `${m.cell || 84}px`);
  m.rows.forEach((row) => {
    if (named) { const name = document.createElement("span"); name.className = "row"; name.textContent = row.name; children.push(name); }
    row.cells.forEach((cell, i) => {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `thumbnail ${row.name} ${m.columns[i]}`.replace(/ +/g, " "));
      canvas.style.setProperty("--tone", `var(--c-${row.tones ? row.tones[i] : row.tone})`);
      if (cell) { const px = bytes(cell); paintLevels(canvas, m.width, m.height, m.channels, (p) => px[p]); }
      children.push(canvas);
    });
  });
  if (named) children.push(document.createElement("span"));
  m.columns.forEach((column) => { const words = document.createElement("span"); words.className = "column"; words.textContent = column; children.push(words); });
  cells.replaceChildren(...children);
  root.querySelector(".words").textContent = m.words || "";
  root.dataset.state = m.state;
  root.dataset.run = m.run;
}

root.addEventListener("gallery:start", (event) => {
  if (root.dataset.wanted) server.give_up(root.dataset.wanted).catch(() => {});
  root.dataset.wanted = event.detail;
});

watch("value", receive);
receive();

// What theory expects of x_t, and this step as an equation. Used by the player.
const SYMBOLS = {
  x_t: ["x_t", "x<sub>t</sub>"], x0_hat: ["x0_hat", "x̂<sub>0</sub>"], eps_hat: ["eps_hat", "ε̂"], noise: ["noise", "z"],
  x0_before: ["x0_hat", "x̂<sub>0</sub> before"], eps_there: ["eps_hat", "ε̂ there"],
};
// `formula` is the sampler's: sets of terms, of which the first that names all weights holds, and what its letters mean.
function equation(holder, frame, formula, hole) {
  const names = Object.keys(frame.w);
  const term = (html, under) => `<span class="term"><span>${html}</span><small>${under}</small></span>`;
  if (!names.length) {
    holder.innerHTML = term("finished: <b class=\"x0_hat\">x<sub>0</sub></b>", "ᾱ = 1, no noise is left");
    return;
  }
  const there = frame.tp < 0 ? "0" : `t′ = ${frame.tp}`;
  const terms = formula.terms.find((set) => names.every((name) => name in set)) || {};
  let html = term(`<b class="x_t">x<sub>${frame.tp < 0 ? "0" : "t′"}</sub></b>`, there) + term("=", "");
  names.forEach((name, k) => {
    const weight = frame.w[name], [tone, symbol] = SYMBOLS[name];
    const sign = weight < 0 ? "−" : k ? "+" : "";
    html += term(`${sign} ${Math.abs(weight) < 0.0005 && weight ? Math.abs(weight).toExponential(1) : Math.abs(weight).toFixed(3)} <b class="${tone}">${symbol}</b>`, terms[name] || "");
  });
  const filled = " Where the picture is kept: √ᾱ′ x₀ + √(1 − ᾱ′) z instead; and where the step is taken again, the whole is noised back to t.";
  holder.innerHTML = `${html}<small class="letters">${formula.letters}.${hole ? filled : ""}</small>`;
}

// Standard normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17).
function below(z) {
  const k = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = 0.3989422804 * Math.exp((-z * z) / 2) * k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}

// Shares of 60 bins from -3 to 3 of √ᾱ·x0 + √(1−ᾱ)·ε, where x0 has the levels of a picture.
function expected(levels, alphaBar) {
  const signal = Math.sqrt(alphaBar), noise = Math.max(Math.sqrt(1 - alphaBar), 1e-6), bins = new Float64Array(60);
  levels.forEach((share, level) => {
    if (!share) return;
    if (alphaBar > 1 - 1e-9) {  // no noise is left: a level lies in the bin that it is counted in
      bins[Math.min(59, Math.floor((level / 127.5 - 1 + 3) * 10 + 1e-9))] += share;
      return;
    }
    const centre = signal * (level / 127.5 - 1);
    let before = below((-3 - centre) / noise);
    for (let i = 0; i < 60; i++) {
      const after = below((-2.9 + i / 10 - centre) / noise);
      bins[i] += share * (after - before);
      before = after;
    }
  });
  return bins;
}

function levelsOf(pixels, keep) {
  const levels = new Float64Array(256);
  let n = 0;
  for (let p = 0; p < pixels.length; p++) if (keep(p)) { levels[pixels[p]]++; n++; }
  return levels.map((count) => count / n);
}

const meanSquare = (levels) => levels.reduce((sum, share, level) => sum + share * (level / 127.5 - 1) ** 2, 0);

function drawHistogram(svg, counts, theory) {
  const total = counts.reduce((a, b) => a + b, 0) || 1, top = Math.max(...theory, ...counts.map((c) => c / total)) * 1.08;
  const height = (share) => 118 - 112 * (share / top);
  let bars = "M0 120", line = "";
  counts.forEach((count, i) => { const y = height(count / total).toFixed(1); bars += `L${5 * i} ${y}L${5 * i + 5} ${y}`; });
  theory.forEach((share, i) => { line += `${i ? "L" : "M"}${5 * i + 2.5} ${height(share).toFixed(1)}`; });
  svg.querySelector(".bars").setAttribute("d", `${bars}L300 120Z`);
  svg.querySelector(".theory").setAttribute("d", line);
}

function drawNorm(svg, frames, at, total, theory) {
  const values = frames.map((f) => (f ? f.n.mean_square : null));
  const top = 1.08 * Math.max(1, ...values.filter((v) => v !== null), ...theory);
  const x = (i) => (300 * i) / Math.max(1, total - 1), y = (v) => 116 - 108 * (v / top);
  let line = "", dashed = "";
  values.forEach((v, i) => { if (v !== null) line += `${line ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`; });
  theory.forEach((v, i) => { dashed += `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`; });
  svg.querySelector(".line").setAttribute("d", line);
  svg.querySelector(".theory").setAttribute("d", dashed);
  const dot = svg.querySelector(".dot");
  dot.setAttribute("cx", x(at));
  dot.setAttribute("cy", y(values[at]));
}

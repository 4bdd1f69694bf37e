// Lights the line of algorithm 2 that made the player's present frame.
const root = element.querySelector(".algorithms");

function light(detail) {
  const lit = new Set();
  if (detail.t < 0) lit.add("6");
  else {
    lit.add("4");
    if (detail.noise) lit.add("3");
    if (detail.index === 0 && !detail.picture) lit.add("1");
  }
  root.querySelectorAll("[data-line]").forEach((line) => {
    if (lit.has(line.dataset.line)) line.setAttribute("aria-current", "step");
    else line.removeAttribute("aria-current");
  });
  let words = detail.t < 0 ? "Finished." : `t = ${detail.t + 1} as the paper counts, from 1: ${detail.t} here.`;
  if (detail.t >= 0 && detail.sampler !== "ddpm") words += ` ${detail.sampler} has a line 4 of its own: the equation under the pictures.`;
  if (detail.t >= 0 && !detail.noise) words += " No z is drawn in this step.";
  root.querySelector(".now").textContent = words;
  root.dataset.lit = [...lit].sort().join(" ");
}

const listener = (event) => { if (root.isConnected) light(event.detail); else document.removeEventListener("player:frame", listener); };
document.addEventListener("player:frame", listener);
document.dispatchEvent(new CustomEvent("player:tell"));

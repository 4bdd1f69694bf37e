// What is opened on the map of the network, as the server is told of it.

/** @returns {string} JSON of the block, the position and the channel; empty where none is opened. */
export function openedBlock() {
  const root = document.querySelector("#inside-map .net");
  return (root instanceof HTMLElement && root.dataset.asked) || "";
}

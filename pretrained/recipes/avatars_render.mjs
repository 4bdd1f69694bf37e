// Draws DiceBear avatars: on stdin one JSON object a line, {style, size, options}; on stdout their
// pixels, size × size × RGBA, one after the other. Copied beside node_modules by avatars_data.sh.
import { createInterface } from "node:readline";
import { createAvatar } from "@dicebear/core";
import { openPeeps, pixelArt, thumbs } from "@dicebear/collection";
import { Resvg } from "@resvg/resvg-js";

const styles = { "open-peeps": openPeeps, "pixel-art": pixelArt, thumbs };

for await (const line of createInterface({ input: process.stdin })) {
  const { style, size, options } = JSON.parse(line);
  const svg = createAvatar(styles[style], options).toString();
  const fitTo = { mode: "width", value: size };
  const { pixels } = new Resvg(svg, { fitTo, font: { loadSystemFonts: false } }).render();
  if (!process.stdout.write(pixels)) await new Promise((go) => process.stdout.once("drain", go));
}

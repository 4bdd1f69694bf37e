// Pictures as PNG files, encoded from their own numbers: a canvas that is read back gives other ones
// in browsers that protect against being recognised by them.

const CHANNEL_TYPES = /** @type {Record<number, number>} */ ({ 1: 0, 3: 2, 4: 6 });
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/**
 * CRC-32, as ISO 3309 and the PNG specification have it.
 *
 * @param {Uint8Array} values
 */
export function crc32(values) {
  let c = 0xffffffff;
  for (const value of values) c = CRCS[(c ^ value) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/**
 * @param {string} type Four letters.
 * @param {Uint8Array} data
 */
function chunk(type, data) {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/** @param {Uint8Array<ArrayBuffer>} values */
async function deflated(values) {
  if (!("CompressionStream" in globalThis)) {
    throw new Error("This browser is too old to save a picture; keep the walk as a strip or a GIF.");
  }
  const stream = new Blob([values]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A picture as a PNG file, 8 bits a number, each as it is given.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} channels 1 (grey), 3 (RGB) or 4 (RGB and how opaque).
 * @param {(p: number) => number} level Number p of the rows from the top, 0 … 255.
 * @returns {Promise<Blob>}
 */
export async function png(width, height, channels, level) {
  const row = width * channels;
  const rows = new Uint8Array(height * (1 + row)); // each begins with its filter: 0, none
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < row; x++, p++) rows[y * (1 + row) + 1 + x] = level(p);
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8;
  head[9] = CHANNEL_TYPES[channels];
  const data = await deflated(rows);
  const parts = [chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", new Uint8Array(0))];
  return new Blob([Uint8Array.from(SIGNATURE), ...parts], { type: "image/png" });
}

/**
 * A picture by its numbers: number p of the rows from the top, 0 … 255.
 *
 * @typedef {{ width: number, height: number, channels: number, level: (p: number) => number }} Picture
 */

const LEAST_SIDE = 512; // pixels of a file's shorter side; smaller ones are blurred by what shows them
const LONGEST = 8192; // of its longer side

/**
 * How many pixels of a file a pixel becomes, along each side; as `enlargement` of
 * diffusion_core.generation.
 *
 * @param {number} width
 * @param {number} height
 */
export function enlargement(width, height) {
  const wanted = Math.ceil(LEAST_SIDE / Math.min(width, height));
  return Math.max(1, Math.min(wanted, Math.floor(LONGEST / Math.max(width, height))));
}

/**
 * A picture whose pixels are squares: crisp, with no new colours.
 *
 * @param {Picture} picture
 * @param {number} scale Pixels along the side of a square.
 * @returns {Picture}
 */
export function enlarged({ width, height, channels, level }, scale) {
  const row = width * scale * channels;
  /** @param {number} p */
  const large = (p) => {
    const y = Math.floor(p / row);
    const x = Math.floor((p - y * row) / channels);
    return level((Math.floor(y / scale) * width + Math.floor(x / scale)) * channels + (p % channels));
  };
  return { width: width * scale, height: height * scale, channels, level: large };
}

/**
 * A picture as a PNG file that is large enough to be seen: see `enlargement`.
 *
 * @param {Picture} picture
 * @param {boolean} [native] Not enlarged.
 */
export function largePng(picture, native = false) {
  const scale = native ? 1 : enlargement(picture.width, picture.height);
  const { width, height, channels, level } = enlarged(picture, scale);
  return png(width, height, channels, level);
}

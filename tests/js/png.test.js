import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync, crc32 as zlibCrc } from "node:zlib";

import { base64 } from "../../tabs/static/lib/bytes.js";
import { saveBlob } from "../../tabs/static/lib/dom.js";
import { unpack } from "../../tabs/static/lib/mixing.js";
import { crc32, png } from "../../tabs/static/lib/png.js";
import { ink, strip } from "../../tabs/static/noise/strip.js";

/** Reads a PNG file of one IDAT and no filters, by its specification. */
async function decoded(blob) {
  const file = Buffer.from(await blob.arrayBuffer());
  assert.equal(blob.type, "image/png");
  assert.equal(file.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
  const chunks = {};
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    assert.equal(file.readUInt32BE(at + 8 + length), zlibCrc?.(body) ?? crc32(body));
    chunks[body.subarray(0, 4).toString()] = body.subarray(4);
    at += 12 + length;
  }
  assert.deepEqual(Object.keys(chunks), ["IHDR", "IDAT", "IEND"]);
  const [width, height] = [chunks.IHDR.readUInt32BE(0), chunks.IHDR.readUInt32BE(4)];
  assert.deepEqual([...chunks.IHDR.subarray(10)], [0, 0, 0]);
  const [depth, kind] = chunks.IHDR.subarray(8);
  const channels = { 0: 1, 2: 3, 6: 4 }[kind];
  assert.equal(depth, 8);
  const rows = inflateSync(chunks.IDAT);
  assert.equal(rows.length, height * (1 + width * channels));
  const pixels = [];
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * (1 + width * channels), (y + 1) * (1 + width * channels));
    assert.equal(row[0], 0);
    pixels.push(...row.subarray(1));
  }
  return { width, height, channels, pixels };
}

test("the checksum is that of the PNG specification", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new TextEncoder().encode("IEND")), 0xae426082);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

for (const channels of [1, 3, 4]) {
  test(`every number of a picture of ${channels} channels is in its file as it was`, async () => {
    const [width, height] = [7, 45];
    const levels = Array.from({ length: width * height * channels }, (_, p) => (p * 31 + 7) % 256);
    const found = await decoded(await png(width, height, channels, (p) => levels[p]));
    assert.deepEqual(found, { width, height, channels, pixels: levels });
  });
}

test("a large picture of noise, and one of a single pixel", async () => {
  const levels = Array.from({ length: 256 * 256 * 3 }, (_, p) => (p * 2654435761) >>> 24);
  assert.deepEqual((await decoded(await png(256, 256, 3, (p) => levels[p]))).pixels, levels);
  assert.deepEqual((await decoded(await png(1, 1, 1, () => 255))).pixels, [255]);
});

test("the film strip has each timestep's picture, crisp, clear gaps, and the timesteps", () => {
  for (const channels of [1, 3]) {
    const n = 4 * channels;
    const x0 = Uint8Array.from({ length: n }, (_, p) => 20 * p);
    const message = { size: 2, channels, x0: base64(x0), eps: base64(new Uint8Array(2 * n)) };
    const { width, height, level } = strip({ ...unpack(message), alphaBars: [1, 0] }, [0, 1]);
    assert.deepEqual([width, height], [2 * 512 + 2, 512 + 54]);
    const at = (x, y) => [0, 1, 2, 3].map((c) => level(4 * (y * width + x) + c));
    const of = (p) => (channels === 1 ? [20 * p, 20 * p, 20 * p] : [60 * p, 60 * p + 20, 60 * p + 40]);
    const corners = [[0, 0], [511, 0], [0, 511], [511, 511]].map(([x, y]) => at(x, y));
    assert.deepEqual(corners, [0, 1, 2, 3].map((p) => [...of(p), 255]));
    assert.equal(at(512, 9)[3], 0);
    assert.deepEqual(at(600, 256), [128, 128, 128, 255]);
    const dark = (from) => {
      let count = 0;
      for (let y = 512; y < height; y++) for (let x = from; x < from + 512; x++) count += at(x, y)[0] < 99;
      return count;
    };
    assert.ok(dark(0) > 600 && dark(514) > 600);
  }
  const rows = Array.from({ length: 5 }, (_, r) => [0, 1, 2].map((c) => ink("7", 18, 6 * c, 12 + 6 * r)));
  assert.deepEqual(rows.map((row) => row.map(Number).join("")), ["111", "001", "010", "010", "010"]);
});

test("a file's address lives long enough for a browser that reads it late", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const revoked = [];
  const link = { click: () => {} };
  const { createObjectURL, revokeObjectURL } = URL;
  t.after(() => {
    Object.assign(URL, { createObjectURL, revokeObjectURL });
    delete globalThis.document;
  });
  URL.createObjectURL = () => "blob:1";
  URL.revokeObjectURL = (url) => revoked.push(url);
  globalThis.document = { createElement: () => link };
  saveBlob(new Blob([]), "walk.gif");
  assert.deepEqual([link.href, link.download], ["blob:1", "walk.gif"]);
  t.mock.timers.tick(59_000);
  assert.deepEqual(revoked, []);
  t.mock.timers.tick(2_000);
  assert.deepEqual(revoked, ["blob:1"]);
});

// Before every component's own script: pictures from bytes to a canvas.
function bytes(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

// level(p) is the 0 … 255 of number p; pictures are rows of pixels of 1 or 3 channels.
function paintLevels(canvas, width, height, channels, level) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height), out = image.data;
  for (let i = 0, p = 0; i < width * height; i++, p += channels) {
    const first = level(p);
    out[4 * i] = first;
    out[4 * i + 1] = channels > 1 ? level(p + 1) : first;
    out[4 * i + 2] = channels > 1 ? level(p + 2) : first;
    out[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The same rounding as to_uint8: value(p) is in [-1, 1], and clipped to it.
function paint(canvas, size, channels, value) {
  const level = (p) => Math.max(0, Math.min(255, Math.round((value(p) + 1) * 127.5)));
  paintLevels(canvas, size, size, channels, level);
}

// x0 and eps of a message of noising.py.
function unpack(message) {
  return {
    size: message.size, channels: message.channels,
    x0: Float64Array.from(bytes(message.x0), (k) => k / 127.5 - 1),
    eps: Float64Array.from(new Int16Array(bytes(message.eps).buffer), (k) => k / 4096),
  };
}

// The face of a play button. words: beside the sign; of: what is played, for who cannot see it.
function facePlay(button, playing, words = false, of = "") {
  const name = playing ? "Pause" : "Play";
  button.textContent = (playing ? "❚❚" : "▶︎") + (words ? ` ${name}` : "");
  button.setAttribute("aria-label", name + of);
}

// The name of a run: the browser gives it, and nobody else can guess it.
window.newRun = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("");

// Bytes as text, on their way from and to the server: the other side is tabs/shared/wire.py.

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytes(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/**
 * @param {Uint8Array} values
 * @returns {string} In base64.
 */
export function base64(values) {
  let text = "";
  values.forEach((value) => {
    text += String.fromCharCode(value);
  });
  return btoa(text);
}

/**
 * Parts of a stream as one.
 *
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

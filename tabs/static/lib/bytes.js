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

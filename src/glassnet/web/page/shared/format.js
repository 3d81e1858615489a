// Numbers as the page writes them, and bytes as the server packs them.

import { number } from "/shared/i18n.js";

/** A number in so many digits, short, whatever its size. */
export function shown(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(Math.min(2, digits - 1)).replace("e+", "e");
  return number(value === 0 ? 0 : value, { maximumSignificantDigits: digits, useGrouping: false });
}

/** Bytes out of base64. */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Values from -1 to 1 out of bytes about 128. */
export function signed(text) {
  return Float32Array.from(bytes(text), (byte) => (byte - 128) / 127);
}

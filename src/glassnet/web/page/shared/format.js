// Number formatting, and decoding of the server's base64 arrays.

import { number } from "/shared/i18n.js";

/** Format a number with a number of significant digits, in exponential notation if it is very small or large. */
export function format(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e6)) return value.toExponential(Math.min(2, digits - 1)).replace("e+", "e");
  return number(value === 0 ? 0 : value, { maximumSignificantDigits: digits, useGrouping: false });
}

/** Format an entry of a table: a number, text, true or false, or a missing value. */
export function formatEntry(value, digits = 4) {
  return typeof value === "string" || typeof value === "boolean" ? String(value) : format(value, digits);
}

/** Decode base64 to bytes. */
export function decodeBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Decode bytes around 128 to values from -1 to 1. */
export function decodeSigned(text) {
  return Float32Array.from(decodeBytes(text), (byte) => (byte - 128) / 127);
}

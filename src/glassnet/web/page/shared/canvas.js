// Images from values, and canvas set-up.

import { colour, diverging } from "/shared/theme.js";

let colorTable = null;
let colorTableKey = "";

/** Colors of the values -1 … 1, as 256 RGB triples. */
function signedColors() {
  const theme = colour("positive") + colour("negative") + colour("zero");
  if (theme === colorTableKey) return colorTable;
  colorTableKey = theme;
  colorTable = new Uint8ClampedArray(256 * 3);
  for (let byte = 0; byte < 256; byte += 1) {
    colorTable.set(diverging((byte - 128) / 127).match(/\d+/g).map(Number), 3 * byte);
  }
  return colorTable;
}

/** A canvas of width × height pixels colored by bytes around 128, from `first` on; `strength` above 1 increases contrast. */
export function signedImage(values, width, height, first = 0, strength = 1) {
  const canvas = new OffscreenCanvas(width, height);
  const ctx = canvas.getContext("2d");
  const image = ctx.createImageData(width, height);
  const palette = signedColors();
  for (let index = 0; index < width * height; index += 1) {
    const byte = Math.max(0, Math.min(255, Math.round(128 + (values[first + index] - 128) * strength)));
    image.data.set([palette[3 * byte], palette[3 * byte + 1], palette[3 * byte + 2], 255], 4 * index);
  }
  ctx.putImageData(image, 0, 0);
  return canvas;
}

/** Set the size of a canvas for the device pixel ratio; returns its context, which uses CSS pixels. */
export function prepareCanvas(canvas, width, height) {
  const ratio = Math.max(1, devicePixelRatio);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.setProperty("width", `${width}px`);
    canvas.style.setProperty("height", `${height}px`);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

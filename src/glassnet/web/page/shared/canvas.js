// Pictures out of values: small canvases, enlarged without a seam.

import { colour, diverging } from "/shared/theme.js";

let table = null;
let madeFor = "";

/** The colours of the values -1 … 1, as 256 times red, green, blue. */
function colours() {
  const theme = colour("positive") + colour("negative") + colour("zero");
  if (theme === madeFor) return table;
  madeFor = theme;
  table = new Uint8ClampedArray(256 * 3);
  for (let byte = 0; byte < 256; byte += 1) {
    table.set(diverging((byte - 128) / 127).match(/\d+/g).map(Number), 3 * byte);
  }
  return table;
}

/** A canvas of width × height points coloured by bytes about 128, from `first` on; `strength` above 1 deepens them. */
export function picture(values, width, height, first = 0, strength = 1) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  const palette = colours();
  for (let place = 0; place < width * height; place += 1) {
    const byte = Math.max(0, Math.min(255, Math.round(128 + (values[first + place] - 128) * strength)));
    image.data.set([palette[3 * byte], palette[3 * byte + 1], palette[3 * byte + 2], 255], 4 * place);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** Make a canvas as sharp as the screen is; returns its pen, which counts in CSS pixels. */
export function sharp(canvas, width, height) {
  const fine = Math.max(1, devicePixelRatio);
  if (canvas.width !== Math.round(width * fine) || canvas.height !== Math.round(height * fine)) {
    canvas.width = Math.round(width * fine);
    canvas.height = Math.round(height * fine);
    canvas.style.setProperty("width", `${width}px`);
    canvas.style.setProperty("height", `${height}px`);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// Hinton diagrams: the size of a square is the absolute value; positive squares are filled and blue, negative ones hollow
// and orange, so that the sign is visible without color.

import { colour, sequential } from "/shared/theme.js";

/** Draw values between -1 and 1; position(index) gives the upper left corner of a cell. Only filled rectangles are used:
 * without a GPU, browsers draw them much faster than one path of many. */
export function drawHinton(ctx, values, cell, position) {
  const maxSize = cell >= 8 ? cell - 3 : cell - 0.5;
  const outlineWidth = cell >= 12 ? 2 : 1;
  const negatives = [];
  ctx.fillStyle = colour("positive");
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value < 0) negatives.push(index);
    if (!(value > 0)) continue;
    const size = maxSize * Math.sqrt(Math.min(1, value));
    const [x, y] = position(index);
    ctx.fillRect(x + (cell - size) / 2, y + (cell - size) / 2, size, size);
  }
  ctx.fillStyle = colour("negative");
  for (const index of negatives) {
    const [x, y] = position(index);
    const size = maxSize * Math.sqrt(Math.min(1, -values[index]));
    const [left, top] = [x + (cell - size) / 2, y + (cell - size) / 2];
    if (size <= 2 * outlineWidth) ctx.fillRect(left, top, size, size);
    else drawOutline(ctx, left, top, size, size, outlineWidth);
  }
}

/** Draw an image of side × side cells at the origin, pixel by pixel, which for many cells takes a fraction of the time
 * in a browser without a GPU. */
export function drawHintonImage(ctx, values, cell, side) {
  const step = cell * ctx.getTransform().a; // device pixels
  const length = Math.round(side * step);
  const { canvas, ctx: pixels } = scratchCanvas(length);
  const image = pixels.createImageData(length, length);
  const colors = new Uint32Array(image.data.buffer);
  const [maxSize, outlineWidth] = [step - (cell >= 8 ? 3 : 0.5), Math.round((step / cell) * (cell >= 12 ? 2 : 1))];
  const [above, negatives] = [packColor(colour("positive")), packColor(colour("negative"))];
  values.forEach((value, index) => {
    const size = Math.round(maxSize * Math.sqrt(Math.min(1, Math.abs(value))));
    if (size < 1) return;
    const left = Math.round((index % side) * step + (step - size) / 2);
    const top = Math.round(Math.floor(index / side) * step + (step - size) / 2);
    const hollow = value < 0 && size > 2 * outlineWidth;
    for (let y = 0; y < size; y += 1) {
      const from = (top + y) * length + left;
      colors.fill(value < 0 ? negatives : above, from, from + size);
      if (hollow && y >= outlineWidth && y < size - outlineWidth) colors.fill(0, from + outlineWidth, from + size - outlineWidth);
    }
  });
  pixels.putImageData(image, 0, 0);
  ctx.drawImage(canvas, 0, 0, length / (step / cell), length / (step / cell));
}

/** Pack a color of the style sheet into the four bytes of a pixel. */
function packColor(hex) {
  const [red, green, blue] = [1, 3, 5].map((index) => parseInt(hex.slice(index, index + 2), 16));
  return new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0];
}

/** Draw the outline of a rectangle inside it. */
export function drawOutline(ctx, left, top, width, height, outlineWidth) {
  ctx.fillRect(left, top, width, outlineWidth);
  ctx.fillRect(left, top + height - outlineWidth, width, outlineWidth);
  ctx.fillRect(left, top + outlineWidth, outlineWidth, height - 2 * outlineWidth);
  ctx.fillRect(left + width - outlineWidth, top + outlineWidth, outlineWidth, height - 2 * outlineWidth);
}

const scratchCanvases = new Map();

/** A reusable canvas of side × side pixels: creating one takes longer than filling it. */
function scratchCanvas(side) {
  if (!scratchCanvases.has(side)) {
    const canvas = new OffscreenCanvas(side, side);
    scratchCanvases.set(side, { canvas, ctx: canvas.getContext("2d") });
  }
  return scratchCanvases.get(side);
}

/** An image of side × side pixels of values between 0 and 1; valid until the next call. */
export function inkImage(values, side) {
  const { canvas, ctx } = scratchCanvas(side);
  const image = ctx.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const colors = inkColors();
  for (let index = 0; index < pixels.length; index += 1) {
    pixels[index] = colors[Math.round(255 * Math.max(0, Math.min(1, values[index])))];
  }
  ctx.putImageData(image, 0, 0);
  return canvas;
}

let colors = null;
let colorsKey = "";

function inkColors() {
  const theme = colour("quiet") + colour("loud");
  if (theme !== colorsKey) {
    colorsKey = theme;
    const decodeBytes = Array.from({ length: 256 }, (_, shade) => [...sequential(shade / 255).match(/\d+/g).map(Number), 255]);
    colors = new Uint32Array(Uint8Array.from(decodeBytes.flat()).buffer);
  }
  return colors;
}

/** Values divided by the largest absolute value, or by `scale`. */
export function normalize(values, scale = 0) {
  const largest = scale || values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0) || 1;
  return Float32Array.from(values, (value) => (value ?? 0) / largest);
}

/** Raw pixel values as shares of full ink. */
export function ink(values, drawing) {
  return Float32Array.from(values, (value) => (value - drawing.low) / (drawing.high - drawing.low || 1));
}

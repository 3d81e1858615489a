// Values as squares, after Hinton: the larger the square, the larger the value; full and blue above zero, hollow and
// orange below. So neither colour nor shade alone has to be told apart.

import { colour, sequential } from "/theme.js";

/** Draw a value between -1 and 1 of each cell; where(place) gives its upper left corner. Filled rectangles alone, which
 * a browser without a graphics card draws far sooner than one path of many. */
export function squares(pen, values, cell, where) {
  const room = cell >= 8 ? cell - 3 : cell - 0.5;
  const edge = cell >= 12 ? 2 : 1;
  const below = [];
  pen.fillStyle = colour("positive");
  for (let place = 0; place < values.length; place += 1) {
    const value = values[place];
    if (value < 0) below.push(place);
    if (!(value > 0)) continue;
    const size = room * Math.sqrt(Math.min(1, value));
    const [x, y] = where(place);
    pen.fillRect(x + (cell - size) / 2, y + (cell - size) / 2, size, size);
  }
  pen.fillStyle = colour("negative");
  for (const place of below) {
    const [x, y] = where(place);
    const size = room * Math.sqrt(Math.min(1, -values[place]));
    const [left, top] = [x + (cell - size) / 2, y + (cell - size) / 2];
    if (size <= 2 * edge) pen.fillRect(left, top, size, size);
    else outline(pen, left, top, size, size, edge);
  }
}

/** Draw the outline of a rectangle, `edge` thick, within it. */
export function outline(pen, left, top, width, height, edge) {
  pen.fillRect(left, top, width, edge);
  pen.fillRect(left, top + height - edge, width, edge);
  pen.fillRect(left, top + edge, edge, height - 2 * edge);
  pen.fillRect(left + width - edge, top + edge, edge, height - 2 * edge);
}

const sheets = new Map();

/** A canvas of side × side points that is used again and again: making one takes longer than filling it. */
function sheet(side) {
  if (!sheets.has(side)) {
    const canvas = new OffscreenCanvas(side, side);
    sheets.set(side, { canvas, pen: canvas.getContext("2d") });
  }
  return sheets.get(side);
}

/** A picture of side × side points, paper to ink, of values between 0 and 1; it is good until the next one is made. */
export function inked(values, side) {
  const { canvas, pen } = sheet(side);
  const image = pen.createImageData(side, side);
  const shades = theShades();
  for (let place = 0; place < side * side; place += 1) {
    const shade = 3 * Math.round(255 * Math.max(0, Math.min(1, values[place])));
    image.data.set([shades[shade], shades[shade + 1], shades[shade + 2], 255], 4 * place);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

let shades = null;
let madeFor = "";

function theShades() {
  const theme = colour("quiet") + colour("loud");
  if (theme !== madeFor) {
    madeFor = theme;
    shades = Uint8Array.from(Array.from({ length: 256 }, (_, shade) => sequential(shade / 255).match(/\d+/g).map(Number)).flat());
  }
  return shades;
}

/** Values as shares of the largest size among them, or of `reach`. */
export function scaled(values, reach = 0) {
  const largest = reach || values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0) || 1;
  return Float32Array.from(values, (value) => (value ?? 0) / largest);
}

/** Raw values of a picture as shares of full ink. */
export function ink(values, pen) {
  return Float32Array.from(values, (value) => (value - pen.low) / (pen.high - pen.low || 1));
}

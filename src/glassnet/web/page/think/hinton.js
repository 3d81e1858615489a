// Values as squares, after Hinton: the larger the square, the larger the value; full and blue above zero, hollow and
// orange below. So neither colour nor shade alone has to be told apart.

import { colour, sequential } from "/shared/theme.js";

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

/** The same for all cells of a picture of side × side, from its upper left corner on: point by point, which for so many
 * takes a browser without a graphics card a fraction of the time. */
export function squaresOfPicture(pen, values, cell, side) {
  const step = cell * pen.getTransform().a; // points of the screen
  const length = Math.round(side * step);
  const { canvas, pen: points } = sheet(length);
  const image = points.createImageData(length, length);
  const shades = new Uint32Array(image.data.buffer);
  const [room, edge] = [step - (cell >= 8 ? 3 : 0.5), Math.round((step / cell) * (cell >= 12 ? 2 : 1))];
  const [above, below] = [point(colour("positive")), point(colour("negative"))];
  values.forEach((value, place) => {
    const size = Math.round(room * Math.sqrt(Math.min(1, Math.abs(value))));
    if (size < 1) return;
    const left = Math.round((place % side) * step + (step - size) / 2);
    const top = Math.round(Math.floor(place / side) * step + (step - size) / 2);
    const hollow = value < 0 && size > 2 * edge;
    for (let y = 0; y < size; y += 1) {
      const from = (top + y) * length + left;
      shades.fill(value < 0 ? below : above, from, from + size);
      if (hollow && y >= edge && y < size - edge) shades.fill(0, from + edge, from + size - edge);
    }
  });
  points.putImageData(image, 0, 0);
  pen.drawImage(canvas, 0, 0, length / (step / cell), length / (step / cell));
}

/** A colour of the style sheet as the four bytes of a point. */
function point(hex) {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
  return new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0];
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
  const points = new Uint32Array(image.data.buffer);
  const shades = theShades();
  for (let place = 0; place < points.length; place += 1) {
    points[place] = shades[Math.round(255 * Math.max(0, Math.min(1, values[place])))];
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
    const bytes = Array.from({ length: 256 }, (_, shade) => [...sequential(shade / 255).match(/\d+/g).map(Number), 255]);
    shades = new Uint32Array(Uint8Array.from(bytes.flat()).buffer);
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

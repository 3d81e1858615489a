// From strokes to the picture that the network gets, as MNIST's makers did it (LeCun, Bottou, Bengio & Haffner 1998):
// what is drawn is fitted into a box, keeping its shape, antialiased, and its centre of mass is put into the middle.
//
// How large the box is, and how dark ink, comes from the rows at hand (`glassnet.web.think.pen`).

/** Points of the drawing on a side of a pixel, each of them antialiased; coarse pictures have more. */
const FINE = 4;
const FINE_COARSE = 8;
/** How thick a line is, as a share of the side; coarse pictures have relatively thicker ones. */
const THICK = 0.1;
const THICK_COARSE = 0.17;
/** What is drawn is not enlarged beyond this share of the pad, so that a dot stays a dot. */
const SMALLEST = 0.12;

/**
 * Return raw values, side × side, row by row.
 * strokes: lists of points [x, y], shares of the pad; pen: { side, low, high, box, most }.
 */
export function digitOf(strokes, pen) {
  const { side, low, high, most } = pen;
  const points = strokes.flat();
  if (points.length === 0) return new Array(side * side).fill(low);
  const [left, right] = extent(points, 0);
  const [top, bottom] = extent(points, 1);
  const thick = side * (side < 16 ? THICK_COARSE : THICK);
  const longest = Math.max(right - left, bottom - top, SMALLEST);
  const scale = (pen.box * side - thick) / longest;
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const first = covered(strokes, side, thick, scale, middle);
  const free = [right - left, bottom - top].map((length) => Math.max(0, Math.floor((side - length * scale - thick) / 2)));
  const shift = centreOfMass(first, side).map((at, axis) => Math.max(-free[axis], Math.min(free[axis], Math.round((side - 1) / 2 - at))));
  const share = moved(first, side, shift);
  const whole = high - low >= 8;
  return Array.from(share, (part, place) => {
    const value = Math.min(low + part * (high - low), most === null ? high : most[place]);
    return whole ? Math.round(value) : value;
  });
}

/** How much of each pixel is covered, 0 … 1. */
function covered(strokes, side, thick, scale, middle) {
  const fine = side < 16 ? FINE_COARSE : FINE;
  const wide = side * fine;
  const pen = brushFor(wide);
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, side, side);
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = thick;
  const at = ([x, y]) => [(x - middle[0]) * scale + side / 2, (y - middle[1]) * scale + side / 2];
  for (const stroke of strokes) {
    pen.beginPath();
    const [x, y] = at(stroke[0]);
    pen.moveTo(x, y);
    pen.lineTo(x + 0.001, y); // a line of no length is none, and a dot is one
    for (const point of stroke.slice(1)) pen.lineTo(...at(point));
    pen.stroke();
  }
  const { data } = pen.getImageData(0, 0, wide, wide);
  const share = new Float32Array(side * side);
  for (let y = 0; y < wide; y += 1) {
    const row = Math.floor(y / fine) * side;
    for (let x = 0; x < wide; x += 1) share[row + Math.floor(x / fine)] += data[4 * (y * wide + x) + 3];
  }
  return share.map((sum) => sum / (255 * fine * fine));
}

/** A picture moved by whole pixels; nothing of it is moved out. */
function moved(share, side, [right, down]) {
  const shift = down * side + right;
  return Float32Array.from(share, (_, place) => share[place - shift] ?? 0);
}

let brush = null;

function brushFor(wide) {
  if (brush === null || brush.canvas.width !== wide) brush = new OffscreenCanvas(wide, wide).getContext("2d", { willReadFrequently: true });
  return brush;
}

function centreOfMass(share, side) {
  let [sum, x, y] = [0, 0, 0];
  share.forEach((part, place) => {
    sum += part;
    x += part * (place % side);
    y += part * Math.floor(place / side);
  });
  return sum === 0 ? [(side - 1) / 2, (side - 1) / 2] : [x / sum, y / sum];
}

function extent(points, axis) {
  const along = points.map((point) => point[axis]);
  return [Math.min(...along), Math.max(...along)];
}

// From strokes to the picture that the network gets, as MNIST's makers did it (LeCun, Bottou, Bengio & Haffner 1998):
// what is drawn is fitted into a box, keeping its shape, antialiased, and its centre of mass is put into the middle.
//
// How large the box is, and how dark ink, comes from the rows at hand (`glassnet.web.thinking.pen`).

const FINE = 8;
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
  const first = covered(strokes, side, thick, scale, middle, [0, 0]);
  const free = [right - left, bottom - top].map((length) => Math.max(0, Math.floor((side - length * scale - thick) / 2)));
  const shift = centreOfMass(first, side).map((at, axis) => Math.max(-free[axis], Math.min(free[axis], Math.round((side - 1) / 2 - at))));
  const share = shift[0] === 0 && shift[1] === 0 ? first : covered(strokes, side, thick, scale, middle, shift);
  const whole = high - low >= 8;
  return Array.from(share, (part, place) => {
    const value = Math.min(low + part * (high - low), most === null ? high : most[place]);
    return whole ? Math.round(value) : value;
  });
}

/** How much of each pixel is covered, 0 … 1. */
function covered(strokes, side, thick, scale, middle, shift) {
  const pen = brushFor(side * FINE);
  pen.setTransform(FINE, 0, 0, FINE, 0, 0);
  pen.clearRect(0, 0, side, side);
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = thick;
  const at = ([x, y]) => [(x - middle[0]) * scale + side / 2 + shift[0], (y - middle[1]) * scale + side / 2 + shift[1]];
  for (const stroke of strokes) {
    pen.beginPath();
    const [x, y] = at(stroke[0]);
    pen.moveTo(x, y);
    pen.lineTo(x + 0.001, y); // a line of no length is none, and a dot is one
    for (const point of stroke.slice(1)) pen.lineTo(...at(point));
    pen.stroke();
  }
  const { data } = pen.getImageData(0, 0, side * FINE, side * FINE);
  const share = new Float32Array(side * side);
  const wide = side * FINE;
  for (let y = 0; y < wide; y += 1) {
    const row = Math.floor(y / FINE) * side;
    for (let x = 0; x < wide; x += 1) share[row + Math.floor(x / FINE)] += data[4 * (y * wide + x) + 3];
  }
  return share.map((sum) => sum / (255 * FINE * FINE));
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

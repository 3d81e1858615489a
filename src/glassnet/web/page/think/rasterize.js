// Convert strokes to the network input as in MNIST (LeCun, Bottou, Bengio & Haffner 1998): the drawing is scaled to fit a
// box with its aspect ratio preserved, antialiased, and centered by its center of mass.
//
// Box size and ink range are measured on the example rows (`glassnet.web.think.drawing`).

/** Supersampling factor per pixel side; higher for low resolutions. */
const SUPERSAMPLING = 4;
const SUPERSAMPLING_COARSE = 8;
/** Line width as a share of the side; larger for low resolutions. */
const LINE_WIDTH = 0.1;
const LINE_WIDTH_COARSE = 0.17;
/** Smaller drawings than this share of the pad are not enlarged, so that a dot stays a dot. */
const MIN_EXTENT = 0.12;

/**
 * Return raw pixel values, side × side, row by row.
 * strokes: lists of points [x, y], as shares of the pad; drawing: { side, low, high, box, max_ink }.
 */
export function rasterize(strokes, drawing) {
  const { side, low, high, max_ink } = drawing;
  const points = strokes.flat();
  if (points.length === 0) return new Array(side * side).fill(low);
  const [left, right] = extent(points, 0);
  const [top, bottom] = extent(points, 1);
  const lineWidth = side * (side < 16 ? LINE_WIDTH_COARSE : LINE_WIDTH);
  const longest = Math.max(right - left, bottom - top, MIN_EXTENT);
  const scale = (drawing.box * side - lineWidth) / longest;
  const center = [(left + right) / 2, (top + bottom) / 2];
  const first = coverage(strokes, side, lineWidth, scale, center);
  const free = [right - left, bottom - top].map((length) => Math.max(0, Math.floor((side - length * scale - lineWidth) / 2)));
  const shift = centreOfMass(first, side).map((at, axis) => Math.max(-free[axis], Math.min(free[axis], Math.round((side - 1) / 2 - at))));
  const share = translate(first, side, shift);
  const whole = high - low >= 8;
  return Array.from(share, (share, index) => {
    const value = Math.min(low + share * (high - low), max_ink === null ? high : max_ink[index]);
    return whole ? Math.round(value) : value;
  });
}

/** Coverage of each pixel, 0 … 1. */
function coverage(strokes, side, lineWidth, scale, center) {
  const factor = side < 16 ? SUPERSAMPLING_COARSE : SUPERSAMPLING;
  const size = side * factor;
  const ctx = getContext(size);
  ctx.setTransform(factor, 0, 0, factor, 0, 0);
  ctx.clearRect(0, 0, side, side);
  ctx.lineCap = ctx.lineJoin = "round";
  ctx.lineWidth = lineWidth;
  const at = ([x, y]) => [(x - center[0]) * scale + side / 2, (y - center[1]) * scale + side / 2];
  for (const stroke of strokes) {
    ctx.beginPath();
    const [x, y] = at(stroke[0]);
    ctx.moveTo(x, y);
    ctx.lineTo(x + 0.001, y); // a zero-length line is not drawn; a dot must be
    for (const point of stroke.slice(1)) ctx.lineTo(...at(point));
    ctx.stroke();
  }
  const { data } = ctx.getImageData(0, 0, size, size);
  const share = new Float32Array(side * side);
  for (let y = 0; y < size; y += 1) {
    const row = Math.floor(y / factor) * side;
    for (let x = 0; x < size; x += 1) share[row + Math.floor(x / factor)] += data[4 * (y * size + x) + 3];
  }
  return share.map((sum) => sum / (255 * factor * factor));
}

/** Translate an image by whole pixels. */
function translate(share, side, [right, down]) {
  const shift = down * side + right;
  return Float32Array.from(share, (_, index) => share[index - shift] ?? 0);
}

let context = null;

function getContext(size) {
  if (context === null || context.canvas.width !== size) context = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
  return context;
}

function centreOfMass(share, side) {
  let [sum, x, y] = [0, 0, 0];
  share.forEach((share, index) => {
    sum += share;
    x += share * (index % side);
    y += share * Math.floor(index / side);
  });
  return sum === 0 ? [(side - 1) / 2, (side - 1) / 2] : [x / sum, y / sum];
}

function extent(points, axis) {
  const along = points.map((point) => point[axis]);
  return [Math.min(...along), Math.max(...along)];
}

// Where each unit of the network stands on the canvas: a block for each layer, from left to right, or, where it is
// narrow, from above to below. A unit is a cell; a thousand of them are a block of small cells.

const PAD = 10;
const HEAD = 40;
const NARROW = 560;
const LARGEST = 32;
/** A layer of more units than this is given a higher canvas. */
const MANY = 256;
const LEAST = 3;
/** Outputs that are few enough to stand with their names. */
export const MOST_NAMED = 16;

/**
 * Lay a network out. sizes: units of each layer, the input's first; side: of the input's picture, or 0; room: width; wordy: whether outputs have long names.
 * Returns { width, height, upright, blocks }; a block has { x, y, width, height, cell, count, at(unit), unitAt(x, y) }.
 */
export function layOut(sizes, side, room, wordy) {
  const upright = room < NARROW;
  const layers = sizes.length - 1;
  const cross = upright ? room - 2 * PAD : Math.max(300, Math.min(Math.max(...sizes.slice(1)) > MANY ? 540 : 430, room * 0.7));
  const named = sizes.at(-1) <= MOST_NAMED && !upright ? (wordy ? 112 : 74) : 0;
  const shapes = [];
  if (upright) {
    shapes.push(side ? squareOf(side, Math.min(168, cross)) : fitted(sizes[0], cross, 120));
    for (const size of sizes.slice(1)) shapes.push(fitted(size, cross, 130));
  } else {
    const main = room - 2 * PAD - named;
    const least = layers > 6 ? 18 : 44;
    const first = side ? squareOf(side, Math.min(224, cross, main * (layers > 6 ? 0.2 : 0.3))) : fitted(sizes[0], cross, Math.max(26, main / (layers + 3)));
    const rest = Math.max(LARGEST, (main - first.lines * first.cell - least * layers) / layers);
    shapes.push(first, ...sizes.slice(1).map((size) => fitted(size, cross, Math.min(rest, 150))));
  }
  const thick = shapes.reduce((sum, { lines, cell }) => sum + lines * cell, 0);
  const gap = upright ? 70 : Math.max(14, Math.min(150, (room - 2 * PAD - named - thick) / Math.max(1, layers)));
  const long = Math.max(...shapes.map(({ per, cell }) => per * cell));
  const start = upright ? HEAD : Math.max(PAD, (room - named - thick - gap * layers) / 2);
  let main = start;
  const blocks = shapes.map((shape, layer) => {
    const { cell, per, lines, picture } = shape;
    const across = upright ? PAD + (cross - per * cell) / 2 : HEAD + (long - per * cell) / 2;
    const [x, y] = upright ? [across, main] : [main, across];
    const [width, height] = upright ? [per * cell, lines * cell] : [lines * cell, per * cell];
    main += lines * cell + gap;
    const byRows = upright || picture;
    return {
      x, y, width, height, cell, per, lines, layer, count: sizes[layer], picture: Boolean(picture),
      at(unit) {
        const [line, place] = [Math.floor(unit / per), unit % per];
        return byRows ? [x + place * cell, y + line * cell] : [x + line * cell, y + place * cell];
      },
      unitAt(left, top) {
        const [column, row] = [Math.floor((left - x) / cell), Math.floor((top - y) / cell)];
        const [line, place] = byRows ? [row, column] : [column, row];
        const unit = line * per + place;
        return line < 0 || place < 0 || place >= per || line >= lines || unit >= sizes[layer] ? null : unit;
      },
    };
  });
  return {
    upright, blocks, named, boldness: Math.max(0.7, Math.min(2.6, gap / 30)),
    width: upright ? room : Math.max(room, Math.ceil(main - gap + PAD + named)),
    height: Math.ceil(upright ? main - gap + PAD : HEAD + long + PAD),
  };
}

/** A picture of side × side cells. */
function squareOf(side, room) {
  return { cell: Math.max(1, Math.floor(room / side)), per: side, lines: side, picture: true };
}

/** Cells as large as may be, so that `count` of them fill at most `thick`, in lines of at most `cross`. */
function fitted(count, cross, thick) {
  for (let cell = LARGEST; cell > LEAST; cell -= 1) {
    const lines = Math.ceil(count / Math.max(1, Math.floor(cross / cell)));
    if (lines * cell <= thick || (lines === 1 && cell <= thick)) return { cell, lines, per: Math.ceil(count / lines) };
  }
  const lines = Math.ceil(count / Math.floor(cross / LEAST));
  return { cell: LEAST, lines, per: Math.ceil(count / lines) };
}

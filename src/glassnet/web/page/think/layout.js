// Layout of the network on the canvas: a block of cells per layer, from left to right, or from top to bottom if narrow.

const PAD = 10;
const HEAD = 40;
const NARROW = 560;
const MAX_CELL = 32;
/** With a larger layer than this, the canvas is higher. */
const LARGE_LAYER = 256;
const MIN_CELL = 3;
/** With more outputs than this, their names are not shown. */
export const MAX_NAMED = 16;

/**
 * Compute the layout. sizes: units of each layer, including the input; side: of the input image, or 0; longNames:
 * whether outputs have long names.
 * Returns { width, height, vertical, blocks }; a block has { x, y, width, height, cell, count, at(unit), unitAt(x, y) }.
 */
export function computeLayout(sizes, side, availableWidth, longNames) {
  const vertical = availableWidth < NARROW;
  const layers = sizes.length - 1;
  const cross = vertical ? availableWidth - 2 * PAD : Math.max(300, Math.min(Math.max(...sizes.slice(1)) > LARGE_LAYER ? 540 : 430, availableWidth * 0.7));
  const labelWidth = sizes.at(-1) <= MAX_NAMED && !vertical ? (longNames ? 112 : 74) : 0;
  const shapes = [];
  if (vertical) {
    shapes.push(side ? squareShape(side, Math.min(168, cross)) : fitShape(sizes[0], cross, 120));
    for (const size of sizes.slice(1)) shapes.push(fitShape(size, cross, 130));
  } else {
    const main = availableWidth - 2 * PAD - labelWidth;
    const minGap = layers > 6 ? 18 : 44;
    const first = side ? squareShape(side, Math.min(224, cross, main * (layers > 6 ? 0.2 : 0.3))) : fitShape(sizes[0], cross, Math.max(26, main / (layers + 3)));
    const rest = Math.max(MAX_CELL, (main - first.lines * first.cell - minGap * layers) / layers);
    shapes.push(first, ...sizes.slice(1).map((size) => fitShape(size, cross, Math.min(rest, 150))));
  }
  const thick = shapes.reduce((sum, { lines, cell }) => sum + lines * cell, 0);
  const gap = vertical ? 70 : Math.max(14, Math.min(150, (availableWidth - 2 * PAD - labelWidth - thick) / Math.max(1, layers)));
  const longest = Math.max(...shapes.map(({ perLine, cell }) => perLine * cell));
  const start = vertical ? HEAD : Math.max(PAD, (availableWidth - labelWidth - thick - gap * layers) / 2);
  let main = start;
  const blocks = shapes.map((shape, layer) => {
    const { cell, perLine, lines, picture } = shape;
    const across = vertical ? PAD + (cross - perLine * cell) / 2 : HEAD + (longest - perLine * cell) / 2;
    const [x, y] = vertical ? [across, main] : [main, across];
    const [width, height] = vertical ? [perLine * cell, lines * cell] : [lines * cell, perLine * cell];
    main += lines * cell + gap;
    const byRows = vertical || picture;
    return {
      x, y, width, height, cell, perLine, lines, layer, count: sizes[layer], picture: Boolean(picture),
      at(unit) {
        const [line, place] = [Math.floor(unit / perLine), unit % perLine];
        return byRows ? [x + place * cell, y + line * cell] : [x + line * cell, y + place * cell];
      },
      unitAt(left, top) {
        const [column, row] = [Math.floor((left - x) / cell), Math.floor((top - y) / cell)];
        const [line, place] = byRows ? [row, column] : [column, row];
        const unit = line * perLine + place;
        return line < 0 || place < 0 || place >= perLine || line >= lines || unit >= sizes[layer] ? null : unit;
      },
    };
  });
  return {
    vertical, blocks, labelWidth, lineScale: Math.max(0.7, Math.min(2.6, gap / 30)),
    width: vertical ? availableWidth : Math.max(availableWidth, Math.ceil(main - gap + PAD + labelWidth)),
    height: Math.ceil(vertical ? main - gap + PAD : HEAD + longest + PAD),
  };
}

/** An image of side × side cells. */
function squareShape(side, availableWidth) {
  return { cell: Math.max(1, Math.floor(availableWidth / side)), perLine: side, lines: side, picture: true };
}

/** The largest cells so that `count` of them fill at most `thick`, in lines of at most `cross`. */
function fitShape(count, cross, thick) {
  for (let cell = MAX_CELL; cell > MIN_CELL; cell -= 1) {
    const lines = Math.ceil(count / Math.max(1, Math.floor(cross / cell)));
    if (lines * cell <= thick || (lines === 1 && cell <= thick)) return { cell, lines, perLine: Math.ceil(count / lines) };
  }
  const lines = Math.ceil(count / Math.floor(cross / MIN_CELL));
  return { cell: MIN_CELL, lines, perLine: Math.ceil(count / lines) };
}

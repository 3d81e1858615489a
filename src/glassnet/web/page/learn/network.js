// The network diagram: a column per layer, units as images, weights as lines.
//
// The image of a unit is its activation over the plane, or its incoming weights for other data.

import { signedImage, prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { decodeBytes, format, decodeSigned } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";

const MAX_UNITS = 12;
const GAP = 8;
const HEAD = 44;

/** The network diagram. */
export function makeNetwork(store) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const buttonLayer = element("div", { class: "learn-units", role: "group", "aria-label": t("learn.network.units") });
  const container = element("div", { class: "learn-network-frame scroll" }, element("div", { class: "learn-network" }, canvas, buttonLayer));
  const description = element("p", { class: "hint", "aria-live": "polite" });
  const root = element("section", { class: "card learn-network-card", "aria-label": t("learn.network") },
    element("h3", { text: t("learn.network") }), container, description);
  new ResizeObserver(() => draw()).observe(container);
  let layoutKey = "";
  let layout = null;

  function draw() {
    const snapshot = store.snapshot();
    if (snapshot === null || store.preview === null || container.clientWidth === 0) return;
    const { layer_sizes: sizes, activations } = store.preview.structure;
    layout = computeLayout(sizes, container.clientWidth);
    const ctx = prepareCanvas(canvas, layout.width, layout.height);
    drawWeights(ctx, snapshot, sizes);
    drawUnits(ctx, snapshot, sizes, activations);
    layOutButtons(sizes, activations);
    const { unit } = store;
    description.textContent = unit === null ? t("learn.network.about") : describeUnit(unit, snapshot, sizes, activations);
  }

  /** Compute the positions of layers and units. */
  function computeLayout(sizes, availableWidth) {
    const columns = sizes.length;
    const most = Math.max(...sizes.map((size) => Math.min(size, MAX_UNITS)));
    const size = most > 8 ? 26 : 34;
    const spacing = Math.max(size + 34, Math.min(150, (availableWidth - size - 28) / Math.max(1, columns - 1)));
    const height = HEAD + most * (size + GAP) + 26;
    const width = Math.max(availableWidth, 28 + size + spacing * (columns - 1));
    const left = (width - size - spacing * (columns - 1)) / 2;
    const at = (layer, index) => {
      const count = Math.min(sizes[layer], MAX_UNITS);
      const top = HEAD + ((most - count) * (size + GAP)) / 2;
      return [left + layer * spacing, top + index * (size + GAP)];
    };
    return { size, width, height, at };
  }

  function drawWeights(ctx, snapshot, sizes) {
    const tracedStage = store.trace === null ? null : store.trace.content.stages[store.trace.index];
    snapshot.weights.forEach((matrix, index) => {
      const layer = index + 1;
      const values = decodeSigned(matrix.values);
      const [before, here] = [Math.min(sizes[index], MAX_UNITS), Math.min(sizes[layer], MAX_UNITS)];
      const opacity = tracedStage !== null && tracedStage.layer !== layer ? 0.25 : 1;
      for (let row = 0; row < before; row += 1) {
        for (let column = 0; column < here; column += 1) {
          const value = values[row * matrix.columns + column];
          const isHighlighted = store.unit === null || (store.unit.layer === layer && store.unit.index === column) || (store.unit.layer === index && store.unit.index === row);
          const [x1, y1] = layout.at(index, row);
          const [x2, y2] = layout.at(layer, column);
          const half = layout.size / 2;
          const middle = (x1 + layout.size + x2) / 2;
          ctx.globalAlpha = (0.12 + 0.88 * Math.abs(value)) * opacity * (isHighlighted ? 1 : 0.15);
          ctx.strokeStyle = colour(value < 0 ? "negative" : "positive");
          ctx.lineWidth = 0.5 + 3.5 * Math.abs(value);
          ctx.setLineDash(value < 0 ? [5, 3] : []);
          ctx.beginPath();
          ctx.moveTo(x1 + layout.size, y1 + half);
          ctx.bezierCurveTo(middle, y1 + half, middle, y2 + half, x2, y2 + half);
          ctx.stroke();
        }
      }
    });
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  function drawUnits(ctx, snapshot, sizes, activations) {
    ctx.textAlign = "center";
    sizes.forEach((size, layer) => {
      const { size: side } = layout;
      for (let index = 0; index < Math.min(size, MAX_UNITS); index += 1) {
        const [x, y] = layout.at(layer, index);
        const image = unitImage(snapshot, layer, index, size);
        ctx.fillStyle = colour("paper");
        ctx.fillRect(x, y, side, side);
        if (image !== null) {
          ctx.imageSmoothingEnabled = snapshot.plane !== undefined;
          ctx.drawImage(image, x, y, side, side);
        }
        const isSelected = store.unit !== null && store.unit.layer === layer && store.unit.index === index;
        ctx.strokeStyle = colour(isSelected ? "ink" : "edge");
        ctx.lineWidth = isSelected ? 3 : 1.5;
        ctx.strokeRect(x, y, side, side);
      }
      const [x, bottom] = layout.at(layer, Math.min(size, MAX_UNITS));
      ctx.fillStyle = colour("ink");
      ctx.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
      ctx.fillText(layer === 0 ? "x" : `a${layer}`, x + side / 2, 16);
      ctx.fillStyle = colour("soft");
      ctx.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      ctx.fillText(layer === 0 ? t("learn.network.input") : activations[layer - 1], x + side / 2, 33);
      if (size > MAX_UNITS) ctx.fillText(t("learn.network.more", { count: number(size - MAX_UNITS) }), x + side / 2, bottom + 12);
    });
  }

  function unitImage(snapshot, layer, index, size) {
    const last = snapshot.weights.length;
    if (snapshot.plane !== undefined) {
      if (layer === 0) return inputImage(index);
      if (layer === last) return outputImage(snapshot.plane, index);
      const values = decodeBytes(snapshot.plane.units[layer - 1]);
      const side = Math.round(Math.sqrt(values.length / Math.min(size, MAX_UNITS)));
      return signedImage(values, side, side, index * side * side);
    }
    if (layer === 0) return null;
    const { weight_images: images } = snapshot;
    if (layer === 1 && images !== null && index < images.count) {
      return signedImage(decodeBytes(images.values), images.side, images.side, index * images.side ** 2);
    }
    const matrix = snapshot.weights[layer - 1];
    const values = decodeBytes(matrix.values);
    const side = Math.ceil(Math.sqrt(matrix.rows));
    const column = new Uint8Array(side * side).fill(128);
    for (let row = 0; row < matrix.rows; row += 1) column[row] = values[row * matrix.columns + index];
    return signedImage(column, side, side);
  }

  /** Place a button over each unit for keyboard and screen reader. */
  function layOutButtons(sizes, activations) {
    const key = `${sizes.join()} ${activations.join()} ${layout.width} ${document.documentElement.lang}`;
    if (key === layoutKey) return;
    layoutKey = key;
    const buttons = [];
    sizes.forEach((size, layer) => {
      if (layer === 0) return;
      for (let index = 0; index < Math.min(size, MAX_UNITS); index += 1) {
        const [x, y] = layout.at(layer, index);
        const select = () => store.selectUnit({ layer, index });
        buttons.push(element("button", {
          type: "button", class: "learn-unit", data: { layer, index },
          "aria-label": t("learn.network.unit", { layer: number(layer), unit: number(index + 1), activation: activations[layer - 1] }),
          tabindex: buttons.length === 0 ? "0" : "-1",
          style: { left: `${x}px`, top: `${y}px`, width: `${layout.size}px`, height: `${layout.size}px` },
          onfocus: select, onmouseenter: select, onclick: select,
          onblur: () => store.selectUnit(null), onmouseleave: () => store.selectUnit(null),
          onkeydown: (event) => move(event, layer, index, sizes),
        }));
      }
    });
    buttonLayer.replaceChildren(...buttons);
  }

  /** Arrow keys: up and down within a layer, left and right between layers. */
  function move(event, layer, index, sizes) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const [to, at] = [layer + step[0], index + step[1]];
    if (to < 1 || to >= sizes.length) return;
    const unit = Math.max(0, Math.min(Math.min(sizes[to], MAX_UNITS) - 1, at));
    for (const button of buttonLayer.children) button.tabIndex = -1;
    const next = buttonLayer.querySelector(`[data-layer="${to}"][data-index="${unit}"]`);
    next.tabIndex = 0;
    next.focus();
  }

  function describeUnit({ layer, index }, snapshot, sizes, activations) {
    const matrix = snapshot.weights[layer - 1];
    const values = decodeSigned(matrix.values);
    const rows = Array.from({ length: Math.min(matrix.rows, 6) }, (_, row) => {
      const name = layer === 1 ? store.preview.plan.data.kind === "digits" ? `x[${row}]` : `x${row + 1}` : `a${layer - 1}[${row}]`;
      return `${format(values[row * matrix.columns + index] * matrix.scale, 3)}·${name}`;
    });
    const ellipsis = matrix.total_rows > rows.length ? " + …" : "";
    return t("learn.network.formula", {
      unit: t("learn.network.unit", { layer: number(layer), unit: number(index + 1), activation: activations[layer - 1] }),
      formula: `a${layer}[${index}] = ${activations[layer - 1]}(${rows.join(" + ").replaceAll("+ -", "− ")}${ellipsis} + b${layer}[${index}])`,
    });
  }

  return { root, draw };
}

/** x1 or x2 over the plane. */
function inputImage(index) {
  const side = 20;
  const values = new Uint8Array(side * side);
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const share = index === 0 ? column / (side - 1) : 1 - row / (side - 1);
      values[row * side + column] = 1 + 254 * share;
    }
  }
  return signedImage(values, side, side);
}

/** The score of a class over the plane. */
function outputImage(plane, index) {
  const values = decodeBytes(plane.scores);
  return signedImage(index === 1 ? values : values.map((byte) => 255 - byte), plane.side, plane.side);
}

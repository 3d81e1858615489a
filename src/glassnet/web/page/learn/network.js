// The network: a column for each layer, its units as pictures, the weights between them as lines.
//
// A unit's picture is what it answers all over the plane; where rows can't be drawn it is its incoming weights.

import { picture, sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { bytes, shown, signed } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";

const MOST = 12;
const GAP = 8;
const HEAD = 44;

/** The picture of the network. */
export function makeNetwork(desk) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const over = element("div", { class: "learn-units", role: "group", "aria-label": t("learn.network.units") });
  const frameOf = element("div", { class: "learn-network-frame scroll" }, element("div", { class: "learn-network" }, canvas, over));
  const about = element("p", { class: "hint", "aria-live": "polite" });
  const root = element("section", { class: "card learn-network-card", "aria-label": t("learn.network") },
    element("h3", { text: t("learn.network") }), frameOf, about);
  new ResizeObserver(() => draw()).observe(frameOf);
  let laidOutFor = "";
  let layout = null;

  function draw() {
    const frame = desk.frame();
    if (frame === null || desk.preview === null || frameOf.clientWidth === 0) return;
    const { layer_sizes: sizes, activations } = desk.preview.structure;
    layout = layOut(sizes, frameOf.clientWidth);
    const pen = sharp(canvas, layout.width, layout.height);
    lines(pen, frame, sizes);
    units(pen, frame, sizes, activations);
    placeButtons(sizes, activations);
    const { unit } = desk;
    about.textContent = unit === null ? t("learn.network.about") : aboutUnit(unit, frame, sizes, activations);
  }

  /** Where each layer and unit stands. */
  function layOut(sizes, room) {
    const columns = sizes.length;
    const most = Math.max(...sizes.map((size) => Math.min(size, MOST)));
    const size = most > 8 ? 26 : 34;
    const apart = Math.max(size + 34, Math.min(150, (room - size - 28) / Math.max(1, columns - 1)));
    const height = HEAD + most * (size + GAP) + 26;
    const width = Math.max(room, 28 + size + apart * (columns - 1));
    const left = (width - size - apart * (columns - 1)) / 2;
    const at = (layer, place) => {
      const count = Math.min(sizes[layer], MOST);
      const top = HEAD + ((most - count) * (size + GAP)) / 2;
      return [left + layer * apart, top + place * (size + GAP)];
    };
    return { size, width, height, at };
  }

  function lines(pen, frame, sizes) {
    const lit = desk.walk === null ? null : desk.walk.told.stages[desk.walk.place];
    frame.weights.forEach((matrix, place) => {
      const layer = place + 1;
      const values = signed(matrix.values);
      const [before, here] = [Math.min(sizes[place], MOST), Math.min(sizes[layer], MOST)];
      const quiet = lit !== null && lit.layer !== layer ? 0.25 : 1;
      for (let row = 0; row < before; row += 1) {
        for (let column = 0; column < here; column += 1) {
          const value = values[row * matrix.columns + column];
          const touched = desk.unit === null || (desk.unit.layer === layer && desk.unit.place === column) || (desk.unit.layer === place && desk.unit.place === row);
          const [x1, y1] = layout.at(place, row);
          const [x2, y2] = layout.at(layer, column);
          const half = layout.size / 2;
          const middle = (x1 + layout.size + x2) / 2;
          pen.globalAlpha = (0.12 + 0.88 * Math.abs(value)) * quiet * (touched ? 1 : 0.15);
          pen.strokeStyle = colour(value < 0 ? "negative" : "positive");
          pen.lineWidth = 0.5 + 3.5 * Math.abs(value);
          pen.setLineDash(value < 0 ? [5, 3] : []);
          pen.beginPath();
          pen.moveTo(x1 + layout.size, y1 + half);
          pen.bezierCurveTo(middle, y1 + half, middle, y2 + half, x2, y2 + half);
          pen.stroke();
        }
      }
    });
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  function units(pen, frame, sizes, activations) {
    pen.textAlign = "center";
    sizes.forEach((size, layer) => {
      const { size: side } = layout;
      for (let place = 0; place < Math.min(size, MOST); place += 1) {
        const [x, y] = layout.at(layer, place);
        const face = faceOf(frame, layer, place, size);
        pen.fillStyle = colour("paper");
        pen.fillRect(x, y, side, side);
        if (face !== null) {
          pen.imageSmoothingEnabled = frame.plane !== undefined;
          pen.drawImage(face, x, y, side, side);
        }
        const looked = desk.unit !== null && desk.unit.layer === layer && desk.unit.place === place;
        pen.strokeStyle = colour(looked ? "ink" : "edge");
        pen.lineWidth = looked ? 3 : 1.5;
        pen.strokeRect(x, y, side, side);
      }
      const [x, bottom] = layout.at(layer, Math.min(size, MOST));
      pen.fillStyle = colour("ink");
      pen.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
      pen.fillText(layer === 0 ? "x" : `a${layer}`, x + side / 2, 16);
      pen.fillStyle = colour("soft");
      pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      pen.fillText(layer === 0 ? t("learn.network.input") : activations[layer - 1], x + side / 2, 33);
      if (size > MOST) pen.fillText(t("learn.network.more", { count: number(size - MOST) }), x + side / 2, bottom + 12);
    });
  }

  function faceOf(frame, layer, place, size) {
    const last = frame.weights.length;
    if (frame.plane !== undefined) {
      if (layer === 0) return inputFace(place);
      if (layer === last) return outputFace(frame.plane, place);
      const values = bytes(frame.plane.units[layer - 1]);
      const side = Math.round(Math.sqrt(values.length / Math.min(size, MOST)));
      return picture(values, side, side, place * side * side);
    }
    if (layer === 0) return null;
    const { pictures } = frame;
    if (layer === 1 && pictures !== null && place < pictures.count) {
      return picture(bytes(pictures.values), pictures.side, pictures.side, place * pictures.side ** 2);
    }
    const matrix = frame.weights[layer - 1];
    const values = bytes(matrix.values);
    const side = Math.ceil(Math.sqrt(matrix.rows));
    const column = new Uint8Array(side * side).fill(128);
    for (let row = 0; row < matrix.rows; row += 1) column[row] = values[row * matrix.columns + place];
    return picture(column, side, side);
  }

  /** One button over each unit, so that the keyboard and those who hear the page reach it. */
  function placeButtons(sizes, activations) {
    const wanted = `${sizes.join()} ${activations.join()} ${layout.width} ${document.documentElement.lang}`;
    if (wanted === laidOutFor) return;
    laidOutFor = wanted;
    const buttons = [];
    sizes.forEach((size, layer) => {
      if (layer === 0) return;
      for (let place = 0; place < Math.min(size, MOST); place += 1) {
        const [x, y] = layout.at(layer, place);
        const look = () => desk.lookAt({ layer, place });
        buttons.push(element("button", {
          type: "button", class: "learn-unit", data: { layer, place },
          "aria-label": t("learn.network.unit", { layer: number(layer), unit: number(place + 1), activation: activations[layer - 1] }),
          tabindex: buttons.length === 0 ? "0" : "-1",
          style: { left: `${x}px`, top: `${y}px`, width: `${layout.size}px`, height: `${layout.size}px` },
          onfocus: look, onmouseenter: look, onclick: look,
          onblur: () => desk.lookAt(null), onmouseleave: () => desk.lookAt(null),
          onkeydown: (event) => move(event, layer, place, sizes),
        }));
      }
    });
    over.replaceChildren(...buttons);
  }

  /** Arrows go from unit to unit: up and down in a layer, left and right between layers. */
  function move(event, layer, place, sizes) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const [to, at] = [layer + step[0], place + step[1]];
    if (to < 1 || to >= sizes.length) return;
    const unit = Math.max(0, Math.min(Math.min(sizes[to], MOST) - 1, at));
    for (const button of over.children) button.tabIndex = -1;
    const next = over.querySelector(`[data-layer="${to}"][data-place="${unit}"]`);
    next.tabIndex = 0;
    next.focus();
  }

  function aboutUnit({ layer, place }, frame, sizes, activations) {
    const matrix = frame.weights[layer - 1];
    const values = signed(matrix.values);
    const rows = Array.from({ length: Math.min(matrix.rows, 6) }, (_, row) => {
      const name = layer === 1 ? desk.preview.plan.data.kind === "digits" ? `x[${row}]` : `x${row + 1}` : `a${layer - 1}[${row}]`;
      return `${shown(values[row * matrix.columns + place] * matrix.reach, 3)}·${name}`;
    });
    const dots = matrix.name_rows > rows.length ? " + …" : "";
    return t("learn.network.formula", {
      unit: t("learn.network.unit", { layer: number(layer), unit: number(place + 1), activation: activations[layer - 1] }),
      formula: `a${layer}[${place}] = ${activations[layer - 1]}(${rows.join(" + ").replaceAll("+ -", "− ")}${dots} + b${layer}[${place}])`,
    });
  }

  return { root, draw };
}

/** What x1 and x2 are all over the plane: from left to right, from below to above. */
function inputFace(place) {
  const side = 20;
  const values = new Uint8Array(side * side);
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const share = place === 0 ? column / (side - 1) : 1 - row / (side - 1);
      values[row * side + column] = 1 + 254 * share;
    }
  }
  return picture(values, side, side);
}

/** What an output says: the leaning to the second class, or away from it. */
function outputFace(plane, place) {
  const values = bytes(plane.leaning);
  return picture(place === 1 ? values : values.map((byte) => 255 - byte), plane.side, plane.side);
}

// Network activations: a block of cells per layer, and the strongest connections between them.

import { prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inkImage, drawOutline, normalize, drawHinton } from "/think/hinton.js";
import { computeLayout, MAX_NAMED } from "/think/layout.js";
import { layerInput, layerInputName, outputIndex, outputUnitName, unitName } from "/think/names.js";

/** Connections shown for the selected unit. */
const MAX_UNIT_CONNECTIONS = 16;
const INPUT = 0;
/** Length of a dash of a negative connection, in pixels. */
const DASH = 11;

/** The section. */
export function makeNetwork(store) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const over = element("div", { class: "think-units", role: "group", "aria-label": t("think.network.units") });
  const picture = element("div", { class: "think-network" }, canvas, over);
  const frame = element("div", { class: "think-frame scroll" }, picture);
  const readout = element("p", { class: "think-readout", "aria-live": "polite" });
  const about = element("p", { class: "hint", text: t("think.network.about") });
  const root = element("section", { class: "card think-network-card", "aria-label": t("think.network") },
    element("h2", { text: t("think.network") }), frame, readout, about);
  const focusedUnits = []; // the unit of each layer that has the focus
  let layout = null;
  let layoutKey = "";

  let width = 0; // updated by the observer: reading it while drawing would force a layout
  const family = getComputedStyle(document.body).fontFamily;
  new ResizeObserver(([{ contentRect }]) => {
    width = Math.floor(contentRect.width);
    store.draw();
  }).observe(frame);
  picture.addEventListener("pointermove", (event) => store.setHover(unitUnder(event)));
  picture.addEventListener("pointerleave", () => store.setHover(null));
  picture.addEventListener("click", (event) => {
    const unit = event.detail === 0 ? null : unitUnder(event); // 0: keyboard activation, which the button handles
    if (unit !== null) moveButton(unit.layer, unit.unit, true);
    if (unit !== null) open(unit.layer, unit.unit);
  });

  function draw() {
    const { explanation, context: { model } } = store;
    if (explanation === null || width === 0) return;
    updateLayout(model);
    const ctx = prepareCanvas(canvas, layout.width, layout.height);
    const values = layout.blocks.map((_, layer) => layerValues(explanation, layer));
    const highlighted = store.hover ?? store.unit;
    drawConnections(ctx, explanation, highlighted);
    layout.blocks.forEach((block, layer) => drawCells(ctx, block, values[layer], model, highlighted));
    for (const unit of [store.unit, store.hover]) if (unit !== null) drawMark(ctx, unit);
    readout.textContent = highlighted === null ? t("think.network.point") : describe(highlighted, model, explanation);
    if (document.activeElement?.parentNode === over) document.activeElement.setAttribute("aria-label", readout.textContent);
  }

  /** Update the layout if the network or the width has changed. */
  function updateLayout(model) {
    const key = `${model.version} ${width} ${document.documentElement.lang}`;
    if (key === layoutKey) return;
    layoutKey = key;
    layout = computeLayout(model.layer_sizes, model.image_shape?.[0] ?? 0, width, model.layer_sizes.at(-1) <= MAX_NAMED && model.layer_sizes.slice(-1).some((count) => Array.from({ length: count }, (_, unit) => outputUnitName(model, unit)).some((name) => name.length > 3)));
    picture.style.setProperty("width", `${layout.width}px`);
    picture.style.setProperty("height", `${layout.height}px`);
    over.replaceChildren(...layout.blocks.map((block, layer) => {
      focusedUnits[layer] = Math.min(focusedUnits[layer] ?? 0, block.count - 1);
      return element("button", {
        type: "button", class: "think-unit", tabindex: layer === 1 ? "0" : "-1",
        "aria-label": unitName(model, layer, focusedUnits[layer]),
        style: { width: `${block.cell}px`, height: `${block.cell}px` },
        onfocus: () => store.setHover({ layer, unit: focusedUnits[layer] }), onblur: () => store.setHover(null),
        onclick: () => open(layer, focusedUnits[layer]),
        onkeydown: (event) => move(event, layer),
      });
    }));
    layout.blocks.forEach((_, layer) => moveButton(layer, focusedUnits[layer], false));
  }

  /** Select a unit, or deselect it. */
  function open(layer, unit) {
    if (layer === INPUT) return;
    if (store.unit?.layer === layer && store.unit.unit === unit) store.selectUnit(null);
    else store.selectUnit(layer, unit);
  }

  /** Move a layer's button to a unit; optionally make it the Tab stop. */
  function moveButton(layer, unit, isTabStop) {
    focusedUnits[layer] = unit;
    const button = over.children[layer];
    const [x, y] = layout.blocks[layer].at(unit);
    button.style.setProperty("left", `${x}px`);
    button.style.setProperty("top", `${y}px`);
    if (isTabStop) for (const other of over.children) other.tabIndex = other === button ? 0 : -1;
  }

  function unitUnder(event) {
    if (layout === null) return null;
    const box = picture.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    for (const [layer, block] of layout.blocks.entries()) {
      const unit = block.unitAt(left, top);
      if (unit !== null) return { layer, unit };
    }
    return null;
  }

  /** Arrow keys move to the next cell or layer; Home and End to the ends of the layer. */
  function move(event, layer) {
    const block = layout.blocks[layer];
    const [x, y] = block.at(focusedUnits[layer]);
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    let to = null;
    if (event.key === "Home") to = { layer, unit: 0 };
    else if (event.key === "End") to = { layer, unit: block.count - 1 };
    else if (step === undefined) return;
    else {
      const middle = block.cell / 2;
      const beside = block.unitAt(x + middle + step[0] * block.cell, y + middle + step[1] * block.cell);
      const along = layout.vertical ? step[1] : step[0];
      const next = layout.blocks[layer + along];
      if (beside !== null) to = { layer, unit: beside };
      else if (along !== 0 && next !== undefined) to = { layer: layer + along, unit: nearest(next, x + middle, y + middle) };
    }
    event.preventDefault();
    if (to === null) return;
    moveButton(to.layer, to.unit, true);
    over.children[to.layer].focus({ preventScroll: to.layer === layer });
    store.setHover(to);
  }

  /** The unit of a block nearest to a point. */
  function nearest(block, left, top) {
    const [x, y] = [Math.min(block.x + block.width - 1, Math.max(block.x, left)), Math.min(block.y + block.height - 1, Math.max(block.y, top))];
    return block.unitAt(x, y) ?? block.count - 1;
  }

  /** The activations of a layer as the next layer receives them. */
  function layerValues(explanation, layer) {
    return layer === layout.blocks.length - 1 ? explanation[`a${layer}`] : layerInput(explanation, layer + 1);
  }

  function drawConnections(ctx, explanation, highlighted) {
    const unitTerms = highlighted === null || highlighted.layer === INPUT ? null : strongestTerms(highlighted, explanation);
    explanation.connections.forEach((strongest, updateLayout) => {
      const layer = updateLayout + 1;
      let { from, to, terms } = strongest;
      const largest = Math.abs(terms[0] ?? 0) || 1;
      let opacity = 1;
      if (unitTerms !== null && highlighted.layer === layer) ({ from, to, terms } = unitTerms);
      else if (highlighted !== null && highlighted.layer === updateLayout) {
        const selected = from.flatMap((unit, line) => (unit === highlighted.unit ? [line] : []));
        [from, to, terms] = [from, to, terms].map((list) => selected.map((line) => list[line]));
      } else if (highlighted !== null) opacity = 0.25;
      for (let line = terms.length - 1; line >= 0; line -= 1) connect(ctx, layer, from[line], to[line], terms[line] / largest, opacity);
    });
    ctx.globalAlpha = 1;
  }

  /** The strongest terms of one unit: of all its weights if loaded, else those among the layer's strongest. */
  function strongestTerms({ layer, unit }, explanation) {
    const { unitInfo } = store;
    if (unitInfo === null || unitInfo.layer !== layer || unitInfo.unit !== unit) {
      const { from, to, terms } = explanation.connections[layer - 1];
      const selected = to.flatMap((other, line) => (other === unit ? [line] : []));
      return { from: selected.map((line) => from[line]), to: selected.map((line) => to[line]), terms: selected.map((line) => terms[line]) };
    }
    const a = layerInput(explanation, layer);
    const all = unitInfo.weights.map((weight, i) => weight * a[i]);
    const best = all.map((_, i) => i).sort((i, j) => Math.abs(all[j]) - Math.abs(all[i])).slice(0, MAX_UNIT_CONNECTIONS).filter((i) => all[i] !== 0);
    return { from: best, to: best.map(() => unit), terms: best.map((i) => all[i]) };
  }

  function connect(ctx, layer, from, to, term, opacity) {
    const [before, here] = [layout.blocks[layer - 1], layout.blocks[layer]];
    const [x1, y1] = before.at(from);
    const [x2, y2] = here.at(to);
    const strength = Math.min(1, Math.abs(term));
    ctx.globalAlpha = (0.1 + 0.7 * strength * strength) * opacity;
    ctx.strokeStyle = colour(term < 0 ? "negative" : "positive");
    ctx.lineWidth = 0.6 + layout.lineScale * strength;
    ctx.beginPath();
    if (layout.vertical) {
      const [left, right, top, bottom] = [x1 + before.cell / 2, x2 + here.cell / 2, y1 + before.cell, y2];
      const middle = (top + bottom) / 2;
      traceCurve(ctx, [left, top, left, middle, right, middle, right, bottom], term < 0);
    } else {
      const [left, right, top, bottom] = [x1 + before.cell, x2, y1 + before.cell / 2, y2 + here.cell / 2];
      const middle = (Math.max(left, before.x + before.width) + right) / 2;
      traceCurve(ctx, [left, top, middle, top, middle, bottom, right, bottom], term < 0);
    }
    ctx.stroke();
  }

  function drawCells(ctx, block, values, model, highlighted) {
    const { layer, cell } = block;
    if (block.picture) {
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(inkImage(ink(store.row, store.info.drawing), block.perLine), block.x, block.y, block.width, block.height);
      ctx.strokeStyle = colour("edge");
      ctx.lineWidth = 1;
      ctx.strokeRect(block.x - 0.5, block.y - 0.5, block.width + 1, block.height + 1);
      // the connections start inside the image
      if (highlighted !== null && highlighted.layer === 1) drawTermsOnInput(ctx, highlighted);
    } else {
      ctx.fillStyle = colour("paper");
      for (let line = 0; line < block.drawConnections; line += 1) {
        const [x, y] = block.at(line * block.perLine);
        const [end, bottom] = block.at(Math.min(block.count, (line + 1) * block.perLine) - 1);
        ctx.fillRect(x, y, end - x + cell, bottom - y + cell);
      }
      if (cell >= 8) drawGrid(ctx, block);
      drawHinton(ctx, normalize(values, layerScale(layer, values)), cell, block.at);
    }
    for (const unit of Object.keys(store.scale[`a${layer}`] ?? {})) drawScaledMark(ctx, block, Number(unit));
    drawLabel(ctx, block, model);
    if (layer === layout.blocks.length - 1 && layout.labelWidth && block.count <= MAX_NAMED) drawOutputNames(ctx, block, values, model);
  }

  function layerScale(layer, values) {
    const known = layer === INPUT ? 0 : store.info.activation_scale?.[`a${layer}`] ?? 0;
    return known || values.reduce((largest, value) => Math.max(largest, Math.abs(value ?? 0)), 0) || 1;
  }

  function drawGrid(ctx, block) {
    ctx.fillStyle = colour("line");
    for (let unit = 0; unit < block.count; unit += 1) drawOutline(ctx, ...block.at(unit), block.cell, block.cell, 0.7);
  }

  /** Mark the pixels of a first-layer unit's strongest terms on the image. */
  function drawTermsOnInput(ctx, highlighted) {
    const block = layout.blocks[INPUT];
    const { from, terms } = strongestTerms(highlighted, store.explanation);
    const largest = Math.abs(terms[0] ?? 0) || 1;
    ctx.lineWidth = 1.5;
    from.forEach((pixel, line) => {
      const [x, y] = block.at(pixel);
      ctx.globalAlpha = 0.4 + 0.6 * Math.abs(terms[line] / largest);
      ctx.strokeStyle = colour(terms[line] < 0 ? "negative" : "positive");
      ctx.setLineDash(terms[line] < 0 ? [2, 2] : []);
      ctx.strokeRect(x + 0.5, y + 0.5, block.cell - 1, block.cell - 1);
    });
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  /** Cross out an ablated unit; underline a scaled one. */
  function drawScaledMark(ctx, block, unit) {
    const [x, y] = block.at(unit);
    const { cell } = block;
    ctx.strokeStyle = colour("bad");
    ctx.lineWidth = 2;
    ctx.beginPath();
    if (store.scale[`a${block.layer}`][unit] === 0) {
      ctx.moveTo(x + 1, y + 1);
      ctx.lineTo(x + cell - 1, y + cell - 1);
      ctx.moveTo(x + cell - 1, y + 1);
      ctx.lineTo(x + 1, y + cell - 1);
    } else {
      ctx.moveTo(x, y + cell - 1);
      ctx.lineTo(x + cell, y + cell - 1);
    }
    ctx.stroke();
  }

  function drawLabel(ctx, block, model) {
    const { layer } = block;
    const middle = block.x + block.width / 2;
    const narrow = layout.blocks.length > 8 && !layout.vertical;
    const top = block.y;
    ctx.textAlign = "center";
    ctx.fillStyle = colour("ink");
    ctx.font = `600 13px ${family}`;
    const name = layer === INPUT ? "x" : `a${layer}`;
    if (layout.vertical) { // connections cross the label
      ctx.font = `13px ${family}`;
      const activation = layer === INPUT ? t("think.network.input") : model.activations[layer - 1];
      const words = `${name} · ${activation} · ${number(block.count)}`;
      ctx.strokeStyle = colour("sheet");
      ctx.lineWidth = 5;
      ctx.strokeText(words, middle, top - 8);
      ctx.fillText(words, middle, top - 8);
      return;
    }
    ctx.fillText(name, middle, top - (narrow ? 8 : 22));
    if (narrow) return;
    ctx.fillStyle = colour("soft");
    ctx.font = `12px ${family}`;
    ctx.fillText(layer === INPUT ? t("think.network.input") : `${model.activations[layer - 1]}, ${number(block.count)}`, middle, top - 7);
  }

  function drawOutputNames(ctx, block, values, model) {
    const hasProbabilities = store.explanation.probabilities !== null;
    const best = model.classes.length ? values.indexOf(Math.max(...values)) : -1;
    ctx.textAlign = "start";
    for (let unit = 0; unit < block.count; unit += 1) {
      const [x, y] = block.at(unit);
      ctx.fillStyle = colour(unit === best ? "ink" : "soft");
      ctx.font = `${unit === best ? 700 : 400} 13px ${family}`;
      const strength = hasProbabilities ? ` ${Math.round(100 * store.explanation.probabilities[outputIndex(model, unit)])}%` : "";
      ctx.fillText(truncate(outputUnitName(model, unit), 16 - strength.length) + strength, x + block.cell + 6, y + block.cell / 2 + 4.5, layout.labelWidth - 8);
    }
  }

  function drawMark(ctx, { layer, unit }) {
    const block = layout.blocks[layer];
    const [x, y] = block.at(unit);
    ctx.strokeStyle = colour("ink");
    ctx.lineWidth = 2.5;
    ctx.strokeRect(x - 1, y - 1, block.cell + 2, block.cell + 2);
  }

  function describe({ layer, unit }, model, explanation) {
    const name = unitName(model, layer, unit);
    if (layer === INPUT) {
      const raw = model.embeddings.length ? undefined : store.row[unit];
      const values = raw === undefined ? "" : ` ${format(raw)} →`;
      const x = layerInput(explanation, 1)[unit];
      return `${name}:${values} ${layerInputName(explanation, 1)}[${unit}] = ${format(x)}`;
    }
    const b = store.info.biases[`b${layer}`][unit];
    const factor = store.scaleOf(layer, unit);
    const scaledText = factor === 1 || explanation[`h${layer}`] === undefined ? "" : `, h${layer} = ${format(explanation[`h${layer}`][unit])}`;
    return `${name} (${model.activations[layer - 1]}): z = ${format(explanation[`z${layer}`][unit])}, a = ${format(explanation[`a${layer}`][unit])}, b = ${format(b)}${scaledText}`;
  }

  return { root, draw };
}

/** Trace a Bézier curve; dashes are traced separately, which is twice as fast without a GPU as a line dash. */
function traceCurve(ctx, [x1, y1, x2, y2, x3, y3, x4, y4], dashed) {
  if (!dashed) {
    ctx.moveTo(x1, y1);
    ctx.bezierCurveTo(x2, y2, x3, y3, x4, y4);
    return;
  }
  const dashes = Math.max(3, Math.round(Math.hypot(x4 - x1, y4 - y1) / DASH));
  const along = (from, a, b, to, t) => (1 - t) ** 3 * from + 3 * t * (1 - t) * ((1 - t) * a + t * b) + t ** 3 * to;
  for (let dash = 0; dash < dashes; dash += 1) {
    const [begin, end] = [dash / dashes, (dash + 0.62) / dashes];
    ctx.moveTo(along(x1, x2, x3, x4, begin), along(y1, y2, y3, y4, begin));
    ctx.lineTo(along(x1, x2, x3, x4, end), along(y1, y2, y3, y4, end));
  }
}

function truncate(text, largest) {
  return text.length > largest ? `${text.slice(0, largest - 1)}…` : text;
}

// One unit: formula with numbers, weights, top rows, histogram, scale slider.

import { prepareCanvas } from "/shared/canvas.js";
import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inkImage, normalize, drawHintonImage } from "/think/hinton.js";
import { parenthesized, layerInput, layerInputName, inputName, dataInstructions, unitName } from "/think/names.js";
import { thumbnail } from "/think/rows.js";

const MAX_TERMS = 6;
const MAX_WEIGHTS = 12;
const MAX_FACTOR = 2;

/** The section. */
export function makeUnit(store) {
  const { model } = store.context;
  const layers = model.activations.length;
  const layerField = element("select", { id: "think-layer", onchange: () => store.selectUnit(Number(layerField.value), Math.min(Number(unitField.value), model.layer_sizes[Number(layerField.value)] - 1)) },
    Array.from({ length: layers }, (_, position) => element("option", { value: position + 1, text: number(position + 1) })));
  const unitField = element("input", { id: "think-unit", type: "number", min: 0, step: 1, value: 0, onchange: chooseUnit });
  const title = element("h3", { class: "think-unit-title" });
  const formula = element("div", { class: "think-formula" });
  const slider = element("input", { id: "think-factor", type: "range", min: 0, max: MAX_FACTOR, step: 0.05, oninput: (event) => setFactor(Number(slider.value), event.timeStamp) });
  const factor = element("output", { for: "think-factor" });
  const ablateButton = element("button", { type: "button", class: "think-silence", onclick: (event) => setFactor(store.scaleOf(store.unit.layer, store.unit.unit) === 0 ? 1 : 0, event.timeStamp) });
  const scaleControls = element("div", { class: "row think-scale" }, element("label", { class: "row" }, element("span", { text: t("think.unit.scale") }), slider), factor, ablateButton);
  const outputNote = element("p", { class: "hint", text: t("think.unit.output") });
  const weights = element("figure", { class: "think-weights" });
  const gradient = element("figure", { class: "think-slope" });
  const topRows = element("div", { class: "think-top-rows" });
  const histogram = element("figure", { class: "think-histogram" });
  const close = element("button", { type: "button", text: t("close"), onclick: () => store.selectUnit(null) });
  const empty = element("p", { class: "hint", text: t("think.unit.choose") });
  const body = element("div", { class: "think-unit-body" }, title, formula, scaleControls, outputNote,
    element("div", { class: "think-unit-parts" }, weights, gradient, histogram, topRows));
  const root = element("section", { class: "card think-unit-card", "aria-label": t("think.unit") },
    element("h2", { text: t("think.unit") }),
    element("div", { class: "row think-unit-head" },
      element("label", { class: "row" }, element("span", { text: t("think.unit.layer") }), layerField),
      element("label", { class: "row" }, element("span", { text: t("think.unit.unit") }), unitField), close),
    empty, body);
  let drawnUnitInfo = null;
  let drawnUnit = "";
  let drawnExplanation = null;

  function chooseUnit() {
    const layer = Number(layerField.value);
    const unit = Number(unitField.value);
    const valid = unitField.value !== "" && Number.isInteger(unit) && unit >= 0 && unit < model.layer_sizes[layer];
    unitField.setAttribute("aria-invalid", String(!valid));
    if (valid) store.selectUnit(layer, unit);
  }

  function setFactor(value, eventTime) {
    store.scaleUnit(store.unit.layer, store.unit.unit, value, eventTime);
  }

  function draw() {
    const { unit, explanation, unitInfo } = store;
    empty.hidden = unit !== null;
    body.hidden = unit === null || explanation === null;
    close.hidden = unit === null;
    if (body.hidden) return;
    const { layer } = unit;
    layerField.value = layer;
    unitField.max = model.layer_sizes[layer] - 1;
    if (document.activeElement !== unitField) unitField.value = unit.unit;
    title.textContent = `${unitName(model, layer, unit.unit)} (${model.activations[layer - 1]})`;
    scaleControls.hidden = layer === layers;
    outputNote.hidden = layer !== layers;
    const currentFactor = store.scaleOf(layer, unit.unit);
    if (Number(slider.value) !== currentFactor) slider.value = currentFactor;
    factor.textContent = `× ${number(currentFactor, { maximumFractionDigits: 2 })}`;
    ablateButton.textContent = t(currentFactor === 0 ? "think.unit.restore" : "think.unit.ablate");
    if (unitInfo === null) {
      if (drawnUnit !== `${layer} ${unit.unit}`) for (const part of [formula, weights, gradient, topRows, histogram]) part.replaceChildren();
      return;
    }
    drawnUnit = `${layer} ${unit.unit}`;
    if (formula.childElementCount && drawnExplanation === explanation && drawnUnitInfo === unitInfo) return; // only the pointer moved
    drawnExplanation = explanation;
    drawFormula(layer, unit.unit, explanation, unitInfo);
    drawGradient(layer, explanation);
    if (drawnUnitInfo !== unitInfo) {
      drawnUnitInfo = unitInfo;
      drawWeights(layer, unitInfo);
      drawTopRows(layer, unitInfo);
    }
    drawHistogram(layer, unit.unit, explanation, unitInfo);
  }

  /** z = Σ a·W + b with the numbers of the row: the largest terms, and the sum of the others. */
  function drawFormula(layer, unit, explanation, { weights: W, b }) {
    const a = layerInput(explanation, layer);
    const name = layerInputName(explanation, layer);
    const terms = W.map((weight, i) => weight * a[i]);
    const order = terms.map((_, i) => i).sort((i, j) => Math.abs(terms[j]) - Math.abs(terms[i]));
    const strongest = order.slice(0, MAX_TERMS);
    const rest = order.slice(MAX_TERMS).reduce((sum, i) => sum + terms[i], 0);
    const z = explanation[`z${layer}`][unit];
    const activation = model.activations[layer - 1];
    const parts = strongest.map((i) => term(`${format(a[i])}·${parenthesized(W[i])}`, layer === 1 && !model.image_shape ? inputName(model, i) : `i=${i}`, terms[i], `i=${i}`));
    if (order.length > strongest.length) parts.push(term(parenthesized(rest), t("think.unit.others", { count: number(order.length - strongest.length) }), rest));
    parts.push(term(parenthesized(b), `b${layer}`, b));
    const formulaOfActivation = activation === "softmax" ? `exp(z${layer}[${unit}]) / Σ exp(z${layer}[k])` : `${activation}(z${layer}[${unit}])`;
    const scaledLine = store.scaleOf(layer, unit) === 1 || explanation[`h${layer}`] === undefined ? [] : [element("p", {}, code(`h${layer}[${unit}] = ${number(store.scaleOf(layer, unit))} · a${layer}[${unit}] = `), value(explanation[`h${layer}`][unit], "h"))];
    formula.replaceChildren(
      element("p", {}, code(`z${layer}[${unit}] = Σ ${name}[i]·W${layer}[i,${unit}] + b${layer}[${unit}]`)),
      element("p", { class: "think-terms" }, code("= "), parts.flatMap((each, position) => [position > 0 && code(" + "), each]), code(" = "), value(z, "z")),
      element("p", {}, code(`a${layer}[${unit}] = ${formulaOfActivation} = `), value(explanation[`a${layer}`][unit], "a")),
      ...scaledLine,
    );
  }

  function term(text, below, exact, name = "") {
    return element("span", { class: `think-term ${exact < 0 ? "below" : ""}`, data: { term: String(exact) }, title: `${name ? `${name}: ` : ""}${exact}` },
      element("span", { text }), element("small", { text: below }));
  }

  function code(text) {
    return element("code", { text });
  }

  function value(exact, kind) {
    return element("strong", { class: "number", text: format(exact, 5), title: String(exact), data: { exact: kind } });
  }

  /** Incoming weights: as an image for image inputs, else the largest. */
  function drawWeights(layer, { weights: W }) {
    const caption = element("figcaption", { text: t(layer === 1 && model.image_shape ? "think.unit.weights.image" : "think.unit.weights", { name: `W${layer}` }) });
    if (layer === 1 && model.image_shape) {
      weights.replaceChildren(caption, figureCanvas(W, t("think.unit.weights.description", { name: `W${layer}` }), (ctx, cell, side) => drawHintonImage(ctx, normalize(W), cell, side)));
      return;
    }
    const strongest = W.map((_, i) => i).sort((i, j) => Math.abs(W[j]) - Math.abs(W[i])).slice(0, MAX_WEIGHTS);
    const largest = Math.abs(W[strongest[0]]) || 1;
    const nameOf = (i) => (layer === 1 ? inputName(model, i) : `a${layer - 1}[${i}]`);
    weights.replaceChildren(caption, element("div", { class: "think-bars" }, strongest.map((i) => element("div", { class: "think-bar think-signed" },
      layer > 1 ? element("button", { type: "button", class: "think-bar-name think-link", text: nameOf(i), onclick: () => store.selectUnit(layer - 1, i) })
        : element("span", { class: "think-bar-name", text: nameOf(i) }),
      element("span", { class: "think-track" }, element("span", {
        class: `think-fill ${W[i] < 0 ? "below" : ""}`,
        style: { width: `${(50 * Math.abs(W[i])) / largest}%`, "margin-inline-start": `${W[i] < 0 ? 50 - (50 * -W[i]) / largest : 50}%` },
      })),
      element("span", { class: "think-value", text: format(W[i], 3), title: String(W[i]) })))),
    W.length > strongest.length && element("p", { class: "hint", text: t("think.unit.weights.more", { count: number(W.length - strongest.length) }) }) || "");
  }

  /** For deeper layers: gradient w.r.t. the pixels, as their weights don't refer to pixels. */
  function drawGradient(layer, explanation) {
    const isShown = layer > 1 && model.image_shape !== null;
    gradient.hidden = !isShown;
    if (!isShown || !explanation.unit_gradient) return;
    const values = explanation.unit_gradient;
    const name = `z${layer}[${store.unit.unit}]`;
    gradient.replaceChildren(element("figcaption", { text: t("think.unit.gradient", { name }) }), figureCanvas(values, t("think.unit.gradient", { name }), (ctx, cell, side) => {
      ctx.imageSmoothingEnabled = false;
      ctx.globalAlpha = 0.35;
      ctx.drawImage(inkImage(ink(store.row, store.info.drawing), side), 0, 0, cell * side, cell * side);
      ctx.globalAlpha = 1;
      drawHintonImage(ctx, normalize(values), cell, side);
    }));
  }

  function figureCanvas(values, description, paint) {
    const [side] = model.image_shape;
    const cell = Math.max(2, Math.floor(200 / side));
    const canvas = element("canvas", { role: "img", "aria-label": description });
    const ctx = prepareCanvas(canvas, cell * side, cell * side);
    paint(ctx, cell, side);
    ctx.strokeStyle = colour("edge");
    ctx.lineWidth = 1;
    ctx.strokeRect(0.5, 0.5, cell * side - 1, cell * side - 1);
    return canvas;
  }

  function drawTopRows(layer, { statistics: data }) {
    if (data === null) {
      topRows.replaceChildren(element("h4", { text: t("think.unit.top_rows") }), ...dataInstructions(model));
      return;
    }
    topRows.replaceChildren(
      element("h4", { text: t("think.unit.top_rows") }),
      element("ul", { class: "think-thumbs" }, data.top_rows.map((row) => element("li", {}, thumbnail(store, row, `a = ${format(row.a, 3)}`)))));
  }

  function drawHistogram(layer, unit, explanation, { statistics: data }) {
    histogram.hidden = data === null;
    if (data === null) return;
    const [width, height, left, axisHeight] = [260, 110, 4, 18];
    const { low, high: top, counts } = data;
    const largest = Math.max(...counts, 1);
    const a = explanation[`a${layer}`][unit];
    const position = (x) => left + (top > low ? Math.max(0, Math.min(1, (x - low) / (top - low))) : 0.5) * (width - 2 * left);
    const binWidth = (width - 2 * left) / counts.length;
    const below = data.percentiles.filter((value) => value < a).length;
    const description = `${t("think.unit.histogram.description", { a: format(a), share: percent(Math.min(100, below) / 100, 0), mean: format(data.mean) })} ${data.zeros ? t("think.unit.histogram.zeros", { share: percent(data.zeros / data.rows, 0) }) : ""}`;
    // square-root scale, so that small bins are visible
    histogram.replaceChildren(
      element("figcaption", { text: t(data.rows < data.total_rows ? "think.unit.histogram.sample" : "think.unit.histogram", { name: `a${layer}[${unit}]`, rows: number(data.rows), of: number(data.total_rows) }) }),
      svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description },
        counts.map((count, bin) => svg("rect", { class: "think-bin", x: left + bin * binWidth + 0.5, width: Math.max(0.5, binWidth - 1), y: (height - axisHeight) * (1 - Math.sqrt(count / largest)), height: (height - axisHeight) * Math.sqrt(count / largest) })),
        svg("line", { class: "think-current", x1: position(a), x2: position(a), y1: 0, y2: height - axisHeight + 4 }),
        svg("path", { class: "think-current-mark", d: `M ${position(a) - 5} 0 h 10 l -5 7 z` }),
        svg("text", { class: "think-tick", x: left, y: height - 3, text: format(low, 3) }),
        svg("text", { class: "think-tick", x: width - left, y: height - 3, "text-anchor": "end", text: format(top, 3) })),
      element("p", { class: "hint", text: description }));
  }

  return { root, draw };
}

// One unit: the formula with the numbers put in, its weights, the rows that excite it most, its histogram, its slider.

import { sharp } from "/shared/canvas.js";
import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inked, scaled, squaresOfPicture } from "/think/hinton.js";
import { bracketed, given, givenName, inputName, needsData, unitName } from "/think/names.js";
import { thumbnail } from "/think/rows.js";

const MOST_TERMS = 6;
const MOST_WEIGHTS = 12;
const LOUDEST = 2;

/** The section. */
export function makeUnit(desk) {
  const { model } = desk.context;
  const layers = model.activations.length;
  const layerField = element("select", { id: "think-layer", onchange: () => desk.lookAt(Number(layerField.value), Math.min(Number(unitField.value), model.layer_sizes[Number(layerField.value)] - 1)) },
    Array.from({ length: layers }, (_, place) => element("option", { value: place + 1, text: number(place + 1) })));
  const unitField = element("input", { id: "think-unit", type: "number", min: 0, step: 1, value: 0, onchange: chooseUnit });
  const title = element("h3", { class: "think-unit-title" });
  const formula = element("div", { class: "think-formula" });
  const slider = element("input", { id: "think-factor", type: "range", min: 0, max: LOUDEST, step: 0.05, oninput: (event) => setFactor(Number(slider.value), event.timeStamp) });
  const factor = element("output", { for: "think-factor" });
  const silence = element("button", { type: "button", class: "think-silence", onclick: (event) => setFactor(desk.scaleOf(desk.unit.layer, desk.unit.unit) === 0 ? 1 : 0, event.timeStamp) });
  const louder = element("div", { class: "row think-louder" }, element("label", { class: "row" }, element("span", { text: t("think.unit.factor") }), slider), factor, silence);
  const last = element("p", { class: "hint", text: t("think.unit.last") });
  const weights = element("figure", { class: "think-weights" });
  const slope = element("figure", { class: "think-slope" });
  const exciting = element("div", { class: "think-exciting" });
  const histogram = element("figure", { class: "think-histogram" });
  const close = element("button", { type: "button", text: t("close"), onclick: () => desk.lookAt(null) });
  const empty = element("p", { class: "hint", text: t("think.unit.choose") });
  const body = element("div", { class: "think-unit-body" }, title, formula, louder, last,
    element("div", { class: "think-unit-parts" }, weights, slope, histogram, exciting));
  const root = element("section", { class: "card think-unit-card", "aria-label": t("think.unit") },
    element("h2", { text: t("think.unit") }),
    element("div", { class: "row think-unit-head" },
      element("label", { class: "row" }, element("span", { text: t("think.unit.layer") }), layerField),
      element("label", { class: "row" }, element("span", { text: t("think.unit.unit") }), unitField), close),
    empty, body);
  let madeFor = null;
  let drawnFor = "";
  let toldBefore = null;

  function chooseUnit() {
    const layer = Number(layerField.value);
    const unit = Number(unitField.value);
    const right = unitField.value !== "" && Number.isInteger(unit) && unit >= 0 && unit < model.layer_sizes[layer];
    unitField.setAttribute("aria-invalid", String(!right));
    if (right) desk.lookAt(layer, unit);
  }

  function setFactor(value, at) {
    desk.silence(desk.unit.layer, desk.unit.unit, value, at);
  }

  function draw() {
    const { unit, told, unitTold } = desk;
    empty.hidden = unit !== null;
    body.hidden = unit === null || told === null;
    close.hidden = unit === null;
    if (body.hidden) return;
    const { layer } = unit;
    layerField.value = layer;
    unitField.max = model.layer_sizes[layer] - 1;
    if (document.activeElement !== unitField) unitField.value = unit.unit;
    title.textContent = `${unitName(model, layer, unit.unit)} (${model.activations[layer - 1]})`;
    louder.hidden = layer === layers;
    last.hidden = layer !== layers;
    const now = desk.scaleOf(layer, unit.unit);
    if (Number(slider.value) !== now) slider.value = now;
    factor.textContent = `× ${number(now, { maximumFractionDigits: 2 })}`;
    silence.textContent = t(now === 0 ? "think.unit.hear" : "think.unit.silence");
    if (unitTold === null) {
      if (drawnFor !== `${layer} ${unit.unit}`) for (const part of [formula, weights, slope, exciting, histogram]) part.replaceChildren();
      return;
    }
    drawnFor = `${layer} ${unit.unit}`;
    if (formula.childElementCount && toldBefore === told && madeFor === unitTold) return; // the pointer moved, no more
    toldBefore = told;
    drawFormula(layer, unit.unit, told, unitTold);
    drawSlope(layer, told);
    if (madeFor !== unitTold) {
      madeFor = unitTold;
      drawWeights(layer, unitTold);
      drawExciting(layer, unitTold);
    }
    drawHistogram(layer, unit.unit, told, unitTold);
  }

  /** z = Σ a·W + b with the numbers of the row: the largest terms one by one, what is left of them in one. */
  function drawFormula(layer, unit, told, { weights: W, b }) {
    const a = given(told, layer);
    const name = givenName(told, layer);
    const terms = W.map((weight, i) => weight * a[i]);
    const order = terms.map((_, i) => i).sort((i, j) => Math.abs(terms[j]) - Math.abs(terms[i]));
    const best = order.slice(0, MOST_TERMS);
    const rest = order.slice(MOST_TERMS).reduce((sum, i) => sum + terms[i], 0);
    const z = told[`z${layer}`][unit];
    const activation = model.activations[layer - 1];
    const written = best.map((i) => term(`${shown(a[i])}·${bracketed(W[i])}`, layer === 1 && !model.picture ? inputName(model, i) : `i=${i}`, terms[i], `i=${i}`));
    if (order.length > best.length) written.push(term(bracketed(rest), t("think.unit.others", { count: number(order.length - best.length) }), rest));
    written.push(term(bracketed(b), `b${layer}`, b));
    const how = activation === "softmax" ? `exp(z${layer}[${unit}]) / Σ exp(z${layer}[k])` : `${activation}(z${layer}[${unit}])`;
    const heard = desk.scaleOf(layer, unit) === 1 || told[`h${layer}`] === undefined ? [] : [element("p", {}, code(`h${layer}[${unit}] = ${number(desk.scaleOf(layer, unit))} · a${layer}[${unit}] = `), value(told[`h${layer}`][unit], "h"))];
    formula.replaceChildren(
      element("p", {}, code(`z${layer}[${unit}] = Σ ${name}[i]·W${layer}[i,${unit}] + b${layer}[${unit}]`)),
      element("p", { class: "think-terms" }, code("= "), written.flatMap((each, place) => [place > 0 && code(" + "), each]), code(" = "), value(z, "z")),
      element("p", {}, code(`a${layer}[${unit}] = ${how} = `), value(told[`a${layer}`][unit], "a")),
      ...heard,
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
    return element("strong", { class: "number", text: shown(exact, 5), title: String(exact), data: { exact: kind } });
  }

  /** The incoming weights: as a picture where the input is one, else the strongest. */
  function drawWeights(layer, { weights: W }) {
    const caption = element("figcaption", { text: t(layer === 1 && model.picture ? "think.unit.weights.picture" : "think.unit.weights", { name: `W${layer}` }) });
    if (layer === 1 && model.picture) {
      weights.replaceChildren(caption, painted(W, t("think.unit.weights.said", { name: `W${layer}` }), (pen, cell, side) => squaresOfPicture(pen, scaled(W), cell, side)));
      return;
    }
    const best = W.map((_, i) => i).sort((i, j) => Math.abs(W[j]) - Math.abs(W[i])).slice(0, MOST_WEIGHTS);
    const most = Math.abs(W[best[0]]) || 1;
    const nameOf = (i) => (layer === 1 ? inputName(model, i) : `a${layer - 1}[${i}]`);
    weights.replaceChildren(caption, element("div", { class: "think-bars" }, best.map((i) => element("div", { class: "think-bar think-signed" },
      layer > 1 ? element("button", { type: "button", class: "think-bar-name think-link", text: nameOf(i), onclick: () => desk.lookAt(layer - 1, i) })
        : element("span", { class: "think-bar-name", text: nameOf(i) }),
      element("span", { class: "think-track" }, element("span", {
        class: `think-fill ${W[i] < 0 ? "below" : ""}`,
        style: { width: `${(50 * Math.abs(W[i])) / most}%`, "margin-inline-start": `${W[i] < 0 ? 50 - (50 * -W[i]) / most : 50}%` },
      })),
      element("span", { class: "think-value", text: shown(W[i], 3), title: String(W[i]) })))),
    W.length > best.length && element("p", { class: "hint", text: t("think.unit.weights.more", { count: number(W.length - best.length) }) }) || "");
  }

  /** For a unit further in: which pixels of this picture it hangs on. Weights say nothing about pixels there; slopes do. */
  function drawSlope(layer, told) {
    const wanted = layer > 1 && model.picture !== null;
    slope.hidden = !wanted;
    if (!wanted || !told.unit_slope) return;
    const values = told.unit_slope;
    const name = `z${layer}[${desk.unit.unit}]`;
    slope.replaceChildren(element("figcaption", { text: t("think.unit.slope", { name }) }), painted(values, t("think.unit.slope", { name }), (pen, cell, side) => {
      pen.imageSmoothingEnabled = false;
      pen.globalAlpha = 0.35;
      pen.drawImage(inked(ink(desk.row, desk.about.pen), side), 0, 0, cell * side, cell * side);
      pen.globalAlpha = 1;
      squaresOfPicture(pen, scaled(values), cell, side);
    }));
  }

  function painted(values, said, paint) {
    const [side] = model.picture;
    const cell = Math.max(2, Math.floor(200 / side));
    const canvas = element("canvas", { role: "img", "aria-label": said });
    const pen = sharp(canvas, cell * side, cell * side);
    paint(pen, cell, side);
    pen.strokeStyle = colour("edge");
    pen.lineWidth = 1;
    pen.strokeRect(0.5, 0.5, cell * side - 1, cell * side - 1);
    return canvas;
  }

  function drawExciting(layer, { data }) {
    if (data === null) {
      exciting.replaceChildren(element("h4", { text: t("think.unit.exciting") }), ...needsData(model));
      return;
    }
    exciting.replaceChildren(
      element("h4", { text: t("think.unit.exciting") }),
      element("ul", { class: "think-thumbs" }, data.exciting.map((row) => element("li", {}, thumbnail(desk, row, `a = ${shown(row.a, 3)}`)))));
  }

  function drawHistogram(layer, unit, told, { data }) {
    histogram.hidden = data === null;
    if (data === null) return;
    const [wide, high, left, foot] = [260, 110, 4, 18];
    const { low, high: top, counts } = data;
    const most = Math.max(...counts, 1);
    const a = told[`a${layer}`][unit];
    const place = (at) => left + (top > low ? Math.max(0, Math.min(1, (at - low) / (top - low))) : 0.5) * (wide - 2 * left);
    const width = (wide - 2 * left) / counts.length;
    const below = data.percentiles.filter((value) => value < a).length;
    const said = `${t("think.unit.histogram.said", { a: shown(a), share: percent(Math.min(100, below) / 100, 0), mean: shown(data.mean) })} ${data.zeros ? t("think.unit.histogram.silent", { share: percent(data.zeros / data.rows, 0) }) : ""}`;
    // roots, so that a few loud rows beside many silent ones are seen
    histogram.replaceChildren(
      element("figcaption", { text: t(data.rows < data.of ? "think.unit.histogram.some" : "think.unit.histogram", { name: `a${layer}[${unit}]`, rows: number(data.rows), of: number(data.of) }) }),
      svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": said },
        counts.map((count, bin) => svg("rect", { class: "think-bin", x: left + bin * width + 0.5, width: Math.max(0.5, width - 1), y: (high - foot) * (1 - Math.sqrt(count / most)), height: (high - foot) * Math.sqrt(count / most) })),
        svg("line", { class: "think-here", x1: place(a), x2: place(a), y1: 0, y2: high - foot + 4 }),
        svg("path", { class: "think-here-mark", d: `M ${place(a) - 5} 0 h 10 l -5 7 z` }),
        svg("text", { class: "think-tick", x: left, y: high - 3, text: shown(low, 3) }),
        svg("text", { class: "think-tick", x: wide - left, y: high - 3, "text-anchor": "end", text: shown(top, 3) })),
      element("p", { class: "hint", text: said }));
  }

  return { root, draw };
}

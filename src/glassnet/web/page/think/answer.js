// The prediction with its probabilities; if units are scaled, also the original prediction.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { outputName, rowName, unitName } from "/think/names.js";

const MAX_BARS = 12;

/** The section. */
export function makeAnswer(store) {
  const prediction = element("p", { class: "think-prediction", role: "status" });
  const details = element("p", { class: "hint" });
  const bars = element("div", { class: "think-bars" });
  const changed = element("div", { class: "think-scaled" });
  const root = element("section", { class: "card think-answer", "aria-label": t("think.answer") },
    element("h2", { text: t("think.answer") }), prediction, details, bars, changed);
  const parts = new WeakMap(); // elements of each bar
  const more = element("p", { class: "hint" });
  const legendText = element("span");
  const legend = element("p", { class: "think-legend hint" }, element("span", { class: "think-key now" }), t("think.answer.scaled"), " ", element("span", { class: "think-key before" }), legendText);
  let shownScale = "";
  let lastInputs = [];

  function draw() {
    const { explanation, from, error, context: { model } } = store;
    const now = [explanation, from, error, store.scale];
    if (now.every((each, place) => each === lastInputs[place])) return;
    lastInputs = now;
    if (error !== null) {
      prediction.textContent = "–";
      details.textContent = error;
      return;
    }
    if (explanation === null) return;
    const answer = model.classes.length ? String(explanation.prediction) : [explanation.prediction].flat().map((value) => format(value, 5)).join(", ");
    if (prediction.textContent !== answer) prediction.textContent = answer;
    prediction.classList.toggle("long", answer.length > 9);
    details.replaceChildren(...describe(model, explanation, from));
    drawBars(model, explanation);
    drawChanged(model);
  }

  function describe(model, explanation, from) {
    const parts = [rowName(from)];
    if (from.target !== null && from.target !== undefined) {
      const correct = model.classes.length ? String(from.target) === String(explanation.prediction) : null;
      const actual = model.classes.length ? String(from.target) : format(from.target, 5);
      parts.push(correct === null ? t("think.answer.truth", { actual }) : t(correct ? "think.answer.correct" : "think.answer.wrong", { actual }));
      return [`${parts[0]}: `, element("strong", { class: correct === null ? "think-truth" : correct ? "think-correct" : "think-incorrect", text: parts[1] })];
    }
    return parts;
  }

  function drawBars(model, explanation) {
    const outputs = (result, raw) => (model.classes.length ? result.probabilities ?? raw : [result.prediction].flat());
    const values = outputs(explanation, explanation[`a${model.activations.length}`]);
    const before = explanation.original === undefined ? null : outputs(explanation.original, explanation.original.outputs);
    if (store.info.target_range !== null && values.length === 1) {
      drawRange(values[0], before?.[0] ?? null, store.from.target);
      return;
    }
    bars.hidden = !model.classes.length && before === null && values.length === 1;
    if (bars.hidden) return;
    const scale = explanation.probabilities !== null ? 1 : [...values, ...(before ?? [])].reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    let order = values.map((_, unit) => unit);
    if (values.length > MAX_BARS) order = order.sort((i, j) => values[j] - values[i]).slice(0, MAX_BARS - 2);
    const formatValue = (value) => (model.classes.length && explanation.probabilities !== null ? percent(value) : format(value));
    const best = values.indexOf(Math.max(...values));
    const shape = `${order.length} ${before !== null}`;
    if (bars.dataset.shape !== shape) {
      bars.dataset.shape = shape;
      bars.replaceChildren(...order.map(() => barOf(before !== null)), more, legend);
    }
    order.forEach((unit, line) => {
      const { row, name, now, nowValue, then, thenValue } = parts.get(bars.children[line]);
      row.classList.toggle("best", unit === best && model.classes.length > 0);
      row.dataset.output = unit;
      name.textContent = outputName(model, unit);
      name.title = name.textContent;
      fill(now, values[unit], scale);
      setValue(nowValue, formatValue(values[unit]), values[unit]);
      if (before === null) return;
      fill(then, before[unit], scale);
      setValue(thenValue, formatValue(before[unit]), before[unit]);
    });
    more.hidden = values.length === order.length;
    more.textContent = t("think.answer.more", { count: number(values.length - order.length) });
    legend.hidden = before === null;
    if (before !== null) legendText.textContent = t("think.answer.original", { answer: model.classes.length ? String(explanation.original.prediction) : [explanation.original.prediction].flat().map((value) => format(value, 5)).join(", ") });
  }

  function barOf(both) {
    const [now, then] = [element("span", { class: "think-fill now" }), both && element("span", { class: "think-fill before" })];
    const [name, nowValue, thenValue] = [element("span", { class: "think-bar-name" }), element("span"), both && element("span", { class: "soft" })];
    const row = element("div", { class: "think-bar" }, name, element("span", { class: "think-track" }, now, then), element("span", { class: "think-value" }, nowValue, thenValue));
    parts.set(row, { row, name, now, nowValue, then, thenValue });
    return row;
  }

  function fill(bar, value, scale) {
    bar.classList.toggle("below", value < 0);
    bar.style.setProperty("width", `${100 * Math.min(1, Math.abs(value) / scale)}%`);
  }

  function setValue(place, text, exact) {
    if (place.textContent !== text) place.textContent = text;
    place.title = String(exact);
  }

  /** Draw a value, its original and its target on the range of the target in the data. */
  function drawRange(value, before, actual) {
    const { low, high } = store.info.target_range;
    const place = (at) => 6 + 288 * (high > low ? Math.max(0, Math.min(1, (at - low) / (high - low))) : 0.5);
    const words = [t("think.answer.range", { low: format(low), high: format(high) })];
    delete bars.dataset.shape;
    bars.replaceChildren(element("div", { class: "think-range" },
      svg("svg", { viewBox: "0 0 300 34", preserveAspectRatio: "none", role: "img", "aria-label": words[0] },
        svg("line", { class: "think-range-line", x1: 4, x2: 296, y1: 17, y2: 17 }),
        actual !== null && actual !== undefined && svg("line", { class: "think-range-truth", x1: place(actual), x2: place(actual), y1: 2, y2: 32 }),
        before !== null && svg("circle", { class: "think-range-before", cx: place(before), cy: 17, r: 7 }),
        svg("circle", { class: "think-range-now", cx: place(value), cy: 17, r: 8 })),
      element("span", { class: "think-range-ends" }, element("span", { text: format(low) }), element("span", { text: format(high) }))),
    ...(before === null ? [] : [element("p", { class: "hint", text: `${t("think.answer.scaled")}: ${format(value, 5)}; ${t("think.answer.original", { answer: format(before, 5) })}` })]));
  }

  /** List the scaled units, each with a reset button. */
  function drawChanged(model) {
    const key = JSON.stringify(store.scale);
    if (key === shownScale) return;
    shownScale = key;
    const units = Object.entries(store.scale).flatMap(([name, factors]) => Object.entries(factors).map(([unit, factor]) => [Number(name.slice(1)), Number(unit), factor]));
    changed.replaceChildren();
    if (units.length === 0) return;
    changed.append(
      element("h3", { text: t("think.changed") }),
      element("ul", { class: "think-chips" }, units.map(([layer, unit, factor]) => element("li", {}, element("button", {
        type: "button", class: "think-chip", text: `a${layer}[${unit}] × ${format(factor)} ✕`,
        "aria-label": t("think.changed.undo", { unit: unitName(model, layer, unit), factor: format(factor) }),
        onclick: () => store.scaleUnit(layer, unit, 1),
      })))),
      element("button", { type: "button", class: "think-reset", text: t("think.changed.reset"), onclick: () => store.scaleUnit(null) }),
    );
  }

  return { root, draw };
}

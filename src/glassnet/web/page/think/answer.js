// What the network says of the row: the answer, how sure it is; and, where units are silenced, what it says without that.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { outputName, rowName, unitName } from "/think/names.js";

const MOST_SHOWN = 12;

/** The section. */
export function makeAnswer(desk) {
  const said = element("p", { class: "think-said", role: "status" });
  const sure = element("p", { class: "hint" });
  const bars = element("div", { class: "think-bars" });
  const changed = element("div", { class: "think-changed" });
  const root = element("section", { class: "card think-answer", "aria-label": t("think.answer") },
    element("h2", { text: t("think.answer") }), said, sure, bars, changed);
  const parts = new WeakMap(); // of each bar
  const more = element("p", { class: "hint" });
  const legendText = element("span");
  const legend = element("p", { class: "think-legend hint" }, element("span", { class: "think-key now" }), t("think.answer.now"), " ", element("span", { class: "think-key before" }), legendText);
  let changedFor = "";
  let drawnFor = [];

  function draw() {
    const { told, from, fault, context: { model } } = desk;
    const now = [told, from, fault, desk.scale];
    if (now.every((each, place) => each === drawnFor[place])) return;
    drawnFor = now;
    if (fault !== null) {
      said.textContent = "–";
      sure.textContent = fault;
      return;
    }
    if (told === null) return;
    const answer = model.classes.length ? String(told.prediction) : [told.prediction].flat().map((value) => shown(value, 5)).join(", ");
    if (said.textContent !== answer) said.textContent = answer;
    said.classList.toggle("long", answer.length > 9);
    sure.replaceChildren(...about(model, told, from));
    drawBars(model, told);
    drawChanged(model);
  }

  function about(model, told, from) {
    const parts = [rowName(from)];
    if (from.target !== null && from.target !== undefined) {
      const right = model.classes.length ? String(from.target) === String(told.prediction) : null;
      const truth = model.classes.length ? String(from.target) : shown(from.target, 5);
      parts.push(right === null ? t("think.answer.truth", { truth }) : t(right ? "think.answer.right" : "think.answer.wrong", { truth }));
      return [`${parts[0]}: `, element("strong", { class: right === null ? "think-truth" : right ? "think-right" : "think-wrong", text: parts[1] })];
    }
    return parts;
  }

  function drawBars(model, told) {
    const outputs = (said, those) => (model.classes.length ? said.probabilities ?? those : [said.prediction].flat());
    const values = outputs(told, told[`a${model.activations.length}`]);
    const before = told.without === undefined ? null : outputs(told.without, told.without.outputs);
    if (desk.about.target !== null && values.length === 1) {
      drawRange(values[0], before?.[0] ?? null, desk.from.target);
      return;
    }
    bars.hidden = !model.classes.length && before === null && values.length === 1;
    if (bars.hidden) return;
    const reach = told.probabilities !== null ? 1 : [...values, ...(before ?? [])].reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    let order = values.map((_, unit) => unit);
    if (values.length > MOST_SHOWN) order = order.sort((i, j) => values[j] - values[i]).slice(0, MOST_SHOWN - 2);
    const write = (value) => (model.classes.length && told.probabilities !== null ? percent(value) : shown(value));
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
      fill(now, values[unit], reach);
      tell(nowValue, write(values[unit]), values[unit]);
      if (before === null) return;
      fill(then, before[unit], reach);
      tell(thenValue, write(before[unit]), before[unit]);
    });
    more.hidden = values.length === order.length;
    more.textContent = t("think.answer.more", { count: number(values.length - order.length) });
    legend.hidden = before === null;
    if (before !== null) legendText.textContent = t("think.answer.before", { answer: model.classes.length ? String(told.without.prediction) : [told.without.prediction].flat().map((value) => shown(value, 5)).join(", ") });
  }

  function barOf(both) {
    const [now, then] = [element("span", { class: "think-fill now" }), both && element("span", { class: "think-fill before" })];
    const [name, nowValue, thenValue] = [element("span", { class: "think-bar-name" }), element("span"), both && element("span", { class: "soft" })];
    const row = element("div", { class: "think-bar" }, name, element("span", { class: "think-track" }, now, then), element("span", { class: "think-value" }, nowValue, thenValue));
    parts.set(row, { row, name, now, nowValue, then, thenValue });
    return row;
  }

  function fill(bar, value, reach) {
    bar.classList.toggle("below", value < 0);
    bar.style.setProperty("width", `${100 * Math.min(1, Math.abs(value) / reach)}%`);
  }

  function tell(place, text, exact) {
    if (place.textContent !== text) place.textContent = text;
    place.title = String(exact);
  }

  /** A value, and what it is without the changes and in the data, between the least and the largest of the data. */
  function drawRange(value, before, truth) {
    const { low, high } = desk.about.target;
    const place = (at) => 6 + 288 * (high > low ? Math.max(0, Math.min(1, (at - low) / (high - low))) : 0.5);
    const words = [t("think.answer.range", { low: shown(low), high: shown(high) })];
    delete bars.dataset.shape;
    bars.replaceChildren(element("div", { class: "think-range" },
      svg("svg", { viewBox: "0 0 300 34", preserveAspectRatio: "none", role: "img", "aria-label": words[0] },
        svg("line", { class: "think-range-line", x1: 4, x2: 296, y1: 17, y2: 17 }),
        truth !== null && truth !== undefined && svg("line", { class: "think-range-truth", x1: place(truth), x2: place(truth), y1: 2, y2: 32 }),
        before !== null && svg("circle", { class: "think-range-before", cx: place(before), cy: 17, r: 7 }),
        svg("circle", { class: "think-range-now", cx: place(value), cy: 17, r: 8 })),
      element("span", { class: "think-range-ends" }, element("span", { text: shown(low) }), element("span", { text: shown(high) }))),
    ...(before === null ? [] : [element("p", { class: "hint", text: `${t("think.answer.now")}: ${shown(value, 5)}; ${t("think.answer.before", { answer: shown(before, 5) })}` })]));
  }

  /** The units that are silenced, or louder; each can be left as it is again. */
  function drawChanged(model) {
    const wanted = JSON.stringify(desk.scale);
    if (wanted === changedFor) return;
    changedFor = wanted;
    const units = Object.entries(desk.scale).flatMap(([name, factors]) => Object.entries(factors).map(([unit, factor]) => [Number(name.slice(1)), Number(unit), factor]));
    changed.replaceChildren();
    if (units.length === 0) return;
    changed.append(
      element("h3", { text: t("think.changed") }),
      element("ul", { class: "think-chips" }, units.map(([layer, unit, factor]) => element("li", {}, element("button", {
        type: "button", class: "think-chip", text: `a${layer}[${unit}] × ${shown(factor)} ✕`,
        "aria-label": t("think.changed.undo", { unit: unitName(model, layer, unit), factor: shown(factor) }),
        onclick: () => desk.silence(layer, unit, 1),
      })))),
      element("button", { type: "button", class: "think-reset", text: t("think.changed.reset"), onclick: () => desk.silence(null) }),
    );
  }

  return { root, draw };
}

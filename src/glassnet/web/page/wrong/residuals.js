// How far off the values are: residuals against the prediction, and how they are spread.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { bar, chart } from "/wrong/axes.js";

/** The section. */
export function makeResiduals(desk) {
  const { residuals, quantiles, figures, target, rows } = desk.told;
  const spread = t("wrong.residuals.told", { mean: shown(figures.mean_error, 3), rmse: shown(figures.rmse, 3) });
  const root = element("section", { class: "card", "aria-label": t("wrong.residuals") },
    element("h3", { text: t("wrong.residuals") }), element("p", { class: "hint", text: t("wrong.residuals.about") }),
    element("div", { class: "wrong-charts" }, cloud(residuals.points, target, spread), histogram(residuals.histogram, spread)),
    residuals.points.row.length < rows && element("p", { class: "hint", text: t("wrong.residuals.some", { shown: number(residuals.points.row.length), rows: number(rows) }) }),
    quantiles !== null && coverage(quantiles));
  return { root, draw() {} };
}

function cloud({ predicted, residual }, target, told) {
  const reach = 1.05 * Math.max(...residual.map(Math.abs), Number.MIN_VALUE);
  const [least, most] = predicted.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const wide = most > least ? [least, most] : [least - 1, most + 1];
  const title = t("wrong.residuals.against");
  const frame = chart({ x: wide, y: [-reach, reach], across: t("wrong.residuals.prediction", { target }), up: t("wrong.row.residual"), name: `${title}. ${told}` });
  frame.add(
    svg("line", { class: "wrong-diagonal", x1: frame.left, x2: frame.right, y1: frame.y(0), y2: frame.y(0) }),
    svg("path", { class: "wrong-cloud", d: predicted.map((value, place) => `M${frame.x(value).toFixed(1)} ${frame.y(residual[place]).toFixed(1)}h0`).join("") }));
  return element("figure", {}, element("figcaption", { text: title }), frame.root);
}

function histogram({ counts, edges }, told) {
  const title = t("wrong.residuals.histogram");
  const frame = chart({ x: [edges[0], edges.at(-1)], y: [0, Math.max(...counts)], across: t("wrong.row.residual"), up: t("wrong.figure.rows"), name: `${title}. ${told}` });
  frame.add(
    counts.map((count, place) => count > 0 && bar(frame, edges[place], edges[place + 1], count, t("wrong.residuals.bar", { low: shown(edges[place], 3), high: shown(edges[place + 1], 3), rows: number(count) }), "rows")).filter(Boolean),
    svg("line", { class: "wrong-diagonal", x1: frame.x(0), x2: frame.x(0), y1: frame.top, y2: frame.bottom }));
  return element("figure", {}, element("figcaption", { text: title }), frame.root);
}

function coverage(quantiles) {
  return element("div", {}, element("h4", { text: t("wrong.quantiles") }),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.quantiles") },
      element("table", {},
        element("thead", {}, element("tr", {}, ["wrong.quantiles.quantile", "wrong.quantiles.below"].map((key) => element("th", { scope: "col", text: t(key) })))),
        element("tbody", {}, quantiles.map(({ quantile, below }) => element("tr", {}, element("th", { scope: "row", text: percent(quantile) }), element("td", { class: "number", text: percent(below) })))))));
}

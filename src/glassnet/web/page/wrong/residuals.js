// Residuals vs. prediction, their distribution, and quantile coverage.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { bar, makeAxes } from "/wrong/axes.js";

/** The section. */
export function makeResiduals(store) {
  const { residuals, quantiles, metrics, target, rows } = store.evaluation;
  const summary = t("wrong.residuals.summary", { mean: format(metrics.mean_error, 3), rmse: format(metrics.rmse, 3) });
  const root = element("section", { class: "card", "aria-label": t("wrong.residuals") },
    element("h3", { text: t("wrong.residuals") }), element("p", { class: "hint", text: t("wrong.residuals.about") }),
    element("div", { class: "wrong-charts" }, residualPlot(residuals.points, target, summary), histogram(residuals.histogram, summary)),
    residuals.points.row.length < rows && element("p", { class: "hint", text: t("wrong.residuals.some", { shown: number(residuals.points.row.length), rows: number(rows) }) }),
    quantiles !== null && quantileTable(quantiles));
  return { root, draw() {} };
}

function residualPlot({ predicted, residual }, target, summary) {
  const limit = 1.05 * Math.max(...residual.map(Math.abs), Number.MIN_VALUE);
  const [low, high] = predicted.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const wide = high > low ? [low, high] : [low - 1, high + 1];
  const title = t("wrong.residuals.against");
  const axes = makeAxes({ x: wide, y: [-limit, limit], across: t("wrong.residuals.prediction", { target }), up: t("wrong.row.residual"), name: `${title}. ${summary}` });
  axes.add(
    svg("line", { class: "wrong-diagonal", x1: axes.left, x2: axes.right, y1: axes.y(0), y2: axes.y(0) }),
    svg("path", { class: "wrong-cloud", d: predicted.map((value, index) => `M${axes.x(value).toFixed(1)} ${axes.y(residual[index]).toFixed(1)}h0`).join("") }));
  return element("figure", {}, element("figcaption", { text: title }), axes.root);
}

function histogram({ counts, edges }, summary) {
  const title = t("wrong.residuals.histogram");
  const axes = makeAxes({ x: [edges[0], edges.at(-1)], y: [0, Math.max(...counts)], across: t("wrong.row.residual"), up: t("wrong.metric.rows"), name: `${title}. ${summary}` });
  axes.add(
    counts.map((count, index) => count > 0 && bar(axes, edges[index], edges[index + 1], count, t("wrong.residuals.bar", { low: format(edges[index], 3), high: format(edges[index + 1], 3), rows: number(count) }), "rows")).filter(Boolean),
    svg("line", { class: "wrong-diagonal", x1: axes.x(0), x2: axes.x(0), y1: axes.top, y2: axes.bottom }));
  return element("figure", {}, element("figcaption", { text: title }), axes.root);
}

function quantileTable(quantiles) {
  return element("div", {}, element("h4", { text: t("wrong.quantiles") }),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.quantiles") },
      element("table", {},
        element("thead", {}, element("tr", {}, ["wrong.quantiles.quantile", "wrong.quantiles.below"].map((key) => element("th", { scope: "col", text: t(key) })))),
        element("tbody", {}, quantiles.map(({ quantile, below }) => element("tr", {}, element("th", { scope: "row", text: percent(quantile) }), element("td", { class: "number", text: percent(below) })))))));
}

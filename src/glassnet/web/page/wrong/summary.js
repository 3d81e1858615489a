// Summary: the evaluated dataset, its overlap with the training data, and the metrics.

import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

/** The section. */
export function makeSummary(store) {
  const { evaluation } = store;
  const current = evaluation.datasets.find(({ name }) => name === evaluation.dataset);
  const metrics = evaluation.task === "classification" ? classificationMetrics(evaluation) : regressionMetrics(evaluation);
  const root = element("section", { class: "card wrong-head", "aria-label": t("wrong.title") },
    element("h2", { text: t("wrong.title") }),
    datasetField(store, current),
    element("p", { class: current.training_overlap === "none" ? "hint wrong-overlap" : "wrong-overlap warn", text: t(`wrong.overlap.${current.training_overlap}`) }),
    element("dl", { class: "wrong-metrics" }, metrics.map(([key, value, about]) => element("div", {},
      element("dt", { text: t(key) }),
      element("dd", {}, element("strong", { text: value }), about && element("span", { class: "hint", text: about }))))));
  return { root, draw() {} };
}

function datasetField(store, current) {
  const { datasets } = store.evaluation;
  const describe = ({ name, rows, source }) => t(`wrong.dataset.${name}`, { rows: number(rows), source });
  if (datasets.length === 1) return element("p", { text: describe(current) });
  return element("label", { class: "field wrong-dataset" }, element("span", { text: t("wrong.dataset") }),
    element("select", { id: "wrong-dataset", onchange: (event) => store.selectDataset(event.target.value) },
      datasets.map((choice) => element("option", { value: choice.name, text: describe(choice), selected: choice === current }))));
}

function classificationMetrics({ metrics, rows, classes, loss_name: loss }) {
  const { majority_class } = metrics;
  const evaluation = [
    ["wrong.metric.accuracy", percent(metrics.accuracy), t("wrong.metric.interval", formatInterval(metrics.interval, percent))],
    ["wrong.metric.errors", number(metrics.errors), t("wrong.metric.of_rows", { rows: number(rows) })],
  ];
  if (metrics.log_loss !== null) evaluation.push(["wrong.metric.log_loss", format(metrics.log_loss, 3), t("wrong.metric.log_loss.about", { chance: format(Math.log(classes.length), 3) })]);
  if (loss !== "categorical_crossentropy") evaluation.push(["wrong.metric.loss", format(metrics.loss, 3), loss]);
  evaluation.push(["wrong.metric.majority_class", percent(majority_class.share), t("wrong.metric.majority_class.about", { class: classes[majority_class.class] })]);
  return evaluation;
}

function regressionMetrics({ metrics, target, loss_name: loss }) {
  const { mean_error: bias } = metrics;
  return [
    ["wrong.metric.rmse", format(metrics.rmse), t("wrong.metric.rmse.about", { spread: format(metrics.target_std) })],
    ["wrong.metric.mae", format(metrics.mae), t("wrong.metric.mae.about", { median: format(metrics.median_error) })],
    ["wrong.metric.r2", format(metrics.r2, 3), t("wrong.metric.r2.about")],
    ["wrong.metric.mean_error", format(bias, 3), t(bias > 0 ? "wrong.metric.too_low" : "wrong.metric.too_high", { target })],
    ["wrong.metric.loss", format(metrics.loss, 3), loss],
  ];
}

/** The bounds of an interval as formatted numbers: low and high. */
export function formatInterval([low, high], write) {
  return { low: write(low), high: write(high) };
}

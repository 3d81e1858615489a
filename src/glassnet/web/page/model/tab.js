// Model: properties, training and layers of the model.

import { element } from "/shared/elements.js";
import { has, number, percent, t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";
import { withExportMenu } from "/shared/panel_export.js";

const MAX_NAMES = 24;

/** Mount the tab. */
export function mount(root, context) {
  const model = context.model;
  root.append(
    element("div", { class: "cards" },
      withExportMenu(makeCard("model.properties", propertyList(properties(model))), `${model.name}-what`),
      withExportMenu(makeCard("model.training", propertyList(trainingProperties(model))), `${model.name}-trained`),
      withExportMenu(makeCard("model.layers", layerTable(model)), `${model.name}-layers`),
      model.history.length > 1 && withExportMenu(makeCard("model.curves", drawCurves(model), "model-curves"), `${model.name}-curves`),
    ),
  );
}

/** Loss and metric of training and validation over the epochs. */
function drawCurves({ history, metadata: { metric } }) {
  const figures = [["loss", t("learn.figure.loss"), {}], ["metric", metricName(metric), { percent: isShare(metric) }]];
  const charts = figures.filter(([figure]) => history.some((epoch) => Number.isFinite(epoch[figure]))).map(([figure, title, options]) => {
    const chart = makeChart(title, options);
    chart.draw([["learn.training", figure, 1, false], ["learn.validation", `validation_${figure}`, 2, true]].map(([key, name, series, dashed]) => ({
      name: t(key), series, dashed, points: history.filter((epoch) => Number.isFinite(epoch[name])).map((epoch) => [epoch.epoch, epoch[name]]),
    })));
    return chart.root;
  });
  return element("div", { class: "learn-charts" }, charts);
}

/** The localized name of a metric; empty if the model file has none. */
function metricName(metric = "") {
  return has(`learn.metric.${metric}`) ? t(`learn.metric.${metric}`) : metric;
}

function isShare(metric = "") {
  return metric.endsWith("accuracy");
}

function makeCard(title, content, kind = "") {
  return element("section", { class: `card ${kind}` }, element("h2", { text: t(title) }), content);
}

function propertyList(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", { class: "facts" },
    shown.map(([key, value]) => [element("dt", { text: t(key) }), element("dd", { text: value })]),
  );
}

function joinNames(names) {
  const shown = names.slice(0, MAX_NAMES).join(", ");
  return names.length > MAX_NAMES ? t("model.more", { shown, count: number(names.length - MAX_NAMES) }) : shown;
}

function properties(model) {
  return [
    ["model.task", t(`task.${model.task}`)],
    ["model.target", model.target],
    ["model.classes", joinNames(model.classes.map(String))],
    ["model.features", `${number(model.features.length)}: ${joinNames(model.features)}`],
    ["model.scaling", t(`preprocessing.${model.preprocessing.kind}`)],
    ["model.parameters", `${number(model.parameters)} (${model.dtype})`],
  ];
}

function trainingProperties(model) {
  const { metadata: metadata, settings, history } = model;
  const last = history.find((epoch) => epoch.epoch === metadata.best_epoch) ?? history.at(-1);
  const figures = last === undefined ? [] : [
    ["model.loss", number(last.loss, { maximumSignificantDigits: 4 })],
    ["model.validation", formatMetric(metadata.metric, last.validation_metric)],
    ["model.test", formatMetric(metadata.metric, last.test_metric)],
  ];
  return [
    ["model.source", metadata.source],
    ["model.rows", number(metadata.training_rows)],
    ["model.epochs", number(history.length)],
    ["model.optimizer", entryName(settings.optimizer)],
    ["model.loss_name", entryName(settings.loss)],
    ["model.batch", number(settings.batch_size)],
    ["model.engine", metadata.engine],
    ...figures,
  ];
}

/** The name of a table entry, given as a name or as [name, settings]. */
function entryName(entry) {
  return typeof entry === "string" ? entry : entry === null ? null : String(entry.name ?? entry[0] ?? "");
}

function formatMetric(metric, value) {
  if (value === null || value === undefined) return null;
  return `${metricName(metric)} ${isShare(metric) ? percent(value, 2) : number(value, { maximumSignificantDigits: 4 })}`;
}

function layerTable(model) {
  const heads = ["model.layer", "model.units", "model.activation", "model.weights"];
  const rows = model.activations.map((activation, index) => {
    const [before, units] = [model.layer_sizes[index], model.layer_sizes[index + 1]];
    return element("tr", {},
      element("th", { scope: "row", text: number(index + 1) }),
      element("td", { class: "number", text: number(units) }),
      element("td", { text: activation }),
      element("td", { text: `W${index + 1} ${before}×${units}, b${index + 1} ${units}` }),
    );
  });
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("model.layers") },
    element("table", {},
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(key), class: key === "model.units" && "number" })))),
      element("tbody", {}, rows),
    ),
  );
}

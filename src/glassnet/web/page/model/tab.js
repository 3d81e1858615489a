// The model: what it is, how it was trained, what its layers are.

import { element } from "/shared/elements.js";
import { has, number, percent, t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";
import { pictured } from "/shared/panel_export.js";

const MOST_SHOWN = 24;

/** Fill the tab. */
export function mount(root, context) {
  const model = context.model;
  root.append(
    element("div", { class: "cards" },
      pictured(card("model.what", facts(whatItIs(model))), `${model.name}-what`),
      pictured(card("model.trained", facts(howItWasTrained(model))), `${model.name}-trained`),
      pictured(card("model.layers", layers(model)), `${model.name}-layers`),
      model.history.length > 1 && pictured(card("model.curves", curves(model), "model-curves"), `${model.name}-curves`),
    ),
  );
}

/** Loss and metric over the epochs, of training and validation. */
function curves({ history, facts: { metric } }) {
  const figures = [["loss", t("learn.figure.loss"), {}], ["metric", named(metric), { percent: isShare(metric) }]];
  const charts = figures.filter(([figure]) => history.some((epoch) => Number.isFinite(epoch[figure]))).map(([figure, title, options]) => {
    const chart = makeChart(title, options);
    chart.draw([["learn.training", figure, 1, false], ["learn.validation", `validation_${figure}`, 2, true]].map(([key, name, series, dashed]) => ({
      name: t(key), series, dashed, points: history.filter((epoch) => Number.isFinite(epoch[name])).map((epoch) => [epoch.epoch, epoch[name]]),
    })));
    return chart.root;
  });
  return element("div", { class: "learn-charts" }, charts);
}

/** The name of a metric; what a model that an older program wrote does not tell has none. */
function named(metric = "") {
  return has(`learn.metric.${metric}`) ? t(`learn.metric.${metric}`) : metric;
}

function isShare(metric = "") {
  return metric.endsWith("accuracy");
}

function card(title, content, kind = "") {
  return element("section", { class: `card ${kind}` }, element("h2", { text: t(title) }), content);
}

function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", { class: "facts" },
    shown.map(([key, value]) => [element("dt", { text: t(key) }), element("dd", { text: value })]),
  );
}

function listed(names) {
  const shown = names.slice(0, MOST_SHOWN).join(", ");
  return names.length > MOST_SHOWN ? t("model.more", { shown, count: number(names.length - MOST_SHOWN) }) : shown;
}

function whatItIs(model) {
  return [
    ["model.task", t(`task.${model.task}`)],
    ["model.target", model.target],
    ["model.classes", listed(model.classes.map(String))],
    ["model.features", `${number(model.features.length)}: ${listed(model.features)}`],
    ["model.scaling", t(`scaling.${model.scaling.kind}`)],
    ["model.parameters", `${number(model.parameters)} (${model.dtype})`],
  ];
}

function howItWasTrained(model) {
  const { facts: known, settings, history } = model;
  const last = history.find((epoch) => epoch.epoch === known.best_epoch) ?? history.at(-1);
  const figures = last === undefined ? [] : [
    ["model.loss", number(last.loss, { maximumSignificantDigits: 4 })],
    ["model.validation", measured(known.metric, last.validation_metric)],
    ["model.test", measured(known.metric, last.test_metric)],
  ];
  return [
    ["model.source", known.source],
    ["model.rows", number(known.training_rows)],
    ["model.epochs", number(history.length)],
    ["model.optimizer", nameOf(settings.optimizer)],
    ["model.loss_name", nameOf(settings.loss)],
    ["model.batch", number(settings.batch_size)],
    ["model.engine", known.engine],
    ...figures,
  ];
}

/** An entry of the library's tables stands by its name, or as [name, settings] where it has some. */
function nameOf(entry) {
  return typeof entry === "string" ? entry : entry === null ? null : String(entry.name ?? entry[0] ?? "");
}

function measured(metric, value) {
  if (value === null || value === undefined) return null;
  return `${named(metric)} ${isShare(metric) ? percent(value, 2) : number(value, { maximumSignificantDigits: 4 })}`;
}

function layers(model) {
  const heads = ["model.layer", "model.units", "model.activation", "model.weights"];
  const rows = model.activations.map((activation, place) => {
    const [before, units] = [model.layer_sizes[place], model.layer_sizes[place + 1]];
    return element("tr", {},
      element("th", { scope: "row", text: number(place + 1) }),
      element("td", { class: "number", text: number(units) }),
      element("td", { text: activation }),
      element("td", { text: `W${place + 1} ${before}×${units}, b${place + 1} ${units}` }),
    );
  });
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("model.layers") },
    element("table", {},
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(key), class: key === "model.units" && "number" })))),
      element("tbody", {}, rows),
    ),
  );
}

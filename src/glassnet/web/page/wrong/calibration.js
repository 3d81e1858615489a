// Calibration: reliability diagram and distribution of the confidence.

import { element, svg } from "/shared/elements.js";
import { number, percent, t } from "/shared/i18n.js";
import { bar, makeAxes, whisker } from "/wrong/axes.js";
import { formatInterval } from "/wrong/summary.js";

/** Maximum difference of confidence and accuracy that counts as well calibrated. */
const TOLERANCE = 0.02;

/** The section. */
export function makeCalibration(store) {
  const { bins, ece, confidence } = store.evaluation.calibration;
  const { accuracy } = store.evaluation.metrics;
  const filled = bins.filter(({ rows }) => rows > 0);
  const assessment = t(Math.abs(confidence - accuracy) < TOLERANCE ? "wrong.calibration.good" : confidence > accuracy ? "wrong.calibration.overconfident" : "wrong.calibration.underconfident", { confidence: percent(confidence), accuracy: percent(accuracy) });
  const eceText = t("wrong.calibration.ece", { error: percent(ece) });
  const root = element("section", { class: "card", "aria-label": t("wrong.calibration") },
    element("h3", { text: t("wrong.calibration") }),
    element("p", {}, element("strong", { text: eceText }), " ", assessment),
    element("div", { class: "wrong-charts" }, reliabilityDiagram(filled, `${eceText} ${assessment}`), confidenceHistogram(filled)),
    element("p", { class: "hint", text: t("wrong.calibration.about") }),
    binTable(filled));
  return { root, draw() {} };
}

const formatPercent = (value) => number(value, { style: "percent", maximumFractionDigits: 0 });

function reliabilityDiagram(bins, summary) {
  const axes = makeAxes({ x: [0, 1], y: [0, 1], across: t("wrong.calibration.confidence"), up: t("wrong.calibration.accuracy"), name: `${t("wrong.calibration.reliability")}. ${summary}`, formatValue: formatPercent });
  axes.add(
    bins.map((bin) => bar(axes, bin.low, bin.high, bin.accuracy, describeBin(bin), "right")),
    svg("line", { class: "wrong-diagonal", x1: axes.x(0), x2: axes.x(1), y1: axes.y(0), y2: axes.y(1) }),
    bins.map((bin) => whisker(axes, (bin.low + bin.high) / 2, bin.interval)),
    bins.map((bin) => svg("circle", { class: "wrong-dot", cx: axes.x(bin.confidence), cy: axes.y(bin.accuracy), r: 3.5 }, svg("title", {}, describeBin(bin)))));
  return element("figure", {}, element("figcaption", { text: t("wrong.calibration.reliability") }), axes.root);
}

function confidenceHistogram(bins) {
  const most = Math.max(...bins.map(({ rows }) => rows));
  const name = t("wrong.calibration.rows");
  const axes = makeAxes({ x: [0, 1], y: [0, most], across: t("wrong.calibration.confidence"), up: t("wrong.metric.rows"), name: `${name}: ${bins.map((bin) => `${formatPercent(bin.low)}–${formatPercent(bin.high)}: ${number(bin.rows)}`).join(", ")}`, formatValue: (value, axis) => (axis === "x" ? formatPercent(value) : number(value)), height: 170 });
  axes.add(bins.map((bin) => bar(axes, bin.low, bin.high, bin.rows, describeBin(bin), "rows")));
  return element("figure", {}, element("figcaption", { text: name }), axes.root);
}

function describeBin(bin) {
  return t("wrong.calibration.bin", { low: formatPercent(bin.low), high: formatPercent(bin.high), rows: number(bin.rows), confidence: percent(bin.confidence), accuracy: percent(bin.accuracy), ...intervalBounds(bin.interval) });
}

function intervalBounds(interval) {
  const { low, high } = formatInterval(interval, percent);
  return { least: low, most: high };
}

function binTable(bins) {
  const heads = ["wrong.calibration.range", "wrong.metric.rows", "wrong.calibration.mean_confidence", "wrong.calibration.accuracy", "wrong.groups.interval"];
  return element("details", {}, element("summary", { text: t("wrong.numbers") }),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.numbers") },
      element("table", {},
        element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(key) })))),
        element("tbody", {}, bins.map((bin) => element("tr", {},
          element("th", { scope: "row", text: `${formatPercent(bin.low)} – ${formatPercent(bin.high)}` }),
          [number(bin.rows), percent(bin.confidence), percent(bin.accuracy), t("wrong.interval", formatInterval(bin.interval, percent))].map((text) => element("td", { class: "number", text }))))))));
}

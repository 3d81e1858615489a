// Whether its sureness can be believed: how often the model is right, by how sure it is.

import { element, svg } from "/shared/elements.js";
import { number, percent, t } from "/shared/i18n.js";
import { bar, chart, whisker } from "/wrong/axes.js";
import { between } from "/wrong/summary.js";

/** Less than this apart, sureness and share of right ones are as good as alike. */
const FAIR = 0.02;

/** The section. */
export function makeCalibration(desk) {
  const { bins, error, sure } = desk.told.calibration;
  const { accuracy } = desk.told.figures;
  const full = bins.filter(({ rows }) => rows > 0);
  const verdict = t(Math.abs(sure - accuracy) < FAIR ? "wrong.calibration.fair" : sure > accuracy ? "wrong.calibration.over" : "wrong.calibration.under", { sure: percent(sure), right: percent(accuracy) });
  const figure = t("wrong.calibration.error", { error: percent(error) });
  const root = element("section", { class: "card", "aria-label": t("wrong.calibration") },
    element("h3", { text: t("wrong.calibration") }),
    element("p", {}, element("strong", { text: figure }), " ", verdict),
    element("div", { class: "wrong-charts" }, reliability(full, `${figure} ${verdict}`), counts(full)),
    element("p", { class: "hint", text: t("wrong.calibration.about") }),
    numbers(full));
  return { root, draw() {} };
}

const write = (value) => number(value, { style: "percent", maximumFractionDigits: 0 });

function reliability(bins, told) {
  const frame = chart({ x: [0, 1], y: [0, 1], across: t("wrong.calibration.sure"), up: t("wrong.calibration.right"), name: `${t("wrong.calibration.reliability")}. ${told}`, write });
  frame.add(
    bins.map((bin) => bar(frame, bin.low, bin.high, bin.right, inWords(bin), "right")),
    svg("line", { class: "wrong-diagonal", x1: frame.x(0), x2: frame.x(1), y1: frame.y(0), y2: frame.y(1) }),
    bins.map((bin) => whisker(frame, (bin.low + bin.high) / 2, bin.interval)),
    bins.map((bin) => svg("circle", { class: "wrong-dot", cx: frame.x(bin.sure), cy: frame.y(bin.right), r: 3.5 }, svg("title", {}, inWords(bin)))));
  return element("figure", {}, element("figcaption", { text: t("wrong.calibration.reliability") }), frame.root);
}

function counts(bins) {
  const most = Math.max(...bins.map(({ rows }) => rows));
  const name = t("wrong.calibration.rows");
  const frame = chart({ x: [0, 1], y: [0, most], across: t("wrong.calibration.sure"), up: t("wrong.figure.rows"), name: `${name}: ${bins.map((bin) => `${write(bin.low)}–${write(bin.high)}: ${number(bin.rows)}`).join(", ")}`, write: (value, axis) => (axis === "x" ? write(value) : number(value)), height: 170 });
  frame.add(bins.map((bin) => bar(frame, bin.low, bin.high, bin.rows, inWords(bin), "rows")));
  return element("figure", {}, element("figcaption", { text: name }), frame.root);
}

function inWords(bin) {
  return t("wrong.calibration.bin", { low: write(bin.low), high: write(bin.high), rows: number(bin.rows), sure: percent(bin.sure), right: percent(bin.right), ...prefixed(bin.interval) });
}

function prefixed(interval) {
  const { low, high } = between(interval, percent);
  return { least: low, most: high };
}

function numbers(bins) {
  const heads = ["wrong.calibration.between", "wrong.figure.rows", "wrong.calibration.mean_sure", "wrong.calibration.right", "wrong.groups.interval"];
  return element("details", {}, element("summary", { text: t("wrong.numbers") }),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.numbers") },
      element("table", {},
        element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(key) })))),
        element("tbody", {}, bins.map((bin) => element("tr", {},
          element("th", { scope: "row", text: `${write(bin.low)} – ${write(bin.high)}` }),
          [number(bin.rows), percent(bin.sure), percent(bin.right), t("wrong.interval", between(bin.interval, percent))].map((text) => element("td", { class: "number", text }))))))));
}

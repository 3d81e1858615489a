// Rows as images or as a table; each opens in Think.

import { signedImage, prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { decodeBytes, format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

const SIZE = 76;

/** The section of listed rows. */
export function makeRows(store) {
  const title = element("h3", {});
  const index = element("div", {});
  const where = element("span", { class: "soft wrong-page", role: "status" });
  const back = element("button", { type: "button", text: t("wrong.rows.back"), onclick: () => store.turnPage(-1) });
  const next = element("button", { type: "button", text: t("wrong.rows.next"), onclick: () => store.turnPage(1) });
  const all = element("button", { type: "button", class: "wrong-all", text: t("wrong.rows.confident"), onclick: () => store.loadRows(() => t("wrong.rows.confident"), { wrong: true, order: "confidence" }) });
  const root = element("section", { class: "card wrong-rows", "aria-label": t("wrong.rows") }, title,
    element("p", { class: "hint", text: t(store.evaluation.task === "classification" ? "wrong.rows.about" : "wrong.rows.about.values") }), index,
    element("div", { class: "row wrong-pages" }, back, where, next, all));
  let drawnList = null;

  function draw() {
    const { list } = store;
    if (list === null || list === drawnList) return;
    drawnList = list;
    title.textContent = list.title();
    where.textContent = t("wrong.rows.page", pageRange(list));
    back.disabled = list.first === 0;
    next.disabled = list.first + list.shown.rows.length >= list.shown.total;
    back.hidden = next.hidden = list.shown.total <= list.count;
    all.hidden = store.evaluation.task !== "classification" || (list.query.wrong === true && !("column" in list.query));
    index.replaceChildren(list.shown.total === 0 ? element("p", { text: t("wrong.rows.none") }) : renderRows(store, list.shown, list.title(), store.evaluation.task === "classification" ? classificationFormat(store.evaluation) : regressionFormat()));
  }

  return { root, draw };
}

/** The range of a page as formatted numbers: first, last and total. */
export function pageRange({ first, shown }) {
  return { first: number(shown.total === 0 ? 0 : first + 1), last: number(first + shown.rows.length), total: number(shown.total) };
}

/** Format of a classified row: caption lines, and table columns. */
function classificationFormat({ classes, calibration }) {
  const confidence = (row) => (calibration === null ? format(row.confidence, 3) : percent(row.confidence));
  return {
    isCorrect: (row) => row.actual === row.predicted,
    caption: (row) => [t("wrong.row.caption.predicted", { predicted: classes[row.predicted], confidence: confidence(row) }), t("wrong.row.caption.actual", { actual: classes[row.actual] })],
    columns: [["wrong.row.prediction", (row) => classes[row.predicted]], ["wrong.row.actual", (row) => classes[row.actual]], [calibration === null ? "wrong.row.output" : "wrong.row.probability", confidence], ["wrong.row.loss", (row) => format(row.loss, 3)]],
  };
}

function regressionFormat() {
  return {
    isCorrect: () => true,
    caption: (row) => [t("wrong.row.caption.values", { predicted: format(row.predicted), actual: format(row.actual) }), t("wrong.row.caption.residual", { residual: formatSigned(row.residual) })],
    columns: [["wrong.row.prediction", (row) => format(row.predicted)], ["wrong.row.actual", (row) => format(row.actual)], ["wrong.row.residual", (row) => formatSigned(row.residual)]],
  };
}

function formatSigned(value) {
  return value > 0 ? `+${format(value, 3)}` : format(value, 3).replace("-", "−");
}

/** The number of a row in its file, from 1, with the file name if there are several. */
function rowLabel(row) {
  return row.file ? `${row.file}: ${number(row.number)}` : number(row.number);
}

/**
 * Render rows as images or as a table. `format` is { isCorrect(row), caption(row) → lines, columns: [[key, write(row)], …] }.
 */
export function renderRows(store, { side, columns, rows }, name, evaluation, dataset = store.dataset) {
  return side ? imageList(store, side, rows, name, evaluation, dataset) : table(store, columns, rows, name, evaluation, dataset);
}

function imageList(store, side, rows, name, evaluation, dataset) {
  return element("ul", { class: "wrong-gallery", "aria-label": name }, rows.map((row) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const ctx = prepareCanvas(canvas, SIZE, SIZE);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(signedImage(decodeBytes(row.image).map((byte) => 128 + byte / 2), side, side), 0, 0, SIZE, SIZE);
    const lines = evaluation.caption(row);
    const small = t("wrong.row.number", { number: rowLabel(row) });
    return element("li", {}, element("button", {
      type: "button", class: evaluation.isCorrect(row) ? "wrong-picture right" : "wrong-picture", onclick: () => store.openRow(row.row, dataset),
      "aria-label": t("wrong.row.open", { row: `${small}: ${lines.join(", ")}` }),
    }, canvas, lines.map((line, index) => element("span", { class: index === 0 ? "wrong-headline" : "wrong-line", text: line })), element("small", { class: "soft", text: small })));
  }));
}

function table(store, columns, rows, name, evaluation, dataset) {
  const heads = [t("wrong.row"), ...evaluation.columns.map(([key]) => t(key)), ...columns];
  const isNumber = columns.map((_, index) => rows.every(({ cells }) => cells[index] === null || typeof cells[index] === "number"));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    element("table", { class: "wrong-table" },
      element("thead", {}, element("tr", {}, heads.map((head, index) => element("th", { scope: "col", text: head, class: index > evaluation.columns.length && isNumber[index - evaluation.columns.length - 1] && "number" })))),
      element("tbody", {}, rows.map((row) => element("tr", {},
        element("th", { scope: "row" }, element("button", { type: "button", text: rowLabel(row), "aria-label": t("wrong.row.open", { row: t("wrong.row.number", { number: rowLabel(row) }) }), onclick: () => store.openRow(row.row, dataset) })),
        evaluation.columns.map(([, formatCell]) => element("td", { text: formatCell(row) })),
        row.cells.map((cell, index) => element("td", { class: isNumber[index] && "number", text: typeof cell === "number" ? format(cell) : String(cell ?? "–") })))))));
}

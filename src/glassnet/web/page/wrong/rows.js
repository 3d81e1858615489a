// Rows: as pictures, where the input is one, else with what stands in them; each opens in Think.

import { picture, sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { bytes, shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

const SIZE = 76;

/** The section of the rows that are listed. */
export function makeRows(desk) {
  const title = element("h3", {});
  const place = element("div", {});
  const where = element("span", { class: "soft wrong-page", role: "status" });
  const back = element("button", { type: "button", text: t("wrong.rows.back"), onclick: () => desk.turn(-1) });
  const next = element("button", { type: "button", text: t("wrong.rows.next"), onclick: () => desk.turn(1) });
  const all = element("button", { type: "button", class: "wrong-all", text: t("wrong.rows.surest"), onclick: () => desk.list(() => t("wrong.rows.surest"), { wrong: true, order: "sure" }) });
  const root = element("section", { class: "card wrong-rows", "aria-label": t("wrong.rows") }, title,
    element("p", { class: "hint", text: t(desk.told.task === "classification" ? "wrong.rows.about" : "wrong.rows.about.values") }), place,
    element("div", { class: "row wrong-pages" }, back, where, next, all));
  let drawn = null;

  function draw() {
    const { listed } = desk;
    if (listed === null || listed === drawn) return;
    drawn = listed;
    title.textContent = listed.title();
    where.textContent = t("wrong.rows.page", pageOf(listed));
    back.disabled = listed.first === 0;
    next.disabled = listed.first + listed.shown.rows.length >= listed.shown.total;
    back.hidden = next.hidden = listed.shown.total <= listed.count;
    all.hidden = desk.told.task !== "classification" || (listed.query.wrong === true && !("column" in listed.query));
    place.replaceChildren(listed.shown.total === 0 ? element("p", { text: t("wrong.rows.none") }) : rowsOf(desk, listed.shown, listed.title(), desk.told.task === "classification" ? ofClass(desk.told) : ofValue()));
  }

  return { root, draw };
}

/** Which rows of a list are shown: first, last and total as they are written. */
export function pageOf({ first, shown }) {
  return { first: number(shown.total === 0 ? 0 : first + 1), last: number(first + shown.rows.length), total: number(shown.total) };
}

/** How a classified row is told: lines of a picture's caption, columns of a table. */
function ofClass({ classes, calibration }) {
  const sure = (row) => (calibration === null ? shown(row.sure, 3) : percent(row.sure));
  return {
    right: (row) => row.truth === row.predicted,
    caption: (row) => [t("wrong.row.predicted", { predicted: classes[row.predicted], sure: sure(row) }), t("wrong.row.truth", { truth: classes[row.truth] })],
    columns: [["wrong.row.prediction", (row) => classes[row.predicted]], ["wrong.row.true", (row) => classes[row.truth]], [calibration === null ? "wrong.row.output" : "wrong.row.probability", sure], ["wrong.row.loss", (row) => shown(row.loss, 3)]],
  };
}

function ofValue() {
  return {
    right: () => true,
    caption: (row) => [t("wrong.row.value", { predicted: shown(row.predicted), truth: shown(row.truth) }), t("wrong.row.residual.of", { residual: signed(row.residual) })],
    columns: [["wrong.row.prediction", (row) => shown(row.predicted)], ["wrong.row.true", (row) => shown(row.truth)], ["wrong.row.residual", (row) => signed(row.residual)]],
  };
}

function signed(value) {
  return value > 0 ? `+${shown(value, 3)}` : shown(value, 3).replace("-", "−");
}

/** A row's place: its number in the file, from 1, and the file where there are several. */
function placeOf(row) {
  return row.file ? `${row.file}: ${number(row.number)}` : number(row.number);
}

/**
 * Rows as pictures or as a table. `told` says { right(row), caption(row) → lines, columns: [[key, write(row)], …] } of them.
 * A row that is opened is handed to Think; where Think can't have it, it is only shown.
 */
export function rowsOf(desk, { side, columns, rows }, name, told, which = desk.which) {
  return side ? gallery(desk, side, rows, name, told, which) : table(desk, columns, rows, name, told, which);
}

function gallery(desk, side, rows, name, told, which) {
  return element("ul", { class: "wrong-gallery", "aria-label": name }, rows.map((row) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const pen = sharp(canvas, SIZE, SIZE);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture(bytes(row.picture).map((byte) => 128 + byte / 2), side, side), 0, 0, SIZE, SIZE);
    const lines = told.caption(row);
    const small = t("wrong.row.number", { number: placeOf(row) });
    return element("li", {}, element("button", {
      type: "button", class: told.right(row) ? "wrong-picture right" : "wrong-picture", onclick: () => desk.openRow(row.row, which),
      "aria-label": t("wrong.row.open", { row: `${small}: ${lines.join(", ")}` }),
    }, canvas, lines.map((line, at) => element("span", { class: at === 0 ? "wrong-said" : "wrong-line", text: line })), element("small", { class: "soft", text: small })));
  }));
}

function table(desk, columns, rows, name, told, which) {
  const heads = [t("wrong.row"), ...told.columns.map(([key]) => t(key)), ...columns];
  const isNumber = columns.map((_, place) => rows.every(({ cells }) => cells[place] === null || typeof cells[place] === "number"));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    element("table", { class: "wrong-table" },
      element("thead", {}, element("tr", {}, heads.map((head, place) => element("th", { scope: "col", text: head, class: place > told.columns.length && isNumber[place - told.columns.length - 1] && "number" })))),
      element("tbody", {}, rows.map((row) => element("tr", {},
        element("th", { scope: "row" }, element("button", { type: "button", text: placeOf(row), "aria-label": t("wrong.row.open", { row: t("wrong.row.number", { number: placeOf(row) }) }), onclick: () => desk.openRow(row.row, which) })),
        told.columns.map(([, write]) => element("td", { text: write(row) })),
        row.cells.map((cell, place) => element("td", { class: isNumber[place] && "number", text: typeof cell === "number" ? shown(cell) : String(cell ?? "–") })))))));
}

// Confusion matrix as an ARIA grid, and the most confused pairs.
// https://www.w3.org/WAI/ARIA/apg/patterns/grid/

import { element } from "/shared/elements.js";
import { number, percent, t } from "/shared/i18n.js";
import { diverging } from "/shared/theme.js";

/** With more classes, only the most confused ones are shown initially. */
const MAX_INITIAL_CLASSES = 24;
const MAX_PAIRS = 10;
const PAGE = 10;
/** Longer class names are rotated. */
const MAX_HORIZONTAL_NAME = 5;

/** The section. */
export function makeConfusionMatrix(store) {
  const { evaluation } = store;
  const { confusion_matrix: matrix, classes } = evaluation;
  const isLarge = matrix.classes.length > MAX_INITIAL_CLASSES;
  let showShare = false;
  let showAll = !isLarge;
  let focusedCell = [0, 0];
  let selectedPair = null;
  const frame = element("div", { class: "scroll wrong-matrix-frame" });
  const modes = element("div", { class: "row", role: "group", "aria-label": t("wrong.matrix.show") });
  const note = element("p", { class: "hint" });
  const root = element("section", { class: "card wrong-confusions", "aria-label": t("wrong.matrix") },
    element("h3", { text: t("wrong.matrix") }),
    element("p", { class: "hint", text: t("wrong.matrix.about") }),
    element("div", { class: "wrong-matrix-and-pairs" },
      element("div", { class: "wrong-matrix-side" }, modes, frame, note),
      element("div", {}, element("h4", { text: t("wrong.pairs") }), pairs())),
    evaluation.by_class !== null && byClass());

  function toggle(key, pressed, change) {
    return element("button", { type: "button", text: t(key), "aria-pressed": String(pressed), onclick: () => { change(); build(); } });
  }

  /** The classes to show: all, or the most confused ones, in their order. */
  function shownClasses() {
    const every = matrix.classes.map((_, index) => index);
    if (showAll) return every;
    const nErrors = every.map((row) => every.reduce((sum, column) => sum + (row === column ? 0 : matrix.counts[row][column] + matrix.counts[column][row]), 0));
    return every.toSorted((a, b) => nErrors[b] - nErrors[a]).slice(0, MAX_INITIAL_CLASSES).toSorted((a, b) => a - b);
  }

  function build() {
    modes.replaceChildren(
      toggle("wrong.matrix.counts", !showShare, () => { showShare = false; }),
      toggle("wrong.matrix.share", showShare, () => { showShare = true; }),
      ...(isLarge ? [
        toggle("wrong.matrix.most", !showAll, () => { showAll = false; focusedCell = [0, 0]; }),
        toggle("wrong.matrix.all", showAll, () => { showAll = true; focusedCell = [0, 0]; }),
      ] : []),
    );
    const shown = shownClasses();
    note.textContent = matrix.complete && showAll ? "" : t("wrong.matrix.subset", { shown: number(shown.length), classes: number(classes.length) });
    const head = element("tr", { role: "row" },
      element("th", { role: "columnheader", scope: "col", class: "wrong-corner", text: t("wrong.matrix.corner") }),
      shown.map((column) => element("th", { role: "columnheader", scope: "col", title: className(column) }, element("span", { text: className(column) }))));
    const body = shown.map((row, i) => element("tr", { role: "row" },
      element("th", { role: "rowheader", scope: "row", title: className(row), text: className(row) }),
      shown.map((column, j) => cell(row, column, i, j))));
    const table = element("table", { class: `wrong-matrix${isLarge ? " small" : ""}${matrix.classes.some((_, index) => className(index).length > MAX_HORIZONTAL_NAME) ? " upright" : ""}`, role: "grid", "aria-label": t("wrong.matrix"), "aria-readonly": "true", onkeydown: onKey, onclick: click, onfocusin: focus },
      element("thead", { role: "rowgroup" }, head), element("tbody", { role: "rowgroup" }, body));
    frame.replaceChildren(table);
    markSelected();
  }

  function className(index) {
    return String(classes[matrix.classes[index]]);
  }

  function cell(row, column, i, j) {
    const count = matrix.counts[row][column];
    const part = count / Math.max(matrix.rows[row], 1);
    const isCorrect = row === column;
    const tint = count === 0 ? 0 : (isCorrect ? 0.42 : -0.5) * Math.max(0.12, Math.sqrt(part));
    return element("td", {
      role: "gridcell", tabindex: i === focusedCell[0] && j === focusedCell[1] ? "0" : "-1", data: { i, j, row, column },
      class: count === 0 ? "empty" : null,
      text: count === 0 ? "·" : showShare ? number(part, { style: "percent", maximumFractionDigits: part < 0.1 && !isLarge ? 1 : 0 }) : number(count),
      "aria-label": t(isCorrect ? "wrong.matrix.correct" : "wrong.matrix.cell", { actual: className(row), predicted: className(column), rows: number(count), share: percent(part) }),
      style: { "--tint": diverging(tint) },
    });
  }

  function cellAt(i, j) {
    return frame.querySelector(`[data-i="${i}"][data-j="${j}"]`);
  }

  function focus(event) {
    const cell = event.target.closest("td");
    if (cell === null) return;
    cellAt(...focusedCell)?.setAttribute("tabindex", "-1");
    focusedCell = [Number(cell.dataset.i), Number(cell.dataset.j)];
    cell.tabIndex = 0;
  }

  function onKey(event) {
    if (event.target.closest("td") === null) return;
    const last = frame.querySelectorAll("tbody tr").length - 1;
    const [i, j] = focusedCell;
    const to = {
      ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1],
      PageUp: [i - PAGE, j], PageDown: [i + PAGE, j],
      Home: event.ctrlKey ? [0, 0] : [i, 0], End: event.ctrlKey ? [last, last] : [i, last],
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      cellAt(...to.map((index) => Math.max(0, Math.min(last, index)))).focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      click(event);
    }
  }

  function click(event) {
    const cell = event.target.closest("td");
    if (cell !== null) selectCell(matrix.classes[cell.dataset.row], matrix.classes[cell.dataset.column]);
  }

  async function selectCell(actual, predicted) {
    selectedPair = [actual, predicted];
    markSelected();
    const title = () => t(actual === predicted ? "wrong.rows.correct" : "wrong.rows.cell", { actual: classes[actual], predicted: classes[predicted] });
    await store.loadRows(title, { actual, predicted, order: "confidence" });
    store.context.announce(`${title()}. ${t("wrong.rows.count", { rows: number(store.list?.shown.total ?? 0) })}`);
  }

  /** Mark the cell whose rows are listed. */
  function markSelected() {
    for (const cell of frame.querySelectorAll("td")) {
      const isSelected = selectedPair !== null && matrix.classes[cell.dataset.row] === selectedPair[0] && matrix.classes[cell.dataset.column] === selectedPair[1];
      if (isSelected) cell.setAttribute("aria-selected", "true");
      else cell.removeAttribute("aria-selected");
    }
  }

  function pairs() {
    if (evaluation.confused_pairs.length === 0) return element("p", { text: t("wrong.pairs.none") });
    return [
      element("ol", { class: "wrong-pairs" }, evaluation.confused_pairs.slice(0, MAX_PAIRS).map(({ actual, predicted, rows }) => element("li", {},
        element("button", { type: "button", text: t("wrong.pairs.line", { actual: classes[actual], predicted: classes[predicted], rows: number(rows) }), onclick: () => selectCell(actual, predicted) })))),
      evaluation.n_confused_pairs > MAX_PAIRS && element("p", { class: "hint", text: t("wrong.pairs.more", { count: number(evaluation.n_confused_pairs - MAX_PAIRS) }) }),
    ];
  }

  function byClass() {
    const heads = ["class", "recall", "precision", "rows"];
    return element("details", { class: "wrong-by-class" }, element("summary", { text: t("wrong.by_class") }),
      element("p", { class: "hint", text: t("wrong.by_class.about") }),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.by_class") },
        element("table", {},
          element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(`wrong.by_class.${key}`), class: key !== "class" && "number" })))),
          element("tbody", {}, evaluation.by_class.map(({ precision, recall, rows }, index) => element("tr", {},
            element("th", { scope: "row", text: classes[index] }),
            element("td", { class: "number", text: percent(recall) }), element("td", { class: "number", text: percent(precision) }),
            element("td", { class: "number", text: number(rows) })))))));
  }

  build();
  return {
    root,
    draw() {
      const query = store.list?.query;
      if (selectedPair !== null && (query?.actual !== selectedPair[0] || query?.predicted !== selectedPair[1])) {
        selectedPair = null;
        markSelected();
      }
    },
  };
}

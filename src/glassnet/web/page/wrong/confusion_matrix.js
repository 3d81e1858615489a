// What is taken for what: the confusion matrix as a grid that is read by pointer, keyboard and ear, and the pairs that
// are confused most. https://www.w3.org/WAI/ARIA/apg/patterns/grid/

import { element } from "/shared/elements.js";
import { number, percent, t } from "/shared/i18n.js";
import { diverging } from "/shared/theme.js";

/** Of more classes those that are confused most come first; all can be had. */
const EASY = 24;
const MOST_PAIRS = 10;
const PAGE = 10;
/** Names that are longer stand upright above their columns. */
const SHORT = 5;

/** The section. */
export function makeMatrix(desk) {
  const { told } = desk;
  const { matrix, classes } = told;
  const large = matrix.classes.length > EASY;
  let share = false;
  let all = !large;
  let at = [0, 0];
  let chosen = null;
  const frame = element("div", { class: "scroll wrong-matrix-frame" });
  const modes = element("div", { class: "row", role: "group", "aria-label": t("wrong.matrix.show") });
  const note = element("p", { class: "hint" });
  const root = element("section", { class: "card wrong-confusions", "aria-label": t("wrong.matrix") },
    element("h3", { text: t("wrong.matrix") }),
    element("p", { class: "hint", text: t("wrong.matrix.about") }),
    element("div", { class: "wrong-matrix-and-pairs" },
      element("div", { class: "wrong-matrix-side" }, modes, frame, note),
      element("div", {}, element("h4", { text: t("wrong.pairs") }), pairs())),
    told.by_class !== null && byClass());

  function toggle(key, pressed, change) {
    return element("button", { type: "button", text: t(key), "aria-pressed": String(pressed), onclick: () => { change(); build(); } });
  }

  /** The classes that are shown: of many those that are confused most, in their order. */
  function places() {
    const every = matrix.classes.map((_, place) => place);
    if (all) return every;
    const mixed = every.map((row) => every.reduce((sum, column) => sum + (row === column ? 0 : matrix.counts[row][column] + matrix.counts[column][row]), 0));
    return every.toSorted((a, b) => mixed[b] - mixed[a]).slice(0, EASY).toSorted((a, b) => a - b);
  }

  function build() {
    modes.replaceChildren(
      toggle("wrong.matrix.counts", !share, () => { share = false; }),
      toggle("wrong.matrix.share", share, () => { share = true; }),
      ...(large ? [
        toggle("wrong.matrix.most", !all, () => { all = false; at = [0, 0]; }),
        toggle("wrong.matrix.all", all, () => { all = true; at = [0, 0]; }),
      ] : []),
    );
    const shown = places();
    note.textContent = matrix.whole && all ? "" : t("wrong.matrix.part", { shown: number(shown.length), classes: number(classes.length) });
    const head = element("tr", { role: "row" },
      element("th", { role: "columnheader", scope: "col", class: "wrong-corner", text: t("wrong.matrix.corner") }),
      shown.map((column) => element("th", { role: "columnheader", scope: "col", title: nameOf(column) }, element("span", { text: nameOf(column) }))));
    const body = shown.map((row, i) => element("tr", { role: "row" },
      element("th", { role: "rowheader", scope: "row", title: nameOf(row), text: nameOf(row) }),
      shown.map((column, j) => cell(row, column, i, j))));
    const table = element("table", { class: `wrong-matrix${large ? " small" : ""}${matrix.classes.some((_, place) => nameOf(place).length > SHORT) ? " upright" : ""}`, role: "grid", "aria-label": t("wrong.matrix"), "aria-readonly": "true", onkeydown: keys, onclick: click, onfocusin: focus },
      element("thead", { role: "rowgroup" }, head), element("tbody", { role: "rowgroup" }, body));
    frame.replaceChildren(table);
    mark();
  }

  function nameOf(place) {
    return String(classes[matrix.classes[place]]);
  }

  function cell(row, column, i, j) {
    const count = matrix.counts[row][column];
    const part = count / Math.max(matrix.rows[row], 1);
    const right = row === column;
    const tint = count === 0 ? 0 : (right ? 0.42 : -0.5) * Math.max(0.12, Math.sqrt(part));
    return element("td", {
      role: "gridcell", tabindex: i === at[0] && j === at[1] ? "0" : "-1", data: { i, j, row, column },
      class: count === 0 ? "empty" : null,
      text: count === 0 ? "·" : share ? number(part, { style: "percent", maximumFractionDigits: part < 0.1 && !large ? 1 : 0 }) : number(count),
      "aria-label": t(right ? "wrong.matrix.right" : "wrong.matrix.cell", { truth: nameOf(row), predicted: nameOf(column), rows: number(count), share: percent(part) }),
      style: { "--tint": diverging(tint) },
    });
  }

  function cellAt(i, j) {
    return frame.querySelector(`[data-i="${i}"][data-j="${j}"]`);
  }

  function focus(event) {
    const cell = event.target.closest("td");
    if (cell === null) return;
    cellAt(...at)?.setAttribute("tabindex", "-1");
    at = [Number(cell.dataset.i), Number(cell.dataset.j)];
    cell.tabIndex = 0;
  }

  function keys(event) {
    if (event.target.closest("td") === null) return;
    const last = frame.querySelectorAll("tbody tr").length - 1;
    const [i, j] = at;
    const to = {
      ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1],
      PageUp: [i - PAGE, j], PageDown: [i + PAGE, j],
      Home: event.ctrlKey ? [0, 0] : [i, 0], End: event.ctrlKey ? [last, last] : [i, last],
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      cellAt(...to.map((place) => Math.max(0, Math.min(last, place)))).focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      click(event);
    }
  }

  function click(event) {
    const cell = event.target.closest("td");
    if (cell !== null) choose(matrix.classes[cell.dataset.row], matrix.classes[cell.dataset.column]);
  }

  async function choose(truth, predicted) {
    chosen = [truth, predicted];
    mark();
    const title = () => t(truth === predicted ? "wrong.rows.right" : "wrong.rows.cell", { truth: classes[truth], predicted: classes[predicted] });
    await desk.list(title, { truth, predicted, order: "sure" });
    desk.context.announce(`${title()}. ${t("wrong.rows.count", { rows: number(desk.listed?.shown.total ?? 0) })}`);
  }

  /** Mark the cell whose rows are listed. */
  function mark() {
    for (const cell of frame.querySelectorAll("td")) {
      const is = chosen !== null && matrix.classes[cell.dataset.row] === chosen[0] && matrix.classes[cell.dataset.column] === chosen[1];
      if (is) cell.setAttribute("aria-selected", "true");
      else cell.removeAttribute("aria-selected");
    }
  }

  function pairs() {
    if (told.pairs.length === 0) return element("p", { text: t("wrong.pairs.none") });
    return [
      element("ol", { class: "wrong-pairs" }, told.pairs.slice(0, MOST_PAIRS).map(({ truth, predicted, rows }) => element("li", {},
        element("button", { type: "button", text: t("wrong.pairs.line", { truth: classes[truth], predicted: classes[predicted], rows: number(rows) }), onclick: () => choose(truth, predicted) })))),
      told.n_pairs > MOST_PAIRS && element("p", { class: "hint", text: t("wrong.pairs.more", { count: number(told.n_pairs - MOST_PAIRS) }) }),
    ];
  }

  function byClass() {
    const heads = ["class", "recall", "precision", "rows"];
    return element("details", { class: "wrong-by-class" }, element("summary", { text: t("wrong.by_class") }),
      element("p", { class: "hint", text: t("wrong.by_class.about") }),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.by_class") },
        element("table", {},
          element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(`wrong.by_class.${key}`), class: key !== "class" && "number" })))),
          element("tbody", {}, told.by_class.map(({ precision, recall, rows }, place) => element("tr", {},
            element("th", { scope: "row", text: classes[place] }),
            element("td", { class: "number", text: percent(recall) }), element("td", { class: "number", text: percent(precision) }),
            element("td", { class: "number", text: number(rows) })))))));
  }

  build();
  return {
    root,
    draw() {
      const query = desk.listed?.query;
      if (chosen !== null && (query?.truth !== chosen[0] || query?.predicted !== chosen[1])) {
        chosen = null;
        mark();
      }
    },
  };
}

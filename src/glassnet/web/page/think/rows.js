// Browser of the example rows: images or lists, by class, by number, sequential or random.

import { get } from "/shared/api.js";
import { prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { format, formatEntry } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { ink, inkImage } from "/think/hinton.js";
import { fromRow, dataInstructions, rowLabel } from "/think/names.js";

const PAGE_SIZE = { image: 20, list: 8 };
const THUMB = 48;
const MAX_VALUES = 4;

/** The list with its buttons, or instructions if there are no rows. */
export function makeRows(store) {
  const { model } = store.context;
  if (model.examples === null) {
    return {
      root: element("div", {}, dataInstructions(model)),
      draw() {},
    };
  }
  const pageSize = PAGE_SIZE[model.image_shape ? "image" : "list"];
  let first = 0;
  let page = null;
  let requests = 0;
  let shownRow = null;

  const classField = element("select", { onchange: () => loadPage(0) },
    element("option", { value: "", text: t("think.rows.all") }), model.classes.map((name, place) => element("option", { value: place, text: String(name) })));
  const field = element("input", { type: "number", min: 1, step: 1, id: "think-row", onchange: openByNumber });
  const rows = element("ul", { class: model.image_shape ? "think-thumbs" : "think-list" });
  const where = element("p", { class: "hint", role: "status" });
  const back = element("button", { type: "button", text: "‹", "aria-label": t("think.rows.earlier"), onclick: () => loadPage(first - pageSize) });
  const forward = element("button", { type: "button", text: "›", "aria-label": t("think.rows.later"), onclick: () => loadPage(first + pageSize) });
  const root = element("div", { class: "think-browse" },
    element("div", { class: "row" },
      model.classes.length > 0 && model.examples.has_target && element("label", { class: "field" }, element("span", { text: t("think.rows.class") }), classField),
      element("label", { class: "field" }, element("span", { text: t("think.rows.number") }), field)),
    element("div", { class: "row" },
      element("button", { type: "button", text: t("think.rows.previous"), onclick: () => openNeighbour(-1) }),
      element("button", { type: "button", text: t("think.rows.next"), onclick: () => openNeighbour(1) }),
      element("button", { type: "button", text: t("think.rows.random"), onclick: () => openAt(Math.floor(Math.random() * (page?.matching ?? 0))) })),
    rows, element("div", { class: "row think-pager" }, back, where, forward));

  function query(from, count) {
    return `/api/rows?from=${from}&count=${count}${classField.value === "" ? "" : `&class=${encodeURIComponent(model.classes[Number(classField.value)])}`}`;
  }

  async function loadPage(from) {
    const request = ++requests;
    try {
      const response = await get(query(Math.max(0, from), pageSize));
      if (request !== requests) return;
      page = response;
      first = response.from;
      showPage();
    } catch (error) {
      store.context.fail(error);
    }
  }

  function showPage() {
    rows.replaceChildren(...page.rows.map((row) => element("li", {}, model.image_shape ? thumbnail(store, row) : listItem(row))));
    where.textContent = page.matching === 0 ? t("think.rows.none")
      : t("think.rows.range", { first: number(first + 1), last: number(first + page.rows.length), matching: number(page.matching) });
    back.disabled = first === 0;
    forward.disabled = first + page.rows.length >= page.matching;
    shownRow = null;
    draw();
  }

  function listItem(row) {
    const values = row.values.slice(0, MAX_VALUES).map((value, place) => `${model.features[place]} ${formatEntry(value)}`).join(", ");
    return element("button", { type: "button", class: "think-list-row", data: { row: row.row }, onclick: (event) => select(store, row, event.timeStamp) },
      element("strong", { text: `${rowLabel(row)}${row.target === null ? "" : `: ${typeof row.target === "number" ? format(row.target, 5) : row.target}`} ${errorMark(store, row)}` }), " ",
      element("span", { class: "soft", text: row.values.length > MAX_VALUES ? `${values} …` : values }));
  }

  /** Open the row at a position within the class, and load its page. */
  async function openAt(place) {
    if (page === null || place < 0 || place >= page.matching) return;
    try {
      const { rows: [row] } = await get(query(place, 1));
      select(store, row);
      if (classField.value !== "" && (place < first || place >= first + page.rows.length)) await loadPage(place - (place % pageSize));
    } catch (error) {
      store.context.fail(error);
    }
  }

  function openNeighbour(by) {
    const current = page?.rows.findIndex(({ row }) => row === store.from?.row) ?? -1;
    openAt(current < 0 ? first : first + current + by);
  }

  async function openByNumber() {
    const rowNumber = Number(field.value);
    let valid = field.value !== "" && Number.isInteger(rowNumber);
    if (valid) {
      try {
        const { rows: [row] } = await get(`/api/rows?number=${rowNumber}&count=1`);
        classField.value = "";
        select(store, row);
      } catch (error) {
        valid = false;
        if (error.status !== 422) store.context.fail(error);
      }
    }
    field.setAttribute("aria-invalid", String(!valid));
  }

  function draw() {
    const current = store.from?.kind === "row" ? store.from.row : null;
    const isElsewhere = current !== null && current !== shownRow && classField.value === "" && page !== null && !page.rows.some(({ row }) => row === current);
    if ((page === null && requests === 0) || isElsewhere) loadPage(current === null || classField.value !== "" ? 0 : current - (current % pageSize));
    if (current === shownRow) return;
    shownRow = current;
    if (document.activeElement !== field) {
      field.value = current === null ? "" : store.from.number;
      field.removeAttribute("aria-invalid");
    }
    for (const button of rows.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.row) === current));
  }

  return { root, draw };
}

/** A button that shows a row and opens it. */
export function thumbnail(store, row, note = null) {
  const { model } = store.context;
  const actual = row.target === null ? "" : String(row.target);
  const name = `${t("think.row", { row: rowLabel(row) })}${actual ? `, ${actual}` : ""}${errorMark(store, row) ? `, ${t("think.rows.predicted", { answer: String(row.prediction) })}` : ""}${note === null ? "" : `, ${note}`}`;
  const caption = element("span", { text: `${actual || (model.image_shape ? rowLabel(row) : "")} ${errorMark(store, row)}`.trim() });
  const button = element("button", { type: "button", class: "think-thumb", data: { row: row.row }, "aria-label": name, title: name, onclick: (event) => select(store, row, event.timeStamp) });
  if (model.image_shape) {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const ctx = prepareCanvas(canvas, THUMB, THUMB);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(inkImage(ink(row.values, store.info.drawing), model.image_shape[0]), 0, 0, THUMB, THUMB);
    button.append(canvas, caption);
  } else button.append(element("span", { text: t("think.row", { row: rowLabel(row) }) }), caption);
  if (note !== null) button.append(element("small", { text: note }));
  return button;
}

/** A mark for a misclassified row. */
function errorMark(store, row) {
  return store.context.model.classes.length && row.target !== null && row.prediction !== null && String(row.prediction) !== String(row.target) ? "✗" : "";
}

function select(store, row, startedAt = null) {
  store.setRow(row.values, fromRow(row), startedAt);
}

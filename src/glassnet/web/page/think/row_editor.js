// Input fields for the values of the row, paginated and searchable if there are many columns.

import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const PAGE_SIZE = 12;

/** The fields. */
export function makeRowEditor(store) {
  const { features, preprocessing } = store.context.model;
  const isTable = preprocessing.kind === "table"; // entries may be text, and may be missing
  const isPaged = features.length > PAGE_SIZE;
  let first = 0;
  let found = features.map((_, place) => place);
  let fieldsKey = "";

  const search = element("input", { type: "search", id: "think-search", oninput: filter });
  const fields = element("div", { class: "think-fields" });
  const where = element("p", { class: "hint", role: "status" });
  const back = element("button", { type: "button", text: "‹", "aria-label": t("think.edit.earlier"), onclick: () => turnPage(-PAGE_SIZE) });
  const forward = element("button", { type: "button", text: "›", "aria-label": t("think.edit.later"), onclick: () => turnPage(PAGE_SIZE) });
  const root = element("div", { class: "think-edit" },
    element("p", { class: "hint", text: t("think.edit.about") }),
    isPaged && element("label", { class: "field" }, element("span", { text: t("think.edit.search", { count: number(features.length) }) }), search),
    fields, isPaged && element("div", { class: "row think-pager" }, back, where, forward));

  function filter() {
    const query = search.value.trim().toLowerCase();
    found = features.flatMap((name, place) => (String(name).toLowerCase().includes(query) ? [place] : []));
    first = 0;
    draw();
  }

  function turnPage(by) {
    first = Math.max(0, Math.min(found.length - 1, first + by));
    draw();
  }

  function draw() {
    if (store.row === null) return;
    const chosen = found.slice(first, first + PAGE_SIZE);
    if (fieldsKey !== chosen.join()) {
      fieldsKey = chosen.join();
      fields.replaceChildren(...chosen.map(field));
    }
    for (const input of fields.querySelectorAll("input")) {
      const value = store.row[Number(input.dataset.column)];
      if (document.activeElement !== input && parse(input.value, value) !== value) input.value = value === null ? "" : String(value);
      if (document.activeElement !== input) input.removeAttribute("aria-invalid");
    }
    where.textContent = found.length === 0 ? t("think.edit.none") : t("think.edit.page", { first: number(first + 1), last: number(first + chosen.length), count: number(found.length) });
    back.disabled = first === 0;
    forward.disabled = first + PAGE_SIZE >= found.length;
  }

  function field(column) {
    const { column_ranges: columns } = store.info;
    const range = columns === null ? "" : t("think.edit.range", { low: format(columns.low[column]), high: format(columns.high[column]) });
    const input = element("input", {
      type: isTable ? "text" : "number", step: !isTable && "any", data: { column }, value: store.row[column] === null ? "" : String(store.row[column]), "aria-describedby": range && `think-range-${column}`,
      oninput: (event) => change(column, input, event.timeStamp), onblur: () => store.draw(),
    });
    return element("label", { class: "field" }, element("span", { text: String(features[column]) }), input, range && element("small", { class: "soft", id: `think-range-${column}`, text: range }));
  }

  function change(column, input, startedAt) {
    const value = isTable ? parse(input.value, store.row[column]) : input.valueAsNumber;
    const isValid = isTable || Number.isFinite(value);
    input.setAttribute("aria-invalid", String(!isValid));
    if (!isValid) return;
    const row = [...store.row];
    row[column] = value;
    store.setRow(row, { kind: "edited" }, startedAt);
  }

  return { root, draw };
}

/** The value of a text, of the type of the previous value: missing, text, or a number. */
function parse(text, before) {
  if (text.trim() === "") return null;
  const value = Number(text);
  return typeof before === "string" || !Number.isFinite(value) ? text : value;
}

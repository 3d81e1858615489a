// The row's numbers, each in a field of its own; of many columns some at a time, found by name.

import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const AT_ONCE = 12;

/** The fields. */
export function makeNumbers(desk) {
  const { features } = desk.context.model;
  const many = features.length > AT_ONCE;
  let first = 0;
  let found = features.map((_, place) => place);
  let madeFor = "";

  const search = element("input", { type: "search", id: "think-search", oninput: look });
  const fields = element("div", { class: "think-fields" });
  const where = element("p", { class: "hint", role: "status" });
  const back = element("button", { type: "button", text: "‹", "aria-label": t("think.edit.earlier"), onclick: () => turn(-AT_ONCE) });
  const on = element("button", { type: "button", text: "›", "aria-label": t("think.edit.later"), onclick: () => turn(AT_ONCE) });
  const root = element("div", { class: "think-edit" },
    element("p", { class: "hint", text: t("think.edit.about") }),
    many && element("label", { class: "field" }, element("span", { text: t("think.edit.search", { count: number(features.length) }) }), search),
    fields, many && element("div", { class: "row think-pager" }, back, where, on));

  function look() {
    const words = search.value.trim().toLowerCase();
    found = features.flatMap((name, place) => (String(name).toLowerCase().includes(words) ? [place] : []));
    first = 0;
    draw();
  }

  function turn(by) {
    first = Math.max(0, Math.min(found.length - 1, first + by));
    draw();
  }

  function draw() {
    if (desk.row === null) return;
    const chosen = found.slice(first, first + AT_ONCE);
    if (madeFor !== chosen.join()) {
      madeFor = chosen.join();
      fields.replaceChildren(...chosen.map(field));
    }
    for (const input of fields.querySelectorAll("input")) {
      const value = desk.row[Number(input.dataset.column)];
      if (document.activeElement !== input && Number(input.value) !== value) input.value = String(value);
      if (document.activeElement !== input) input.removeAttribute("aria-invalid");
    }
    where.textContent = found.length === 0 ? t("think.edit.none") : t("think.edit.where", { first: number(first + 1), last: number(first + chosen.length), count: number(found.length) });
    back.disabled = first === 0;
    on.disabled = first + AT_ONCE >= found.length;
  }

  function field(column) {
    const { columns } = desk.about;
    const range = columns === null ? "" : t("think.edit.range", { low: shown(columns.low[column]), high: shown(columns.high[column]) });
    const input = element("input", {
      type: "number", step: "any", data: { column }, value: String(desk.row[column]), "aria-describedby": range && `think-range-${column}`,
      oninput: (event) => change(column, input, event.timeStamp), onblur: () => desk.draw(),
    });
    return element("label", { class: "field" }, element("span", { text: String(features[column]) }), input, range && element("small", { class: "soft", id: `think-range-${column}`, text: range }));
  }

  function change(column, input, since) {
    const value = input.valueAsNumber;
    input.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    if (!Number.isFinite(value)) return;
    const row = [...desk.row];
    row[column] = value;
    desk.take(row, { kind: "edited" }, since);
  }

  return { root, draw };
}

// The rows at hand: as pictures, or as a list of their numbers; by class, by number, one after the other, at random.

import { get } from "/shared/api.js";
import { sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { ink, inked } from "/think/hinton.js";
import { fromRow, needsData, placeOf } from "/think/names.js";

const AT_ONCE = { picture: 20, list: 8 };
const THUMB = 48;
const MOST_TOLD = 4;

/** The list with its buttons; where there are no rows, how to give some. */
export function makeRows(desk) {
  const { model } = desk.context;
  if (model.examples === null) {
    return {
      root: element("div", {}, needsData(model)),
      draw() {},
    };
  }
  const most = AT_ONCE[model.picture ? "picture" : "list"];
  let first = 0;
  let told = null;
  let asked = 0;
  let shownFor = null;

  const kind = element("select", { onchange: () => list(0) },
    element("option", { value: "", text: t("think.rows.all") }), model.classes.map((name, place) => element("option", { value: place, text: String(name) })));
  const field = element("input", { type: "number", min: 1, step: 1, id: "think-row", onchange: openNumber });
  const rows = element("ul", { class: model.picture ? "think-thumbs" : "think-list" });
  const where = element("p", { class: "hint", role: "status" });
  const back = element("button", { type: "button", text: "‹", "aria-label": t("think.rows.earlier"), onclick: () => list(first - most) });
  const on = element("button", { type: "button", text: "›", "aria-label": t("think.rows.later"), onclick: () => list(first + most) });
  const root = element("div", { class: "think-browse" },
    element("div", { class: "row" },
      model.classes.length > 0 && model.examples.has_target && element("label", { class: "field" }, element("span", { text: t("think.rows.class") }), kind),
      element("label", { class: "field" }, element("span", { text: t("think.rows.number") }), field)),
    element("div", { class: "row" },
      element("button", { type: "button", text: t("think.rows.previous"), onclick: () => step(-1) }),
      element("button", { type: "button", text: t("think.rows.next"), onclick: () => step(1) }),
      element("button", { type: "button", text: t("think.rows.random"), onclick: () => open(Math.floor(Math.random() * (told?.matching ?? 0))) })),
    rows, element("div", { class: "row think-pager" }, back, where, on));

  function query(from, count) {
    return `/api/rows?from=${from}&count=${count}${kind.value === "" ? "" : `&class=${encodeURIComponent(model.classes[Number(kind.value)])}`}`;
  }

  async function list(from) {
    const mine = ++asked;
    try {
      const got = await get(query(Math.max(0, from), most));
      if (mine !== asked) return;
      told = got;
      first = got.from;
      show();
    } catch (error) {
      desk.context.fail(error);
    }
  }

  function show() {
    rows.replaceChildren(...told.rows.map((row) => element("li", {}, model.picture ? thumbnail(desk, row) : listed(row))));
    where.textContent = told.matching === 0 ? t("think.rows.none")
      : t("think.rows.where", { first: number(first + 1), last: number(first + told.rows.length), matching: number(told.matching) });
    back.disabled = first === 0;
    on.disabled = first + told.rows.length >= told.matching;
    shownFor = null;
    draw();
  }

  function listed(row) {
    const values = row.values.slice(0, MOST_TOLD).map((value, place) => `${model.features[place]} ${shown(value)}`).join(", ");
    return element("button", { type: "button", class: "think-list-row", data: { row: row.row }, onclick: (event) => take(desk, row, event.timeStamp) },
      element("strong", { text: `${placeOf(row)}${row.target === null ? "" : `: ${typeof row.target === "number" ? shown(row.target, 5) : row.target}`} ${mark(desk, row)}` }), " ",
      element("span", { class: "soft", text: row.values.length > MOST_TOLD ? `${values} …` : values }));
  }

  /** Open the row at a place among those of the class, and list those around it. */
  async function open(place) {
    if (told === null || place < 0 || place >= told.matching) return;
    try {
      const { rows: [row] } = await get(query(place, 1));
      take(desk, row);
      if (kind.value !== "" && (place < first || place >= first + told.rows.length)) await list(place - (place % most));
    } catch (error) {
      desk.context.fail(error);
    }
  }

  function step(by) {
    const here = told?.rows.findIndex(({ row }) => row === desk.from?.row) ?? -1;
    open(here < 0 ? first : first + here + by);
  }

  async function openNumber() {
    const wanted = Number(field.value);
    let right = field.value !== "" && Number.isInteger(wanted);
    if (right) {
      try {
        const { rows: [row] } = await get(`/api/rows?number=${wanted}&count=1`);
        kind.value = "";
        take(desk, row);
      } catch (error) {
        right = false;
        if (error.status !== 422) desk.context.fail(error);
      }
    }
    field.setAttribute("aria-invalid", String(!right));
  }

  function draw() {
    const here = desk.from?.kind === "row" ? desk.from.row : null;
    const away = here !== null && here !== shownFor && kind.value === "" && told !== null && !told.rows.some(({ row }) => row === here);
    if ((told === null && asked === 0) || away) list(here === null || kind.value !== "" ? 0 : here - (here % most));
    if (here === shownFor) return;
    shownFor = here;
    if (document.activeElement !== field) {
      field.value = here === null ? "" : desk.from.number;
      field.removeAttribute("aria-invalid");
    }
    for (const button of rows.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.row) === here));
  }

  return { root, draw };
}

/** A button that shows a row and opens it. */
export function thumbnail(desk, row, below = null) {
  const { model } = desk.context;
  const truth = row.target === null ? "" : String(row.target);
  const name = `${t("think.row", { row: placeOf(row) })}${truth ? `, ${truth}` : ""}${mark(desk, row) ? `, ${t("think.rows.taken", { answer: String(row.prediction) })}` : ""}${below === null ? "" : `, ${below}`}`;
  const caption = element("span", { text: `${truth || (model.picture ? placeOf(row) : "")} ${mark(desk, row)}`.trim() });
  const button = element("button", { type: "button", class: "think-thumb", data: { row: row.row }, "aria-label": name, title: name, onclick: (event) => take(desk, row, event.timeStamp) });
  if (model.picture) {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const pen = sharp(canvas, THUMB, THUMB);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(inked(ink(row.values, desk.about.pen), model.picture[0]), 0, 0, THUMB, THUMB);
    button.append(canvas, caption);
  } else button.append(element("span", { text: t("think.row", { row: placeOf(row) }) }), caption);
  if (below !== null) button.append(element("small", { text: below }));
  return button;
}

/** A row that the network takes for something else is marked. */
function mark(desk, row) {
  return desk.context.model.classes.length && row.target !== null && row.prediction !== null && String(row.prediction) !== String(row.target) ? "✗" : "";
}

function take(desk, row, since = null) {
  desk.take(row.values, fromRow(row), since);
}

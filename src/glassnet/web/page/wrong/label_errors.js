// Rows that look mislabelled: a search, with its progress, and what it found.

import { file, get, post } from "/shared/api.js";
import { save } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { pageOf, rowsOf } from "/wrong/rows.js";

/** So much worse than the model on these rows, the networks of a search have learned too little to be trusted. */
const WEAKER = 0.05;
/** Where a larger share of the rows is suspected, most of them are hard rather than wrong. */
const MANY = 0.1;
/** Milliseconds between two looks at the progress. */
const BETWEEN = 400;
const FOLDS = [3, 5, 10];

/** The section; watch() looks at the search until it is over, stop() ends the looking. */
export function makeLabels(desk) {
  const { context, told } = desk;
  const classes = told.task === "classification";
  const count = context.model.picture === null ? 12 : 24;
  let first = 0;
  let timer = 0;
  let busy = false;
  const folds = element("select", { id: "wrong-folds" }, FOLDS.map((count) => element("option", { value: count, text: number(count), selected: count === 5 })));
  const begin = element("button", { type: "button", class: "main wrong-search", text: t("wrong.labels.begin"), onclick: start });
  const cancel = element("button", { type: "button", text: t("wrong.labels.end"), onclick: end });
  const progress = element("progress", { class: "learn-progress", max: "1", "aria-label": t("wrong.labels.progress") });
  const where = element("p", { class: "wrong-where", role: "status" });
  const result = element("div", {});
  const back = element("button", { type: "button", text: t("wrong.rows.back"), onclick: () => turn(-1) });
  const next = element("button", { type: "button", text: t("wrong.rows.next"), onclick: () => turn(1) });
  const page = element("span", { class: "soft wrong-page", role: "status" });
  const pager = element("div", { class: "row wrong-pages", hidden: true }, back, page, next);
  const root = element("section", { class: "card wrong-labels", "aria-label": t(classes ? "wrong.labels" : "wrong.labels.values") },
    element("h3", { text: t(classes ? "wrong.labels" : "wrong.labels.values") }),
    element("p", { text: t(classes ? "wrong.labels.about" : "wrong.labels.about.values") }),
    element("div", { class: "row" },
      element("label", { class: "wrong-folds" }, t("wrong.labels.folds"), " ", folds), begin, cancel, context.model.read_only && element("span", { class: "hint", text: t("error.read_only") })),
    progress, where, result, pager);
  let drawn = null;

  async function start() {
    context.fail(null);
    first = 0;
    busy = true;
    draw();
    try {
      desk.search = await post("/api/judge/labels", { rows: desk.which, folds: Number(folds.value) });
      context.announce(t("wrong.labels.began"));
    } catch (error) {
      context.fail(error);
    }
    busy = false;
    draw();
    watch();
  }

  async function end() {
    try {
      desk.search = await post("/api/judge/labels/end", {});
      context.announce(t("wrong.labels.ended"));
    } catch (error) {
      context.fail(error);
    }
    draw();
  }

  /** Look at the search until it is over. */
  async function watch() {
    clearTimeout(timer);
    const before = desk.search?.state;
    try {
      desk.search = await get(`/api/judge/labels?first=${first}&count=${count}`);
    } catch (error) {
      context.fail(error);
      return;
    }
    draw();
    if (before === "going" && desk.search.state === "over") context.announce(summary(desk.search));
    if (desk.search.state === "going") timer = setTimeout(watch, BETWEEN);
  }

  function stop() {
    clearTimeout(timer);
  }

  function summary(search) {
    return t(classes ? "wrong.labels.found" : "wrong.labels.found.values", { count: number(search.total), rows: number(search.of) });
  }

  function draw() {
    const { search } = desk;
    const going = search?.state === "going";
    begin.disabled = folds.disabled = busy || going || context.model.read_only;
    cancel.hidden = progress.hidden = !going;
    if (search === null || search === drawn) return;
    drawn = search;
    progress.value = search.share ?? 0;
    where.textContent = said(search);
    const over = search.state === "over";
    result.replaceChildren(...(over ? found(search) : []));
    pager.hidden = !over || search.total <= count;
    if (pager.hidden) return;
    page.textContent = t("wrong.rows.page", pageOf({ first: search.first, shown: search }));
    back.disabled = search.first === 0;
    next.disabled = search.first + search.rows.length >= search.total;
  }

  function said(search) {
    const { state } = search;
    if (state === "going") return t("wrong.labels.going", { fold: number(Math.max(search.fold, 1)), folds: number(search.folds), seconds: number(search.seconds, { maximumFractionDigits: 0 }) });
    if (state === "ended") return t("wrong.labels.ended");
    if (state === "failed") return t("wrong.labels.failed", { fault: search.fault });
    if (state === "none") return "";
    const source = t(`wrong.labels.rows.${search.which}`);
    const { held_out: judged } = search;
    const known = classes ? t("wrong.labels.held_out", { accuracy: percent(judged.accuracy) }) : t("wrong.labels.held_out.values", { rmse: shown(judged.rmse) });
    return `${summary(search)} ${source} ${known}${search.current ? "" : ` ${t("wrong.labels.old")}`}`;
  }

  function found(search) {
    return [
      classes && search.current && search.which === told.which && search.held_out.accuracy < told.figures.accuracy - WEAKER && element("p", { class: "wrong-seen warn", text: t("wrong.labels.weak") }),
      classes && search.total > MANY * search.of && element("p", { class: "hint", text: t("wrong.labels.many") }),
      search.alone > 0 && element("p", { class: "hint", text: t("wrong.labels.alone", { rows: number(search.alone) }) }),
      search.total > 0 && element("div", { class: "row wrong-pages" },
        element("button", { type: "button", class: "wrong-csv", text: t("wrong.labels.csv"), onclick: saveFound }), element("span", { class: "hint", text: t("wrong.labels.csv.about") })),
      search.total > 0 && rowsOf(desk, search, summary(search), classes ? ofClass(search) : ofValue(), search.which),
    ].filter(Boolean);
  }

  function ofClass(search) {
    const name = (place) => search.classes[place];
    const likely = (value) => (value === null ? "–" : percent(value));
    return {
      right: () => false,
      caption: (row) => [t("wrong.labels.given", { given: name(row.given), quality: likely(row.quality) }), t("wrong.labels.suggested", { suggested: name(row.suggested), sure: likely(row.suggested_sure) })],
      columns: [
        ["wrong.labels.column.given", (row) => name(row.given)], ["wrong.labels.column.quality", (row) => likely(row.quality)],
        ["wrong.labels.column.suggested", (row) => name(row.suggested)], ["wrong.labels.column.sure", (row) => likely(row.suggested_sure)], ["wrong.row.loss", (row) => shown(row.loss, 3)],
      ],
    };
  }

  function ofValue() {
    return {
      right: () => false,
      caption: (row) => [t("wrong.row.value", { predicted: shown(row.suggested), truth: shown(row.given) })],
      columns: [["wrong.labels.column.given", (row) => shown(row.given)], ["wrong.labels.column.foreseen", (row) => shown(row.suggested)], ["wrong.row.loss", (row) => shown(row.loss, 3)]],
    };
  }

  function turn(by) {
    first = Math.max(0, first + by * count);
    watch();
  }

  async function saveFound() {
    try {
      save(await file("/api/judge/labels/csv"), "mislabelled.csv");
    } catch (error) {
      context.fail(error);
    }
  }

  watch();
  return { root, draw, watch, stop };
}

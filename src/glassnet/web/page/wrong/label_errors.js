// Search for label errors: progress and results.

import { file, get, post } from "/shared/api.js";
import { download } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { pageRange, renderRows } from "/wrong/rows.js";

/** If the held-out accuracy is lower than the model's by this, a warning is shown. */
const WEAK_MARGIN = 0.05;
/** If a larger share of the rows is suspected, most of them are hard rather than mislabelled. */
const MANY_SUSPECTS = 0.1;
/** Milliseconds between two progress requests. */
const POLL_INTERVAL = 400;
const FOLDS = [3, 5, 10];

/** The section; poll() requests the progress until the search has finished, stopPolling() stops that. */
export function makeLabelErrors(store) {
  const { context, evaluation } = store;
  const classes = evaluation.task === "classification";
  const count = context.model.image_shape === null ? 12 : 24;
  let first = 0;
  let timer = 0;
  let isStarting = false;
  const folds = element("select", { id: "wrong-folds" }, FOLDS.map((count) => element("option", { value: count, text: number(count), selected: count === 5 })));
  const startButton = element("button", { type: "button", class: "main wrong-search", text: t("wrong.labels.start"), onclick: startSearch });
  const stopButton = element("button", { type: "button", text: t("wrong.labels.stop"), onclick: stopSearch });
  const progress = element("progress", { class: "learn-progress", max: "1", "aria-label": t("wrong.labels.progress") });
  const status = element("p", { class: "wrong-search-status", role: "status" });
  const result = element("div", {});
  const back = element("button", { type: "button", text: t("wrong.rows.back"), onclick: () => turnPage(-1) });
  const next = element("button", { type: "button", text: t("wrong.rows.next"), onclick: () => turnPage(1) });
  const page = element("span", { class: "soft wrong-page", role: "status" });
  const pager = element("div", { class: "row wrong-pages", hidden: true }, back, page, next);
  const root = element("section", { class: "card wrong-labels", "aria-label": t(classes ? "wrong.labels" : "wrong.labels.values") },
    element("h3", { text: t(classes ? "wrong.labels" : "wrong.labels.values") }),
    element("p", { text: t(classes ? "wrong.labels.about" : "wrong.labels.about.values") }),
    element("div", { class: "row" },
      element("label", { class: "wrong-folds" }, t("wrong.labels.folds"), " ", folds), startButton, stopButton, context.model.read_only && element("span", { class: "hint", text: t("error.read_only") })),
    progress, status, result, pager);
  let drawnSearch = null;

  async function startSearch() {
    context.fail(null);
    first = 0;
    isStarting = true;
    draw();
    try {
      store.search = await post("/api/evaluate/label-errors", { rows: store.dataset, folds: Number(folds.value) });
      context.announce(t("wrong.labels.started"));
    } catch (error) {
      context.fail(error);
    }
    isStarting = false;
    draw();
    poll();
  }

  async function stopSearch() {
    try {
      store.search = await post("/api/evaluate/label-errors/stop", {});
      context.announce(t("wrong.labels.stopped"));
    } catch (error) {
      context.fail(error);
    }
    draw();
  }

  /** Request the progress until the search has finished. */
  async function poll() {
    clearTimeout(timer);
    const before = store.search?.state;
    try {
      store.search = await get(`/api/evaluate/label-errors?first=${first}&count=${count}`);
    } catch (error) {
      context.fail(error);
      return;
    }
    draw();
    if (before === "running" && store.search.state === "finished") context.announce(summary(store.search));
    if (store.search.state === "running") timer = setTimeout(poll, POLL_INTERVAL);
  }

  function stopPolling() {
    clearTimeout(timer);
  }

  function summary(search) {
    return t(classes ? "wrong.labels.found" : "wrong.labels.found.values", { count: number(search.total), rows: number(search.n_rows) });
  }

  function draw() {
    const { search } = store;
    const going = search?.state === "running";
    startButton.disabled = folds.disabled = isStarting || going || context.model.read_only;
    stopButton.hidden = progress.hidden = !going;
    if (search === null || search === drawnSearch) return;
    drawnSearch = search;
    progress.value = search.progress ?? 0;
    status.textContent = statusText(search);
    const over = search.state === "finished";
    result.replaceChildren(...(over ? renderResult(search) : []));
    pager.hidden = !over || search.total <= count;
    if (pager.hidden) return;
    page.textContent = t("wrong.rows.page", pageRange({ first: search.first, shown: search }));
    back.disabled = search.first === 0;
    next.disabled = search.first + search.rows.length >= search.total;
  }

  function statusText(search) {
    const { state } = search;
    if (state === "running") return t("wrong.labels.running", { fold: number(Math.max(search.fold, 1)), folds: number(search.folds), seconds: number(search.seconds, { maximumFractionDigits: 0 }) });
    if (state === "stopped") return t("wrong.labels.stopped");
    if (state === "failed") return t("wrong.labels.failed", { error: search.error });
    if (state === "none") return "";
    const source = t(`wrong.labels.rows.${search.dataset}`);
    const { held_out: heldOut } = search;
    const heldOutText = classes ? t("wrong.labels.held_out", { accuracy: percent(heldOut.accuracy) }) : t("wrong.labels.held_out.values", { rmse: format(heldOut.rmse) });
    return `${summary(search)} ${source} ${heldOutText}${search.current ? "" : ` ${t("wrong.labels.outdated")}`}`;
  }

  function renderResult(search) {
    return [
      classes && search.current && search.dataset === evaluation.dataset && search.held_out.accuracy < evaluation.metrics.accuracy - WEAK_MARGIN && element("p", { class: "wrong-overlap warn", text: t("wrong.labels.weak") }),
      classes && search.total > MANY_SUSPECTS * search.n_rows && element("p", { class: "hint", text: t("wrong.labels.many") }),
      search.n_unscored > 0 && element("p", { class: "hint", text: t("wrong.labels.unscored", { rows: number(search.n_unscored) }) }),
      search.total > 0 && element("div", { class: "row wrong-pages" },
        element("button", { type: "button", class: "wrong-csv", text: t("wrong.labels.csv"), onclick: saveCsv }), element("span", { class: "hint", text: t("wrong.labels.csv.about") })),
      search.total > 0 && renderRows(store, search, summary(search), classes ? classificationFormat(search) : regressionFormat(), search.dataset),
    ].filter(Boolean);
  }

  function classificationFormat(search) {
    const name = (index) => search.classes[index];
    const formatProbability = (value) => (value === null ? "–" : percent(value));
    return {
      isCorrect: () => false,
      caption: (row) => [t("wrong.labels.given", { given: name(row.given), quality: formatProbability(row.quality) }), t("wrong.labels.suggested", { suggested: name(row.suggested), probability: formatProbability(row.suggested_probability) })],
      columns: [
        ["wrong.labels.column.given", (row) => name(row.given)], ["wrong.labels.column.quality", (row) => formatProbability(row.quality)],
        ["wrong.labels.column.suggested", (row) => name(row.suggested)], ["wrong.labels.column.probability", (row) => formatProbability(row.suggested_probability)], ["wrong.row.loss", (row) => format(row.loss, 3)],
      ],
    };
  }

  function regressionFormat() {
    return {
      isCorrect: () => false,
      caption: (row) => [t("wrong.row.caption.values", { predicted: format(row.suggested), actual: format(row.given) })],
      columns: [["wrong.labels.column.given", (row) => format(row.given)], ["wrong.labels.column.predicted", (row) => format(row.suggested)], ["wrong.row.loss", (row) => format(row.loss, 3)]],
    };
  }

  function turnPage(by) {
    first = Math.max(0, first + by * count);
    poll();
  }

  async function saveCsv() {
    try {
      download(await file("/api/evaluate/label-errors/csv"), "label_errors.csv");
    } catch (error) {
      context.fail(error);
    }
  }

  poll();
  return { root, draw, poll, stopPolling };
}

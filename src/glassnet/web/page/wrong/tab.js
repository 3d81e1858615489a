// Wrong: error analysis. This module holds the state and assembles the parts; each part is a module in wrong/ with a
// function that returns { root, draw() }, where draw renders the current state.
//
// store, passed to every part:
//   evaluation  response of GET /api/evaluate
//   dataset     the evaluated rows: "examples" or "training"
//   list        the listed rows: { title, query, first, shown, count }; shown is the response of GET /api/evaluate/rows
//   column      the column of the groups; groups is the response of GET /api/evaluate/groups
//   weakSlices  response of GET /api/evaluate/weak-slices, or null
//   search      response of GET /api/evaluate/label-errors

import { ApiError, get } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { withExportMenu } from "/shared/panel_export.js";
import { makeCalibration } from "/wrong/calibration.js";
import { makeConfusionMatrix } from "/wrong/confusion_matrix.js";
import { makeGroups } from "/wrong/groups.js";
import { makeLabelErrors } from "/wrong/label_errors.js";
import { makeResiduals } from "/wrong/residuals.js";
import { makeRows, pageRange } from "/wrong/rows.js";
import { makeSummary } from "/wrong/summary.js";

/** Rows per page: images, or lines of a table. */
const [IMAGES_PER_PAGE, LINES_PER_PAGE] = [24, 12];
/** Maximum number of retries of a slow evaluation; the server computes for ten seconds each time. */
const MAX_RETRIES = 30;

/** Mount the tab. */
export function mount(root, context) {
  const store = { context, evaluation: null, dataset: null, list: null, column: null, groups: null, weakSlices: null, search: null, selectDataset, request, loadRows, turnPage, groupBy, openRow, draw };
  let parts = [];
  let labelErrors = null;
  let requests = 0;
  let listRequests = 0;
  const count = () => (context.model.image_shape === null ? LINES_PER_PAGE : IMAGES_PER_PAGE);

  root.append(element("p", { class: "soft", text: t("wrong.loading") }));
  load();

  /** Load the evaluation. */
  async function load() {
    const id = ++requests;
    root.setAttribute("aria-busy", "true");
    try {
      const evaluation = await fetchEvaluation();
      if (id !== requests) return;
      Object.assign(store, { evaluation, dataset: evaluation.dataset ?? null, list: null, groups: null, weakSlices: null });
      build();
      if (evaluation.missing !== null) return;
      if (!evaluation.columns.some(({ name }) => name === store.column)) store.column = evaluation.columns[0].name;
      const first = evaluation.task === "classification" ? loadRows(() => t("wrong.rows.confident"), { wrong: true, order: "confidence" }) : loadRows(() => t("wrong.rows.largest_errors"), {});
      await Promise.all([first, groupBy(store.column), loadWeakSlices()]);
    } catch (error) {
      if (id === requests) context.fail(error);
    } finally {
      if (id === requests) root.removeAttribute("aria-busy");
    }
  }

  /** Fetch the evaluation, retrying after a timeout: the server continues the computation. */
  async function fetchEvaluation() {
    for (let retries = MAX_RETRIES; ; retries -= 1) {
      try {
        return await get(`/api/evaluate${store.dataset === null ? "" : `?rows=${store.dataset}`}`);
      } catch (error) {
        if (error.code !== "timeout" || retries === 0) throw error;
      }
    }
  }

  function build() {
    if (store.evaluation.missing !== null) {
      parts = [];
      root.replaceChildren(missingData());
      return;
    }
    const classes = store.evaluation.task === "classification";
    const [summary, rows, groups] = [makeSummary, makeRows, makeGroups].map((make) => make(store));
    labelErrors?.stopPolling();
    labelErrors = makeLabelErrors(store);
    const main = classes ? makeConfusionMatrix(store) : makeResiduals(store);
    const calibration = classes && store.evaluation.calibration !== null ? makeCalibration(store) : null;
    const named = { wrong: summary, [classes ? "confusions" : "residuals"]: main, rows, calibration, groups, labels: labelErrors };
    const all = Object.entries(named).filter(([, section]) => section !== null);
    parts = all.map(([, section]) => section);
    for (const [name, section] of all) withExportMenu(section.root, () => `${context.model.name}-${name}`);
    const focused = root.contains(document.activeElement) ? document.activeElement.id : "";
    root.replaceChildren(
      summary.root, main.root, rows.root,
      element("div", { class: "wrong-pair" }, calibration?.root, groups.root),
      labelErrors.root,
    );
    if (focused !== "") document.getElementById(focused)?.focus(); // rebuilt, but the focus is kept
    draw();
  }

  function missingData() {
    const key = `wrong.missing.${store.evaluation.missing}`;
    return element("section", { class: "card" }, element("h2", { text: t("wrong.title") }),
      element("p", { text: t(key, { target: store.evaluation.target }) }),
      element("pre", { class: "wrong-command" }, element("code", { text: "glassnet serve MODEL --data FILE" })),
      element("p", { class: "hint", text: t("wrong.missing.learn") }));
  }

  function draw() {
    for (const each of parts) each.draw();
  }

  /** Load the evaluation of a new model on its default rows. */
  function reset() {
    store.dataset = null;
    load();
  }

  /** Evaluate other rows. */
  function selectDataset(dataset) {
    store.dataset = dataset;
    load();
  }

  /** GET a path below /api/evaluate; if the model was replaced meanwhile, reload everything. */
  async function request(path, values = {}) {
    const query = new URLSearchParams({ rows: store.dataset, ...values });
    let evaluation = null;
    try {
      evaluation = await get(`/api/evaluate/${path}?${query}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) throw error;
      await context.reload(); // the new model may have no such rows
      if (store.evaluation.version === context.model.version) throw error;
    }
    if (evaluation?.version === store.evaluation.version) return evaluation;
    if (evaluation !== null) await context.reload();
    return null;
  }

  /** List the rows of a query; title is a function, so that it follows the language. */
  async function loadRows(title, query, first = 0) {
    const id = ++listRequests;
    try {
      const shown = await request("rows", { ...query, first, count: count() });
      if (shown === null || id !== listRequests) return;
      store.list = { title, query, first, shown, count: count() };
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  /** Move by pages. */
  async function turnPage(by) {
    await loadRows(store.list.title, store.list.query, Math.max(0, store.list.first + by * store.list.count));
    context.announce(t("wrong.rows.page", pageRange(store.list)));
  }

  /** Group the rows by a column. */
  async function groupBy(column) {
    store.column = column;
    try {
      const evaluation = await request("groups", { column });
      if (evaluation === null || store.column !== column) return;
      store.groups = evaluation;
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  async function loadWeakSlices() {
    store.weakSlices = await request("weak-slices");
    draw();
  }

  /** Open a row in Think: an example by its index, a training row with its values. */
  async function openRow(row, dataset) {
    if (dataset === "examples") {
      context.open("think", { row });
      return;
    }
    try {
      const { values, target, number, file = null } = await get(`/api/evaluate/row?rows=${dataset}&row=${row}`);
      context.open("think", { values, target, number, file });
    } catch (error) {
      context.fail(error);
    }
  }

  return {
    show() {
      if (store.evaluation !== null && store.evaluation.version !== context.model.version) reset();
      else labelErrors?.poll();
    },
    hide() {
      labelErrors?.stopPolling();
    },
    refresh() {
      if (store.evaluation === null) return;
      if (store.evaluation.version !== context.model.version) reset();
      else build();
    },
  };
}

// Wrong: where the model is wrong. This module holds what is so and puts the parts together; each part has a module of
// its own (wrong/*.js) with a function that returns { root, draw() }: draw shows what is so now.
//
// desk, which every part is given:
//   told     what GET /api/judge told of the rows that are judged
//   which    "examples" or "training": the rows that are judged
//   listed   the rows that are listed: { title, query, first, shown }; shown is what GET /api/judge/rows told
//   column   the column whose groups are shown, and groups, what GET /api/judge/groups told of them
//   weak     what GET /api/judge/weakest told, or null
//   search   what GET /api/judge/labels told

import { ApiError, get } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { pictured } from "/shared/panel_export.js";
import { makeCalibration } from "/wrong/calibration.js";
import { makeMatrix } from "/wrong/confusion_matrix.js";
import { makeGroups } from "/wrong/groups.js";
import { makeLabels } from "/wrong/label_errors.js";
import { makeResiduals } from "/wrong/residuals.js";
import { makeRows, pageOf } from "/wrong/rows.js";
import { makeHead } from "/wrong/summary.js";

/** Rows that are listed at once: pictures, or lines of a table. */
const [PICTURES, LINES] = [24, 12];
/** How often a verdict that takes long is asked for again; each time the server takes ten seconds. */
const PATIENCE = 30;

/** Fill the tab. */
export function mount(root, context) {
  const desk = { context, told: null, which: null, listed: null, column: null, groups: null, weak: null, search: null, choose, ask, list, turn, part, openRow, draw };
  let parts = [];
  let labels = null;
  let asked = 0;
  let listing = 0;
  const count = () => (context.model.picture === null ? LINES : PICTURES);

  root.append(element("p", { class: "soft", text: t("wrong.loading") }));
  load();

  /** Ask for the verdict anew. */
  async function load() {
    const mine = ++asked;
    root.setAttribute("aria-busy", "true");
    try {
      const told = await verdict();
      if (mine !== asked) return;
      Object.assign(desk, { told, which: told.which ?? null, listed: null, groups: null, weak: null });
      build();
      if (told.missing !== null) return;
      if (!told.columns.some(({ name }) => name === desk.column)) desk.column = told.columns[0].name;
      const first = told.task === "classification" ? list(() => t("wrong.rows.surest"), { wrong: true, order: "sure" }) : list(() => t("wrong.rows.worst"), {});
      await Promise.all([first, part(desk.column), lookForWeak()]);
    } catch (error) {
      if (mine === asked) context.fail(error);
    } finally {
      if (mine === asked) root.removeAttribute("aria-busy");
    }
  }

  /** The verdict. A server that needs longer than an answer may take goes on with it: it is asked again. */
  async function verdict() {
    for (let more = PATIENCE; ; more -= 1) {
      try {
        return await get(`/api/judge${desk.which === null ? "" : `?rows=${desk.which}`}`);
      } catch (error) {
        if (error.code !== "too_long" || more === 0) throw error;
      }
    }
  }

  function build() {
    if (desk.told.missing !== null) {
      parts = [];
      root.replaceChildren(nothing());
      return;
    }
    const classes = desk.told.task === "classification";
    const [head, rows, groups] = [makeHead, makeRows, makeGroups].map((make) => make(desk));
    labels?.stop();
    labels = makeLabels(desk);
    const main = classes ? makeMatrix(desk) : makeResiduals(desk);
    const calibration = classes && desk.told.calibration !== null ? makeCalibration(desk) : null;
    const named = { wrong: head, [classes ? "confusions" : "residuals"]: main, rows, calibration, groups, labels };
    const all = Object.entries(named).filter(([, part]) => part !== null);
    parts = all.map(([, part]) => part);
    for (const [name, part] of all) pictured(part.root, () => `${context.model.name}-${name}`);
    const focused = root.contains(document.activeElement) ? document.activeElement.id : "";
    root.replaceChildren(
      head.root, main.root, rows.root,
      element("div", { class: "wrong-pair" }, calibration?.root, groups.root),
      labels.root,
    );
    if (focused !== "") document.getElementById(focused)?.focus(); // written anew, but the keyboard stays where it was
    draw();
  }

  function nothing() {
    const key = `wrong.missing.${desk.told.missing}`;
    return element("section", { class: "card" }, element("h2", { text: t("wrong.title") }),
      element("p", { text: t(key, { target: desk.told.target }) }),
      element("pre", { class: "wrong-command" }, element("code", { text: "glassnet serve MODEL --data FILE" })),
      element("p", { class: "hint", text: t("wrong.missing.learn") }));
  }

  function draw() {
    for (const each of parts) each.draw();
  }

  /** Judge another model, on the rows that it brings. */
  function afresh() {
    desk.which = null;
    load();
  }

  /** Judge other rows. */
  function choose(which) {
    desk.which = which;
    load();
  }

  /** GET something about the rows that are judged; where the model was replaced meanwhile, everything is asked anew. */
  async function ask(path, values = {}) {
    const query = new URLSearchParams({ rows: desk.which, ...values });
    let told = null;
    try {
      told = await get(`/api/judge/${path}?${query}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) throw error;
      await context.reload(); // another model may have no such rows
      if (desk.told.version === context.model.version) throw error;
    }
    if (told?.version === desk.told.version) return told;
    if (told !== null) await context.reload();
    return null;
  }

  /** List rows: those that answer a query, under a title, a function that returns it in the page's language. */
  async function list(title, query, first = 0) {
    const mine = ++listing;
    try {
      const shown = await ask("rows", { ...query, first, count: count() });
      if (shown === null || mine !== listing) return;
      desk.listed = { title, query, first, shown, count: count() };
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  /** Turn the page of the list. */
  async function turn(by) {
    await list(desk.listed.title, desk.listed.query, Math.max(0, desk.listed.first + by * desk.listed.count));
    context.announce(t("wrong.rows.page", pageOf(desk.listed)));
  }

  /** Part the rows by a column. */
  async function part(column) {
    desk.column = column;
    try {
      const told = await ask("groups", { column });
      if (told === null || desk.column !== column) return;
      desk.groups = told;
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  async function lookForWeak() {
    desk.weak = await ask("weakest");
    draw();
  }

  /** Open a row in Think, which knows the examples by their numbers; of the training rows it is given the values. */
  async function openRow(row, which) {
    if (which === "examples") {
      context.open("think", { row });
      return;
    }
    try {
      const { values, target, number, file = null } = await get(`/api/judge/row?rows=${which}&row=${row}`);
      context.open("think", { values, target, number, file });
    } catch (error) {
      context.fail(error);
    }
  }

  return {
    show() {
      if (desk.told !== null && desk.told.version !== context.model.version) afresh();
      else labels?.watch();
    },
    hide() {
      labels?.stop();
    },
    refresh() {
      if (desk.told === null) return;
      if (desk.told.version !== context.model.version) afresh();
      else build();
    },
  };
}

// How good the model is for each group of rows that a column makes, and the groups where it is weakest.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { between } from "/wrong/summary.js";

const [WIDTH, HEIGHT] = [180, 22];

/** The section. */
export function makeGroups(desk) {
  const { told } = desk;
  const classes = told.task === "classification";
  const overall = classes ? told.figures.accuracy : told.figures.rmse;
  const place = element("div", {});
  const weak = element("div", { class: "wrong-weak" });
  const select = element("select", { id: "wrong-column", onchange: () => desk.part(select.value) }, options());
  const root = element("section", { class: "card wrong-groups", "aria-label": t("wrong.groups") },
    element("h3", { text: t(classes ? "wrong.groups" : "wrong.groups.values") }),
    element("p", { class: "hint", text: t("wrong.groups.about") }), weak,
    element("label", { class: "field" }, element("span", { text: t("wrong.groups.column") }), select), place);
  let [drawn, drawnWeak] = [null, null];

  function options() {
    return ["other", "target", "used"].map((kind) => {
      const names = told.columns.filter((column) => column.kind === kind);
      return names.length > 0 && element("optgroup", { label: t(`wrong.groups.${kind}`) }, names.map(({ name }) => element("option", { value: name, text: name, selected: name === desk.column })));
    });
  }

  function draw() {
    if (desk.column !== null) select.value = desk.column;
    if (desk.groups !== null && desk.groups !== drawn) {
      drawn = desk.groups;
      place.replaceChildren(table(drawn), drawn.groups.some(({ few }) => few) && element("p", { class: "hint", text: t("wrong.groups.few.about") }) || "");
    }
    if (desk.weak !== null && desk.weak !== drawnWeak) {
      drawnWeak = desk.weak;
      weak.replaceChildren(...weakest(drawnWeak));
    }
  }

  function table({ column, groups }) {
    const heads = classes ? ["group", "rows", "accuracy", "interval", "loss"] : ["group", "rows", "rmse", "interval", "mean_error", "loss"];
    const scale = reach(groups);
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.groups.of", { column }) },
      element("table", { class: "wrong-groups-table" }, element("caption", { class: "unseen", text: t("wrong.groups.of", { column }) }),
        element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(`wrong.groups.${key}`), class: key !== "group" && key !== "interval" && "number" })))),
        element("tbody", {}, groups.map((group, place) => element("tr", { class: group.few && "few" },
          element("th", { scope: "row" }, element("button", { type: "button", class: "wrong-group", text: nameOf(group), "aria-label": t("wrong.groups.open", { column, group: nameOf(group) }), onclick: () => open(column, place, group) })),
          element("td", { class: "number", text: `${number(group.rows)}${group.few ? " *" : ""}` }),
          element("td", { class: "number", text: classes ? percent(group.accuracy) : shown(group.rmse, 3) }),
          element("td", {}, picture(group, scale), element("span", { class: "unseen", text: t("wrong.interval", between(group.interval, write)) })),
          !classes && element("td", { class: "number", text: shown(group.mean_error, 3) }),
          element("td", { class: "number", text: shown(group.loss, 3) }))))));
  }

  function write(value) {
    return classes ? percent(value) : shown(value, 3);
  }

  /** Where the axis of the intervals begins and ends. */
  function reach(groups) {
    const ends = [...groups.flatMap(({ interval }) => interval), overall];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    return classes ? [Math.max(0, low - 0.05), 1] : [Math.max(0, low - 0.05 * high), high * 1.05];
  }

  /** The figure with its interval, beside the figure of all rows. */
  function picture({ accuracy, rmse, interval: [low, high] }, [left, right]) {
    const x = (value) => ((value - left) / (right - left || 1)) * (WIDTH - 8) + 4;
    const middle = HEIGHT / 2;
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "wrong-interval", "aria-hidden": "true" },
      svg("title", {}, t("wrong.interval", between([low, high], write))),
      svg("line", { class: "wrong-track", x1: 4, x2: WIDTH - 4, y1: middle, y2: middle }),
      svg("line", { class: "wrong-overall", x1: x(overall), x2: x(overall), y1: 1, y2: HEIGHT - 1 }),
      svg("line", { class: "wrong-reach", x1: x(low), x2: x(high), y1: middle, y2: middle }),
      svg("circle", { class: "wrong-dot", cx: x(classes ? accuracy : rmse), cy: middle, r: 4.5 }));
  }

  async function open(column, place, group) {
    const title = () => t("wrong.rows.group", { column, group: nameOf(group) });
    await desk.list(title, { column, group: place, ...(classes ? { wrong: true, order: "sure" } : {}) });
    desk.context.announce(`${title()}. ${t("wrong.rows.count", { rows: number(desk.listed?.shown.total ?? 0) })}`);
    document.querySelector(".wrong-rows")?.scrollIntoView({ block: "nearest" });
  }

  function weakest({ groups, looked_at: looked, columns }) {
    if (columns === 0) return [];
    if (groups.length === 0) return [element("p", { text: t("wrong.weak.none", { groups: number(looked), columns: number(columns) }) })];
    return [
      element("h4", { text: t("wrong.weak") }),
      element("ul", { class: "wrong-weak-list" }, groups.map((group) => element("li", {},
        element("button", { type: "button", class: "wrong-group", text: `${group.column}: ${nameOf(group)}`, onclick: () => desk.part(group.column) }), " ",
        t(classes ? "wrong.weak.line" : "wrong.weak.line.values", { figure: write(classes ? group.accuracy : group.rmse), overall: write(overall), rows: number(group.rows) })))),
      element("p", { class: "hint", text: t("wrong.weak.about", { groups: number(looked), columns: number(columns) }) }),
    ];
  }

  return { root, draw };
}

function nameOf(group) {
  if (group.kind === "range") return `${shown(group.low)} … ${shown(group.high)}`;
  if (group.kind === "value") return typeof group.value === "number" ? shown(group.value, 6) : String(group.value) || "“”";
  return group.kind === "missing" ? t("wrong.groups.missing") : t("wrong.groups.others", { values: number(group.values) });
}

// Performance by group of a column, and the weakest groups.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { formatInterval } from "/wrong/summary.js";

const [WIDTH, HEIGHT] = [180, 22];

/** The section. */
export function makeGroups(store) {
  const { evaluation } = store;
  const classes = evaluation.task === "classification";
  const overall = classes ? evaluation.metrics.accuracy : evaluation.metrics.rmse;
  const container = element("div", {});
  const weakSlices = element("div", { class: "wrong-weak" });
  const select = element("select", { id: "wrong-column", onchange: () => store.groupBy(select.value) }, options());
  const root = element("section", { class: "card wrong-groups", "aria-label": t("wrong.groups") },
    element("h3", { text: t(classes ? "wrong.groups" : "wrong.groups.values") }),
    element("p", { class: "hint", text: t("wrong.groups.about") }), weakSlices,
    element("label", { class: "field" }, element("span", { text: t("wrong.groups.column") }), select), container);
  let [drawnGroups, drawnSlices] = [null, null];

  function options() {
    return ["other", "target", "feature"].map((kind) => {
      const names = evaluation.columns.filter((column) => column.kind === kind);
      return names.length > 0 && element("optgroup", { label: t(`wrong.groups.${kind}`) }, names.map(({ name }) => element("option", { value: name, text: name, selected: name === store.column })));
    });
  }

  function draw() {
    if (store.column !== null) select.value = store.column;
    if (store.groups !== null && store.groups !== drawnGroups) {
      drawnGroups = store.groups;
      container.replaceChildren(table(drawnGroups), drawnGroups.groups.some(({ small }) => small) && element("p", { class: "hint", text: t("wrong.groups.small") }) || "");
    }
    if (store.weakSlices !== null && store.weakSlices !== drawnSlices) {
      drawnSlices = store.weakSlices;
      weakSlices.replaceChildren(...sliceList(drawnSlices));
    }
  }

  function table({ column, groups }) {
    const heads = classes ? ["group", "rows", "accuracy", "interval", "loss"] : ["group", "rows", "rmse", "interval", "mean_error", "loss"];
    const scale = axisRange(groups);
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("wrong.groups.of", { column }) },
      element("table", { class: "wrong-groups-table" }, element("caption", { class: "visually-hidden", text: t("wrong.groups.of", { column }) }),
        element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", text: t(`wrong.groups.${key}`), class: key !== "group" && key !== "interval" && "number" })))),
        element("tbody", {}, groups.map((group, index) => element("tr", { class: group.small && "small-group" },
          element("th", { scope: "row" }, element("button", { type: "button", class: "wrong-group", text: groupName(group), "aria-label": t("wrong.groups.open", { column, group: groupName(group) }), onclick: () => openGroup(column, index, group) })),
          element("td", { class: "number", text: `${number(group.rows)}${group.small ? " *" : ""}` }),
          element("td", { class: "number", text: classes ? percent(group.accuracy) : format(group.rmse, 3) }),
          element("td", {}, intervalPlot(group, scale), element("span", { class: "visually-hidden", text: t("wrong.interval", formatInterval(group.interval, formatValue)) })),
          !classes && element("td", { class: "number", text: format(group.mean_error, 3) }),
          element("td", { class: "number", text: format(group.loss, 3) }))))));
  }

  function formatValue(value) {
    return classes ? percent(value) : format(value, 3);
  }

  /** The range of the interval plots. */
  function axisRange(groups) {
    const ends = [...groups.flatMap(({ interval }) => interval), overall];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    return classes ? [Math.max(0, low - 0.05), 1] : [Math.max(0, low - 0.05 * high), high * 1.05];
  }

  /** A metric with its confidence interval and the overall value. */
  function intervalPlot({ accuracy, rmse, interval: [low, high] }, [left, right]) {
    const x = (value) => ((value - left) / (right - left || 1)) * (WIDTH - 8) + 4;
    const middle = HEIGHT / 2;
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "wrong-interval", "aria-hidden": "true" },
      svg("title", {}, t("wrong.interval", formatInterval([low, high], formatValue))),
      svg("line", { class: "wrong-track", x1: 4, x2: WIDTH - 4, y1: middle, y2: middle }),
      svg("line", { class: "wrong-overall", x1: x(overall), x2: x(overall), y1: 1, y2: HEIGHT - 1 }),
      svg("line", { class: "wrong-range", x1: x(low), x2: x(high), y1: middle, y2: middle }),
      svg("circle", { class: "wrong-dot", cx: x(classes ? accuracy : rmse), cy: middle, r: 4.5 }));
  }

  async function openGroup(column, index, group) {
    const title = () => t("wrong.rows.group", { column, group: groupName(group) });
    await store.loadRows(title, { column, group: index, ...(classes ? { wrong: true, order: "confidence" } : {}) });
    store.context.announce(`${title()}. ${t("wrong.rows.count", { rows: number(store.list?.shown.total ?? 0) })}`);
    document.querySelector(".wrong-rows")?.scrollIntoView({ block: "nearest" });
  }

  function sliceList({ slices: groups, n_tested: tested, n_columns: columns }) {
    if (columns === 0) return [];
    if (groups.length === 0) return [element("p", { text: t("wrong.weak_slices.none", { groups: number(tested), columns: number(columns) }) })];
    return [
      element("h4", { text: t("wrong.weak_slices") }),
      element("ul", { class: "wrong-weak-list" }, groups.map((group) => element("li", {},
        element("button", { type: "button", class: "wrong-group", text: `${group.column}: ${groupName(group)}`, onclick: () => store.groupBy(group.column) }), " ",
        t(classes ? "wrong.weak_slices.line" : "wrong.weak_slices.line.values", { figure: formatValue(classes ? group.accuracy : group.rmse), overall: formatValue(overall), rows: number(group.rows) })))),
      element("p", { class: "hint", text: t("wrong.weak_slices.about", { groups: number(tested), columns: number(columns) }) }),
    ];
  }

  return { root, draw };
}

function groupName(group) {
  if (group.kind === "range") return `${format(group.low)} … ${format(group.high)}`;
  if (group.kind === "value") return typeof group.value === "number" ? format(group.value, 6) : String(group.value) || "“”";
  return group.kind === "missing" ? t("wrong.groups.missing") : t("wrong.groups.others", { values: number(group.n_values) });
}

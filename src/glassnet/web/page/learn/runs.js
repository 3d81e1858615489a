// Runs side by side: what was kept, what is different in each, and what came of it.

import { shownEpoch } from "/learn/boundary.js";
import { seriesOf } from "/learn/curves.js";
import { picture, sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { bytes, shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

/** The section. */
export function makeRuns(desk) {
  const keep = element("button", { type: "button", class: "learn-keep", text: t("learn.runs.keep"), onclick: desk.keep });
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("learn.runs") });
  const root = element("section", { class: "card", "aria-label": t("learn.runs") },
    element("h3", { text: t("learn.runs") }), element("p", { class: "hint", text: t("learn.runs.about") }), element("div", { class: "row" }, keep), table);
  let drawnFor = "";

  function draw() {
    keep.disabled = !desk.run?.history.length;
    const now = desk.run?.history.length ? [{ ...desk.run, number: null }] : [];
    const runs = [...desk.kept, ...now];
    const state = JSON.stringify(runs.map((run) => [run.id, run.history.length, run.frame.state]));
    if (state === drawnFor) return;
    drawnFor = state;
    table.hidden = desk.kept.length === 0;
    if (table.hidden) return;
    const differing = differences(runs.map(({ plan }) => plan));
    const metric = runs[0].frame.metric;
    const heads = ["run", "picture", "epochs", "loss", "validation_loss", "score", "different"];
    table.replaceChildren(element("table", { class: "learn-compare" },
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", class: ["epochs", "loss", "validation_loss", "score"].includes(key) && "number", text: key === "score" ? t(`learn.metric.${metric}`) : t(`learn.runs.${key}`) })))),
      element("tbody", {}, runs.map((run) => row(run, differing)))));
  }

  function row(run, differing) {
    const last = shownEpoch(run) ?? {};
    const name = run.number === null ? t("learn.runs.now") : t("learn.runs.line", { number: run.number });
    const score = last.validation_metric ?? last.metric;
    return element("tr", {},
      element("th", { scope: "row" }, element("span", { class: `learn-swatch series-${run.number === null ? 2 : seriesOf(run)}`, "aria-hidden": "true" }), name,
        run.number !== null && element("div", { class: "row" },
          element("button", { type: "button", text: t("learn.runs.back"), "aria-label": `${t("learn.runs.back")}: ${name}`, onclick: () => desk.change(run.plan) }),
          element("button", { type: "button", text: "×", "aria-label": `${t("learn.runs.drop")}: ${name}`, onclick: () => { desk.kept = desk.kept.filter((kept) => kept !== run); desk.draw(); } }))),
      element("td", {}, thumbnail(run)),
      element("td", { class: "number", text: number(last.epoch) }),
      element("td", { class: "number", text: shown(last.loss, 3) }),
      element("td", { class: "number", text: shown(last.validation_loss, 3) }),
      element("td", { class: "number", text: run.frame.metric === "r2" ? shown(score, 3) : score === undefined ? "–" : percent(score) }),
      element("td", {}, element("ul", { class: "learn-different" }, differing.map((path) => element("li", {}, element("code", { text: `${path.at(-1)} = ${written(valueAt(run.plan, path))}` }))))),
    );
  }

  function thumbnail(run) {
    if (!run.frame.plane) return "–";
    const canvas = element("canvas", { "aria-hidden": "true" });
    const pen = sharp(canvas, 72, 72);
    pen.drawImage(picture(bytes(run.frame.plane.leaning), run.frame.plane.side, run.frame.plane.side), 0, 0, 72, 72);
    return canvas;
  }

  return { root, draw };
}

/** The paths of what is not the same in all plans. */
function differences(plans) {
  const found = new Map();
  const walk = (values, path) => {
    const texts = values.map((value) => JSON.stringify(value));
    if (texts.every((text) => text === texts[0])) return;
    if (values.every((value) => value !== null && typeof value === "object" && !Array.isArray(value))) {
      for (const key of new Set(values.flatMap(Object.keys))) walk(values.map((value) => value[key]), [...path, key]);
    } else found.set(path.join("."), path);
  };
  walk(plans, []);
  return [...found.values()];
}

function valueAt(plan, path) {
  return path.reduce((value, key) => value?.[key], plan);
}

function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

// Comparison of runs: settings that differ, and results.

import { finalEpoch } from "/learn/boundary.js";
import { seriesOf } from "/learn/curves.js";
import { signedImage, prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { decodeBytes, format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

/** The section. */
export function makeRuns(store) {
  const keepButton = element("button", { type: "button", class: "learn-keep", text: t("learn.runs.keep"), onclick: store.keepRun });
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("learn.runs") });
  const root = element("section", { class: "card", "aria-label": t("learn.runs") },
    element("h3", { text: t("learn.runs") }), element("p", { class: "hint", text: t("learn.runs.about") }), element("div", { class: "row" }, keepButton), table);
  let drawnState = "";

  function draw() {
    keepButton.disabled = !store.run?.history.length;
    const current = store.run?.history.length ? [{ ...store.run, number: null }] : [];
    const runs = [...store.keptRuns, ...current];
    const state = JSON.stringify(runs.map((run) => [run.id, run.history.length, run.snapshot.state]));
    if (state === drawnState) return;
    drawnState = state;
    table.hidden = store.keptRuns.length === 0;
    if (table.hidden) return;
    const differingPaths = differences(runs.map(({ plan }) => plan));
    const metric = runs[0].snapshot.metric;
    const heads = ["run", "picture", "epochs", "loss", "validation_loss", "score", "different"];
    table.replaceChildren(element("table", { class: "learn-compare" },
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", class: ["epochs", "loss", "validation_loss", "score"].includes(key) && "number", text: key === "score" ? t(`learn.metric.${metric}`) : t(`learn.runs.${key}`) })))),
      element("tbody", {}, runs.map((run) => row(run, differingPaths)))));
  }

  function row(run, differingPaths) {
    const last = finalEpoch(run) ?? {};
    const name = run.number === null ? t("learn.runs.current") : t("learn.runs.name", { number: run.number });
    const score = last.validation_metric ?? last.metric;
    return element("tr", {},
      element("th", { scope: "row" }, element("span", { class: `learn-swatch series-${run.number === null ? 2 : seriesOf(run)}`, "aria-hidden": "true" }), name,
        run.number !== null && element("div", { class: "row" },
          element("button", { type: "button", text: t("learn.runs.restore"), "aria-label": `${t("learn.runs.restore")}: ${name}`, onclick: () => store.setPlan(run.plan) }),
          element("button", { type: "button", text: "×", "aria-label": `${t("learn.runs.drop")}: ${name}`, onclick: () => { store.keptRuns = store.keptRuns.filter((other) => other !== run); store.draw(); } }))),
      element("td", {}, thumbnail(run)),
      element("td", { class: "number", text: number(last.epoch) }),
      element("td", { class: "number", text: format(last.loss, 3) }),
      element("td", { class: "number", text: format(last.validation_loss, 3) }),
      element("td", { class: "number", text: run.snapshot.metric === "r2" ? format(score, 3) : score === undefined ? "–" : percent(score) }),
      element("td", {}, element("ul", { class: "learn-differences" }, differingPaths.map((path) => element("li", {}, element("code", { text: `${path.at(-1)} = ${formatValue(valueAt(run.plan, path))}` }))))),
    );
  }

  function thumbnail(run) {
    if (!run.snapshot.plane) return "–";
    const canvas = element("canvas", { "aria-hidden": "true" });
    const ctx = prepareCanvas(canvas, 72, 72);
    ctx.drawImage(signedImage(decodeBytes(run.snapshot.plane.scores), run.snapshot.plane.side, run.snapshot.plane.side), 0, 0, 72, 72);
    return canvas;
  }

  return { root, draw };
}

/** The paths of the values that differ between the plans. */
function differences(plans) {
  const found = new Map();
  const compare = (values, path) => {
    const texts = values.map((value) => JSON.stringify(value));
    if (texts.every((text) => text === texts[0])) return;
    if (values.every((value) => value !== null && typeof value === "object" && !Array.isArray(value))) {
      for (const key of new Set(values.flatMap(Object.keys))) compare(values.map((value) => value[key]), [...path, key]);
    } else found.set(path.join("."), path);
  };
  compare(plans, []);
  return [...found.values()];
}

function valueAt(plan, path) {
  return path.reduce((value, key) => value?.[key], plan);
}

function formatValue(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

// The headline: which rows are judged, whether the model knows them, and how good it is.

import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

/** The section. */
export function makeHead(desk) {
  const { told } = desk;
  const now = told.choices.find(({ which }) => which === told.which);
  const figures = told.task === "classification" ? ofClasses(told) : ofValues(told);
  const root = element("section", { class: "card wrong-head", "aria-label": t("wrong.title") },
    element("h2", { text: t("wrong.title") }),
    rowsToJudge(desk, now),
    element("p", { class: now.seen === "unseen" ? "hint wrong-seen" : "wrong-seen warn", text: t(`wrong.seen.${now.seen}`) }),
    element("dl", { class: "wrong-figures" }, figures.map(([key, value, about]) => element("div", {},
      element("dt", { text: t(key) }),
      element("dd", {}, element("strong", { text: value }), about && element("span", { class: "hint", text: about }))))));
  return { root, draw() {} };
}

function rowsToJudge(desk, now) {
  const { choices } = desk.told;
  const name = ({ which, rows, source }) => t(`wrong.which.${which}`, { rows: number(rows), source });
  if (choices.length === 1) return element("p", { text: name(now) });
  return element("label", { class: "field wrong-which" }, element("span", { text: t("wrong.which") }),
    element("select", { id: "wrong-which", onchange: (event) => desk.choose(event.target.value) },
      choices.map((choice) => element("option", { value: choice.which, text: name(choice), selected: choice === now }))));
}

function ofClasses({ figures, rows, classes, loss_name: loss }) {
  const { commonest } = figures;
  const told = [
    ["wrong.figure.accuracy", percent(figures.accuracy), t("wrong.figure.interval", between(figures.interval, percent))],
    ["wrong.figure.errors", number(figures.errors), t("wrong.figure.of_rows", { rows: number(rows) })],
  ];
  if (figures.log_loss !== null) told.push(["wrong.figure.log_loss", shown(figures.log_loss, 3), t("wrong.figure.log_loss.about", { chance: shown(Math.log(classes.length), 3) })]);
  if (loss !== "categorical_crossentropy") told.push(["wrong.figure.loss", shown(figures.loss, 3), loss]);
  told.push(["wrong.figure.always", percent(commonest.share), t("wrong.figure.always.about", { class: classes[commonest.class] })]);
  return told;
}

function ofValues({ figures, target, loss_name: loss }) {
  const { mean_error: bias } = figures;
  return [
    ["wrong.figure.rmse", shown(figures.rmse), t("wrong.figure.rmse.about", { spread: shown(figures.spread) })],
    ["wrong.figure.mae", shown(figures.mae), t("wrong.figure.mae.about", { median: shown(figures.median_error) })],
    ["wrong.figure.r2", shown(figures.r2, 3), t("wrong.figure.r2.about")],
    ["wrong.figure.mean_error", shown(bias, 3), t(bias > 0 ? "wrong.figure.too_low" : "wrong.figure.too_high", { target })],
    ["wrong.figure.loss", shown(figures.loss, 3), loss],
  ];
}

/** An interval as it is written: low and high. */
export function between([low, high], write) {
  return { low: write(low), high: write(high) };
}

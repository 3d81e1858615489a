// Loss and accuracy over the epochs, of training and validation, with the runs that were kept beside them.

import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";

/** The two charts. */
export function makeCurves(desk) {
  const loss = makeChart(t("learn.figure.loss"));
  const accuracy = makeChart(t("learn.metric.accuracy"), { percent: true });
  const fit = makeChart(t("learn.metric.r2"));
  fit.root.hidden = true;
  const root = element("section", { class: "card", "aria-label": t("learn.curves") },
    element("h3", { text: t("learn.curves") }), element("div", { class: "learn-charts" }, loss.root, accuracy.root, fit.root));

  function draw() {
    const isValue = desk.frame()?.metric === "r2";
    accuracy.root.hidden = isValue;
    fit.root.hidden = !isValue;
    loss.draw(lines("loss"));
    (isValue ? fit : accuracy).draw(lines("metric"));
  }

  function lines(figure) {
    const kept = desk.kept.map((run) => ({
      name: t("learn.runs.line", { number: run.number }), series: seriesOf(run), thin: true, dashed: true, points: of(run.history, `validation_${figure}`, figure),
    }));
    const history = desk.run?.history ?? [];
    return [
      ...kept,
      { name: t("learn.training"), series: 1, points: of(history, figure) },
      { name: t("learn.validation"), series: 2, dashed: true, points: of(history, `validation_${figure}`) },
    ];
  }

  function of(history, name, otherwise = name) {
    return history
      .map((epoch) => [epoch.epoch, epoch[name] ?? epoch[otherwise]])
      .filter(([, value]) => value !== undefined && value !== null);
  }

  return { root, draw };
}

/** The colour of a kept run: not those of the present one. */
export function seriesOf(run) {
  return 3 + ((run.number - 1) % 5);
}

// Learning curves: loss and metric of training and validation, with the kept runs.

import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";

/** The two charts. */
export function makeCurves(store) {
  const loss = makeChart(t("learn.figure.loss"));
  const accuracy = makeChart(t("learn.metric.accuracy"), { percent: true });
  const r2 = makeChart(t("learn.metric.r2"));
  r2.root.hidden = true;
  const root = element("section", { class: "card", "aria-label": t("learn.curves") },
    element("h3", { text: t("learn.curves") }), element("div", { class: "learn-charts" }, loss.root, accuracy.root, r2.root));

  function draw() {
    const isRegression = store.snapshot()?.metric === "r2";
    accuracy.root.hidden = isRegression;
    r2.root.hidden = !isRegression;
    loss.draw(lines("loss"));
    (isRegression ? r2 : accuracy).draw(lines("metric"));
  }

  function lines(metric) {
    const keptRuns = store.keptRuns.map((run) => ({
      name: t("learn.runs.name", { number: run.number }), series: seriesOf(run), thin: true, dashed: true, points: pointsOf(run.history, `validation_${metric}`, metric),
    }));
    const history = store.run?.history ?? [];
    return [
      ...keptRuns,
      { name: t("learn.training"), series: 1, points: pointsOf(history, metric) },
      { name: t("learn.validation"), series: 2, dashed: true, points: pointsOf(history, `validation_${metric}`) },
    ];
  }

  function pointsOf(history, name, fallback = name) {
    return history
      .map((epoch) => [epoch.epoch, epoch[name] ?? epoch[fallback]])
      .filter(([, value]) => value !== undefined && value !== null);
  }

  return { root, draw };
}

/** Color index of a kept run; differs from those of the current run. */
export function seriesOf(run) {
  return 3 + ((run.number - 1) % 5);
}

// Decision boundary with the data points; or sample rows and metrics if the rows are not points in the plane.

import { makeScatter } from "/learn/scatter.js";
import { signedImage, prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { decodeBytes, format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";

/** The plot with its legend, and the latest metrics. */
export function makeBoundary(store) {
  const canvas = element("canvas", { class: "learn-plane", role: "img" });
  const container = element("div", { class: "learn-plane-frame" }, canvas);
  const legend = element("p", { class: "hint learn-legend" });
  const samples = element("ul", { class: "learn-samples" });
  const values = makeScatter(store);
  const metrics = element("table", { class: "learn-figures" });
  const title = element("h3");
  const root = element("section", { class: "card learn-result", "aria-label": t("learn.result") }, title, container, legend, samples, values.root, metrics);
  new ResizeObserver(() => drawPlane()).observe(container);

  function draw() {
    drawPlane();
    drawSamples();
    values.draw();
    drawMetrics();
  }

  function drawPlane() {
    const snapshot = store.snapshot();
    const plane = snapshot?.plane;
    const points = store.preview?.points;
    container.hidden = legend.hidden = !plane || !points;
    title.textContent = container.hidden ? t("learn.result") : store.unit === null ? t("learn.plane") : t("learn.plane.unit", { layer: store.unit.layer, unit: store.unit.index + 1 });
    if (container.hidden) return;
    const size = Math.max(1, Math.min(container.clientWidth, 480));
    const ctx = prepareCanvas(canvas, size, size);
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(background(plane), 0, 0, size, size);
    const validationRows = new Set(points.validation);
    const radius = Math.max(2, size / 130);
    const index = (value, side) => (side * (value / plane.extent + 1) / 2);
    points.x.forEach(([x, y], row) => {
      const [left, top] = [index(x, size), size - index(y, size)];
      ctx.beginPath();
      if (validationRows.has(row)) ctx.rect(left - radius, top - radius, 2 * radius, 2 * radius);
      else ctx.arc(left, top, radius, 0, 2 * Math.PI);
      ctx.fillStyle = colour(points.y[row] === 1 ? "positive" : "negative");
      ctx.strokeStyle = colour("paper");
      ctx.lineWidth = 1.2;
      ctx.fill();
      ctx.stroke();
    });
    const last = store.run?.history.at(-1);
    canvas.setAttribute("aria-label", t("learn.plane.description", {
      kind: t(`learn.data.${store.preview.plan.data.kind}`),
      rows: number(points.y.length),
      accuracy: last?.metric === undefined ? "–" : percent(last.metric, 0),
    }));
    legend.replaceChildren(
      legendMark("class-0"), t("learn.plane.class", { name: "0" }), " ", legendMark("class-1"), t("learn.plane.class", { name: "1" }), " ",
      legendMark("round"), t("learn.plane.training"), " ", legendMark("square"), t("learn.plane.validation"),
    );
  }

  /** Draw sample rows as images with their predictions. */
  function drawSamples() {
    const sampleRows = store.preview?.samples;
    const predictions = store.snapshot()?.predictions;
    samples.hidden = !sampleRows || !predictions;
    if (samples.hidden) return;
    const values = decodeBytes(sampleRows.values).map((byte) => 128 + byte / 2);
    const { classes } = store.preview;
    samples.replaceChildren(...sampleRows.actual.map((actual, row) => {
      const isCorrect = predictions[row] === actual;
      const canvas = element("canvas", { "aria-hidden": "true" });
      const ctx = prepareCanvas(canvas, 56, 56);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(signedImage(values, sampleRows.side, sampleRows.side, row * sampleRows.side ** 2), 0, 0, 56, 56);
      return element("li", { class: isCorrect ? "right" : "wrong" }, canvas,
        element("span", { text: `${classes[predictions[row]]} ${isCorrect ? "✓" : "✗"}`, "aria-label": t(isCorrect ? "learn.sample.correct" : "learn.sample.wrong", { answer: classes[predictions[row]], actual: classes[actual] }) }));
    }));
  }

  function background(plane) {
    if (store.unit !== null && plane.units[store.unit.layer - 1] !== undefined) {
      const values = decodeBytes(plane.units[store.unit.layer - 1]);
      const side = Math.round(Math.sqrt(values.length / nUnitsSent(values, store)));
      return signedImage(values, side, side, store.unit.index * side * side);
    }
    return signedImage(decodeBytes(plane.scores), plane.side, plane.side, 0, 0.75);
  }

  function drawMetrics() {
    const last = finalEpoch(store.run);
    const metric = store.snapshot()?.metric;
    const formatMetric = (value) => (value === undefined ? "–" : metric === "r2" ? format(value, 3) : percent(value));
    const rows = [
      ["learn.figure.loss", format(last?.loss, 4), format(last?.validation_loss, 4)],
      [`learn.metric.${metric}`, formatMetric(last?.metric), formatMetric(last?.validation_metric)],
    ];
    metrics.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), ...["learn.training", "learn.validation"].map((key) => element("th", { scope: "col", text: t(key) })))),
      element("tbody", {}, rows.map(([key, training, validation]) => element("tr", {},
        element("th", { scope: "row", text: t(key) }),
        element("td", { class: "learn-training", text: training }), element("td", { class: "learn-validation", text: validation })))),
    );
  }

  function legendMark(kind) {
    return element("span", { class: `learn-mark learn-mark-${kind}`, "aria-hidden": "true" });
  }

  return { root, draw };
}

/** The epoch whose weights are shown: the last one, or the restored one at the end. */
export function finalEpoch(run) {
  return run?.history[(run.snapshot?.final_epoch ?? 0) - 1] ?? run?.history.at(-1);
}

/** Number of units of the selected layer in the snapshot. */
function nUnitsSent(values, store) {
  return Math.min(12, store.preview.structure.layer_sizes[store.unit.layer]) || 1;
}


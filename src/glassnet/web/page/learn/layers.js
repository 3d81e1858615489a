// Layer diagnostics: gradient and update norms, dead and saturated units, weights as images.

import { signedImage, prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { decodeBytes, format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";

/** The section. */
export function makeLayers(store) {
  const body = element("tbody");
  const heads = ["layer", "gradient", "update", "ratio", "dead", "saturated"];
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("learn.layers") },
    element("table", { class: "learn-health", "aria-describedby": "learn-health-about" },
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", class: key !== "layer" && "number", text: t(`learn.layers.${key}`) })))),
      body));
  const gradients = makeChart(t("learn.layers.gradient"), { logarithmic: true });
  const updates = makeChart(t("learn.layers.ratio"), { logarithmic: true });
  const weights = element("div", { class: "learn-weights" });
  const root = element("section", { class: "card", "aria-label": t("learn.layers") },
    element("h3", { text: t("learn.layers") }), element("p", { class: "hint", id: "learn-health-about", text: t("learn.layers.about") }), table,
    element("div", { class: "learn-charts" }, gradients.root, updates.root),
    element("h3", { text: t("learn.weights") }), element("p", { class: "hint", text: t("learn.weights.about") }), weights);

  function draw() {
    const snapshot = store.snapshot();
    if (snapshot === null) return;
    const last = snapshot.layers.length;
    body.replaceChildren(...snapshot.layers.map((layer, index) => element("tr", {},
      element("th", { scope: "row", text: `W${index + 1}, b${index + 1}` }),
      cell(format(layer.gradient, 3)), cell(format(layer.update, 3)), cell(format(layer.weights ? layer.update / layer.weights : 0, 2)),
      cell(index + 1 === last ? "–" : t("learn.layers.of", { count: number(layer.dead), units: number(layer.units) }), layer.dead > 0.4 * layer.units && index + 1 < last),
      cell(index + 1 === last ? "–" : t("learn.layers.of", { count: number(layer.saturated), units: number(layer.units) }), layer.saturated > 0.5 * layer.units && index + 1 < last),
    )));
    const history = store.run?.history ?? [];
    const lines = (value) => snapshot.layers.map((_, index) => ({
      name: `W${index + 1}`, series: (index % 8) + 1, dashed: index % 2 === 1,
      points: history.filter((epoch) => epoch.gradient !== undefined).map((epoch) => [epoch.epoch, value(epoch, index)]),
    }));
    gradients.draw(lines((epoch, index) => epoch.gradient[index]));
    updates.draw(lines((epoch, index) => epoch.update[index] / (epoch.weights[index] || 1)));
    drawWeights(snapshot);
  }

  function cell(text, isBad = false) {
    return element("td", { class: `number ${isBad ? "learn-bad" : ""}`, text });
  }

  function drawWeights(snapshot) {
    const nImages = snapshot.weight_images === null ? 0 : snapshot.weight_images.count;
    const nFigures = nImages + snapshot.weights.length;
    if (weights.children.length !== nFigures) {
      weights.replaceChildren(...Array.from({ length: nFigures }, () => element("figure", { class: "learn-weight" }, element("canvas", { role: "img" }), element("figcaption"))));
    }
    snapshot.weights.forEach((matrix, index) => {
      const cellSize = Math.max(4, Math.min(14, Math.floor(150 / Math.max(matrix.rows, matrix.columns))));
      const name = `W${index + 1}`;
      const excerpt = matrix.rows < matrix.total_rows || matrix.columns < matrix.total_columns ? t("learn.weights.excerpt", { rows: matrix.rows, columns: matrix.columns }) : "";
      paint(weights.children[index], signedImage(decodeBytes(matrix.values), matrix.columns, matrix.rows), matrix.columns * cellSize, matrix.rows * cellSize,
        `${name} ${matrix.total_rows}×${matrix.total_columns}, ±${format(matrix.scale, 3)} ${excerpt}`);
    });
    for (let unit = 0; unit < nImages; unit += 1) {
      const { side, values } = snapshot.weight_images;
      paint(weights.children[snapshot.weights.length + unit], signedImage(decodeBytes(values), side, side, unit * side * side), 56, 56, `W1[:, ${unit}]`);
    }
  }

  function paint(figure, image, width, height, text) {
    const [canvas, caption] = figure.children;
    const ctx = prepareCanvas(canvas, width, height);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(image, 0, 0, width, height);
    canvas.setAttribute("aria-label", text);
    caption.textContent = text;
  }

  return { root, draw };
}

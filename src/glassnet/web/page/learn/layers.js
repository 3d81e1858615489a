// Inside the layers: how long gradients and updates are, which units learn nothing, and the weights as pictures.

import { picture, sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { bytes, shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { makeChart } from "/shared/line_chart.js";

/** The section. */
export function makeLayers(desk) {
  const body = element("tbody");
  const heads = ["layer", "gradient", "update", "share", "dead", "saturated"];
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("learn.layers") },
    element("table", { class: "learn-health", "aria-describedby": "learn-health-about" },
      element("thead", {}, element("tr", {}, heads.map((key) => element("th", { scope: "col", class: key !== "layer" && "number", text: t(`learn.layers.${key}`) })))),
      body));
  const gradients = makeChart(t("learn.layers.gradient"), { logarithmic: true });
  const updates = makeChart(t("learn.layers.share"), { logarithmic: true });
  const weights = element("div", { class: "learn-weights" });
  const root = element("section", { class: "card", "aria-label": t("learn.layers") },
    element("h3", { text: t("learn.layers") }), element("p", { class: "hint", id: "learn-health-about", text: t("learn.layers.about") }), table,
    element("div", { class: "learn-charts" }, gradients.root, updates.root),
    element("h3", { text: t("learn.weights") }), element("p", { class: "hint", text: t("learn.weights.about") }), weights);

  function draw() {
    const frame = desk.frame();
    if (frame === null) return;
    const last = frame.layers.length;
    body.replaceChildren(...frame.layers.map((layer, place) => element("tr", {},
      element("th", { scope: "row", text: `W${place + 1}, b${place + 1}` }),
      cell(shown(layer.gradient, 3)), cell(shown(layer.update, 3)), cell(shown(layer.weights ? layer.update / layer.weights : 0, 2)),
      cell(place + 1 === last ? "–" : t("learn.layers.of", { count: number(layer.dead), units: number(layer.units) }), layer.dead > 0.4 * layer.units && place + 1 < last),
      cell(place + 1 === last ? "–" : t("learn.layers.of", { count: number(layer.saturated), units: number(layer.units) }), layer.saturated > 0.5 * layer.units && place + 1 < last),
    )));
    const history = desk.run?.history ?? [];
    const lines = (value) => frame.layers.map((_, place) => ({
      name: `W${place + 1}`, series: (place % 8) + 1, dashed: place % 2 === 1,
      points: history.filter((epoch) => epoch.gradient !== undefined).map((epoch) => [epoch.epoch, value(epoch, place)]),
    }));
    gradients.draw(lines((epoch, place) => epoch.gradient[place]));
    updates.draw(lines((epoch, place) => epoch.update[place] / (epoch.weights[place] || 1)));
    drawWeights(frame);
  }

  function cell(text, bad = false) {
    return element("td", { class: `number ${bad ? "learn-bad" : ""}`, text });
  }

  function drawWeights(frame) {
    const wanted = frame.pictures === null ? 0 : frame.pictures.count;
    const made = wanted + frame.weights.length;
    if (weights.children.length !== made) {
      weights.replaceChildren(...Array.from({ length: made }, () => element("figure", { class: "learn-weight" }, element("canvas", { role: "img" }), element("figcaption"))));
    }
    frame.weights.forEach((matrix, place) => {
      const size = Math.max(4, Math.min(14, Math.floor(150 / Math.max(matrix.rows, matrix.columns))));
      const name = `W${place + 1}`;
      const cut = matrix.rows < matrix.name_rows || matrix.columns < matrix.name_columns ? t("learn.weights.cut", { rows: matrix.rows, columns: matrix.columns }) : "";
      paint(weights.children[place], picture(bytes(matrix.values), matrix.columns, matrix.rows), matrix.columns * size, matrix.rows * size,
        `${name} ${matrix.name_rows}×${matrix.name_columns}, ±${shown(matrix.reach, 3)} ${cut}`);
    });
    for (let unit = 0; unit < wanted; unit += 1) {
      const { side, values } = frame.pictures;
      paint(weights.children[frame.weights.length + unit], picture(bytes(values), side, side, unit * side * side), 56, 56, `W1[:, ${unit}]`);
    }
  }

  function paint(figure, image, width, height, text) {
    const [canvas, caption] = figure.children;
    const pen = sharp(canvas, width, height);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, 0, 0, width, height);
    canvas.setAttribute("aria-label", text);
    caption.textContent = text;
  }

  return { root, draw };
}

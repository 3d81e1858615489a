// What the network says all over the plane, and the points that it learns from; or its figures, where rows can't be drawn.

import { makeValues } from "/learn/scatter.js";
import { picture, sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { bytes, shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";

/** The picture of the plane with its legend, and the latest figures. */
export function makePlane(desk) {
  const canvas = element("canvas", { class: "learn-plane", role: "img" });
  const frameOf = element("div", { class: "learn-plane-frame" }, canvas);
  const legend = element("p", { class: "hint learn-legend" });
  const samples = element("ul", { class: "learn-samples" });
  const values = makeValues(desk);
  const figures = element("table", { class: "learn-figures" });
  const title = element("h3");
  const root = element("section", { class: "card learn-result", "aria-label": t("learn.result") }, title, frameOf, legend, samples, values.root, figures);
  new ResizeObserver(() => drawPlane()).observe(frameOf);

  function draw() {
    drawPlane();
    drawSamples();
    values.draw();
    drawFigures();
  }

  function drawPlane() {
    const frame = desk.frame();
    const plane = frame?.plane;
    const points = desk.preview?.points;
    frameOf.hidden = legend.hidden = !plane || !points;
    title.textContent = frameOf.hidden ? t("learn.result") : desk.unit === null ? t("learn.plane") : t("learn.plane.unit", { layer: desk.unit.layer, unit: desk.unit.place + 1 });
    if (frameOf.hidden) return;
    const size = Math.max(1, Math.min(frameOf.clientWidth, 480));
    const pen = sharp(canvas, size, size);
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(background(plane), 0, 0, size, size);
    const marked = new Set(points.validation);
    const radius = Math.max(2, size / 130);
    const place = (value, side) => (side * (value / plane.reach + 1) / 2);
    points.x.forEach(([x, y], row) => {
      const [left, top] = [place(x, size), size - place(y, size)];
      pen.beginPath();
      if (marked.has(row)) pen.rect(left - radius, top - radius, 2 * radius, 2 * radius);
      else pen.arc(left, top, radius, 0, 2 * Math.PI);
      pen.fillStyle = colour(points.y[row] === 1 ? "positive" : "negative");
      pen.strokeStyle = colour("paper");
      pen.lineWidth = 1.2;
      pen.fill();
      pen.stroke();
    });
    const last = desk.run?.history.at(-1);
    canvas.setAttribute("aria-label", t("learn.plane.said", {
      kind: t(`learn.data.${desk.preview.plan.data.kind}`),
      rows: number(points.y.length),
      right: last?.metric === undefined ? "–" : percent(last.metric, 0),
    }));
    legend.replaceChildren(
      mark("class-0"), t("learn.plane.class", { name: "0" }), " ", mark("class-1"), t("learn.plane.class", { name: "1" }), " ",
      mark("round"), t("learn.plane.training"), " ", mark("square"), t("learn.plane.validation"),
    );
  }

  /** A few rows as pictures, and what the network sees in them by now. */
  function drawSamples() {
    const given = desk.preview?.samples;
    const answers = desk.frame()?.answers;
    samples.hidden = !given || !answers;
    if (samples.hidden) return;
    const values = bytes(given.values).map((byte) => 128 + byte / 2);
    const { classes } = desk.preview;
    samples.replaceChildren(...given.truth.map((truth, row) => {
      const right = answers[row] === truth;
      const canvas = element("canvas", { "aria-hidden": "true" });
      const pen = sharp(canvas, 56, 56);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture(values, given.side, given.side, row * given.side ** 2), 0, 0, 56, 56);
      return element("li", { class: right ? "right" : "wrong" }, canvas,
        element("span", { text: `${classes[answers[row]]} ${right ? "✓" : "✗"}`, "aria-label": t(right ? "learn.sample.right" : "learn.sample.wrong", { answer: classes[answers[row]], truth: classes[truth] }) }));
    }));
  }

  function background(plane) {
    if (desk.unit !== null && plane.units[desk.unit.layer - 1] !== undefined) {
      const values = bytes(plane.units[desk.unit.layer - 1]);
      const side = Math.round(Math.sqrt(values.length / shownUnits(values, desk)));
      return picture(values, side, side, desk.unit.place * side * side);
    }
    return picture(bytes(plane.leaning), plane.side, plane.side, 0, 0.75);
  }

  function drawFigures() {
    const last = shownEpoch(desk.run);
    const metric = desk.frame()?.metric;
    const score = (value) => (value === undefined ? "–" : metric === "r2" ? shown(value, 3) : percent(value));
    const rows = [
      ["learn.figure.loss", shown(last?.loss, 4), shown(last?.validation_loss, 4)],
      [`learn.metric.${metric}`, score(last?.metric), score(last?.validation_metric)],
    ];
    figures.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), ...["learn.training", "learn.validation"].map((key) => element("th", { scope: "col", text: t(key) })))),
      element("tbody", {}, rows.map(([key, training, validation]) => element("tr", {},
        element("th", { scope: "row", text: t(key) }),
        element("td", { class: "learn-training", text: training }), element("td", { class: "learn-validation", text: validation })))),
    );
  }

  function mark(kind) {
    return element("span", { class: `learn-mark learn-mark-${kind}`, "aria-hidden": "true" });
  }

  return { root, draw };
}

/** The epoch whose weights are shown: the last one, or at the end the one that is kept. */
export function shownEpoch(run) {
  return run?.history[(run.frame?.kept_epoch ?? 0) - 1] ?? run?.history.at(-1);
}

/** How many units of that layer were sent. */
function shownUnits(values, desk) {
  return Math.min(12, desk.preview.structure.layer_sizes[desk.unit.layer]) || 1;
}


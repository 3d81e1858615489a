// Saliency: gradient of the selected output w.r.t. each input, as an image or as bars.

import { prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inkImage, normalize, drawHintonImage } from "/think/hinton.js";
import { outputUnitName } from "/think/names.js";

const MAX_BARS = 14;
const MAX_WIDTH = 288;

/** The section. */
export function makeSaliency(store) {
  const { model } = store.context;
  const output = element("select", { id: "think-output", onchange: () => store.selectOutput(output.value === "" ? null : Number(output.value)) },
    element("option", { value: "", text: t("think.saliency.largest") }),
    model.layer_sizes.at(-1) <= 1000 && Array.from({ length: model.layer_sizes.at(-1) }, (_, unit) => element("option", { value: unit, text: outputUnitName(model, unit) })));
  const canvas = element("canvas", { class: "think-saliency", role: "img", hidden: model.image_shape === null });
  const bars = element("div", { class: "think-bars" });
  const description = element("p", { class: "hint" });
  const waiting = element("p", { class: "hint", text: t("think.saliency.waiting") });
  const root = element("section", { class: "card think-saliency-card", "aria-label": t("think.saliency") },
    element("h2", { text: t("think.saliency") }),
    model.layer_sizes.at(-1) > 1 && element("label", { class: "row think-output" }, element("span", { text: t("think.saliency.output") }), output),
    waiting, canvas, description, bars,
    element("p", { class: "hint", text: t("think.saliency.ablation") }));

  let width = MAX_WIDTH; // updated by the observer: reading it while drawing would force a layout
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) width = Math.floor(contentRect.width);
    store.draw();
  }).observe(root);
  let drawnExplanation = null;
  let drawnWidth = 0;

  function draw() {
    const { explanation } = store;
    output.value = store.output ?? "";
    const gradient = explanation?.saliency ?? null;
    waiting.hidden = gradient !== null;
    if (gradient === null || (drawnExplanation === explanation && drawnWidth === width)) return;
    [drawnExplanation, drawnWidth] = [explanation, width];
    const values = Object.values(gradient);
    const ranking = values.map((_, index) => index).sort((i, j) => Math.abs(values[j]) - Math.abs(values[i]));
    const last = model.activations.length;
    const name = `${explanation.of === "logit" ? "z" : "a"}${last}[${explanation.output}]`;
    const quantity = t("think.saliency.about", { name, output: outputUnitName(model, explanation.output) });
    if (model.image_shape === null) {
      description.textContent = quantity;
      drawBars(values, ranking.slice(0, MAX_BARS), name);
    } else drawPicture(values, ranking, name, quantity);
  }

  function drawPicture(values, ranking, name, quantity) {
    const [side] = model.image_shape;
    const cell = Math.max(2, Math.floor(Math.min(MAX_WIDTH, width) / side));
    const ctx = prepareCanvas(canvas, cell * side, cell * side);
    ctx.imageSmoothingEnabled = false;
    ctx.globalAlpha = 0.35;
    ctx.drawImage(inkImage(ink(store.row, store.info.drawing), side), 0, 0, cell * side, cell * side);
    ctx.globalAlpha = 1;
    drawHintonImage(ctx, normalize(values), cell, side);
    ctx.strokeStyle = colour("edge");
    ctx.lineWidth = 1;
    ctx.strokeRect(0.5, 0.5, cell * side - 1, cell * side - 1);
    const strongest = ranking.slice(0, 3).map((index) => t("think.saliency.pixel", {
      row: number(1 + Math.floor(index / side)), column: number(1 + (index % side)), slope: `${values[index] < 0 ? "−" : "+"}${format(Math.abs(values[index]), 3)}`,
    })).join(", ");
    description.textContent = `${quantity} ${t("think.saliency.pixels", { strongest })}`;
    canvas.setAttribute("aria-label", description.textContent);
  }

  function drawBars(values, ranking) {
    const scale = Math.abs(values[ranking[0]]) || 1;
    bars.replaceChildren(...ranking.map((index) => element("div", { class: "think-bar think-signed", data: { column: index } },
      element("span", { class: "think-bar-name", text: model.inputs[index] }),
      element("span", { class: "think-track" }, element("span", {
        class: `think-fill ${values[index] < 0 ? "below" : ""}`,
        style: { width: `${(50 * Math.abs(values[index])) / scale}%`, "margin-inline-start": `${values[index] < 0 ? 50 - (50 * -values[index]) / scale : 50}%` },
      })),
      element("span", { class: "think-value", text: format(values[index], 3), title: String(values[index]) }))),
      ...(values.length > ranking.length ? [element("p", { class: "hint", text: t("think.saliency.more", { count: number(values.length - ranking.length) }) })] : []));
  }

  return { root, draw };
}

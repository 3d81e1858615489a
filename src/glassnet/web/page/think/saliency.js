// What would change its mind: how the chosen output hangs on each input, over the picture or by column.

import { sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inked, scaled, squaresOfPicture } from "/think/hinton.js";
import { outputName } from "/think/names.js";

const MOST_BARS = 14;
const WIDEST = 288;

/** The section. */
export function makeMind(desk) {
  const { model } = desk.context;
  const output = element("select", { id: "think-output", onchange: () => desk.choose(output.value === "" ? null : Number(output.value)) },
    element("option", { value: "", text: t("think.mind.largest") }),
    model.layer_sizes.at(-1) <= 1000 && Array.from({ length: model.layer_sizes.at(-1) }, (_, unit) => element("option", { value: unit, text: outputName(model, unit) })));
  const canvas = element("canvas", { class: "think-saliency", role: "img", hidden: model.picture === null });
  const bars = element("div", { class: "think-bars" });
  const inWords = element("p", { class: "hint" });
  const waiting = element("p", { class: "hint", text: t("think.mind.waiting") });
  const root = element("section", { class: "card think-mind", "aria-label": t("think.mind") },
    element("h2", { text: t("think.mind") }),
    model.layer_sizes.at(-1) > 1 && element("label", { class: "row think-output" }, element("span", { text: t("think.mind.output") }), output),
    waiting, canvas, inWords, bars,
    element("p", { class: "hint", text: t("think.mind.silence") }));

  let room = WIDEST; // noted when it changes: asking for it while drawing would have the page laid out each time
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) room = Math.floor(contentRect.width);
    desk.draw();
  }).observe(root);
  let drawnFor = null;
  let drawnIn = 0;

  function draw() {
    const { told } = desk;
    output.value = desk.output ?? "";
    const slopes = told?.saliency ?? null;
    waiting.hidden = slopes !== null;
    if (slopes === null || (drawnFor === told && drawnIn === room)) return;
    [drawnFor, drawnIn] = [told, room];
    const values = Object.values(slopes);
    const best = values.map((_, place) => place).sort((i, j) => Math.abs(values[j]) - Math.abs(values[i]));
    const last = model.activations.length;
    const name = `${told.of === "logit" ? "z" : "a"}${last}[${told.output}]`;
    const of = t("think.mind.of", { name, output: outputName(model, told.output) });
    if (model.picture === null) {
      inWords.textContent = of;
      drawBars(values, best.slice(0, MOST_BARS), name);
    } else drawPicture(values, best, name, of);
  }

  function drawPicture(values, best, name, of) {
    const [side] = model.picture;
    const cell = Math.max(2, Math.floor(Math.min(WIDEST, room) / side));
    const pen = sharp(canvas, cell * side, cell * side);
    pen.imageSmoothingEnabled = false;
    pen.globalAlpha = 0.35;
    pen.drawImage(inked(ink(desk.row, desk.about.pen), side), 0, 0, cell * side, cell * side);
    pen.globalAlpha = 1;
    squaresOfPicture(pen, scaled(values), cell, side);
    pen.strokeStyle = colour("edge");
    pen.lineWidth = 1;
    pen.strokeRect(0.5, 0.5, cell * side - 1, cell * side - 1);
    const strongest = best.slice(0, 3).map((place) => t("think.mind.pixel", {
      row: number(1 + Math.floor(place / side)), column: number(1 + (place % side)), slope: `${values[place] < 0 ? "−" : "+"}${shown(Math.abs(values[place]), 3)}`,
    })).join(", ");
    inWords.textContent = `${of} ${t("think.mind.pixels", { strongest })}`;
    canvas.setAttribute("aria-label", inWords.textContent);
  }

  function drawBars(values, best) {
    const most = Math.abs(values[best[0]]) || 1;
    bars.replaceChildren(...best.map((place) => element("div", { class: "think-bar think-signed", data: { column: place } },
      element("span", { class: "think-bar-name", text: model.features[place] }),
      element("span", { class: "think-track" }, element("span", {
        class: `think-fill ${values[place] < 0 ? "below" : ""}`,
        style: { width: `${(50 * Math.abs(values[place])) / most}%`, "margin-inline-start": `${values[place] < 0 ? 50 - (50 * -values[place]) / most : 50}%` },
      })),
      element("span", { class: "think-value", text: shown(values[place], 3), title: String(values[place]) }))),
      ...(values.length > best.length ? [element("p", { class: "hint", text: t("think.mind.more", { count: number(values.length - best.length) }) })] : []));
  }

  return { root, draw };
}

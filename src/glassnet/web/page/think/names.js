// What units and rows are called, and what is known of them, for several parts of Think.

import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

/** The name of a unit: its column, its class, or its number. */
export function unitName(model, layer, unit) {
  if (layer === 0) return inputName(model, unit);
  const last = layer === model.activations.length;
  const name = t("think.unit.name", { layer: number(layer), unit: String(unit) });
  return last ? t("think.unit.of", { unit: name, name: outputName(model, unit) }) : name;
}

/** The name of an output: its class, or what is predicted. */
export function outputName(model, unit) {
  if (model.classes.length) return String(model.classes[unit]);
  return model.layer_sizes.at(-1) === 1 ? model.target : `${model.target} ${unit + 1}`;
}

/** The name of a unit of the input: its column; of an embedding, its column and its place there. */
export function inputName(model, unit) {
  const numbers = model.features.length - model.tables.length;
  if (unit < numbers) return String(model.features[unit]);
  let place = unit - numbers;
  for (const [table, [, size]] of model.tables.entries()) {
    if (place < size) return `${model.features[numbers + table]} (${place + 1})`;
    place -= size;
  }
  return String(unit);
}

/** What goes into a layer: the input, or what the layer before says, as it is heard. */
export function given(told, layer) {
  return told[`h${layer - 1}`] ?? (layer === 1 ? told.a0 ?? told.x : told[`a${layer - 1}`]);
}

/** What a layer's arrays are called in a formula. */
export function givenName(told, layer) {
  return told[`h${layer - 1}`] ? `h${layer - 1}` : layer === 1 && !told.a0 ? "x" : `a${layer - 1}`;
}

/** A number that may stand behind an operator: a negative one in brackets. */
export function bracketed(value, digits = 4) {
  return value < 0 ? `(${shown(value, digits)})` : shown(value, digits);
}

/** What to show where rows of data are needed: that, and how to give some. */
export function needsData(model) {
  return [
    element("p", { class: "hint", text: t("think.needs.data") }),
    element("pre", { class: "think-code" }, element("code", {}, element("span", { text: `glassnet serve ${model.name}.glassnet` }), " ", element("span", { text: "--data rows.csv" }))),
  ];
}

/** The row's name: “row 12”, “training row 12”, “drawn”, “edited”. */
export function rowName(from) {
  return from.kind === "row" ? t("think.row", { row: placeOf(from) }) : t(`think.from.${from.kind}`, from.kind === "training" ? { row: placeOf(from) } : {});
}

/** Where a row of the data stands: its number in the file, and the file where there are several. */
export function placeOf({ number: place, file }) {
  return (file ?? null) === null ? String(place) : `${file}: ${place}`;
}

/** Where a row comes from that the server told. */
export function fromRow({ row, number: place, file, target }) {
  return { kind: "row", row, number: place, file, target };
}

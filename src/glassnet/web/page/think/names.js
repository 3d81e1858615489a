// Names of units and rows, shared by several parts of Think.

import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

/** The name of a unit: its column, its class, or its index. */
export function unitName(model, layer, unit) {
  if (layer === 0) return inputName(model, unit);
  const last = layer === model.activations.length;
  const name = t("think.unit.name", { layer: number(layer), unit: String(unit) });
  return last ? t("think.unit.of", { unit: name, name: outputUnitName(model, unit) }) : name;
}

/** The name of an output: its class, or the target. */
export function outputName(model, unit) {
  if (model.classes.length) return String(model.classes[unit]);
  return model.layer_sizes.at(-1) === 1 ? model.target : `${model.target} ${unit + 1}`;
}

/** The name of an output unit: its class, of two classes that share a unit the second; or the target. */
export function outputUnitName(model, unit) {
  return outputName(model, outputIndex(model, unit));
}

/** The index of the output of a unit: two classes share a single unit, which is the probability of the second. */
export function outputIndex(model, unit) {
  return model.classes.length === 2 && model.layer_sizes.at(-1) === 1 ? 1 : unit;
}

/** The name of an input unit: its column; for an embedding, its column and dimension. */
export function inputName(model, unit) {
  const numbers = model.inputs.length - model.embeddings.length;
  if (unit < numbers) return String(model.inputs[unit]);
  let rowNumber = unit - numbers;
  for (const [table, [, size]] of model.embeddings.entries()) {
    if (rowNumber < size) return `${model.inputs[numbers + table]} (${rowNumber + 1})`;
    rowNumber -= size;
  }
  return String(unit);
}

/** The input of a layer: the network input, or the (scaled) activations of the layer before. */
export function layerInput(explanation, layer) {
  return explanation[`h${layer - 1}`] ?? (layer === 1 ? explanation.a0 ?? explanation.x : explanation[`a${layer - 1}`]);
}

/** The name of that array in a formula. */
export function layerInputName(explanation, layer) {
  return explanation[`h${layer - 1}`] ? `h${layer - 1}` : layer === 1 && !explanation.a0 ? "x" : `a${layer - 1}`;
}

/** Format a number as an operand: negative numbers in parentheses. */
export function parenthesized(value, digits = 4) {
  return value < 0 ? `(${format(value, digits)})` : format(value, digits);
}

/** Instructions to start the server with rows of data. */
export function dataInstructions(model) {
  return [
    element("p", { class: "hint", text: t("think.needs.data") }),
    element("pre", { class: "think-code" }, element("code", {}, element("span", { text: `glassnet serve ${model.name}.glassnet` }), " ", element("span", { text: "--data rows.csv" }))),
  ];
}

/** The name of a row: “row 12”, “training row 12”, “drawn by hand”, “edited values”. */
export function rowName(from) {
  return from.kind === "row" ? t("think.row", { row: rowLabel(from) }) : t(`think.from.${from.kind}`, from.kind === "training" ? { row: rowLabel(from) } : {});
}

/** The number of a row in its file, with the file name if there are several. */
export function rowLabel({ number: rowNumber, file }) {
  return (file ?? null) === null ? String(rowNumber) : `${file}: ${rowNumber}`;
}

/** The origin of a row of GET /api/rows. */
export function fromRow({ row, number: rowNumber, file, target }) {
  return { kind: "row", row, number: rowNumber, file, target };
}

// Input row: drawn, selected from the rows, or edited.

import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { makePad } from "/think/pad.js";
import { makeRowEditor } from "/think/row_editor.js";
import { makeRows } from "/think/rows.js";

/** The section. */
export function makeInput(store) {
  const { model } = store.context;
  const modes = [...(model.image_shape ? [["draw", makePad]] : []), ["rows", makeRows], ["edit", makeRowEditor]].map(([name, make]) => ({ name, ...make(store) }));
  if (!modes.some(({ name }) => name === store.mode)) store.mode = model.image_shape ? "draw" : model.examples === null ? "edit" : "rows";
  const buttons = element("div", { class: "think-modes", role: "group", "aria-label": t("think.input") }, modes.map(({ name }) => element("button", {
    type: "button", text: t(`think.mode.${name}`), data: { mode: name }, onclick: () => selectMode(name),
  })));
  const alert = element("p", { class: "think-error", role: "alert", hidden: true });
  const root = element("section", { class: "card think-input", "aria-label": t("think.input") },
    element("h2", { text: t("think.input") }), buttons, alert, modes.map((mode) => mode.root));

  function selectMode(name) {
    store.mode = name;
    store.draw();
  }

  function draw() {
    for (const button of buttons.children) button.setAttribute("aria-pressed", String(button.dataset.mode === store.mode));
    for (const mode of modes) {
      mode.root.hidden = mode.name !== store.mode;
      if (mode.name === store.mode) mode.draw();
    }
    if (alert.textContent !== (store.error ?? "")) alert.textContent = store.error ?? "";
    alert.hidden = store.error === null;
  }

  return { root, draw };
}

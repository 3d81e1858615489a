// Where the row comes from: drawn by hand, chosen among the rows at hand, or edited number by number.

import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { makePad } from "/think/pad.js";
import { makeNumbers } from "/think/row_editor.js";
import { makeRows } from "/think/rows.js";

/** The section. */
export function makeInput(desk) {
  const { model } = desk.context;
  const ways = [...(model.picture ? [["draw", makePad]] : []), ["rows", makeRows], ["edit", makeNumbers]].map(([name, make]) => ({ name, ...make(desk) }));
  if (!ways.some(({ name }) => name === desk.way)) desk.way = model.picture ? "draw" : model.examples === null ? "edit" : "rows";
  const buttons = element("div", { class: "think-ways", role: "group", "aria-label": t("think.input") }, ways.map(({ name }) => element("button", {
    type: "button", text: t(`think.way.${name}`), data: { way: name }, onclick: () => choose(name),
  })));
  const fault = element("p", { class: "think-fault", role: "alert", hidden: true });
  const root = element("section", { class: "card think-input", "aria-label": t("think.input") },
    element("h2", { text: t("think.input") }), buttons, fault, ways.map((way) => way.root));

  function choose(name) {
    desk.way = name;
    desk.draw();
  }

  function draw() {
    for (const button of buttons.children) button.setAttribute("aria-pressed", String(button.dataset.way === desk.way));
    for (const way of ways) {
      way.root.hidden = way.name !== desk.way;
      if (way.name === desk.way) way.draw();
    }
    if (fault.textContent !== (desk.fault ?? "")) fault.textContent = desk.fault ?? "";
    fault.hidden = desk.fault === null;
  }

  return { root, draw };
}

// What is off, said plainly, with the numbers that it was seen by; and what to do about it.

import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

const SHARES = ["share"];
const WHOLE = ["epoch", "best_epoch", "dead", "units", "layer", "of_layer", "layer_units", "epochs", "saturated"];

/** The hints. */
export function makeHints(desk) {
  const list = element("ul", { class: "learn-hint-list" });
  const root = element("section", { class: "learn-hints", "aria-label": t("learn.hints"), hidden: true }, list);
  let said = "";

  function draw() {
    const hints = desk.run?.frame?.hints ?? [];
    root.hidden = hints.length === 0;
    list.replaceChildren(...hints.map(({ code, evidence }) => {
      const values = filled(evidence);
      return element("li", { class: "learn-hint", data: { code } },
        element("strong", { text: t(`learn.hint.${code}`, values) }), " ",
        element("span", { text: t(`learn.hint.${code}.seen`, values) }), " ",
        element("span", { class: "soft", text: t(`learn.hint.${code}.try`, values) }),
      );
    }));
    const codes = hints.map(({ code }) => code).join();
    if (codes !== said && codes) desk.context.announce(hints.map(({ code, evidence }) => t(`learn.hint.${code}`, filled(evidence))).join(" "));
    said = codes;
  }

  function filled(evidence) {
    return Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, written(name, value)]));
  }

  function written(name, value) {
    if (SHARES.includes(name)) return percent(value, 0);
    return WHOLE.includes(name) ? number(value) : shown(value, 3);
  }

  return { root, draw };
}

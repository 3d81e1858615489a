// Detected training problems, with evidence and advice.

import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, percent, t } from "/shared/i18n.js";

const PERCENTAGES = ["share"];
const INTEGERS = ["epoch", "best_epoch", "dead", "units", "layer", "layer_dead", "layer_units", "epochs", "saturated"];

/** The list of hints. */
export function makeHints(store) {
  const list = element("ul", { class: "learn-hint-list" });
  const root = element("section", { class: "learn-hints", "aria-label": t("learn.hints"), hidden: true }, list);
  let announced = "";

  function draw() {
    const hints = store.run?.snapshot?.hints ?? [];
    root.hidden = hints.length === 0;
    list.replaceChildren(...hints.map(({ code, evidence }) => {
      const values = formatEvidence(evidence);
      return element("li", { class: "learn-hint", data: { code } },
        element("strong", { text: t(`learn.hint.${code}`, values) }), " ",
        element("span", { text: t(`learn.hint.${code}.evidence`, values) }), " ",
        element("span", { class: "soft", text: t(`learn.hint.${code}.advice`, values) }),
      );
    }));
    const codes = hints.map(({ code }) => code).join();
    if (codes !== announced && codes) store.context.announce(hints.map(({ code, evidence }) => t(`learn.hint.${code}`, formatEvidence(evidence))).join(" "));
    announced = codes;
  }

  function formatEvidence(evidence) {
    return Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, formatValue(name, value)]));
  }

  function formatValue(name, value) {
    if (PERCENTAGES.includes(name)) return percent(value, 0);
    return INTEGERS.includes(name) ? number(value) : format(value, 3);
  }

  return { root, draw };
}

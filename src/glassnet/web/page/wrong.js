// Wrong: where the model errs, and why.

import { element } from "/elements.js";
import { t } from "/texts.js";

/** Fill the tab. */
export function mount(root, context) {
  root.append(element("h2", { text: t("tab.wrong") }), element("p", { class: "soft", text: t("wrong.about") }));
}

// Learn: a training, watched and steered.

import { element } from "/elements.js";
import { t } from "/texts.js";

/** Fill the tab. */
export function mount(root, context) {
  root.append(element("h2", { text: t("tab.learn") }), element("p", { class: "soft", text: t("learn.about") }));
}

// Think: a row's way through the network.

import { element } from "/elements.js";
import { t } from "/texts.js";

/** Fill the tab. */
export function mount(root, context) {
  root.append(element("h2", { text: t("tab.think") }), element("p", { class: "soft", text: t("think.about") }));
}

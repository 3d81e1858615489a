// A picture of any panel, as PNG or SVG. One line gives a panel its little menu:
//
//   pictured(panel, "wrong-confusion");                             → glassnet-wrong-confusion.png or .svg
//   pictured(panel, () => `${context.model.name}-confusion`);       … a name that is made when the picture is
//
// `panel` is the <section class="card"> (or any element) with its first child, the heading, in place; it is returned, so
// that the line may stand where the panel is put in. The menu is set behind the heading, at the panel's upper right: a
// panel that later replaces all its own children loses it, so fill a body inside the panel instead. Whatever the panel
// shows at that moment is in the picture: text, tables, SVG and canvases (panel_svg.js), in its theme and language.
// What should not be gets the attribute data-unpictured.

import { save } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { drawn } from "/shared/panel_svg.js";

/** Points of the PNG for each of the page's, and the most that it has on a side: browsers draw no larger ones. */
const FINE = 2;
const MOST = 8192;

/** Give a panel the menu that saves its picture. Returns the panel. */
export function pictured(panel, name) {
  const said = element("span", { class: "picture-said", role: "status" });
  const menu = element("details", { class: "picture-menu", data: { unpictured: "" }, onkeydown: keys, onfocusout: left },
    element("summary", { "aria-label": t("picture.of", { panel: titleOf(panel) }), title: t("picture") }, element("span", { "aria-hidden": "true", text: "⤓" })),
    element("div", { class: "picture-kinds", role: "group", "aria-label": t("picture") },
      ["PNG", "SVG"].map((kind) => element("button", { type: "button", text: kind, onclick: () => take(kind) })), said));

  async function take(kind) {
    said.textContent = "";
    try {
      const { root, width, height } = drawn(panel);
      const text = new XMLSerializer().serializeToString(root);
      const file = `glassnet-${typeof name === "function" ? name() : name}`.replace(/[^\p{L}\p{N}._-]+/gu, "_");
      if (kind === "SVG") save(new Blob([text], { type: "image/svg+xml" }), `${file}.svg`);
      else save(await points(text, width, height), `${file}.png`);
      said.textContent = t("picture.saved");
    } catch (error) {
      said.textContent = t("picture.failed");
      console.error(error);
    }
  }

  function keys(event) {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  }

  function left(event) {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  }

  menu.addEventListener("toggle", () => {
    said.textContent = "";
  });
  panel.classList.add("pictured");
  if (panel.firstElementChild === null) panel.append(menu);
  else panel.firstElementChild.after(menu);
  return panel;
}

/** What a panel is called: by its label, or by its heading. */
function titleOf(panel) {
  return panel.getAttribute("aria-label") ?? panel.querySelector("h2, h3, h4, figcaption")?.textContent ?? "";
}

/** An SVG as PNG. */
async function points(text, width, height) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const fine = Math.min(FINE, MOST / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * fine), Math.round(height * fine));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/png" });
  } finally {
    URL.revokeObjectURL(address);
  }
}

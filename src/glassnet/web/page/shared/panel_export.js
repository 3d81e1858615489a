// Export of panels as PNG or SVG. One line adds the menu to a panel:
//
//   withExportMenu(panel, "wrong-confusion");                           → glassnet-wrong-confusion.png or .svg
//   withExportMenu(panel, () => `${context.model.name}-confusion`);     the name is evaluated at export
//
// `panel` is the <section class="card"> (or any element) with its heading as the first child; it is returned. The menu is
// inserted after the heading: a panel that replaces all its children loses it, so put changing content into a child
// element. The image contains text, tables, SVG and canvases (panel_svg.js) as displayed, in the current theme and
// language, except elements with the attribute data-no-export.

import { download } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { panelToSvg } from "/shared/panel_svg.js";

/** Pixels of the PNG per CSS pixel, and the maximum size that browsers support. */
const PIXEL_RATIO = 2;
const MAX_PIXELS = 8192;

/** Add the export menu to a panel. Returns the panel. */
export function withExportMenu(panel, name) {
  const status = element("span", { class: "picture-status", role: "status" });
  const menu = element("details", { class: "picture-menu", data: { noExport: "" }, onkeydown: onKey, onfocusout: onFocusOut },
    element("summary", { "aria-label": t("picture.of", { panel: panelTitle(panel) }), title: t("picture") }, element("span", { "aria-hidden": "true", text: "⤓" })),
    element("div", { class: "picture-kinds", role: "group", "aria-label": t("picture") },
      ["PNG", "SVG"].map((kind) => element("button", { type: "button", text: kind, onclick: () => exportAs(kind) })), status));

  async function exportAs(kind) {
    status.textContent = "";
    try {
      const { root, width, height } = panelToSvg(panel);
      const text = new XMLSerializer().serializeToString(root);
      const file = `glassnet-${typeof name === "function" ? name() : name}`.replace(/[^\p{L}\p{N}._-]+/gu, "_");
      if (kind === "SVG") download(new Blob([text], { type: "image/svg+xml" }), `${file}.svg`);
      else download(await svgToPng(text, width, height), `${file}.png`);
      status.textContent = t("picture.saved");
    } catch (error) {
      status.textContent = t("picture.failed");
      console.error(error);
    }
  }

  function onKey(event) {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  }

  function onFocusOut(event) {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  }

  menu.addEventListener("toggle", () => {
    status.textContent = "";
  });
  panel.classList.add("exportable");
  if (panel.firstElementChild === null) panel.append(menu);
  else panel.firstElementChild.after(menu);
  return panel;
}

/** The title of a panel: its label or heading. */
function panelTitle(panel) {
  return panel.getAttribute("aria-label") ?? panel.querySelector("h2, h3, h4, figcaption")?.textContent ?? "";
}

/** Convert an SVG to PNG. */
async function svgToPng(text, width, height) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const ratio = Math.min(PIXEL_RATIO, MAX_PIXELS / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/png" });
  } finally {
    URL.revokeObjectURL(address);
  }
}

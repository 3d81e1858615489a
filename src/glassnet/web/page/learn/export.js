// Keeping what was learned: the model as a file, in the other tabs; the same run as Python and as a line for the shell.

import { file, post } from "/shared/api.js";
import { save } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";

/** The section. */
export function makeCode(desk) {
  const keep = element("button", { type: "button", class: "learn-save", text: t("learn.keep.save"), onclick: () => attempt(saveModel) });
  const use = element("button", { type: "button", class: "learn-use", text: t("learn.keep.use"), onclick: () => attempt(useModel) });
  const rows = element("button", { type: "button", class: "learn-rows", onclick: () => attempt(saveRows) });
  const said = element("p", { class: "hint", role: "status", text: desk.said });
  const python = block("learn.code.python", "python");
  const command = block("learn.code.command", "command");
  const root = element("section", { class: "card", "aria-label": t("learn.keep") },
    element("h3", { text: t("learn.keep") }), element("div", { class: "row" }, keep, use, rows), said,
    element("p", { class: "hint", text: t("learn.code.about") }), python.root, command.root);

  function block(title, name) {
    const code = element("code");
    const copied = element("span", { class: "soft", role: "status" });
    const copy = element("button", { type: "button", class: `learn-copy-${name}`, text: t("learn.code.copy"), "aria-label": `${t("learn.code.copy")}: ${t(title)}`, onclick: () => attempt(async () => {
      copied.textContent = t((await wasCopied(code)) ? "learn.code.copied" : "learn.code.chosen");
    }) });
    return {
      root: element("div", { class: "learn-code" }, element("div", { class: "row" }, element("h4", { text: t(title) }), copy, copied), element("pre", { tabindex: "0", "aria-label": t(title) }, code)),
      draw(text) {
        if (code.textContent === text) return;
        code.textContent = text;
        copied.textContent = "";
      },
    };
  }

  async function attempt(what) {
    desk.context.fail(null);
    try {
      await what();
    } catch (error) {
      desk.context.fail(error);
    }
  }

  async function saveModel() {
    save(await file(`/api/train/${desk.run.id}/model`), `${desk.preview.source.replace(/\..*$/, "")}.glassnet`);
    say(t("learn.keep.saved"));
  }

  async function saveRows() {
    save(await file("/api/train/rows", desk.plan), `${desk.preview.source}.csv`);
  }

  async function useModel() {
    const { name } = await post(`/api/train/${desk.run.id}/use`, {});
    say(t("learn.keep.used", { name }));
    await desk.context.reload();
  }

  /** Say what became of it; the desk keeps it, as the page may be drawn anew right after. */
  function say(text) {
    desk.said = text;
    said.textContent = text;
  }

  function draw() {
    if (desk.preview === null) return;
    const begun = desk.run !== null && desk.run.frame?.state !== "lost" && desk.notice === "";
    keep.disabled = use.disabled = !begun;
    rows.hidden = desk.preview.points === undefined;
    rows.textContent = t("learn.keep.rows", { name: `${desk.preview.source}.csv` });
    python.draw(desk.preview.code.python);
    command.draw(desk.preview.code.command);
  }

  return { root, draw };
}

/** Copy the text of an element. A browser lends the clipboard to no page that came over a network without TLS: then it is selected. */
async function wasCopied(node) {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  }
  getSelection().selectAllChildren(node);
  return false;
}

// Export: the model as a file, its use in the other tabs, and the run as Python code and shell command.

import { file, post } from "/shared/api.js";
import { download } from "/shared/download.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";

/** The section. */
export function makeCode(store) {
  const saveButton = element("button", { type: "button", class: "learn-save", text: t("learn.export.save"), onclick: () => attempt(saveModel) });
  const useButton = element("button", { type: "button", class: "learn-use", text: t("learn.export.use"), onclick: () => attempt(useModel) });
  const rowsButton = element("button", { type: "button", class: "learn-rows", onclick: () => attempt(saveRows) });
  const status = element("p", { class: "hint", role: "status", text: store.exportStatus });
  const python = codeBlock("learn.code.python", "python");
  const command = codeBlock("learn.code.command", "command");
  const root = element("section", { class: "card", "aria-label": t("learn.export") },
    element("h3", { text: t("learn.export") }), element("div", { class: "row" }, saveButton, useButton, rowsButton), status,
    element("p", { class: "hint", text: t("learn.code.about") }), python.root, command.root);

  function codeBlock(title, name) {
    const code = element("code");
    const copyStatus = element("span", { class: "soft", role: "status" });
    const copy = element("button", { type: "button", class: `learn-copy-${name}`, text: t("learn.code.copy"), "aria-label": `${t("learn.code.copy")}: ${t(title)}`, onclick: () => attempt(async () => {
      copyStatus.textContent = t((await copyText(code)) ? "learn.code.copied" : "learn.code.chosen");
    }) });
    return {
      root: element("div", { class: "learn-code" }, element("div", { class: "row" }, element("h4", { text: t(title) }), copy, copyStatus), element("pre", { tabindex: "0", "aria-label": t(title) }, code)),
      draw(text) {
        if (code.textContent === text) return;
        code.textContent = text;
        copyStatus.textContent = "";
      },
    };
  }

  async function attempt(what) {
    store.context.fail(null);
    try {
      await what();
    } catch (error) {
      store.context.fail(error);
    }
  }

  async function saveModel() {
    download(await file(`/api/train/${store.run.id}/model`), `${store.preview.source.replace(/\..*$/, "")}.glassnet`);
    showStatus(t("learn.export.saved"));
  }

  async function saveRows() {
    download(await file("/api/train/rows", store.plan), `${store.preview.source}.csv`);
  }

  async function useModel() {
    const { name } = await post(`/api/train/${store.run.id}/use`, {});
    showStatus(t("learn.export.used", { name }));
    await store.context.reload();
  }

  /** Show the status; the store keeps it, as the page may be rebuilt right afterwards. */
  function showStatus(text) {
    store.exportStatus = text;
    status.textContent = text;
  }

  function draw() {
    if (store.preview === null) return;
    const hasRun = store.run !== null && store.run.snapshot?.state !== "lost" && store.connectionNotice === "";
    saveButton.disabled = useButton.disabled = !hasRun;
    rowsButton.hidden = store.preview.points === undefined;
    rowsButton.textContent = t("learn.export.rows", { name: `${store.preview.source}.csv` });
    python.draw(store.preview.code.python);
    command.draw(store.preview.code.command);
  }

  return { root, draw };
}

/** Copy the text of an element; select it instead if the clipboard is unavailable (it requires a secure context). */
async function copyText(node) {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  }
  getSelection().selectAllChildren(node);
  return false;
}

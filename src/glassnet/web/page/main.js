// Entry point of the page: language, theme, token, model, tabs.
//
// A tab is a module <name>/tab.js that exports mount(root, context), called when the tab is first opened. `root` is an
// empty element. mount fills it and may return { show(detail), hide(), refresh() }:
//   show(detail)  the tab is activated; detail is the argument of context.open, or null
//   hide()        another tab is activated: stop animations
//   refresh()     language, theme or model changed: render again. A tab without refresh is emptied and mounted again.
// context:
//   model               response of GET /api/model, kept up to date
//   open(tab, detail)   activate a tab: context.open("think", { row: 12 }) for an example row, or
//                       { values, target, number, file } for a training row
//   reload()            fetch the model again after a change; refreshes every tab
//   announce(text)      announce a text to screen readers
//   fail(error)         show an error at the top; fail(null) hides it

import { ApiError, get, storeToken } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { setLanguage, languages, localize, number, onLanguage, initLanguage, t } from "/shared/i18n.js";
import { buildTabs } from "/shared/tabs.js";
import { onTheme, initTheme } from "/shared/theme.js";

const TABS = ["think", "learn", "wrong", "model"];

const context = { model: null, open: null, reload, announce, fail: showError };

async function start() {
  storeToken();
  initTheme(document.getElementById("theme"));
  await initLanguage();
  buildLanguageSelect(document.getElementById("language"));
  localize(document);
  try {
    context.model = await get("/api/model");
  } catch (error) {
    showError(error);
    return;
  }
  updateSummary();
  const tabs = buildTabs(document.getElementById("tabs"), document.getElementById("panels"), TABS, context);
  context.open = tabs.open;
  onLanguage(() => {
    localize(document);
    updateSummary();
    tabs.refresh();
  });
  onTheme(tabs.refresh);
  context.refreshTabs = tabs.refresh;
  tabs.openFromHash();
}

async function reload() {
  context.model = await get("/api/model");
  updateSummary();
  context.refreshTabs();
}

function updateSummary() {
  const model = context.model;
  if (model === null) return;
  document.title = `${model.name} · glassnet`;
  document.getElementById("summary").textContent = t(`summary.${model.task}`, {
    name: model.name,
    layers: model.layer_sizes.join("–"),
    parameters: number(model.parameters),
    target: model.target,
    classes: number(model.classes.length),
  });
}

function buildLanguageSelect(select) {
  for (const [code, name] of Object.entries(languages)) {
    select.append(element("option", { value: code, text: name, lang: code, selected: code === document.documentElement.lang }));
  }
  select.addEventListener("change", () => setLanguage(select.value));
}

function announce(text) {
  document.getElementById("status").textContent = text;
}

function showError(error) {
  const alert = document.getElementById("alert");
  alert.hidden = error === null;
  if (error === null) return;
  if (!(error instanceof ApiError)) console.error(error);
  const close = element("button", { type: "button", text: t("close"), onclick: () => showError(null) });
  alert.replaceChildren(element("span", { text: error instanceof ApiError ? error.localizedMessage() : t("error.page") }), close);
}

start();

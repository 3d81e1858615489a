// The page, put together: language and theme, the token, the model, the tabs.
//
// A tab is a module of its own with one function, mount(root, context), called when the tab is first opened. `root` is
// an empty element of the page; mount fills it and may return { show(detail), hide(), refresh() }:
//   show(detail)  the tab comes to the front; detail is what another tab handed over by context.open, or null
//   hide()        another tab comes to the front: stop what moves
//   refresh()     language, theme or model changed: write texts, colours and numbers anew. A tab without refresh is
//                 emptied and mounted again.
// context:
//   model            what GET /api/model told, kept up to date
//   open(tab, detail)   bring a tab to the front: context.open("think", { row: 12 }) for a row of the examples, or
//                       { values, target, number, file } for a training row
//   reload()         ask for the model again, after it was changed; every tab is refreshed
//   announce(text)   say something to those who hear the page
//   fail(error)      show an error at the top; fail(null) takes it away

import { ApiError, get, keepToken } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { chooseLanguage, languages, localize, number, onLanguage, startTexts, t } from "/shared/i18n.js";
import { buildTabs } from "/shared/tabs.js";
import { onTheme, startTheme } from "/shared/theme.js";

const TABS = ["think", "learn", "wrong", "model"];

const context = { model: null, open: null, reload, announce, fail };

async function start() {
  keepToken();
  startTheme(document.getElementById("theme"));
  await startTexts();
  buildLanguages(document.getElementById("language"));
  localize(document);
  try {
    context.model = await get("/api/model");
  } catch (error) {
    fail(error);
    return;
  }
  summarise();
  const tabs = buildTabs(document.getElementById("tabs"), document.getElementById("panels"), TABS, context);
  context.open = tabs.open;
  onLanguage(() => {
    localize(document);
    summarise();
    tabs.refresh();
  });
  onTheme(tabs.refresh);
  context.refreshTabs = tabs.refresh;
  tabs.openFromAddress();
}

async function reload() {
  context.model = await get("/api/model");
  summarise();
  context.refreshTabs();
}

function summarise() {
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

function buildLanguages(select) {
  for (const [code, name] of Object.entries(languages)) {
    select.append(element("option", { value: code, text: name, lang: code, selected: code === document.documentElement.lang }));
  }
  select.addEventListener("change", () => chooseLanguage(select.value));
}

function announce(text) {
  document.getElementById("status").textContent = text;
}

function fail(error) {
  const alert = document.getElementById("alert");
  alert.hidden = error === null;
  if (error === null) return;
  if (!(error instanceof ApiError)) console.error(error);
  const close = element("button", { type: "button", text: t("close"), onclick: () => fail(null) });
  alert.replaceChildren(element("span", { text: error instanceof ApiError ? error.told() : t("error.page") }), close);
}

start();

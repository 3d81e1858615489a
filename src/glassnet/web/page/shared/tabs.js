// Tabs by the ARIA pattern: one Tab stop, arrows, Home and End move between tabs; each tab is a separate module.
// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/

import { unreachableError } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";

/** Create the tab list and its empty panels. Returns { open(name, detail), openFromHash(), refresh() }. */
export function buildTabs(list, panels, names, context) {
  const tabs = new Map();
  let current = null;

  for (const name of names) {
    const tab = element("button", {
      class: "tab", role: "tab", type: "button", id: `tab-${name}`, text: t(`tab.${name}`), data: { text: `tab.${name}` },
      "aria-controls": `panel-${name}`, "aria-selected": "false", tabindex: "-1",
      onclick: () => open(name),
    });
    const panel = element("section", {
      role: "tabpanel", id: `panel-${name}`, class: `panel panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0", hidden: true,
    });
    list.append(tab);
    panels.append(panel);
    tabs.set(name, { tab, panel, module: null, mounted: null });
  }

  list.addEventListener("keydown", (event) => {
    const last = names.length - 1;
    const index = names.indexOf(current);
    const next = { ArrowRight: index === last ? 0 : index + 1, ArrowLeft: index === 0 ? last : index - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    tabs.get(names[next]).tab.focus();
    open(names[next]);
  });
  window.addEventListener("hashchange", openFromHash);

  async function open(name, detail = null) {
    const previous = current;
    current = name;
    if (previous !== null && previous !== name) tabs.get(previous).mounted?.hide?.();
    for (const [other, { tab, panel }] of tabs) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      panel.hidden = other !== name;
    }
    if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
    try {
      await mount(tabs.get(name), name);
      if (current === name) tabs.get(name).mounted?.show?.(detail);
    } catch (error) {
      context.fail(error);
    }
  }

  async function mount(entry, name) {
    entry.module ??= import(`/${name}/tab.js`).catch((error) => {
      entry.module = null; // retry on the next opening
      throw error instanceof TypeError ? unreachableError() : error; // not loaded, or a syntax error
    });
    const { mount: mountTab } = await entry.module;
    if (entry.mounted === null) entry.mounted = mountTab(entry.panel, context) ?? {};
  }

  function refresh() {
    for (const [name, entry] of tabs) {
      if (entry.mounted === null) continue;
      if (entry.mounted.refresh) {
        entry.mounted.refresh();
        continue;
      }
      entry.mounted.hide?.();
      entry.mounted = null;
      entry.panel.replaceChildren();
      if (name === current) open(name);
    }
  }

  function openFromHash() {
    const name = location.hash.slice(1);
    if (name !== current || current === null) open(tabs.has(name) ? name : current ?? names[0]);
  }

  return { open, openFromHash, refresh };
}

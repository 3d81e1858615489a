// Tabs by the ARIA pattern: one stop for the Tab key, arrows, Home and End between them; each is a module of its own.
// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/

import { unreachable } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";

/** Build the row of tabs and their empty panels. Returns { open(name, detail), openFromAddress(), refresh() }. */
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
    const place = names.indexOf(current);
    const next = { ArrowRight: place === last ? 0 : place + 1, ArrowLeft: place === 0 ? last : place - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    tabs.get(names[next]).tab.focus();
    open(names[next]);
  });
  window.addEventListener("hashchange", openFromAddress);

  async function open(name, detail = null) {
    const before = current;
    current = name;
    if (before !== null && before !== name) tabs.get(before).mounted?.hide?.();
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
      entry.module = null; // to be tried again
      throw error instanceof TypeError ? unreachable() : error; // not fetched, or not well written
    });
    const { mount: fill } = await entry.module;
    if (entry.mounted === null) entry.mounted = fill(entry.panel, context) ?? {};
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

  function openFromAddress() {
    const name = location.hash.slice(1);
    if (name !== current || current === null) open(tabs.has(name) ? name : current ?? names[0]);
  }

  return { open, openFromAddress, refresh };
}

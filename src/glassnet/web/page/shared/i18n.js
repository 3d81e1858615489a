// The page's texts, each language in one file: texts/en.json, texts/ko.json.

const KEPT = "glassnet.language";
const listeners = new Set();
const formats = new Map();
let texts = {};

/** The languages that there are, each by its own name. */
export const languages = { en: "English", ko: "한국어" };

/** Load the language that was chosen before, or else the browser's. */
export async function startTexts() {
  await load(kept() ?? wanted());
}

/** Change to another language, and remember it. */
export async function chooseLanguage(code) {
  localStorage.setItem(KEPT, code);
  await load(code);
  for (const listener of listeners) listener();
}

/** Call a function whenever the language has changed. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/**
 * The text of a key, with what stands in braces filled in: t("model.more", { shown: "a, b", count: 3 }).
 * What is filled in is text: show it by textContent. A key that is missing shows itself.
 */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether there is a text of that key. */
export function has(key) {
  return key in texts;
}

/** A number as the language writes it: number(1234.5, { maximumFractionDigits: 1 }). */
export function number(value, options = {}) {
  if (value === null || value === undefined) return "–";
  const wanted = document.documentElement.lang + JSON.stringify(options);
  if (!formats.has(wanted)) formats.set(wanted, new Intl.NumberFormat(document.documentElement.lang, options)); // slow to make
  return formats.get(wanted).format(value);
}

/** A share as percent. */
export function percent(value, digits = 1) {
  return number(value, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Fill in an element and all below it: data-text="close" is its text, data-label its name for those who hear the page. */
export function localize(root) {
  for (const place of root.querySelectorAll("[data-text]")) place.textContent = t(place.dataset.text);
  for (const place of root.querySelectorAll("[data-label]")) place.setAttribute("aria-label", t(place.dataset.label));
}

function kept() {
  const code = localStorage.getItem(KEPT);
  return code in languages ? code : null;
}

function wanted() {
  const codes = navigator.languages.map((language) => language.split("-")[0]);
  return codes.find((code) => code in languages) ?? "en";
}

async function load(code) {
  const response = await fetch(`/texts/${code}.json`);
  texts = await response.json();
  document.documentElement.lang = code;
}

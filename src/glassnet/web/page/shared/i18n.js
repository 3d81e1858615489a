// Texts of the page, one file per language: texts/en.json, texts/ko.json.

const LANGUAGE_KEY = "glassnet.language";
const listeners = new Set();
const formats = new Map();
let texts = {};

/** Available languages by their native names. */
export const languages = { en: "English", ko: "한국어" };

/** Load the stored language, or the browser's. */
export async function initLanguage() {
  await load(storedLanguage() ?? browserLanguage());
}

/** Change the language and store the choice. */
export async function setLanguage(code) {
  localStorage.setItem(LANGUAGE_KEY, code);
  await load(code);
  for (const listener of listeners) listener();
}

/** Call a function whenever the language changes. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/**
 * The text of a key with its placeholders filled in: t("model.more", { shown: "a, b", count: 3 }).
 * The result is plain text for textContent. A missing key returns the key.
 */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Check whether a key exists. */
export function has(key) {
  return key in texts;
}

/** Format a number for the current language: number(1234.5, { maximumFractionDigits: 1 }). */
export function number(value, options = {}) {
  if (value === null || value === undefined) return "–";
  const formatKey = document.documentElement.lang + JSON.stringify(options);
  if (!formats.has(formatKey)) formats.set(formatKey, new Intl.NumberFormat(document.documentElement.lang, options)); // slow to create
  return formats.get(formatKey).format(value);
}

/** Format a share as a percentage. */
export function percent(value, digits = 1) {
  return number(value, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Fill in an element and its descendants: data-text="close" sets the text, data-label the accessible name. */
export function localize(root) {
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of root.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
}

function storedLanguage() {
  const code = localStorage.getItem(LANGUAGE_KEY);
  return code in languages ? code : null;
}

function browserLanguage() {
  const codes = navigator.languages.map((language) => language.split("-")[0]);
  return codes.find((code) => code in languages) ?? "en";
}

async function load(code) {
  const response = await fetch(`/texts/${code}.json`);
  texts = await response.json();
  document.documentElement.lang = code;
}

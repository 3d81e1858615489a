// Light or dark theme: the system's, or the stored choice.

const THEME_KEY = "glassnet.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
const cache = new Map();

/** Apply the theme and let a <select> of auto, light and dark change it. */
export function initTheme(select) {
  select.value = localStorage.getItem(THEME_KEY) ?? "auto";
  apply(select.value);
  select.addEventListener("change", () => {
    localStorage.setItem(THEME_KEY, select.value);
    apply(select.value);
  });
  system.addEventListener("change", () => apply(select.value));
}

/** Call a function whenever the theme changes: canvases must be redrawn. */
export function onTheme(listener) {
  listeners.add(listener);
}

/** A color of the style sheet, for a canvas: colour("accent"). */
export function colour(name) {
  if (!cache.has(name)) cache.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return cache.get(name);
}

/** The color of a value between -1 and 1, from --negative over --zero to --positive. */
export function diverging(value) {
  return mix(colour("zero"), colour(value < 0 ? "negative" : "positive"), Math.min(1, Math.abs(value)));
}

/** The color of a value between 0 and 1, from --quiet to --loud. */
export function sequential(value) {
  return mix(colour("quiet"), colour("loud"), Math.min(1, Math.max(0, value)));
}

/** The color of a class or a line, from 0. */
export function series(index) {
  return colour(`series-${(index % 8) + 1}`);
}

function apply(choice) {
  const dark = choice === "dark" || (choice === "auto" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  cache.clear();
  for (const listener of listeners) listener();
}

function mix(from, to, weight) {
  const [a, b] = [from, to].map((hex) => [1, 3, 5].map((index) => parseInt(hex.slice(index, index + 2), 16)));
  return `rgb(${a.map((value, index) => Math.round(value + (b[index] - value) * weight)).join(" ")})`;
}

// Light or dark: as the system says, or as chosen, and remembered.

const KEPT = "glassnet.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
const read = new Map();

/** Set the theme, and let a <select> of auto, light and dark change it. */
export function startTheme(select) {
  select.value = localStorage.getItem(KEPT) ?? "auto";
  apply(select.value);
  select.addEventListener("change", () => {
    localStorage.setItem(KEPT, select.value);
    apply(select.value);
  });
  system.addEventListener("change", () => apply(select.value));
}

/** Call a function whenever the colours have changed: what is drawn on a canvas must be drawn again. */
export function onTheme(listener) {
  listeners.add(listener);
}

/** A colour of the style sheet, for a canvas: colour("accent"). */
export function colour(name) {
  if (!read.has(name)) read.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return read.get(name);
}

/** The colour of a value between -1 and 1, from --negative over --zero to --positive. */
export function diverging(value) {
  return mixed(colour("zero"), colour(value < 0 ? "negative" : "positive"), Math.min(1, Math.abs(value)));
}

/** The colour of a value between 0 and 1, from --quiet to --loud. */
export function sequential(value) {
  return mixed(colour("quiet"), colour("loud"), Math.min(1, Math.max(0, value)));
}

/** The colour of a class or a line, from 0. */
export function series(place) {
  return colour(`series-${(place % 8) + 1}`);
}

function apply(choice) {
  const dark = choice === "dark" || (choice === "auto" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  read.clear();
  for (const listener of listeners) listener();
}

function mixed(from, to, share) {
  const [a, b] = [from, to].map((hex) => [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16)));
  return `rgb(${a.map((value, place) => Math.round(value + (b[place] - value) * share)).join(" ")})`;
}

// A chart of lines over the epochs: drawn as SVG, read by pointer and keyboard, told in words to those who hear the page.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 190, 46, 10, 10, 24];
const MOST_POINTS = 300;

/** A chart that is drawn by draw(lines): { name, series, dashed, thin, points: [[epoch, value], …] } each. */
export function makeChart(title, { percent = false, logarithmic = false } = {}) {
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "learn-chart", role: "img", tabindex: "0", "aria-label": title });
  const read = element("p", { class: "learn-read", "aria-live": "polite" });
  const legend = element("ul", { class: "learn-lines" });
  const root = element("figure", { class: "learn-figure" }, element("figcaption", { text: title }), drawn, legend, read);
  let lines = [];
  let at = null;
  let scale = null;

  drawn.addEventListener("pointermove", (event) => {
    if (scale === null) return;
    const box = drawn.getBoundingClientRect();
    point(scale.epochAt(((event.clientX - box.left) / box.width) * WIDTH));
  });
  drawn.addEventListener("pointerleave", () => point(null));
  drawn.addEventListener("blur", () => point(null));
  drawn.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || scale === null) return;
    event.preventDefault();
    point(Math.max(scale.first, Math.min(scale.last, (at ?? scale.last) + step)));
  });

  function draw(given) {
    lines = given.filter(({ points }) => points.length > 0);
    const parts = [];
    scale = lines.length > 0 ? scaleFor(lines) : null;
    if (scale !== null) {
      for (const value of scale.ticks) {
        parts.push(svg("line", { class: "learn-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: scale.y(value), y2: scale.y(value) }));
        parts.push(svg("text", { class: "learn-tick", x: LEFT - 6, y: scale.y(value) + 4, "text-anchor": "end" }, written(value)));
      }
      parts.push(svg("text", { class: "learn-tick", x: LEFT, y: HEIGHT - 6 }, number(scale.first)));
      parts.push(svg("text", { class: "learn-tick", x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, t("learn.chart.epoch", { epoch: number(scale.last) })));
      for (const line of lines) {
        parts.push(svg("polyline", {
          class: `learn-line series-${line.series} ${line.dashed ? "dashed" : ""} ${line.thin ? "thin" : ""}`,
          points: thinned(line.points).map(([epoch, value]) => `${scale.x(epoch).toFixed(1)},${scale.y(value).toFixed(1)}`).join(" "),
        }));
        const [epoch, value] = line.points.at(-1);
        if (!line.thin) parts.push(svg("circle", { class: `learn-dot series-${line.series}`, cx: scale.x(epoch), cy: scale.y(value), r: 3 }));
      }
      if (at !== null) parts.push(svg("line", { class: "learn-cursor", x1: scale.x(at), x2: scale.x(at), y1: TOP, y2: HEIGHT - BOTTOM }));
    } else {
      parts.push(svg("text", { class: "learn-tick", x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle" }, t("learn.chart.none")));
    }
    drawn.replaceChildren(...parts);
    drawn.setAttribute("aria-label", `${title}. ${told(null)}`);
    legend.replaceChildren(...lines.map((line) => element("li", {},
      svg("svg", { viewBox: "0 0 24 8", class: "learn-sample", "aria-hidden": "true" },
        svg("line", { class: `learn-line series-${line.series} ${line.dashed ? "dashed" : ""} ${line.thin ? "thin" : ""}`, x1: 0, x2: 24, y1: 4, y2: 4 })),
      line.name)));
    read.textContent = at === null ? "" : told(at);
  }

  function point(epoch) {
    at = epoch === null || scale === null ? null : Math.max(scale.first, Math.min(scale.last, epoch));
    draw(lines);
  }

  /** The values at an epoch, or the last ones. */
  function told(epoch) {
    const values = lines.map(({ name, points }) => {
      const [, value] = epoch === null ? points.at(-1) : points.find(([there]) => there >= epoch) ?? points.at(-1);
      return `${name} ${written(value)}`;
    });
    return values.length === 0 ? t("learn.chart.none") : epoch === null ? values.join(", ") : t("learn.chart.at", { epoch: number(epoch), values: values.join(", ") });
  }

  function written(value) {
    return percent ? number(value, { style: "percent", maximumFractionDigits: 1 }) : shown(value, 3);
  }

  function scaleFor(all) {
    const epochs = all.flatMap(({ points }) => [points[0][0], points.at(-1)[0]]);
    const values = all.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
    const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
    let [low, high] = extremes(values);
    if (percent) [low, high] = [Math.min(low, high - 0.05), 1];
    else if (!logarithmic) low = Math.min(0, low);
    if (logarithmic) [low, high] = [Math.max(low, high * 1e-8) / 1.2, high * 1.2];
    if (!(high > low)) high = low + 1;
    const inner = HEIGHT - TOP - BOTTOM;
    const share = logarithmic ? (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
    const width = WIDTH - LEFT - RIGHT;
    return {
      first, last, ticks: logarithmic ? powers(low, high) : steps(low, high),
      x: (epoch) => LEFT + (last > first ? ((epoch - first) / (last - first)) * width : width),
      y: (value) => TOP + inner * (1 - Math.max(0, Math.min(1, share(value)))),
      epochAt: (x) => Math.round(first + ((x - LEFT) / width) * (last - first)),
    };
  }

  return { root, draw };
}

function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** About four round numbers. */
export function steps(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function powers(low, high) {
  const found = [];
  for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high; power += 1) found.push(10 ** power);
  return found.length > 5 ? found.filter((_, place) => place % Math.ceil(found.length / 5) === 0) : found;
}

/** At most so many points; of those that fall together the first is taken, and the very last one. */
function thinned(points) {
  if (points.length <= MOST_POINTS) return points.filter(([, value]) => Number.isFinite(value));
  const step = points.length / MOST_POINTS;
  const kept = Array.from({ length: MOST_POINTS }, (_, place) => points[Math.floor(place * step)]);
  return [...kept, points.at(-1)].filter(([, value]) => Number.isFinite(value));
}

// Line chart over epochs as SVG, with a cursor for pointer and keyboard and a description for screen readers.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 190, 46, 10, 10, 24];
const MAX_POINTS = 300;

/** A chart with draw(lines), where each line is { name, series, dashed, thin, points: [[epoch, value], …] }. */
export function makeChart(title, { percent = false, logarithmic = false } = {}) {
  const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "learn-chart", role: "img", tabindex: "0", "aria-label": title });
  const readout = element("p", { class: "learn-readout", "aria-live": "polite" });
  const legend = element("ul", { class: "learn-lines" });
  const root = element("figure", { class: "learn-figure" }, element("figcaption", { text: title }), plot, legend, readout);
  let lines = [];
  let cursor = null;
  let scale = null;

  plot.addEventListener("pointermove", (event) => {
    if (scale === null) return;
    const box = plot.getBoundingClientRect();
    setCursor(scale.epochAt(((event.clientX - box.left) / box.width) * WIDTH));
  });
  plot.addEventListener("pointerleave", () => setCursor(null));
  plot.addEventListener("blur", () => setCursor(null));
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || scale === null) return;
    event.preventDefault();
    setCursor(Math.max(scale.first, Math.min(scale.last, (cursor ?? scale.last) + step)));
  });

  function draw(newLines) {
    lines = newLines.filter(({ points }) => points.length > 0);
    const nodes = [];
    scale = lines.length > 0 ? makeScale(lines) : null;
    if (scale !== null) {
      for (const value of scale.ticks) {
        nodes.push(svg("line", { class: "learn-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: scale.y(value), y2: scale.y(value) }));
        nodes.push(svg("text", { class: "learn-tick", x: LEFT - 6, y: scale.y(value) + 4, "text-anchor": "end" }, formatValue(value)));
      }
      nodes.push(svg("text", { class: "learn-tick", x: LEFT, y: HEIGHT - 6 }, number(scale.first)));
      nodes.push(svg("text", { class: "learn-tick", x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, t("learn.chart.epoch", { epoch: number(scale.last) })));
      for (const line of lines) {
        nodes.push(svg("polyline", {
          class: `learn-line series-${line.series} ${line.dashed ? "dashed" : ""} ${line.thin ? "thin" : ""}`,
          points: downsample(line.points).map(([epoch, value]) => `${scale.x(epoch).toFixed(1)},${scale.y(value).toFixed(1)}`).join(" "),
        }));
        const [epoch, value] = line.points.at(-1);
        if (!line.thin) nodes.push(svg("circle", { class: `learn-dot series-${line.series}`, cx: scale.x(epoch), cy: scale.y(value), r: 3 }));
      }
      if (cursor !== null) nodes.push(svg("line", { class: "learn-cursor", x1: scale.x(cursor), x2: scale.x(cursor), y1: TOP, y2: HEIGHT - BOTTOM }));
    } else {
      nodes.push(svg("text", { class: "learn-tick", x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle" }, t("learn.chart.none")));
    }
    plot.replaceChildren(...nodes);
    plot.setAttribute("aria-label", `${title}. ${describe(null)}`);
    legend.replaceChildren(...lines.map((line) => element("li", {},
      svg("svg", { viewBox: "0 0 24 8", class: "learn-sample", "aria-hidden": "true" },
        svg("line", { class: `learn-line series-${line.series} ${line.dashed ? "dashed" : ""} ${line.thin ? "thin" : ""}`, x1: 0, x2: 24, y1: 4, y2: 4 })),
      line.name)));
    readout.textContent = cursor === null ? "" : describe(cursor);
  }

  function setCursor(epoch) {
    cursor = epoch === null || scale === null ? null : Math.max(scale.first, Math.min(scale.last, epoch));
    draw(lines);
  }

  /** The values at an epoch, or the last ones. */
  function describe(epoch) {
    const values = lines.map(({ name, points }) => {
      const [, value] = epoch === null ? points.at(-1) : points.find(([there]) => there >= epoch) ?? points.at(-1);
      return `${name} ${formatValue(value)}`;
    });
    return values.length === 0 ? t("learn.chart.none") : epoch === null ? values.join(", ") : t("learn.chart.at", { epoch: number(epoch), values: values.join(", ") });
  }

  function formatValue(value) {
    return percent ? number(value, { style: "percent", maximumFractionDigits: 1 }) : format(value, 3);
  }

  function makeScale(all) {
    const epochs = all.flatMap(({ points }) => [points[0][0], points.at(-1)[0]]);
    const values = all.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
    const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
    let [low, high] = minMax(values);
    if (percent) [low, high] = [Math.min(low, high - 0.05), 1];
    else if (!logarithmic) low = Math.min(0, low);
    if (logarithmic) [low, high] = [Math.max(low, high * 1e-8) / 1.2, high * 1.2];
    if (!(high > low)) high = low + 1;
    const inner = HEIGHT - TOP - BOTTOM;
    const fraction = logarithmic ? (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
    const width = WIDTH - LEFT - RIGHT;
    return {
      first, last, ticks: logarithmic ? powerTicks(low, high) : roundTicks(low, high),
      x: (epoch) => LEFT + (last > first ? ((epoch - first) / (last - first)) * width : width),
      y: (value) => TOP + inner * (1 - Math.max(0, Math.min(1, fraction(value)))),
      epochAt: (x) => Math.round(first + ((x - LEFT) / width) * (last - first)),
    };
  }

  return { root, draw };
}

function minMax(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** About four round tick values. */
export function roundTicks(low, high) {
  const roughStep = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(roughStep));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= roughStep);
  const ticks = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) ticks.push(Number(value.toPrecision(12)));
  return ticks;
}

function powerTicks(low, high) {
  const ticks = [];
  for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high; power += 1) ticks.push(10 ** power);
  return ticks.length > 5 ? ticks.filter((_, index) => index % Math.ceil(ticks.length / 5) === 0) : ticks;
}

/** Reduce to MAX_POINTS points, keeping the last one. */
function downsample(points) {
  if (points.length <= MAX_POINTS) return points.filter(([, value]) => Number.isFinite(value));
  const step = points.length / MAX_POINTS;
  const sampled = Array.from({ length: MAX_POINTS }, (_, index) => points[Math.floor(index * step)]);
  return [...sampled, points.at(-1)].filter(([, value]) => Number.isFinite(value));
}

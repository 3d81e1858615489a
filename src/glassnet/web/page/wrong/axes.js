// SVG chart with two axes for the plots of Wrong.

import { svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { roundTicks } from "/shared/line_chart.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [440, 250, 54, 28, 10, 40];

/** A chart: { root, x(value), y(value), add(…marks), bottom }. `name` is its accessible description. */
export function makeAxes({ x: [left, right], y: [low, high], across, up, name, formatValue = (value) => format(value, 3), height = HEIGHT }) {
  const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - ((value - low) / (high - low || 1)) * (height - TOP - BOTTOM);
  const axes = [
    ...roundTicks(low, high).flatMap((tick) => [
      svg("line", { class: "wrong-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "wrong-tick", x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, formatValue(tick, "y")),
    ]),
    ...roundTicks(left, right).map((tick) => svg("text", { class: "wrong-tick", x: x(tick), y: height - BOTTOM + 15, "text-anchor": "middle" }, formatValue(tick, "x"))),
    svg("text", { class: "wrong-axis", x: (LEFT + WIDTH - RIGHT) / 2, y: height - 6, "text-anchor": "middle" }, across),
    svg("text", { class: "wrong-axis", transform: `translate(12 ${(TOP + height - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle" }, up),
  ];
  const marks = svg("g");
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "wrong-chart", role: "img", "aria-label": name }, axes, marks);
  return { root, x, y, bottom: height - BOTTOM, top: TOP, left: LEFT, right: WIDTH - RIGHT, add: (...more) => marks.append(...more.flat()) };
}

/** A bar with a tooltip. */
export function bar(axes, from, to, value, title, kind) {
  const top = axes.y(value);
  return svg("rect", { class: `wrong-bar ${kind}`, x: axes.x(from) + 1, y: top, width: Math.max(axes.x(to) - axes.x(from) - 2, 0.5), height: Math.max(axes.bottom - top, 0) }, svg("title", {}, title));
}

/** A vertical error bar between two values. */
export function whisker(axes, at, [low, high]) {
  const [x, top, end] = [axes.x(at), axes.y(high), axes.y(low)];
  return svg("path", { class: "wrong-whisker", d: `M${x} ${top}V${end}M${x - 4} ${top}h8M${x - 4} ${end}h8` });
}

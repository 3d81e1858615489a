// A frame with two axes, into which a part of Wrong draws what it shows; as SVG, told in words to those who hear the page.

import { svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { steps } from "/shared/line_chart.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [440, 250, 54, 28, 10, 40];

/** A chart: { root, x(value), y(value), add(…marks), bottom }. `name` is what it shows, in words. */
export function chart({ x: [left, right], y: [low, high], across, up, name, write = (value) => shown(value, 3), height = HEIGHT }) {
  const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - ((value - low) / (high - low || 1)) * (height - TOP - BOTTOM);
  const frame = [
    ...steps(low, high).flatMap((tick) => [
      svg("line", { class: "wrong-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "wrong-tick", x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, write(tick, "y")),
    ]),
    ...steps(left, right).map((tick) => svg("text", { class: "wrong-tick", x: x(tick), y: height - BOTTOM + 15, "text-anchor": "middle" }, write(tick, "x"))),
    svg("text", { class: "wrong-axis", x: (LEFT + WIDTH - RIGHT) / 2, y: height - 6, "text-anchor": "middle" }, across),
    svg("text", { class: "wrong-axis", transform: `translate(12 ${(TOP + height - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle" }, up),
  ];
  const marks = svg("g");
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "wrong-chart", role: "img", "aria-label": name }, frame, marks);
  return { root, x, y, bottom: height - BOTTOM, top: TOP, left: LEFT, right: WIDTH - RIGHT, add: (...more) => marks.append(...more.flat()) };
}

/** A bar from the bottom up, which tells what it is where the pointer is. */
export function bar(frame, from, to, value, told, kind) {
  const top = frame.y(value);
  return svg("rect", { class: `wrong-bar ${kind}`, x: frame.x(from) + 1, y: top, width: Math.max(frame.x(to) - frame.x(from) - 2, 0.5), height: Math.max(frame.bottom - top, 0) }, svg("title", {}, told));
}

/** An upright whisker between two values. */
export function whisker(frame, at, [low, high]) {
  const [x, top, end] = [frame.x(at), frame.y(high), frame.y(low)];
  return svg("path", { class: "wrong-whisker", d: `M${x} ${top}V${end}M${x - 4} ${top}h8M${x - 4} ${end}h8` });
}

// Scatter plot of target and prediction for regression.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const [SIDE, LEFT, BOTTOM, MARGIN] = [300, 46, 38, 10];

/** The plot. */
export function makeScatter(store) {
  const plot = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "learn-values", role: "img", "aria-label": t("learn.result") });
  const about = element("p", { class: "hint", text: t("learn.scatter.about") });
  const root = element("div", { hidden: true }, plot, about);

  function draw() {
    const actual = store.preview?.targets;
    const predicted = store.snapshot()?.predictions;
    root.hidden = !actual || !predicted;
    if (root.hidden) return;
    const { low, high, at } = makeScale(actual);
    const [edge, end] = [SIDE - BOTTOM, SIDE - MARGIN];
    const parts = [
      svg("rect", { class: "learn-values-ground", x: LEFT, y: MARGIN, width: end - LEFT, height: edge - MARGIN }),
      svg("line", { class: "learn-values-diagonal", x1: LEFT, y1: edge, x2: end, y2: MARGIN }),
    ];
    actual.forEach((value, row) => {
      if (!Number.isFinite(predicted[row])) return;
      parts.push(svg("circle", { class: "learn-values-row", cx: at(value, LEFT, end).toFixed(1), cy: at(predicted[row], edge, MARGIN).toFixed(1), r: 3 },
        svg("title", {}, t("learn.scatter.row", { actual: format(value), predicted: format(predicted[row]) }))));
    });
    const label = (text, x, y, anchor, rotated) => svg("text", { class: "learn-tick", x, y, "text-anchor": anchor, transform: rotated ? `rotate(-90 ${x} ${y})` : null }, text);
    const { target } = store.preview;
    parts.push(
      label(format(low, 3), LEFT, edge + 14, "start"), label(format(high, 3), end, edge + 14, "end"),
      label(format(low, 3), LEFT - 4, edge, "end"), label(format(high, 3), LEFT - 4, MARGIN + 10, "end"),
      label(t("learn.scatter.actual", { target }), (LEFT + end) / 2, SIDE - 6, "middle"), label(t("learn.scatter.predicted", { target }), 12, (MARGIN + edge) / 2, "middle", true),
    );
    plot.replaceChildren(...parts);
    plot.setAttribute("aria-label", t("learn.scatter.description", { rows: number(actual.length), target, r2: format(store.run?.history.at(-1)?.validation_metric, 3) }));
  }

  return { root, draw };
}

/** A common scale for both axes that covers the targets; predictions outside are clipped to the edge. */
function makeScale(actual) {
  let [low, high] = [Math.min(...actual), Math.max(...actual)];
  const margin = 0.06 * (high - low || 1);
  [low, high] = [low - margin, high + margin];
  return { low, high, at: (value, from, to) => from + (to - from) * Math.max(0, Math.min(1, (value - low) / (high - low))) };
}

// Values: what the rows are, and what the network says of them; on the line both are the same.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

const [SIDE, LEFT, BOTTOM, AROUND] = [300, 46, 38, 10];

/** The picture. */
export function makeValues(desk) {
  const drawn = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "learn-values", role: "img", "aria-label": t("learn.result") });
  const about = element("p", { class: "hint", text: t("learn.values.about") });
  const root = element("div", { hidden: true }, drawn, about);

  function draw() {
    const truth = desk.preview?.targets;
    const said = desk.frame()?.answers;
    root.hidden = !truth || !said;
    if (root.hidden) return;
    const { low, high, at } = scaleFor(truth);
    const [edge, end] = [SIDE - BOTTOM, SIDE - AROUND];
    const parts = [
      svg("rect", { class: "learn-values-ground", x: LEFT, y: AROUND, width: end - LEFT, height: edge - AROUND }),
      svg("line", { class: "learn-values-right", x1: LEFT, y1: edge, x2: end, y2: AROUND }),
    ];
    truth.forEach((value, row) => {
      if (!Number.isFinite(said[row])) return;
      parts.push(svg("circle", { class: "learn-values-row", cx: at(value, LEFT, end).toFixed(1), cy: at(said[row], edge, AROUND).toFixed(1), r: 3 },
        svg("title", {}, t("learn.values.row", { truth: shown(value), said: shown(said[row]) }))));
    });
    const words = (text, x, y, anchor, turned) => svg("text", { class: "learn-tick", x, y, "text-anchor": anchor, transform: turned ? `rotate(-90 ${x} ${y})` : null }, text);
    const { target } = desk.preview;
    parts.push(
      words(shown(low, 3), LEFT, edge + 14, "start"), words(shown(high, 3), end, edge + 14, "end"),
      words(shown(low, 3), LEFT - 4, edge, "end"), words(shown(high, 3), LEFT - 4, AROUND + 10, "end"),
      words(t("learn.values.is", { target }), (LEFT + end) / 2, SIDE - 6, "middle"), words(t("learn.values.said", { target }), 12, (AROUND + edge) / 2, "middle", true),
    );
    drawn.replaceChildren(...parts);
    drawn.setAttribute("aria-label", t("learn.values.picture", { rows: number(truth.length), target, r2: shown(desk.run?.history.at(-1)?.validation_metric, 3) }));
  }

  return { root, draw };
}

/** One scale for both axes, as wide as the truth; what is said beyond it stands at the edge. */
function scaleFor(truth) {
  let [low, high] = [Math.min(...truth), Math.max(...truth)];
  const margin = 0.06 * (high - low || 1);
  [low, high] = [low - margin, high + margin];
  return { low, high, at: (value, from, to) => from + (to - from) * Math.max(0, Math.min(1, (value - low) / (high - low))) };
}

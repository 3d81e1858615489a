// The pad: a digit drawn with mouse, finger, pen or keyboard; beside it the picture that the network gets.

import { sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inked } from "/think/hinton.js";
import { digitOf } from "/think/rasterize.js";

const SIDE = 276;
const SMALL = 84;
/** How far an arrow key moves the pen, and how thick a line looks, as shares of the pad. */
const STEP = 1 / 36;
const THICK = 0.075;

/** The pad with its buttons. */
export function makePad(desk) {
  const picture = desk.about.pen;
  let strokes = [];
  let drawing = false;
  let pen = [0.5, 0.5]; // where the keyboard's pen is
  let penDown = false;
  let penSeen = false;
  let own = null; // the row that was drawn last

  const canvas = element("canvas", {
    class: "think-pad", tabindex: "0", role: "application", "aria-label": t("think.pad"), "aria-describedby": "think-pad-keys",
    onpointerdown: begin, onpointermove: go, onpointerup: end, onpointercancel: end, onkeydown: keys,
    onfocus: () => { penSeen = canvas.matches(":focus-visible"); paint(); }, onblur: () => { penSeen = penDown = false; paint(); },
  });
  const small = element("canvas", { class: "think-small", role: "img" });
  const undo = element("button", { type: "button", text: t("think.pad.undo"), onclick: (event) => undone(event.timeStamp) });
  const clear = element("button", { type: "button", text: t("think.pad.clear"), onclick: (event) => cleared(event.timeStamp) });
  const root = element("div", { class: "think-draw" },
    canvas,
    element("div", { class: "think-gets" }, small, element("div", {}, element("strong", { text: t("think.pad.gets") }), element("div", { class: "row" }, undo, clear))),
    element("p", { class: "hint", text: t(picture.measured ? "think.pad.made" : "think.pad.guessed", { side: picture.side, low: picture.low, high: Math.round(picture.high) }) }),
    element("p", { class: "hint", id: "think-pad-keys", text: t("think.pad.keys") }));

  let room = SIDE;
  const family = getComputedStyle(document.body).fontFamily;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) room = Math.floor(contentRect.width) - 4; // its border
    paint();
  }).observe(root);

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.max(0, Math.min(1, share)));
  }

  function begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    penSeen = penDown = false;
    canvas.setPointerCapture(event.pointerId);
    drawing = true;
    strokes.push([at(event)]);
    drawn(event.timeStamp);
  }

  function go(event) {
    if (!drawing) return;
    const together = event.getCoalescedEvents?.() ?? [];
    for (const part of together.length ? together : [event]) strokes.at(-1).push(at(part));
    drawn(event.timeStamp);
  }

  function end() {
    drawing = false;
  }

  /** Arrows move the pen; the space bar, or Enter, puts it down and lifts it; Backspace takes a line back. */
  function keys(event) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step !== undefined) {
      const far = event.shiftKey ? 3 * STEP : STEP;
      pen = pen.map((share, axis) => Math.max(0.04, Math.min(0.96, share + far * step[axis])));
      if (penDown) strokes.at(-1).push(pen);
      if (penDown) drawn(event.timeStamp);
    } else if (event.key === " " || event.key === "Enter") {
      if (event.repeat) return;
      penDown = !penDown;
      if (penDown) strokes.push([pen]);
      if (penDown) drawn(event.timeStamp);
      desk.context.announce(t(penDown ? "think.pad.down" : "think.pad.up"));
    } else if (event.key === "Backspace") undone(event.timeStamp);
    else if (event.key === "Delete") cleared(event.timeStamp);
    else return;
    penSeen = true;
    event.preventDefault();
    paint();
  }

  function undone(since) {
    penDown = false;
    strokes.pop();
    drawn(since);
  }

  function cleared(since) {
    penDown = false;
    strokes = [];
    pen = [0.5, 0.5];
    drawn(since);
  }

  function drawn(since) {
    own = digitOf(strokes, picture);
    desk.take(own, { kind: "drawn" }, since);
  }

  function draw() {
    if (desk.row !== own) { // another row was taken: the pad is empty again
      own = desk.row;
      strokes = [];
    }
    paint();
  }

  function paint() {
    const side = Math.min(SIDE, room);
    const brush = sharp(canvas, side, side);
    brush.fillStyle = colour("paper");
    brush.fillRect(0, 0, side, side);
    brush.strokeStyle = colour("line");
    brush.lineWidth = 1;
    brush.strokeRect(side * 0.14, side * 0.14, side * 0.72, side * 0.72);
    if (strokes.length === 0) {
      brush.fillStyle = colour("soft");
      brush.textAlign = "center";
      brush.font = `16px ${family}`;
      brush.fillText(t("think.pad.here"), side / 2, side / 2 + 5);
    }
    brush.strokeStyle = colour("loud");
    brush.lineWidth = side * THICK;
    brush.lineCap = brush.lineJoin = "round";
    for (const stroke of strokes) {
      brush.beginPath();
      brush.moveTo(stroke[0][0] * side, stroke[0][1] * side);
      brush.lineTo(stroke[0][0] * side + 0.01, stroke[0][1] * side); // a line of no length is none, and a dot is one
      for (const [x, y] of stroke.slice(1)) brush.lineTo(x * side, y * side);
      brush.stroke();
    }
    if (penSeen) {
      brush.beginPath();
      brush.arc(pen[0] * side, pen[1] * side, side * THICK * 0.5, 0, 2 * Math.PI);
      brush.strokeStyle = colour("focus");
      brush.fillStyle = colour("focus");
      brush.lineWidth = 3;
      if (penDown) brush.fill();
      else brush.stroke();
    }
    if (desk.row?.length !== picture.side ** 2) return;
    const tiny = sharp(small, SMALL, SMALL);
    tiny.imageSmoothingEnabled = false;
    tiny.drawImage(inked(ink(desk.row, picture), picture.side), 0, 0, SMALL, SMALL);
    small.setAttribute("aria-label", t("think.pad.gets"));
    undo.disabled = clear.disabled = strokes.length === 0;
  }

  return { root, draw };
}

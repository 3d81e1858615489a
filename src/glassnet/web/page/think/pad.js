// Drawing pad for mouse, touch, pen and keyboard, with a preview of the network input.

import { prepareCanvas } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inkImage } from "/think/hinton.js";
import { rasterize } from "/think/rasterize.js";

const SIDE = 276;
const PREVIEW_SIDE = 84;
/** Step of an arrow key and width of a line, as shares of the pad. */
const STEP = 1 / 36;
const LINE_WIDTH = 0.075;

/** The pad with its buttons. */
export function makePad(store) {
  const drawing = store.info.drawing;
  let strokes = [];
  let isDrawing = false;
  let cursor = [0.5, 0.5]; // position of the keyboard's pen
  let isDown = false;
  let showCursor = false;
  let drawnRow = null; // the row of the last drawing

  const canvas = element("canvas", {
    class: "think-pad", tabindex: "0", role: "application", "aria-label": t("think.pad"), "aria-describedby": "think-pad-keys",
    onpointerdown: startStroke, onpointermove: extendStroke, onpointerup: endStroke, onpointercancel: endStroke, onkeydown: onKey,
    onfocus: () => { showCursor = canvas.matches(":focus-visible"); paint(); }, onblur: () => { showCursor = isDown = false; paint(); },
  });
  const preview = element("canvas", { class: "think-small", role: "img" });
  const undo = element("button", { type: "button", text: t("think.pad.undo"), onclick: (event) => undoStroke(event.timeStamp) });
  const clear = element("button", { type: "button", text: t("think.pad.clear"), onclick: (event) => clearStrokes(event.timeStamp) });
  const root = element("div", { class: "think-draw" },
    canvas,
    element("div", { class: "think-preview" }, preview, element("div", {}, element("strong", { text: t("think.pad.preview") }), element("div", { class: "row" }, undo, clear))),
    element("p", { class: "hint", text: t(drawing.measured ? "think.pad.measured" : "think.pad.assumed", { side: drawing.side, low: drawing.low, high: Math.round(drawing.high) }) }),
    element("p", { class: "hint", id: "think-pad-keys", text: t("think.pad.keys") }));

  let width = SIDE;
  const family = getComputedStyle(document.body).fontFamily;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) width = Math.floor(contentRect.width) - 4; // minus the border
    paint();
  }).observe(root);

  function position(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.max(0, Math.min(1, share)));
  }

  function startStroke(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    showCursor = isDown = false;
    canvas.setPointerCapture(event.pointerId);
    isDrawing = true;
    strokes.push([position(event)]);
    update(event.timeStamp);
  }

  function extendStroke(event) {
    if (!isDrawing) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    for (const part of coalesced.length ? coalesced : [event]) strokes.at(-1).push(position(part));
    update(event.timeStamp);
  }

  function endStroke() {
    isDrawing = false;
  }

  /** Keyboard: arrows move the pen, Space or Enter lowers and lifts it, Backspace undoes a stroke. */
  function onKey(event) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step !== undefined) {
      const distance = event.shiftKey ? 3 * STEP : STEP;
      cursor = cursor.map((share, axis) => Math.max(0.04, Math.min(0.96, share + distance * step[axis])));
      if (isDown) strokes.at(-1).push(cursor);
      if (isDown) update(event.timeStamp);
    } else if (event.key === " " || event.key === "Enter") {
      if (event.repeat) return;
      isDown = !isDown;
      if (isDown) strokes.push([cursor]);
      if (isDown) update(event.timeStamp);
      store.context.announce(t(isDown ? "think.pad.down" : "think.pad.up"));
    } else if (event.key === "Backspace") undoStroke(event.timeStamp);
    else if (event.key === "Delete") clearStrokes(event.timeStamp);
    else return;
    showCursor = true;
    event.preventDefault();
    paint();
  }

  function undoStroke(startedAt) {
    isDown = false;
    strokes.pop();
    update(startedAt);
  }

  function clearStrokes(startedAt) {
    isDown = false;
    strokes = [];
    cursor = [0.5, 0.5];
    update(startedAt);
  }

  function update(startedAt) {
    drawnRow = rasterize(strokes, drawing);
    store.setRow(drawnRow, { kind: "drawn" }, startedAt);
  }

  function draw() {
    if (store.row !== drawnRow) { // another row was set: clear the pad
      drawnRow = store.row;
      strokes = [];
    }
    paint();
  }

  function paint() {
    const side = Math.min(SIDE, width);
    const ctx = prepareCanvas(canvas, side, side);
    ctx.fillStyle = colour("paper");
    ctx.fillRect(0, 0, side, side);
    ctx.strokeStyle = colour("line");
    ctx.lineWidth = 1;
    ctx.strokeRect(side * 0.14, side * 0.14, side * 0.72, side * 0.72);
    if (strokes.length === 0) {
      ctx.fillStyle = colour("soft");
      ctx.textAlign = "center";
      ctx.font = `16px ${family}`;
      ctx.fillText(t("think.pad.here"), side / 2, side / 2 + 5);
    }
    ctx.strokeStyle = colour("loud");
    ctx.lineWidth = side * LINE_WIDTH;
    ctx.lineCap = ctx.lineJoin = "round";
    for (const stroke of strokes) {
      ctx.beginPath();
      ctx.moveTo(stroke[0][0] * side, stroke[0][1] * side);
      ctx.lineTo(stroke[0][0] * side + 0.01, stroke[0][1] * side); // a zero-length line is not drawn; a dot must be
      for (const [x, y] of stroke.slice(1)) ctx.lineTo(x * side, y * side);
      ctx.stroke();
    }
    if (showCursor) {
      ctx.beginPath();
      ctx.arc(cursor[0] * side, cursor[1] * side, side * LINE_WIDTH * 0.5, 0, 2 * Math.PI);
      ctx.strokeStyle = colour("focus");
      ctx.fillStyle = colour("focus");
      ctx.lineWidth = 3;
      if (isDown) ctx.fill();
      else ctx.stroke();
    }
    if (store.row?.length !== drawing.side ** 2) return;
    const previewCtx = prepareCanvas(preview, PREVIEW_SIDE, PREVIEW_SIDE);
    previewCtx.imageSmoothingEnabled = false;
    previewCtx.drawImage(inkImage(ink(store.row, drawing), drawing.side), 0, 0, PREVIEW_SIDE, PREVIEW_SIDE);
    preview.setAttribute("aria-label", t("think.pad.preview"));
    undo.disabled = clear.disabled = strokes.length === 0;
  }

  return { root, draw };
}

// The network as it answers this row: every layer a block of cells, the strongest connections between them.

import { sharp } from "/shared/canvas.js";
import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { colour } from "/shared/theme.js";
import { ink, inked, outline, scaled, squares } from "/think/hinton.js";
import { layOut, MOST_NAMED } from "/think/layout.js";
import { given, givenName, outputName, unitName } from "/think/names.js";

/** Connections that are shown of the unit that is looked at. */
const MOST_OWN = 16;
const INPUT = 0;
/** From dash to dash of a connection below zero, in pixels. */
const DASH = 11;

/** The section. */
export function makeNetwork(desk) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const over = element("div", { class: "think-units", role: "group", "aria-label": t("think.network.units") });
  const picture = element("div", { class: "think-network" }, canvas, over);
  const frame = element("div", { class: "think-frame scroll" }, picture);
  const read = element("p", { class: "think-read", "aria-live": "polite" });
  const about = element("p", { class: "hint", text: t("think.network.about") });
  const root = element("section", { class: "card think-network-card", "aria-label": t("think.network") },
    element("h2", { text: t("think.network") }), frame, read, about);
  const at = []; // the unit of each layer at which its button stands
  let layout = null;
  let laidOutFor = "";

  let room = 0; // noted when it changes: asking for it while drawing would have the page laid out each time
  const family = getComputedStyle(document.body).fontFamily;
  new ResizeObserver(([{ contentRect }]) => {
    room = Math.floor(contentRect.width);
    desk.draw();
  }).observe(frame);
  picture.addEventListener("pointermove", (event) => desk.hoverOver(under(event)));
  picture.addEventListener("pointerleave", () => desk.hoverOver(null));
  picture.addEventListener("click", (event) => {
    const unit = event.detail === 0 ? null : under(event); // 0: by the keyboard, which the button itself sees to
    if (unit !== null) stand(unit.layer, unit.unit, true);
    if (unit !== null) open(unit.layer, unit.unit);
  });

  function draw() {
    const { told, context: { model } } = desk;
    if (told === null || room === 0) return;
    place(model);
    const pen = sharp(canvas, layout.width, layout.height);
    const values = layout.blocks.map((_, layer) => heard(told, layer));
    const looked = desk.hover ?? desk.unit;
    lines(pen, told, looked);
    layout.blocks.forEach((block, layer) => cells(pen, block, values[layer], model, looked));
    for (const unit of [desk.unit, desk.hover]) if (unit !== null) mark(pen, unit);
    read.textContent = looked === null ? t("think.network.point") : inWords(looked, model, told);
    if (document.activeElement?.parentNode === over) document.activeElement.setAttribute("aria-label", read.textContent);
  }

  /** Lay out anew where the network or the room has changed. */
  function place(model) {
    const wanted = `${model.version} ${room} ${document.documentElement.lang}`;
    if (wanted === laidOutFor) return;
    laidOutFor = wanted;
    layout = layOut(model.layer_sizes, model.picture?.[0] ?? 0, room, model.layer_sizes.at(-1) <= MOST_NAMED && model.layer_sizes.slice(-1).some((count) => Array.from({ length: count }, (_, unit) => outputName(model, unit)).some((name) => name.length > 3)));
    picture.style.setProperty("width", `${layout.width}px`);
    picture.style.setProperty("height", `${layout.height}px`);
    over.replaceChildren(...layout.blocks.map((block, layer) => {
      at[layer] = Math.min(at[layer] ?? 0, block.count - 1);
      return element("button", {
        type: "button", class: "think-unit", tabindex: layer === 1 ? "0" : "-1",
        "aria-label": unitName(model, layer, at[layer]),
        style: { width: `${block.cell}px`, height: `${block.cell}px` },
        onfocus: () => desk.hoverOver({ layer, unit: at[layer] }), onblur: () => desk.hoverOver(null),
        onclick: () => open(layer, at[layer]),
        onkeydown: (event) => move(event, layer),
      });
    }));
    layout.blocks.forEach((_, layer) => stand(layer, at[layer], false));
  }

  /** Look into a unit; once more, and nothing is looked into. */
  function open(layer, unit) {
    if (layer === INPUT) return;
    if (desk.unit?.layer === layer && desk.unit.unit === unit) desk.lookAt(null);
    else desk.lookAt(layer, unit);
  }

  /** Let the button of a layer stand at a unit, be the one stop for the Tab key, and perhaps take the focus. */
  function stand(layer, unit, stop) {
    at[layer] = unit;
    const button = over.children[layer];
    const [x, y] = layout.blocks[layer].at(unit);
    button.style.setProperty("left", `${x}px`);
    button.style.setProperty("top", `${y}px`);
    if (stop) for (const other of over.children) other.tabIndex = other === button ? 0 : -1;
  }

  function under(event) {
    if (layout === null) return null;
    const box = picture.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    for (const [layer, block] of layout.blocks.entries()) {
      const unit = block.unitAt(left, top);
      if (unit !== null) return { layer, unit };
    }
    return null;
  }

  /** Arrows go to the next cell, and over the edge of a layer to the next layer; Home and End to its ends. */
  function move(event, layer) {
    const block = layout.blocks[layer];
    const [x, y] = block.at(at[layer]);
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    let to = null;
    if (event.key === "Home") to = { layer, unit: 0 };
    else if (event.key === "End") to = { layer, unit: block.count - 1 };
    else if (step === undefined) return;
    else {
      const middle = block.cell / 2;
      const beside = block.unitAt(x + middle + step[0] * block.cell, y + middle + step[1] * block.cell);
      const along = layout.upright ? step[1] : step[0];
      const next = layout.blocks[layer + along];
      if (beside !== null) to = { layer, unit: beside };
      else if (along !== 0 && next !== undefined) to = { layer: layer + along, unit: nearest(next, x + middle, y + middle) };
    }
    event.preventDefault();
    if (to === null) return;
    stand(to.layer, to.unit, true);
    over.children[to.layer].focus({ preventScroll: to.layer === layer });
    desk.hoverOver(to);
  }

  /** The unit of a block that is nearest to a point. */
  function nearest(block, left, top) {
    const [x, y] = [Math.min(block.x + block.width - 1, Math.max(block.x, left)), Math.min(block.y + block.height - 1, Math.max(block.y, top))];
    return block.unitAt(x, y) ?? block.count - 1;
  }

  /** What a layer says, as the next one hears it. */
  function heard(told, layer) {
    return layer === layout.blocks.length - 1 ? told[`a${layer}`] : given(told, layer + 1);
  }

  function lines(pen, told, looked) {
    const own = looked === null || looked.layer === INPUT ? null : ownTerms(looked, told);
    told.connections.forEach((strongest, place) => {
      const layer = place + 1;
      let { from, to, terms } = strongest;
      const most = Math.abs(terms[0] ?? 0) || 1;
      let quiet = 1;
      if (own !== null && looked.layer === layer) ({ from, to, terms } = own);
      else if (looked !== null && looked.layer === place) {
        const kept = from.flatMap((unit, line) => (unit === looked.unit ? [line] : []));
        [from, to, terms] = [from, to, terms].map((list) => kept.map((line) => list[line]));
      } else if (looked !== null) quiet = 0.25;
      for (let line = terms.length - 1; line >= 0; line -= 1) connect(pen, layer, from[line], to[line], terms[line] / most, quiet);
    });
    pen.globalAlpha = 1;
  }

  /** The strongest terms of one unit: of all, where its weights are here; else those among the layer's strongest. */
  function ownTerms({ layer, unit }, told) {
    const { unitTold } = desk;
    if (unitTold === null || unitTold.layer !== layer || unitTold.unit !== unit) {
      const { from, to, terms } = told.connections[layer - 1];
      const kept = to.flatMap((other, line) => (other === unit ? [line] : []));
      return { from: kept.map((line) => from[line]), to: kept.map((line) => to[line]), terms: kept.map((line) => terms[line]) };
    }
    const a = given(told, layer);
    const all = unitTold.weights.map((weight, i) => weight * a[i]);
    const best = all.map((_, i) => i).sort((i, j) => Math.abs(all[j]) - Math.abs(all[i])).slice(0, MOST_OWN).filter((i) => all[i] !== 0);
    return { from: best, to: best.map(() => unit), terms: best.map((i) => all[i]) };
  }

  function connect(pen, layer, from, to, share, quiet) {
    const [before, here] = [layout.blocks[layer - 1], layout.blocks[layer]];
    const [x1, y1] = before.at(from);
    const [x2, y2] = here.at(to);
    const strength = Math.min(1, Math.abs(share));
    pen.globalAlpha = (0.1 + 0.7 * strength * strength) * quiet;
    pen.strokeStyle = colour(share < 0 ? "negative" : "positive");
    pen.lineWidth = 0.6 + layout.boldness * strength;
    pen.beginPath();
    if (layout.upright) {
      const [left, right, top, bottom] = [x1 + before.cell / 2, x2 + here.cell / 2, y1 + before.cell, y2];
      const middle = (top + bottom) / 2;
      curve(pen, [left, top, left, middle, right, middle, right, bottom], share < 0);
    } else {
      const [left, right, top, bottom] = [x1 + before.cell, x2, y1 + before.cell / 2, y2 + here.cell / 2];
      const middle = (Math.max(left, before.x + before.width) + right) / 2;
      curve(pen, [left, top, middle, top, middle, bottom, right, bottom], share < 0);
    }
    pen.stroke();
  }

  function cells(pen, block, values, model, looked) {
    const { layer, cell } = block;
    if (block.picture) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(inked(ink(desk.row, desk.about.pen), block.per), block.x, block.y, block.width, block.height);
      pen.strokeStyle = colour("edge");
      pen.lineWidth = 1;
      pen.strokeRect(block.x - 0.5, block.y - 0.5, block.width + 1, block.height + 1);
      // the lines that begin inside the picture go on over it
      if (looked !== null && looked.layer === 1) onPicture(pen, looked);
    } else {
      pen.fillStyle = colour("paper");
      for (let line = 0; line < block.lines; line += 1) {
        const [x, y] = block.at(line * block.per);
        const [end, bottom] = block.at(Math.min(block.count, (line + 1) * block.per) - 1);
        pen.fillRect(x, y, end - x + cell, bottom - y + cell);
      }
      if (cell >= 8) grid(pen, block);
      squares(pen, scaled(values, reachOf(layer, values)), cell, block.at);
    }
    for (const unit of Object.keys(desk.scale[`a${layer}`] ?? {})) cross(pen, block, Number(unit));
    head(pen, block, model);
    if (layer === layout.blocks.length - 1 && layout.named && block.count <= MOST_NAMED) outputs(pen, block, values, model);
  }

  function reachOf(layer, values) {
    const known = layer === INPUT ? 0 : desk.about.reach?.[`a${layer}`] ?? 0;
    return known || values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0) || 1;
  }

  function grid(pen, block) {
    pen.fillStyle = colour("line");
    for (let unit = 0; unit < block.count; unit += 1) outline(pen, ...block.at(unit), block.cell, block.cell, 0.7);
  }

  /** Where the terms of a unit of the first layer come from, on the picture itself. */
  function onPicture(pen, looked) {
    const block = layout.blocks[INPUT];
    const { from, terms } = ownTerms(looked, desk.told);
    const most = Math.abs(terms[0] ?? 0) || 1;
    pen.lineWidth = 1.5;
    from.forEach((pixel, line) => {
      const [x, y] = block.at(pixel);
      pen.globalAlpha = 0.4 + 0.6 * Math.abs(terms[line] / most);
      pen.strokeStyle = colour(terms[line] < 0 ? "negative" : "positive");
      pen.setLineDash(terms[line] < 0 ? [2, 2] : []);
      pen.strokeRect(x + 0.5, y + 0.5, block.cell - 1, block.cell - 1);
    });
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  /** A unit that is scaled is crossed out, or, if it only speaks softer or louder, underlined. */
  function cross(pen, block, unit) {
    const [x, y] = block.at(unit);
    const { cell } = block;
    pen.strokeStyle = colour("bad");
    pen.lineWidth = 2;
    pen.beginPath();
    if (desk.scale[`a${block.layer}`][unit] === 0) {
      pen.moveTo(x + 1, y + 1);
      pen.lineTo(x + cell - 1, y + cell - 1);
      pen.moveTo(x + cell - 1, y + 1);
      pen.lineTo(x + 1, y + cell - 1);
    } else {
      pen.moveTo(x, y + cell - 1);
      pen.lineTo(x + cell, y + cell - 1);
    }
    pen.stroke();
  }

  function head(pen, block, model) {
    const { layer } = block;
    const middle = block.x + block.width / 2;
    const narrow = layout.blocks.length > 8 && !layout.upright;
    const top = block.y;
    pen.textAlign = "center";
    pen.fillStyle = colour("ink");
    pen.font = `600 13px ${family}`;
    const name = layer === INPUT ? "x" : `a${layer}`;
    if (layout.upright) { // the lines go through here
      pen.font = `13px ${family}`;
      const activation = layer === INPUT ? t("think.network.input") : model.activations[layer - 1];
      const words = `${name} · ${activation} · ${number(block.count)}`;
      pen.strokeStyle = colour("sheet");
      pen.lineWidth = 5;
      pen.strokeText(words, middle, top - 8);
      pen.fillText(words, middle, top - 8);
      return;
    }
    pen.fillText(name, middle, top - (narrow ? 8 : 22));
    if (narrow) return;
    pen.fillStyle = colour("soft");
    pen.font = `12px ${family}`;
    pen.fillText(layer === INPUT ? t("think.network.input") : `${model.activations[layer - 1]}, ${number(block.count)}`, middle, top - 7);
  }

  function outputs(pen, block, values, model) {
    const sure = desk.told.probabilities !== null;
    const best = model.classes.length ? values.indexOf(Math.max(...values)) : -1;
    pen.textAlign = "start";
    for (let unit = 0; unit < block.count; unit += 1) {
      const [x, y] = block.at(unit);
      pen.fillStyle = colour(unit === best ? "ink" : "soft");
      pen.font = `${unit === best ? 700 : 400} 13px ${family}`;
      const share = sure ? ` ${Math.round(100 * desk.told.probabilities[unit])}%` : "";
      pen.fillText(cut(outputName(model, unit), 16 - share.length) + share, x + block.cell + 6, y + block.cell / 2 + 4.5, layout.named - 8);
    }
  }

  function mark(pen, { layer, unit }) {
    const block = layout.blocks[layer];
    const [x, y] = block.at(unit);
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 2.5;
    pen.strokeRect(x - 1, y - 1, block.cell + 2, block.cell + 2);
  }

  function inWords({ layer, unit }, model, told) {
    const name = unitName(model, layer, unit);
    if (layer === INPUT) {
      const raw = model.tables.length ? undefined : desk.row[unit];
      const values = raw === undefined ? "" : ` ${shown(raw)} →`;
      const x = given(told, 1)[unit];
      return `${name}:${values} ${givenName(told, 1)}[${unit}] = ${shown(x)}`;
    }
    const b = desk.about.biases[`b${layer}`][unit];
    const factor = desk.scaleOf(layer, unit);
    const louder = factor === 1 || told[`h${layer}`] === undefined ? "" : `, h${layer} = ${shown(told[`h${layer}`][unit])}`;
    return `${name} (${model.activations[layer - 1]}): z = ${shown(told[`z${layer}`][unit])}, a = ${shown(told[`a${layer}`][unit])}, b = ${shown(b)}${louder}`;
  }

  return { root, draw };
}

/** A Bézier curve, or dashes along it, which take a browser without a graphics card half as long as dashes of its own. */
function curve(pen, [x1, y1, x2, y2, x3, y3, x4, y4], dashed) {
  if (!dashed) {
    pen.moveTo(x1, y1);
    pen.bezierCurveTo(x2, y2, x3, y3, x4, y4);
    return;
  }
  const dashes = Math.max(3, Math.round(Math.hypot(x4 - x1, y4 - y1) / DASH));
  const along = (from, a, b, to, t) => (1 - t) ** 3 * from + 3 * t * (1 - t) * ((1 - t) * a + t * b) + t ** 3 * to;
  for (let dash = 0; dash < dashes; dash += 1) {
    const [begin, end] = [dash / dashes, (dash + 0.62) / dashes];
    pen.moveTo(along(x1, x2, x3, x4, begin), along(y1, y2, y3, y4, begin));
    pen.lineTo(along(x1, x2, x3, x4, end), along(y1, y2, y3, y4, end));
  }
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

// Convert a panel to a self-contained SVG: no style sheet, no script, no external resources.
//
// The panel is converted as laid out by the browser: boxes with colors and borders, text line by line, SVG with computed
// styles, canvases as embedded images. Colors are written as attributes, which every SVG reader supports.

import { svg } from "/shared/elements.js";

/** SVG properties that are copied: inherited ones, and others with their defaults. */
const INHERITED = [
  "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
  "stroke-linejoin", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline",
  "letter-spacing", "paint-order", "marker-start", "marker-mid", "marker-end", "image-rendering", "shape-rendering",
];
const NOT_INHERITED = { opacity: "1", "clip-path": "none", mask: "none", "vector-effect": "none" };
/** Elements that are copied. */
const COPIED = new Set([
  "svg", "g", "path", "line", "polyline", "polygon", "rect", "circle", "ellipse", "text", "tspan", "image", "use", "symbol",
  "defs", "clipPath", "mask", "marker", "linearGradient", "radialGradient", "stop", "pattern", "title", "desc",
]);
const SIDES = ["Top", "Right", "Bottom", "Left"];
const INVISIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g; // not allowed in XML

/** Convert a panel. Returns { root, width, height }: an <svg> and its size in CSS pixels. */
export function panelToSvg(panel) {
  const restore = expandScrollable(panel);
  try {
    const box = panel.getBoundingClientRect();
    const [width, height] = [Math.ceil(box.width), Math.ceil(box.height)];
    const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    root.append(svg("title", {}, plain(panel.getAttribute("aria-label") ?? panel.querySelector("h2, h3, h4")?.textContent ?? "")));
    root.append(setColor(svg("rect", { width, height }), "fill", backgroundBehind(panel)));
    const pen = document.createElement("canvas").getContext("2d");
    draw(panel, root, { left: box.left, top: box.top, pen, root, clips: 0 });
    return { root, width, height };
  } finally {
    restore();
  }
}

/** Expand scrollable content. Returns a function that restores it; nothing is painted in between. */
function expandScrollable(panel) {
  const before = [];
  const set = (node, property, value) => {
    before.push([node, property, node.style.getPropertyValue(property), node.style.getPropertyPriority(property)]);
    node.style.setProperty(property, value, "important");
  };
  const scrolled = [panel, ...panel.querySelectorAll("*")].filter((node) => node.namespaceURI === panel.namespaceURI && isScrollable(node));
  const lacking = Math.max(0, ...scrolled.map((node) => node.scrollWidth - node.clientWidth));
  if (lacking > 0) {
    const width = panel.getBoundingClientRect().width + lacking;
    for (const property of ["width", "max-width", "min-width"]) set(panel, property, `${width}px`);
  }
  for (const node of scrolled) {
    if (node.scrollHeight <= node.clientHeight) continue;
    set(node, "max-height", "none");
    set(node, "height", "auto");
  }
  return () => {
    for (const [node, property, value, priority] of before) {
      node.style.setProperty(property, value, priority);
      if (node.getAttribute("style") === "") node.removeAttribute("style");
    }
  };
}

function isScrollable(node) {
  const { overflowX, overflowY } = getComputedStyle(node);
  return [overflowX, overflowY].some((way) => way === "auto" || way === "scroll");
}

/** The background color behind a panel. */
function backgroundBehind(panel) {
  for (let node = panel; node !== null; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    if (isVisible(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
}

// ----------------------------------------------------------------------------------------------------------- elements

function draw(node, into, context) {
  if (node.nodeType === Node.TEXT_NODE) drawText(node, into, context);
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  const style = getComputedStyle(node);
  if (node.hasAttribute("data-no-export") || node.classList.contains("visually-hidden") || !isShown(node, style)) return;
  const group = style.opacity === "1" ? into : svg("g", { opacity: style.opacity });
  if (group !== into) into.append(group);
  drawBoxes(node, style, group, context);
  const inner = clipped(node, style, group, context);
  const name = node.localName;
  if (name === "svg") inner.append(copied(node, node, context));
  else if (name === "canvas") inner.append(imageOf(node, node, style, context));
  else if (name === "img") inner.append(imageOf(repainted(node), node, style, context));
  else if (["input", "select", "textarea", "progress", "meter"].includes(name)) drawControl(node, style, inner, context);
  else {
    if (style.display === "list-item") drawMarker(node, style, inner, context);
    for (const child of node.childNodes) draw(child, inner, context);
  }
}

function isShown(node, style) {
  if (style.display === "none") return false;
  return node.checkVisibility === undefined || style.display === "contents" || node.checkVisibility({ visibilityProperty: true });
}

/** Draw background and borders; inline elements have one box per line. */
function drawBoxes(node, style, into, context) {
  const rects = style.display === "inline" ? node.getClientRects() : [node.getBoundingClientRect()];
  for (const rect of rects) {
    if (rect.width === 0 || rect.height === 0) continue;
    const [x, y] = [rect.left - context.left, rect.top - context.top];
    const radius = style.borderTopLeftRadius.endsWith("%") ? (parseFloat(style.borderTopLeftRadius) / 100) * rect.width : parseFloat(style.borderTopLeftRadius) || 0;
    const rx = Math.min(radius, rect.width / 2, rect.height / 2) || null;
    const background = node.localName === "legend" ? backgroundBehind(node) : style.backgroundColor; // a legend interrupts the border
    if (isVisible(background)) into.append(setColor(svg("rect", { x, y, width: rect.width, height: rect.height, rx }), "fill", background));
    const edges = SIDES.map((side) => ({ width: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]), colour: style[`border${side}Color`], kind: style[`border${side}Style`] }));
    if (edges.every((edge) => edge.width === edges[0].width && edge.colour === edges[0].colour && edge.kind === edges[0].kind)) {
      frame(into, edges[0], x, y, rect, edges[0].width / 2, rx);
    } else {
      edges.forEach((edge, side) => line(into, edge, side, x, y, rect));
    }
    const outline = { width: style.outlineStyle === "none" || node.matches(":focus") ? 0 : parseFloat(style.outlineWidth), colour: style.outlineColor, kind: style.outlineStyle };
    frame(into, outline, x, y, rect, -parseFloat(style.outlineOffset) - outline.width / 2, rx);
  }
}

function frame(into, { width, colour, kind }, x, y, rect, inset, rx) {
  if (width === 0 || !isVisible(colour)) return;
  const [w, h] = [rect.width - 2 * inset, rect.height - 2 * inset];
  if (w <= 0 || h <= 0) return;
  into.append(setColor(svg("rect", { x: x + inset, y: y + inset, width: w, height: h, rx, fill: "none", "stroke-width": width, "stroke-dasharray": dashes(kind, width) }), "stroke", colour));
}

function line(into, { width, colour, kind }, side, x, y, rect) {
  if (width === 0 || !isVisible(colour)) return;
  const half = width / 2;
  const [x1, y1, x2, y2] = [
    [x, y + half, x + rect.width, y + half], [x + rect.width - half, y, x + rect.width - half, y + rect.height],
    [x, y + rect.height - half, x + rect.width, y + rect.height - half], [x + half, y, x + half, y + rect.height],
  ][side];
  into.append(setColor(svg("line", { x1, y1, x2, y2, "stroke-width": width, "stroke-dasharray": dashes(kind, width) }), "stroke", colour));
}

function dashes(kind, width) {
  return { dashed: `${3 * width} ${2 * width}`, dotted: `${width} ${width}` }[kind] ?? null;
}

/** A clipped group if the element clips its overflow. */
function clipped(node, style, into, context) {
  if (node.namespaceURI.endsWith("svg") || ![style.overflowX, style.overflowY].some((way) => way === "hidden" || way === "clip")) return into;
  const rect = node.getBoundingClientRect();
  const id = `cut-${(context.clips += 1)}`;
  into.append(svg("clipPath", { id }, svg("rect", { x: rect.left - context.left, y: rect.top - context.top, width: rect.width, height: rect.height })));
  const group = svg("g", { "clip-path": `url(#${id})` });
  into.append(group);
  return group;
}

// --------------------------------------------------------------------------------------------------------------- text

function drawText(node, into, context) {
  if (node.data.trim() === "") return;
  const style = getComputedStyle(node.parentElement);
  if (!isShown(node.parentElement, style)) return;
  for (const { text, rect } of linesOf(node)) write(text, rect, style, into, context);
}

/** The lines of a text with their positions, without surrounding whitespace. */
function linesOf(node) {
  const range = document.createRange();
  range.setStart(node, node.data.length - node.data.trimStart().length);
  range.setEnd(node, node.data.trimEnd().length);
  const rects = [...range.getClientRects()].filter((rect) => rect.width > 0);
  if (rects.length === 0) return [];
  if (rects.length === 1) return [{ text: range.toString(), rect: rects[0] }];
  const lines = [];
  let start = 0;
  for (const letter of node.data) {
    range.setStart(node, start);
    range.setEnd(node, start + letter.length);
    start += letter.length;
    const rect = range.getBoundingClientRect();
    const last = lines.at(-1);
    const goesOn = last !== undefined && Math.abs(last.rect.top - rect.top) < rect.height / 2;
    if (letter.trim() === "") {
      if (goesOn) last.text += letter;
    } else if (goesOn) {
      last.text += letter;
      last.rect = new DOMRect(last.rect.left, last.rect.top, rect.right - last.rect.left, last.rect.height);
    } else if (rect.width > 0) lines.push({ text: letter, rect });
  }
  return lines;
}

function write(raw, rect, style, into, context) {
  const kept = style.whiteSpace.startsWith("pre");
  const cased = { uppercase: (text) => text.toUpperCase(), lowercase: (text) => text.toLowerCase() }[style.textTransform] ?? ((text) => text);
  const text = plain(cased(kept ? raw.replace(/[\n\r]/g, "").replaceAll("\t", "        ") : raw.replace(/\s+/g, " ").trim()));
  if (text.trim() === "") return;
  context.pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = context.pen.measureText(text);
  const baseline = rect.top - context.top + (rect.height - above - below) / 2 + above;
  into.append(setColor(svg("text", {
    x: rounded(rect.left - context.left), y: rounded(baseline), "font-family": style.fontFamily, "font-size": style.fontSize,
    "font-weight": style.fontWeight === "400" ? null : style.fontWeight, "font-style": style.fontStyle === "normal" ? null : style.fontStyle,
    // keep the width with other fonts, so that texts don't overlap
    textLength: [...text].length > 1 && !kept ? rounded(rect.width) : null, "xml:space": kept ? "preserve" : null,
  }, text), "fill", style.color));
}

/** Draw text vertically centered in a box, for elements without text nodes. */
function label(text, x, rect, style, into, context) {
  context.pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  write(text, new DOMRect(x, rect.top, context.pen.measureText(text).width, rect.height), style, into, context);
}

function drawMarker(node, style, into, context) {
  if (style.listStyleType === "none" || node.firstChild === null) return;
  const range = document.createRange();
  range.selectNodeContents(node);
  const [first] = range.getClientRects();
  if (first === undefined) return;
  const folded = node.localName === "summary";
  const ordered = node.parentElement.localName === "ol";
  const mark = folded ? (node.parentElement.open ? "▾" : "▸") : ordered ? `${[...node.parentElement.children].indexOf(node) + 1}.` : "•";
  context.pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const edge = folded ? first.left : node.getBoundingClientRect().left; // a list marker is outside the box
  label(mark, edge - context.pen.measureText(`${mark} `).width, first, style, into, context);
}

function drawControl(node, style, into, context) {
  const rect = node.getBoundingClientRect();
  const [x, y] = [rect.left - context.left, rect.top - context.top];
  const accent = style.accentColor === "auto" ? style.color : style.accentColor;
  if (node.localName === "progress" || node.localName === "meter" || node.type === "range") {
    const [low, high] = [Number(node.min ?? 0) || 0, Number(node.max) || (node.type === "range" ? 100 : 1)];
    const share = Math.max(0, Math.min(1, (Number(node.value) - low) / (high - low)));
    const thick = Math.min(rect.height, 8);
    const middle = y + (rect.height - thick) / 2;
    into.append(setColor(svg("rect", { x, y: middle, width: rect.width, height: thick, rx: thick / 2, "fill-opacity": 0.25 }), "fill", style.color));
    into.append(setColor(svg("rect", { x, y: middle, width: rect.width * share, height: thick, rx: thick / 2 }), "fill", accent));
    if (node.type === "range") into.append(setColor(svg("circle", { cx: x + rect.width * share, cy: y + rect.height / 2, r: 7 }), "fill", accent));
  } else if (node.type === "checkbox" || node.type === "radio") {
    const rx = node.type === "radio" ? rect.width / 2 : 3;
    into.append(setColor(svg("rect", { x: x + 1, y: y + 1, width: rect.width - 2, height: rect.height - 2, rx, fill: "none", "stroke-width": 1.5 }), "stroke", node.checked ? accent : style.color));
    if (node.checked) into.append(setColor(svg("rect", { x: x + 4, y: y + 4, width: rect.width - 8, height: rect.height - 8, rx }), "fill", accent));
  } else {
    const text = node.localName === "select" ? node.selectedOptions[0]?.textContent ?? "" : node.value || node.placeholder;
    label(text, rect.left + parseFloat(style.paddingLeft) + parseFloat(style.borderLeftWidth), rect, style, into, context);
  }
}

// ------------------------------------------------------------------------------------------------- SVG, canvas, images

/** Copy an <svg> with its computed styles as attributes. */
function copied(node, outer, context) {
  if (!COPIED.has(node.localName)) return null;
  const style = getComputedStyle(node);
  if (style.display === "none" && node.localName !== "symbol") return null;
  const copy = svg(node.localName);
  for (const { name, value } of node.attributes) {
    if (/^(on|aria-|data-)/.test(name) || ["class", "style", "tabindex", "role", "href", "xlink:href"].includes(name)) continue;
    copy.setAttribute(name, plain(value));
  }
  const href = node.getAttribute("href") ?? node.getAttribute("xlink:href");
  if (href !== null && /^(#|data:image\/)/.test(href)) copy.setAttribute("href", href);
  const parent = node === outer ? null : getComputedStyle(node.parentElement);
  for (const property of INHERITED) {
    const value = style.getPropertyValue(property);
    if (value !== "" && (parent === null || value !== parent.getPropertyValue(property))) copy.setAttribute(property, value);
  }
  for (const [property, usual] of Object.entries(NOT_INHERITED)) {
    const value = style.getPropertyValue(property);
    if (value === "" || value === usual) copy.removeAttribute(property);
    else copy.setAttribute(property, value);
  }
  if (style.visibility === "hidden") copy.setAttribute("visibility", "hidden");
  if (node.localName === "stop") {
    copy.setAttribute("stop-color", style.stopColor);
    copy.setAttribute("stop-opacity", style.stopOpacity);
  }
  if (node === outer) place(copy, inside(node, style), context);
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(plain(child.data));
    else if (child.nodeType === Node.ELEMENT_NODE) copy.append(...[copied(child, outer, context)].filter((made) => made !== null));
  }
  return copy;
}

function imageOf(canvas, node, style, context) {
  const rendering = style.imageRendering === "auto" ? null : style.imageRendering;
  const href = canvas.width === 0 || canvas.height === 0 ? null : canvas.toDataURL("image/png");
  return place(svg("image", { href, preserveAspectRatio: "none", "image-rendering": rendering }), inside(node, style), context);
}

function repainted(image) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas;
}

/** The content box of an element. */
function inside(node, style) {
  const rect = node.getBoundingClientRect();
  const [top, right, bottom, left] = SIDES.map((side) => parseFloat(style[`border${side}Width`]) + parseFloat(style[`padding${side}`]));
  return new DOMRect(rect.left + left, rect.top + top, rect.width - left - right, rect.height - top - bottom);
}

function place(copy, rect, context) {
  const at = { x: rect.left - context.left, y: rect.top - context.top, width: rect.width, height: rect.height };
  for (const [name, value] of Object.entries(at)) copy.setAttribute(name, rounded(value));
  return copy;
}

// ------------------------------------------------------------------------------------------------------------- colours

function isVisible(colour) {
  return colour !== "transparent" && !/,\s*0\)$|\/\s*0\)$/.test(colour);
}

/** Set a color; SVG has a separate attribute for its opacity. */
function setColor(made, name, colour) {
  const [, red, green, blue, alpha] = /^rgba\(([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)\)$/.exec(colour) ?? [];
  made.setAttribute(name, red === undefined ? colour : `rgb(${red}, ${green}, ${blue})`);
  if (alpha !== undefined) made.setAttribute(`${name}-opacity`, alpha);
  return made;
}

function rounded(value) {
  return Number(value.toFixed(2));
}

function plain(text) {
  return text.replace(INVISIBLE, "�");
}

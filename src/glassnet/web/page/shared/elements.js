// Safe creation of elements: text is never parsed as markup, whatever a file's class or column names contain.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an element: element("button", { class: "main", text: "Go", onclick: go }, child, …).
 * `text` sets its text, `style` is an object of CSS properties, `data` of data attributes, on… a listener;
 * false, null and undefined omit an attribute, true sets it empty; everything else becomes an attribute.
 */
export function element(name, attributes = {}, ...children) {
  return populate(document.createElement(name), attributes, children);
}

/** Create an SVG element in the same way. */
export function svg(name, attributes = {}, ...children) {
  return populate(document.createElementNS(SVG, name), attributes, children);
}

function populate(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") node.textContent = value;
    else if (name === "style") for (const [property, setting] of Object.entries(value)) node.style.setProperty(property, setting);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

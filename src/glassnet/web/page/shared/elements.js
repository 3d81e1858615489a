// Elements made safely: what is text stays text, whatever stands in a file's class or column names.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: element("button", { class: "main", text: "Go", onclick: go }, child, …).
 * `text` becomes its text, `style` is an object of CSS properties, `data` of data attributes, on… a listener;
 * false, null and undefined leave an attribute out, true sets it empty; everything else becomes an attribute.
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of SVG, in the same way. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") made.textContent = value;
    else if (name === "style") for (const [property, set] of Object.entries(value)) made.style.setProperty(property, set);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

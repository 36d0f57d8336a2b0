// Elements of the page. Every text that comes from a study file goes into the page as a text node.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "line", "text", "circle", "rect", "clipPath", "title"]);

export function h(tag, attributes, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// The part of a section below its heading.
export const place = (id) => document.querySelector(`#${id} > div`);

export function select(label, options, value, change) {
  const node = h("select", { onchange: (event) => change(event.target.value) },
    options.map(([key, text]) => h("option", { value: key }, text)));
  node.value = value;
  return h("label", {}, `${label} `, node);
}

export function table(caption, head, rows) {
  const cell = (x) => (x instanceof Node && x.tagName === "TD" ? x : h("td", {}, x));
  return h("div", {}, h("p", { class: "note" }, caption), scrolled(caption,
    h("tr", {}, head.map((x) => h("th", { scope: "col" }, x))), rows.map((row) => h("tr", {}, row.map(cell)))));
}

// A table that scrolls sideways if it is too wide, with the keyboard too.
export function scrolled(label, head, body) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
}

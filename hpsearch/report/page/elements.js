// Elements of the page. Every text that comes from a study file goes into the page as a text node.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "line", "text", "circle", "rect", "clipPath", "title", "pattern"]);
const opened = new Set(); // what the reader has unfolded; it stays so when it is drawn anew

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

// What a reader may unfold; `key` tells it from all others of the page.
export function folded(key, summary, ...children) {
  const toggle = (event) => (event.target.open ? opened.add(key) : opened.delete(key));
  return h("details", { class: "fold", open: opened.has(key), ontoggle: toggle },
    h("summary", { "data-focus": `fold ${key}` }, summary), ...children);
}

// How a plot is read, beside it.
export const help = (key, text) => h("div", { class: "help" },
  folded(`help ${key}`, "How to read this", h("p", { class: "note" }, text)));

// A folded table with its note. Cells are texts or nodes; the first of a row names it. `key` is for a table whose
// summary changes.
export function table(summary, note, head, rows, key = summary) {
  const cell = (x, i) => (x instanceof Node && x.tagName === "TD" ? x : h(i ? "td" : "th", i ? {} : ROW, x));
  return folded(`table ${key}`, `Table: ${summary}`, h("p", { class: "note" }, note), scrolled(summary,
    h("tr", {}, head.map((x) => h("th", { scope: "col" }, h("span", {}, x)))),
    rows.map((row) => h("tr", {}, row.map(cell)))));
}

const ROW = { scope: "row" };

// A table that scrolls in itself if it is too large, with the keyboard too; its edge shows where more of it is.
export function scrolled(label, head, body) {
  const box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
  const more = h("p", { class: "more", "aria-hidden": "true" });
  const mark = () => {
    const right = box.scrollWidth - box.clientWidth - box.scrollLeft > 2;
    box.classList.toggle("cut-right", right);
    box.classList.toggle("cut-left", box.scrollLeft > 2);
    more.textContent = right ? "more columns to the right →" : "";
  };
  box.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(box);
  return h("div", {}, box, more);
}

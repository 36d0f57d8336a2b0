// The methods' names as buttons: each puts its method in colour, and highlights it everywhere while pointed at.

import { areMany, isLit, state } from "./state.js";
import { color, dash } from "./looks.js";
import { h } from "./elements.js";
import { redrawAll } from "./sections.js";
import { report } from "./data.js";

export function emphasise(m) {
  for (const node of document.querySelectorAll("[data-m]")) {
    node.classList.toggle("dim", m !== null && node.dataset.m !== String(m));
    node.classList.toggle("lit", node.dataset.m === String(m));
  }
}

export function toggleLit(m) {
  const { label } = report.methods[m];
  if (!state.lit.delete(label)) state.lit.add(label);
  for (const button of document.querySelectorAll(".legend button")) {
    button.setAttribute("aria-pressed", String(isLit(Number(button.dataset.method))));
  }
  redrawAll();
}

export function legend() {
  const button = ({ label }, m) => h("button", {
    type: "button",
    "aria-pressed": String(isLit(m)),
    "data-method": m,
    onclick: () => toggleLit(m),
    onpointerenter: () => emphasise(m),
    onpointerleave: () => emphasise(null),
    onfocus: () => emphasise(m),
    onblur: () => emphasise(null),
  }, sample(m), label);
  const said = areMany() ? "methods in colour" : "methods shown";
  return h("div", { class: "legend", role: "group", "aria-label": said }, report.methods.map(button));
}

const sample = (m) => h("svg", { width: 22, height: 10, "aria-hidden": "true" },
  h("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: color(m), "stroke-width": 2.5, "stroke-dasharray": dash(m) }));

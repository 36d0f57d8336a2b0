// The methods' names as buttons: each shows or hides its method, and highlights it everywhere while pointed at.

import { color, dash } from "./looks.js";
import { report } from "./data.js";
import { h } from "./elements.js";
import { redrawAll } from "./sections.js";
import { state } from "./state.js";

function emphasise(m) {
  for (const node of document.querySelectorAll("[data-m]")) {
    node.classList.toggle("dim", m !== null && node.dataset.m !== String(m));
    node.classList.toggle("lit", node.dataset.m === String(m));
  }
}

export function legend() {
  const pressed = (label) => String(!state.hidden.has(label));
  const button = ({ label }, m) => h("button", {
    type: "button",
    "aria-pressed": pressed(label),
    onclick: (event) => {
      if (!state.hidden.delete(label)) state.hidden.add(label);
      event.currentTarget.setAttribute("aria-pressed", pressed(label));
      redrawAll();
    },
    onpointerenter: () => emphasise(m),
    onpointerleave: () => emphasise(null),
    onfocus: () => emphasise(m),
    onblur: () => emphasise(null),
  }, sample(m), label);
  return h("div", { class: "legend", role: "group", "aria-label": "methods shown" }, report.methods.map(button));
}

const sample = (m) => h("svg", { width: 26, height: 10, "aria-hidden": "true" },
  h("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke: color(m), "stroke-width": 2.5, "stroke-dasharray": dash(m) }));

// The page's words: its heading, the verdict and what made it.

import { report } from "./data.js";
import { h, place } from "./elements.js";

export function drawHeading(description) {
  document.title = report.title;
  document.getElementById("title").textContent = report.title;
  document.getElementById("description").textContent = description;
}

export const heading = {
  id: "heading",

  draw() {
    drawHeading(report.description);
  },
};

export const verdict = {
  id: "verdict",

  draw() {
    const items = report.verdict.map((sentence) => h("li", {}, sentence));
    const warnings = report.warnings.map((text) => h("p", { class: "warning" }, text));
    place("verdict").replaceChildren(...warnings, h("ul", {}, items));
  },
};

export const made = {
  id: "made",

  draw() {
    const row = ([what, value]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", { class: "wrap" }, value));
    place("made").replaceChildren(
      h("p", {}, "To make it again: ", h("code", {}, report.command)),
      h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, report.made.map(row)))));
  },
};

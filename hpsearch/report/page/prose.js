// The page's words: its heading, the first screen, the verdict in words, and what made it.

import { folded, h, place } from "./elements.js";
import { report } from "./data.js";

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

export const headline = {
  id: "headline",

  draw() {
    const { facts, sentence, caution, tiles } = report.headline;
    const tile = (of) => h("li", { class: "tile" },
      h("span", { class: "what" }, of.title), h("strong", {}, of.value), h("span", { class: "span" }, of.interval),
      h("span", { class: "note" }, of.note));
    document.getElementById("h-overview").textContent = sentence;
    document.getElementById("facts").textContent = facts.join(" · ");
    place("headline").replaceChildren(
      h("p", { id: "caution" }, caution), tiles.length ? h("ul", { id: "tiles" }, tiles.map(tile)) : "");
  },
};

export const limits = {
  id: "limits",

  draw() {
    const { cautions } = report.headline;
    const short = cautions.length ? [h("p", { class: "warning", id: "cautions" }, cautions.join(" · "))] : [];
    place("limits").replaceChildren(
      ...report.warnings.map((text) => h("p", { class: "warning" }, text)), ...short);
  },
};

export const verdict = {
  id: "verdict",

  draw() {
    place("verdict").replaceChildren(h("ul", {}, report.verdict.map((sentence) => h("li", {}, sentence))));
  },
};

export const made = {
  id: "made",

  draw() {
    const row = ([what, value]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", { class: "wrap" }, value));
    place("made").replaceChildren(
      h("p", {}, "To make it again: ", h("code", {}, report.command)),
      folded("made", "Table: data, settings, machine and versions",
        h("table", { class: "plain" }, h("tbody", {}, report.made.map(row)))));
  },
};

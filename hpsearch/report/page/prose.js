// The page's words: its heading, the first screen, the verdict in words, and what made it.

import { folded, h, place } from "./elements.js";
import { follow } from "./list.js";
import { report } from "./data.js";
import { tipped } from "./tooltip.js";

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
    document.getElementById("h-overview").textContent = sentence;
    document.getElementById("facts").replaceChildren(
      ...facts.map((fact, i) => h("span", {}, i ? ` · ${fact}` : fact)));
    place("headline").replaceChildren(
      h("p", { id: "caution" },
        h("span", { class: "whole" }, caution.sentence), h("span", { class: "brief" }, caution.brief)),
      tiles.length ? h("ul", { id: "tiles" }, tiles.map(tile)) : "");
  },
};

// How far a number can be trusted is told on request: a first screen has no room for it.
function tile({ title, value, interval, note, more }) {
  const about = [`${note}.`, more].filter(Boolean).join("\n");
  return h("li", { class: "tile" },
    h("span", { class: "what" }, title, " ",
      h("button", { type: "button", class: "why", "aria-label": `${title}: ${about}`, ...tipped(about) }, "?")),
    h("strong", {}, value), h("span", { class: "span" }, interval), h("span", { class: "note" }, note));
}

export const limits = {
  id: "limits",

  draw() {
    const items = report.headline.limits.map(({ brief, section }) => h("li", {},
      h("a", { href: `#${section}`, onclick: (event) => { event.preventDefault(); look(section); } }, brief)));
    place("limits").replaceChildren(
      ...report.warnings.map((text) => h("p", { class: "warning" }, text)),
      items.length ? h("ul", { class: "warning", id: "cautions" }, items) : "");
  },
};

// Go to a section with its tables open.
function look(section) {
  for (const node of document.querySelectorAll(`#${section} .tables details, #${section} > div > details`)) {
    node.open = true;
  }
  follow(section);
}

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

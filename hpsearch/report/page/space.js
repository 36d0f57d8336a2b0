// One method's search space: its hyperparameters, what mattered, and its trials in it.

import { h, help, place, select, table } from "./elements.js";
import { isBetter, isComplete, report } from "./data.js";
import { redraw, redrawAll } from "./sections.js";
import { drawParallel } from "./parallel.js";
import { drawSlice } from "./slices.js";
import { endsText } from "./chosen.js";
import { isSelected } from "./selection.js";
import { number } from "./format.js";
import { openTrial } from "./trial.js";
import { state } from "./state.js";

const SPACE_HELP = "Each line is a complete trial, through its value of every hyperparameter and its objective; the "
  + "best are brightest. Drag along an axis to select the trials that lie there: the panels below, the curves and the "
  + "table of trials show the same ones, and the filter of that table says which they are. A click on an axis lets go; "
  + "a click on a dot opens its trial. In the panels the worst tenth lies outside.";

export const space = {
  id: "space",

  build() {
    const labels = report.methods.map((method, m) => [m, method.label]);
    place("space").replaceChildren(
      h("div", { class: "controls" },
        select("method", labels, state.method, (v) => { state.method = Number(v); redraw("space"); }),
        h("span", { class: "note", role: "status", id: "brushed" }),
        h("button", { type: "button", id: "unbrush", "data-focus": "unbrush", onclick: unbrush }, "show all trials")),
      h("div", { class: "drawing" }),
      help("space", SPACE_HELP),
      h("div", { class: "panels" }),
      h("div", { class: "tables" }));
  },

  draw() {
    state.method = Math.min(state.method, report.methods.length - 1);
    const m = state.method, method = report.methods[m], root = place("space");
    root.querySelector("select").value = m;
    root.querySelector(".tables").replaceChildren(spaceTable(method));
    const open = method.hyper.filter((p) => p.kind !== "fixed"), trials = rankedTrials(m);
    drawParallel(root.querySelector(".drawing"), m, open, trials);
    const panels = root.querySelector(".panels");
    panels.replaceChildren(...open.map((p) => h("figure", {}, h("div", {}), h("figcaption", {}, p.name))));
    const nodes = panels.querySelectorAll("figure > div");
    open.forEach((p, k) => drawSlice(nodes[k], m, p, trials));
    for (const node of root.querySelectorAll("[data-i]")) {
      const i = Number(node.dataset.i);
      node.addEventListener("click", () => openTrial(m, i));
      node.addEventListener("pointerenter", () => heat(root, i));
      node.addEventListener("pointerleave", () => heat(root, null));
    }
    const some = trials.filter((trial) => trial.selected).length, all = some === trials.length;
    document.getElementById("brushed").textContent = all ? "" : `${some} of ${trials.length} complete trials selected`;
    document.getElementById("unbrush").hidden = all;
  },
};

function unbrush() {
  Object.assign(state, { text: "", of: "", outcome: "", picked: null, page: 0 });
  redrawAll();
}

// The same trial in every figure of the space.
function heat(root, i) {
  for (const node of root.querySelectorAll(".hot")) node.classList.remove("hot");
  if (i !== null) for (const node of root.querySelectorAll(`[data-i="${i}"]`)) node.classList.add("hot");
}

// The complete trials, the worst first; each { i, rank, selected } with a rank of 0 for the worst and 1 for the best.
function rankedTrials(m) {
  const rows = report.methods[m].trials;
  return rows.objective.map((_, i) => i)
    .filter((i) => isComplete(rows, i) && rows.objective[i] !== null)
    .sort((a, b) => (isBetter(rows.objective[a], rows.objective[b]) ? 1 : -1))
    .map((i, k, all) => ({ i, rank: all.length < 2 ? 1 : k / (all.length - 1), selected: isSelected(m, i) }));
}

function spaceTable({ label, hyper, importance, boundaries }) {
  const percent = (share) => (100 * share).toFixed(0);
  const explains = (name) => {
    const i = importance ? importance.names.indexOf(name) : -1;
    if (i < 0) return "";
    return `${percent(importance.share[i])}% (${percent(importance.low[i])} to ${percent(importance.high[i])})`;
  };
  const atEnds = (b) => (b ? `${endsText(b)}${b.narrow ? ": too narrow?" : ""}` : "");
  const note = importance
    ? "What mattered: share of the variance of the trials' ranked objective that each explains alone "
      + `(95% interval over studies; ${report.coverage.importance}); unexplained ${percent(importance.unexplained)}%.`
    : "Too few trials or studies to tell what mattered.";
  return table(`hyperparameters of ${label}`, note,
    ["hyperparameter", "range", "scale", "schedule", "explains", "chosen at an end"],
    hyper.map((p) => [p.name, rangeText(p), scaleText(p), p.schedule, explains(p.name), atEnds(boundaries[p.name])]),
    "hyperparameters");
}

function rangeText(p) {
  return p.when ? `${valuesText(p)}, if ${p.when}` : valuesText(p);
}

function valuesText(p) {
  if (p.kind === "fixed") return String(p.value);
  return p.kind === "choice" ? p.values.join(", ") : `${number(p.low)} to ${number(p.high)}`;
}

function scaleText(p) {
  if (p.kind !== "range") return p.kind;
  return p.log ? "logarithmic" : "linear";
}

// One method's search space: its hyperparameters, what mattered, and its trials in it.

import { endsText } from "./chosen.js";
import { isBetter, isComplete, report } from "./data.js";
import { h, place, select, table } from "./elements.js";
import { number } from "./format.js";
import { drawParallel } from "./parallel.js";
import { redraw } from "./sections.js";
import { drawSlice } from "./slices.js";
import { state } from "./state.js";

export const space = {
  id: "space",

  build() {
    const labels = report.methods.map((method, m) => [m, method.label]);
    place("space").replaceChildren(
      h("div", { class: "controls" },
        select("method", labels, state.method, (v) => { state.method = Number(v); redraw("space"); })),
      h("div", { class: "tables" }),
      h("h3", {}, "Complete trials, coloured by their objective"),
      h("div", { class: "drawing" }),
      h("h3", {}, "Objective against each hyperparameter"),
      h("div", { class: "panels" }));
  },

  draw() {
    const method = report.methods[Math.min(state.method, report.methods.length - 1)], root = place("space");
    root.querySelector(".tables").replaceChildren(spaceTable(method));
    const open = method.hyper.filter((p) => p.kind !== "fixed"), trials = rankedTrials(method.trials);
    drawParallel(root.querySelector(".drawing"), method, open, trials);
    const panels = root.querySelector(".panels");
    panels.replaceChildren(...open.map((p) => h("figure", {}, h("div", {}), h("figcaption", {}, p.name))));
    const nodes = panels.querySelectorAll("figure > div");
    open.forEach((p, k) => drawSlice(nodes[k], method, p, trials));
  },
};

// The complete trials, the worst first; each { i, rank } with a rank of 0 for the worst and 1 for the best.
function rankedTrials(rows) {
  return rows.objective.map((_, i) => i)
    .filter((i) => isComplete(rows, i) && rows.objective[i] !== null)
    .sort((a, b) => (isBetter(rows.objective[a], rows.objective[b]) ? 1 : -1))
    .map((i, k, all) => ({ i, rank: all.length < 2 ? 1 : k / (all.length - 1) }));
}

function spaceTable({ hyper, importance, boundaries }) {
  const percent = (share) => (100 * share).toFixed(0);
  const explains = (name) => {
    const i = importance ? importance.names.indexOf(name) : -1;
    if (i < 0) return "";
    return `${percent(importance.share[i])}% (${percent(importance.low[i])} to ${percent(importance.high[i])})`;
  };
  const atEnds = (b) => (b ? `${endsText(b)}${b.narrow ? ": too narrow?" : ""}` : "");
  const caption = importance
    ? "What mattered: share of the variance of the trials' ranked objective that each explains alone "
      + `(95% interval over studies; ${report.coverage.importance}); unexplained ${percent(importance.unexplained)}%`
    : "Too few trials or studies to tell what mattered";
  return table(caption, ["hyperparameter", "range", "scale", "schedule", "explains", "chosen at an end"],
    hyper.map((p) => [p.name, rangeText(p), scaleText(p), p.schedule, explains(p.name), atEnds(boundaries[p.name])]));
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

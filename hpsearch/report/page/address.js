// What the reader looks at, kept in the page's address, so that it can be sent: "#target?statistic=median&target=0.91".
// Methods are named by their labels and targets by their values, since their order may change in a newer report.

import { methodIndex, report, rowOf } from "./data.js";
import { state } from "./state.js";

let section = "";

export const sectionOf = (hash) => hash.slice(1).split("?")[0];

export function goTo(id) {
  section = id;
  writeAddress();
}

export function readAddress() {
  section = sectionOf(location.hash);
  const said = new URLSearchParams(location.hash.split("?")[1] || "");
  state.statistic = said.get("statistic") in report.averages ? said.get("statistic") : report.statistic;
  if (said.has("unit") && said.get("unit") in report.targets[0].units) state.unit = said.get("unit");
  if (said.has("target")) state.target = nearestTarget(Number(said.get("target")));
  if (said.has("methods")) readMethods(said.getAll("methods"));
  state.text = said.get("filter") || "";
  if (methodIndex(said.get("of")) >= 0) state.of = String(methodIndex(said.get("of")));
  readPlace(said);
}

function readMethods(labels) {
  const known = labels.filter((label) => methodIndex(label) >= 0);
  if (known.length) state.lit = new Set(known);
}

// The study, and perhaps its trial.
function readPlace(said) {
  const m = methodIndex(said.get("method"));
  if (m < 0) return;
  state.method = m;
  const repeat = Number(said.get("study")), s = report.methods[m].repeats.indexOf(repeat);
  if (said.has("trial")) {
    const i = rowOf(m, repeat, Number(said.get("trial")));
    if (i >= 0) state.trial = { m, i };
  } else if (s >= 0) {
    state.picked = { m, s };
  }
}

function nearestTarget(value) {
  const away = (t) => Math.abs(report.targets[t].value - value);
  return report.targets.map((_, t) => t).reduce((best, t) => (away(t) < away(best) ? t : best), 0);
}

// The choices that are not the ones that the page begins with.
function choices() {
  const said = new URLSearchParams(), { picked, trial } = state;
  if (state.statistic !== report.statistic) said.set("statistic", state.statistic);
  if (state.target !== report.shown) said.set("target", report.targets[state.target].value);
  if (state.unit !== report.unit) said.set("unit", state.unit);
  if (!startsWith(state.lit)) for (const label of state.lit) said.append("methods", label);
  if (state.text) said.set("filter", state.text);
  if (state.of !== "") said.set("of", report.methods[Number(state.of)].label);
  if (trial) {
    const { label, trials: t } = report.methods[trial.m];
    for (const [name, value] of [["method", label], ["study", t.repeat[trial.i]], ["trial", t.trial[trial.i]]]) {
      said.set(name, value);
    }
  } else if (picked) {
    said.set("method", report.methods[picked.m].label);
    said.set("study", report.methods[picked.m].repeats[picked.s]);
  }
  return said.toString();
}

let first = "";

// Remember which methods are in colour at first.
export function begin() {
  first = [...state.lit].sort().join("\n");
}

const startsWith = (lit) => [...lit].sort().join("\n") === first;

export function writeAddress() {
  if (report.waiting) return;
  const said = choices(), hash = `#${section}${said ? `?${said}` : ""}`;
  if (hash !== (location.hash || "#")) history.replaceState(null, "", hash);
}

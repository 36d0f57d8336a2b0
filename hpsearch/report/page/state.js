// What the reader has chosen; it stays when the data are replaced.

import { kindOf } from "./kinds.js";
import { report } from "./data.js";

export const TOGETHER = 4; // methods whose bands and studies do not hide each other

export const state = {
  statistic: "mean",
  lit: null, // labels of the methods in colour; null until the data are there
  studies: true, // every study as a thin line
  picked: null, // a study: { m, s }, the indices of its method and of it among that method's
  target: 0,
  unit: "trials",
  pair: 0,
  ahead: 0,
  method: 0,
  sort: { column: "objective", down: true },
  text: "", // of the filter
  of: "", // index of the only method whose trials are listed
  outcome: "", // index of the only state
  page: 0,
  trial: null, // the one that is looked at: { m, i }, the indices of its method and of it among that method's rows
};

export const areMany = () => report.methods.length > TOGETHER;

// What is chosen at first. Of many methods only those that the headline names are in colour.
export function startState() {
  const labels = report.methods.map(({ label }) => label);
  const named = [report.headline.best, report.headline.other].filter((label) => label !== null);
  state.lit = new Set(areMany() && named.length ? named : labels);
  state.studies = !areMany();
  state.statistic = report.statistic;
  state.target = report.shown;
  state.unit = report.unit;
  state.sort.down = report.objective.maximise;
  state.picked = state.trial = null;
  state.pair = state.ahead = state.method = state.page = 0;
  state.of = "";
}

export const isLit = (m) => state.lit.has(report.methods[m].label);

// The methods to draw, those in colour on top. Few that are not in colour are left out; many stay, in grey.
export function visible() {
  const all = report.methods.map((_, m) => m);
  const lit = all.filter(isLit);
  return areMany() ? [...all.filter((m) => !isLit(m)), ...lit] : lit;
}

// Each study's values by what the averages are of: the best so far, or what its incumbents are worth by another kind.
export const studiesOf = (m) =>
  (report.values[state.statistic] || {})[report.methods[m].label] || report.methods[m].incumbents;

// Whether they are there: of many methods only the best so far is.
export const hasStudies = () => kindOf(state.statistic) === "recorded" || state.statistic in report.values;

// With so few studies a band would hide the data.
export const isFew = (m) => report.methods[m].incumbents.length < report.few;

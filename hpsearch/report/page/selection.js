// The trials that the reader has selected, by the filter, by brushing an axis, or by picking a study; every figure of
// trials shows the same ones.

import { fits, parseFilter, written } from "./filter.js";
import { report, stateName } from "./data.js";
import { configuration } from "./studies.js";
import { state } from "./state.js";

export const reasonOf = (t, i) => t.reason[i] || "";

const words = (method, t, i) =>
  `${method.label} ${stateName(t, i)} ${reasonOf(t, i)} ${configuration(t, i)}`.toLowerCase();

// What a trial of a method has by names as the filter writes them: a function from the row to its value.
function gettersOf(method) {
  const t = method.trials, objective = (i) => t.objective[i];
  const named = {
    method: () => method.label, study: (i) => t.repeat[i], trial: (i) => t.trial[i],
    state: (i) => stateName(t, i), seconds: (i) => t.seconds[i], reason: (i) => reasonOf(t, i),
  };
  for (const [name, values] of [...Object.entries(t.metrics), ...Object.entries(t.values)]) {
    named[written(name)] = (i) => values[i];
  }
  return { ...named, objective, [written(report.objective.name)]: objective };
}

// Names in the filter that no method has.
export function unknownNames() {
  const names = new Set(report.methods.flatMap((method) => Object.keys(gettersOf(method))));
  const asked = parseFilter(state.text).filter((token) => token.name).map(({ name }) => name);
  return { unknown: asked.filter((name) => !names.has(name)), names: [...names] };
}

let kept = { key: "", of: null, found: [] };

// For each method: null if none of its trials is left out, else whether each row is selected.
function selected() {
  const key = JSON.stringify([state.text, state.of, state.outcome, state.picked]);
  if (kept.key === key && kept.of === report) return kept.found;
  const tokens = parseFilter(state.text);
  const none = !tokens.length && state.of === "" && state.outcome === "" && !state.picked;
  const found = report.methods.map((method, m) => (none ? null : rowsOf(method, m, tokens)));
  kept = { key, of: report, found };
  return found;
}

function rowsOf(method, m, tokens) {
  const t = method.trials, getters = gettersOf(method);
  const study = state.picked && state.picked.m === m ? method.repeats[state.picked.s] : null;
  const others = (state.of !== "" && Number(state.of) !== m) || (state.picked && state.picked.m !== m);
  return t.trial.map((_, i) => !others
    && (study === null || t.repeat[i] === study)
    && (state.outcome === "" || t.state[i] === Number(state.outcome))
    && tokens.every((token) => fits(token, () => words(method, t, i), (name) => getters[name]?.(i))));
}

export function isSelected(m, i) {
  const rows = selected()[m];
  return rows === null || rows[i];
}

// Whether a filter leaves trials of this method out.
export const isNarrowed = (m) => selected()[m] !== null;

// Whether each study's chosen trial is selected; null if nothing but a study or a method is.
export function choosing(m) {
  if (!state.text && state.outcome === "") return null;
  return report.methods[m].chosen.map((i) => isSelected(m, i));
}

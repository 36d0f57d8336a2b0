// Single studies: what a study has found, and how one is picked.

import { amount, number } from "./format.js";
import { isBetter, isComplete, report } from "./data.js";
import { redrawAll } from "./sections.js";
import { state, studiesOf } from "./state.js";

export const configuration = (trials, i) =>
  Object.entries(trials.values).map(([name, v]) => `${name} = ${number(v[i])}`).join(", ");

export function studyText({ m, s }, trial) {
  const method = report.methods[m], rows = method.trials, repeat = method.repeats[s];
  let best = null;
  rows.repeat.forEach((r, i) => {
    if (r !== repeat || rows.trial[i] > trial || !isComplete(rows, i)) return;
    if (best === null || isBetter(rows.objective[i], rows.objective[best])) best = i;
  });
  const head = `${method.label}, study ${repeat}, after trial ${trial}: ${amount(studiesOf(m)[s][trial - 1])}`;
  return best === null ? head : `${head}\nfound at trial ${rows.trial[best]}: ${configuration(rows, best)}`;
}

// Pick a study, or none; a study that is picked already is released.
export function pickStudy(pick) {
  const already = pick && state.picked && pick.m === state.picked.m && pick.s === state.picked.s;
  state.picked = pick && !already ? { m: pick.m, s: pick.s } : null;
  if (state.picked) state.method = state.picked.m;
  state.page = 0;
  redrawAll();
}

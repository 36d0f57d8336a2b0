// The data to draw: the JSON beside the script, or newer data while a comparison runs.

export let report = JSON.parse(document.getElementById("data").textContent);

export function replaceReport(newer) {
  report = newer;
}

export const methodIndex = (label) => report.methods.findIndex((method) => method.label === label);
export const stateName = (trials, i) => report.states[trials.state[i]];
export const isComplete = (trials, i) => trials.state[i] === report.complete;
export const isBetter = (a, b) => (report.objective.maximise ? a > b : a < b);

// The unit of the objective on an axis or at the head of a column: " (%)".
export function unitText() {
  const unit = report.amounts.unit.trim();
  return unit ? ` (${unit})` : "";
}

// What a metric or curve of this name is multiplied by to be read in the objective's unit.
export const factorOf = (name) => (report.alike.includes(name) ? report.amounts.factor : 1);
export const unitOf = (name) => (report.alike.includes(name) ? unitText() : "");

// The row of a study's trial among its method's, -1 if it is not there.
export const rowOf = (m, repeat, trial) =>
  report.methods[m].trials.trial.findIndex((t, i) => t === trial && report.methods[m].trials.repeat[i] === repeat);

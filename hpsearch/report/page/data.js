// The data to draw: the JSON beside the script, or newer data while a comparison runs.

export let report = JSON.parse(document.getElementById("data").textContent);

export function replaceReport(newer) {
  report = newer;
}

export const methodIndex = (label) => report.methods.findIndex((method) => method.label === label);
export const stateName = (trials, i) => report.states[trials.state[i]];
export const isComplete = (trials, i) => trials.state[i] === report.complete;
export const isBetter = (a, b) => (report.objective.maximise ? a > b : a < b);
export const unitText = () => (report.objective.unit ? ` (${report.objective.unit})` : "");

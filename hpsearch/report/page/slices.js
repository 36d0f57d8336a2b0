// The objective against one hyperparameter: one dot per trial.

import { chart } from "./chart.js";
import { shade } from "./looks.js";
import { report } from "./data.js";
import { h } from "./elements.js";
import { thinned } from "./parallel.js";
import { shareOfRange } from "./scales.js";

export function drawSlice(node, method, p, trials) {
  const { objective } = method.trials, chosen = method.trials.values[p.name];
  trials = trials.filter(({ i }) => chosen[i] !== null); // it is not active in the others
  const values = trials.map(({ i }) => objective[i]).sort((a, b) => a - b);
  if (!values.length) return;
  const part = Math.floor(values.length * 0.1), choice = p.kind === "choice";
  const c = chart(node, {
    x: choice ? { low: -0.5, high: p.values.length - 0.5 } : { low: p.low, high: p.high, log: p.log },
    y: report.objective.maximise
      ? { low: values[part], high: values.at(-1) }
      : { low: values[0], high: values.at(-1 - part) },
    xTicks: choice ? p.values.map((v, i) => [i, String(v)]) : null,
    xLabel: "", yLabel: "", height: 170, left: 48, right: 8,
    label: `${report.objective.name} against ${p.name}; the worst tenth lies outside`,
  });
  const jitter = (i) => 0.5 * (((i * 7919) % 101) / 101 - 0.5); // dots of the same choice lie beside each other
  const x = (i) => (choice ? shareOfRange(p, chosen[i]) * (p.values.length - 1) + jitter(i) : chosen[i]);
  for (const { i, rank } of thinned(trials)) {
    const [cx, cy] = [c.X(x(i)), c.Y(objective[i])].map((v) => v.toFixed(1));
    c.plot.append(h("circle", { cx, cy, r: 2, fill: shade(rank), opacity: 0.6 }));
  }
}

// The objective against one hyperparameter: one dot per trial.

import { between, brushable, oneOf } from "./brush.js";
import { shareOfRange, valueAt, valuesBetween } from "./scales.js";
import { chart } from "./chart.js";
import { h } from "./elements.js";
import { report } from "./data.js";
import { shade } from "./looks.js";
import { thinned } from "./parallel.js";

export function drawSlice(node, m, p, trials) {
  const method = report.methods[m], { objective } = method.trials, chosen = method.trials.values[p.name];
  trials = trials.filter(({ i }) => chosen[i] !== null); // it is not active in the others
  const values = trials.map(({ i }) => objective[i]).sort((a, b) => a - b);
  if (!values.length) return;
  const part = Math.floor(values.length * 0.1), choice = p.kind === "choice";
  const margin = (values.at(-1) - values[0]) * 0.02 || 0.5;
  const c = chart(node, {
    x: choice ? { low: -0.5, high: p.values.length - 0.5 } : { low: p.low, high: p.high, log: p.log },
    y: { factor: report.amounts.factor, ...(report.objective.maximise
      ? { low: values[part], high: values.at(-1) + margin }
      : { low: values[0] - margin, high: values.at(-1 - part) }) },
    xTicks: choice ? p.values.map((v, i) => [i, String(v)]) : null,
    xLabel: "", yLabel: "", height: 170, left: 48, right: 18,
    label: `${report.objective.name} against ${p.name}; the worst tenth lies outside`,
  });
  const strip = { x: c.left, y: c.height - c.bottom - 6, width: c.width - c.right - c.left, height: 14 };
  const share = (x) => (x - strip.x) / strip.width;
  brushable(c.svg, strip, "x", m, p.name, (from, to) => (choice
    ? oneOf(chosenBetween(p, share(from), share(to)))
    : between(valueAt(p, share(from)), valueAt(p, share(to)))));
  const jitter = (i) => 0.5 * (((i * 7919) % 101) / 101 - 0.5); // dots of the same choice lie beside each other
  const x = (i) => (choice ? shareOfRange(p, chosen[i]) * (p.values.length - 1) + jitter(i) : chosen[i]);
  for (const { i, rank, selected } of thinned(trials)) {
    const [cx, cy] = [c.X(x(i)), c.Y(objective[i])].map((v) => v.toFixed(1));
    const kind = selected ? "dot" : "dot left";
    c.plot.append(h("circle", { cx, cy, r: 2, fill: shade(rank), class: kind, "data-i": i }));
  }
}

// The values of a choice between two shares of a panel, in which each has a part of its own.
function chosenBetween(p, from, to) {
  const last = p.values.length - 1, within = (s) => (s * p.values.length - 0.5) / Math.max(1, last);
  return last ? valuesBetween(p, within(from), within(to)) : p.values;
}

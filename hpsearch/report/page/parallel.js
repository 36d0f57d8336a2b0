// Parallel coordinates: one line per trial, through its value of each hyperparameter and its objective.

import { between, brushable, oneOf } from "./brush.js";
import { fixed, number, shortened } from "./format.js";
import { report, unitText } from "./data.js";
import { shareOfRange, valueAt, valuesBetween } from "./scales.js";
import { h } from "./elements.js";
import { path } from "./marks.js";
import { shade } from "./looks.js";

const MOST = 1500; // trials that are drawn; more only hide each other

// Evenly spaced trials, at most MOST; the last, which is the best, is always among them, and so are selected ones.
export function thinned(trials) {
  const step = Math.max(1, Math.ceil(trials.length / MOST)), some = trials.some(({ selected }) => !selected);
  return trials.filter(({ selected }, k) => (some && selected) || (trials.length - 1 - k) % step === 0)
    .sort((a, b) => a.selected - b.selected || a.rank - b.rank);
}

export function drawParallel(node, m, open, trials) {
  const method = report.methods[m];
  if (!open.length) {
    node.replaceChildren(h("p", { class: "note" }, "Nothing is open in this space."));
    return;
  }
  const width = Math.max(300, node.clientWidth || 860), height = 300, left = 40, right = 50, top = 40, bottom = 24;
  const axes = [...open.map((p) => parameterAxis(method, p)), objectiveAxis(method, trials)];
  const X = (k) => left + (k * (width - left - right)) / (axes.length - 1);
  const Y = (share) => height - bottom - share * (height - top - bottom);
  const label = `parallel coordinates of ${method.label}'s trials`;
  const svg = h("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const shown = thinned(trials);
  for (const { i, rank, selected } of shown) {
    const places = axes.map((axis, k) => [X(k), axis.share(i)]).filter(([, share]) => share !== null);
    svg.append(h("path", {
      d: path(places.map(([x, share]) => [x, Y(share)])), "data-i": i, class: selected ? "trial" : "trial left",
      stroke: shade(rank), "stroke-width": 0.5 + rank, opacity: (0.15 + 0.6 * rank ** 2).toFixed(2),
    }));
  }
  axes.forEach((axis, k) => {
    const last = k === axes.length - 1;
    const turns = width < 700 ? 2 : 1; // long names in turn, where there is little room
    const room = width / axes.length, y = k % 2 && turns > 1 ? 10 : 22;
    const where = { x: last ? width - 4 : X(k), y, "text-anchor": last ? "end" : "middle" };
    svg.append(
      h("line", { class: "grid", x1: X(k), x2: X(k), y1: top, y2: height - bottom, style: "stroke:var(--faint)" }),
      h("text", where, shortened(axis.name, turns * room), h("title", {}, axis.name)),
      h("text", { x: X(k), y: height - bottom + 14, "text-anchor": "middle" }, shortened(axis.low, room)),
      h("text", { x: X(k), y: top - 4, "text-anchor": "middle" }, shortened(axis.high, room)));
    const box = { x: X(k) - 12, y: top, width: 24, height: height - bottom - top };
    const share = (y_) => (height - bottom - y_) / (height - top - bottom);
    brushable(svg, box, "y", m, axis.column, (from, to) => axis.said(share(to), share(from)));
  });
  const note = `${shown.length} of ${trials.length} complete trials.`;
  node.replaceChildren(svg, h("p", { class: "note" }, note));
}

// An axis gives the share of its length at which trial i lies, null if nowhere, the texts at its ends, and what it
// says of the trials between two shares.
function parameterAxis(method, p) {
  const [low, high] = p.kind === "choice" ? [p.values[0], p.values.at(-1)].map(String) : [p.low, p.high].map(number);
  const said = (from, to) => (p.kind === "choice" ? oneOf(valuesBetween(p, from, to))
    : between(valueAt(p, from), valueAt(p, to)));
  const share = (i) => shareOfRange(p, method.trials.values[p.name][i]);
  return { name: p.name, column: p.name, share, low, high, said };
}

// The worst twentieth lies at the axis's end.
function objectiveAxis(method, trials) {
  const values = method.trials.objective, { factor } = report.amounts;
  const ends = trials.length ? [values[trials[Math.floor(trials.length / 20)].i], values[trials.at(-1).i]] : [0, 1];
  const low = Math.min(...ends), high = Math.max(...ends), say = fixed(ends, factor);
  const share = (i) => (low === high ? 0.5 : Math.min(1, Math.max(0, (values[i] - low) / (high - low))));
  return {
    name: `${report.objective.name}${unitText()}`, column: "objective", share, low: say(low), high: say(high),
    said: (from, to) => between(low + from * (high - low), low + to * (high - low)),
  };
}

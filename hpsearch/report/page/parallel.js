// Parallel coordinates: one line per trial, through its value of each hyperparameter and its objective.

import { shade } from "./looks.js";
import { report } from "./data.js";
import { h } from "./elements.js";
import { number, shortened } from "./format.js";
import { path } from "./marks.js";
import { shareOfRange } from "./scales.js";

const MOST = 1500; // trials that are drawn; more only hide each other

// Evenly spaced trials, at most MOST; the last, which is the best, is always among them.
export function thinned(trials) {
  const step = Math.max(1, Math.ceil(trials.length / MOST));
  return trials.filter((_, k) => (trials.length - 1 - k) % step === 0);
}

export function drawParallel(node, method, open, trials) {
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
  for (const { i, rank } of shown) {
    const places = axes.map((axis, k) => [X(k), axis.share(i)]).filter(([, share]) => share !== null);
    svg.append(h("path", {
      d: path(places.map(([x, share]) => [x, Y(share)])),
      fill: "none", stroke: shade(rank), "stroke-width": 0.5 + rank, opacity: (0.15 + 0.6 * rank ** 2).toFixed(2),
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
  });
  const note = `${shown.length} of ${trials.length} complete trials; the best are brightest.`;
  node.replaceChildren(svg, h("p", { class: "note" }, note));
}

// An axis gives the share of its length at which trial i lies, null if nowhere, and the texts at its ends.
function parameterAxis(method, p) {
  const [low, high] = p.kind === "choice" ? [p.values[0], p.values.at(-1)].map(String) : [p.low, p.high].map(number);
  return { name: p.name, share: (i) => shareOfRange(p, method.trials.values[p.name][i]), low, high };
}

// The worst twentieth lies at the axis's end.
function objectiveAxis(method, trials) {
  const values = method.trials.objective;
  const ends = trials.length ? [values[trials[Math.floor(trials.length / 20)].i], values[trials.at(-1).i]] : [0, 1];
  const low = Math.min(...ends), high = Math.max(...ends);
  const share = (i) => (low === high ? 0.5 : Math.min(1, Math.max(0, (values[i] - low) / (high - low))));
  return { name: report.objective.name, share, low: number(low), high: number(high) };
}

// What was chosen: each method's final level, and the ranges whose ends it chose too often.

import { at, fixed, spans } from "./format.js";
import { h, help, place, table } from "./elements.js";
import { isBetter, report, unitText } from "./data.js";
import { drawRows } from "./rows.js";
import { areMany, isFew } from "./state.js";
import { recordedNote } from "./kinds.js";
import { toggleLit } from "./legend.js";

const PARTS = [
  ["chosen", "worse on TEST by"], ["everywhere", "due to the test data"], ["choosing", "due to choosing"],
];

export const chosen = {
  id: "chosen",

  build() {
    place("chosen").replaceChildren(
      recordedNote() || "", h("div", { class: "drawing half" }),
      help("chosen", "Where each method's studies end: mean over studies with its 95% interval "
        + `(${report.coverage.mean}), the best first.`
        + " The axis need not begin at zero."),
      h("div", { class: "tables" }));
  },

  draw() {
    drawFinals(place("chosen").querySelector(".drawing"));
    place("chosen").querySelector(".tables").replaceChildren(
      methodsTable(), ...report.tables.map((of) => table(of.title, of.caption, of.head, of.rows)));
  },
};

const finals = () => report.methods.map(({ label }) => at(report.averages.mean[label], report.trials - 1));

function drawFinals(node) {
  const ends = finals(), { factor, unit } = report.amounts, say = spans(ends, factor);
  const all = ends.flatMap((of, m) => [of.estimate, of.low ?? of.estimate, of.high ?? of.estimate]
    .concat(areMany() ? [] : report.methods[m].incumbents.map((study) => study.at(-1))));
  const low = Math.min(...all), high = Math.max(...all), margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  const rows = ends.map((of, m) => ({
    m, estimate: of.estimate, studies: report.methods[m].incumbents.map((study) => study.at(-1)),
    text: `${report.methods[m].label}: ${say(of)}${unit}, n = ${report.methods[m].incumbents.length}`,
    ...(of.low === null || isFew(m) ? {} : { low: of.low, high: of.high }),
  })).sort((a, b) => (a.estimate === b.estimate ? 0 : isBetter(a.estimate, b.estimate) ? -1 : 1));
  drawRows(node, rows, {
    x: { low: low - margin, high: high + margin, factor }, xLabel: `final best ${report.objective.name}${unitText()}`,
    label: "final best of each method, mean over studies with 95% interval", beyond: null, press: toggleLit,
  });
}

function methodsTable() {
  const gaps = [...new Set(report.methods.flatMap((method) => Object.keys(method.gaps)))];
  const { factor, unit, points } = report.amounts;
  const column = (intervals, f = factor) => intervals.map(spans(intervals, f));
  const [final, area] = [finals(), report.methods.map((method) => method.area)].map((of) => column(of));
  const worse = gaps.flatMap((g) => PARTS.map(([part]) => column(report.methods.map((m) => (m.gaps[g] || {})[part]))));
  const lost = fixed(report.methods.map((method) => method.lost));
  const said = (text, what) => (what.trim() ? `${text} (${what.trim()})` : text);
  const head = [
    "method", said(`final best ${report.objective.name}`, unit), said("area under the curve", unit),
    ...gaps.flatMap((g) => PARTS.map(([, what]) => said(what.replace("TEST", g), points))),
    "ranges that may be too narrow", "trials lost",
  ];
  const rows = report.methods.map((method, m) => [
    method.label, final[m], area[m], ...worse.map((of) => of[m]),
    h("td", { class: "wrap" }, narrowText(method.boundaries) || "none"), lost(method.lost),
  ]);
  const note = `Means over studies (95% interval; ${report.coverage.mean}). `
    + "The area is the mean of the best so far over all trials. What all trials of a study are worse by on test "
    + "data is due to harder data, what its chosen trial is worse by beyond that to choosing. A range may be too "
    + "narrow where more studies chose a value within 2.5% of an end than their trials there explain (over a "
    + "quarter, and p below 0.01), and trials there did no worse than others.";
  return table("each method's end", note, head, rows);
}

function narrowText(boundaries) {
  const narrow = Object.entries(boundaries).filter(([, b]) => b.narrow);
  return narrow.map(([name, b]) => `${name}: ${b.narrow}`).join("; ");
}

const endText = (end, name) => `${end.chosen} ${name} (${Math.round(100 * end.proposed)}% of trials)`;

export const endsText = (b) => `${endText(b.low, "low")}, ${endText(b.high, "high")} of ${b.low.studies}`;

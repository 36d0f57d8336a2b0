// What was chosen: each method's final level, and the ranges whose ends it chose too often.

import { report } from "./data.js";
import { h, place, table } from "./elements.js";
import { span, spanAt } from "./format.js";

const PARTS = [
  ["chosen", "worse on TEST by"], ["everywhere", "due to the test data"], ["choosing", "due to choosing"],
];

export const chosen = {
  id: "chosen",

  draw() {
    const gaps = [...new Set(report.methods.flatMap((method) => Object.keys(method.gaps)))];
    const interval = (of) => (of ? span(of.estimate, of.low, of.high) : "");
    const rows = report.methods.map((method) => [
      method.label,
      spanAt(report.averages.mean[method.label], report.trials - 1),
      interval(method.area),
      ...gaps.flatMap((g) => PARTS.map(([part]) => interval((method.gaps[g] || {})[part]))),
      h("td", { class: "wrap" }, narrowText(method.boundaries) || "none"),
      String(method.lost),
    ]);
    const head = [
      "method", `final best ${report.objective.name}`, "area under the curve",
      ...gaps.flatMap((g) => PARTS.map(([, said]) => said.replace("TEST", g))),
      "ranges that may be too narrow", "trials lost",
    ];
    const caption = `Means over studies (95% interval; ${report.coverage.mean}). `
      + "The area is the mean of the best so far over all trials. What all trials of a study are worse by on test "
      + "data is due to harder data, what its chosen trial is worse by beyond that to choosing. A range may be too "
      + "narrow where more studies chose a value within 2.5% of an end than their trials there explain (over a "
      + "quarter, and p below 0.01), and trials there did no worse than others.";
    place("chosen").replaceChildren(
      table(caption, head, rows),
      ...report.tables.map((of) => table(of.caption, of.head, of.rows)));
  },
};

function narrowText(boundaries) {
  const narrow = Object.entries(boundaries).filter(([, b]) => b.narrow);
  return narrow.map(([name, b]) => `${name}: ${b.narrow}`).join("; ");
}

const endText = (end, name) => `${end.chosen} ${name} (${Math.round(100 * end.proposed)}% of trials)`;

export const endsText = (b) => `${endText(b.low, "low")}, ${endText(b.high, "high")} of ${b.low.studies}`;

// What was chosen: each method's final level, and the ranges whose ends it chose too often.

import { report } from "./data.js";
import { h, place, table } from "./elements.js";
import { span, spanAt } from "./format.js";

export const chosen = {
  id: "chosen",

  draw() {
    const gaps = [...new Set(report.methods.flatMap((method) => Object.keys(method.gaps)))];
    const interval = (of) => (of ? span(of.estimate, of.low, of.high) : "");
    const rows = report.methods.map((method) => [
      method.label,
      spanAt(report.averages.mean[method.label], report.trials - 1),
      interval(method.area),
      ...gaps.map((g) => interval(method.gaps[g])),
      h("td", { class: "wrap" }, narrowText(method.boundaries) || "none"),
      String(method.lost),
    ]);
    const head = [
      "method", `final best ${report.objective.name}`, "area under the curve",
      ...gaps.map((g) => `worse on ${g} by`), "ranges that may be too narrow", "trials lost",
    ];
    const caption = `Means over studies (95% interval; ${report.coverage.mean}). `
      + "The area is the mean of the best so far over all trials; chosen values within 2.5% of an end of their range, "
      + "where more than chance puts there, mean that the range may be too narrow.";
    place("chosen").replaceChildren(
      table(caption, head, rows),
      ...report.tables.map((of) => table(of.caption, of.head, of.rows)));
  },
};

function narrowText(boundaries) {
  const narrow = Object.entries(boundaries).filter(([, b]) => b.narrow);
  return narrow.map(([name, b]) => `${name}: ${endsText(b)}`).join("; ");
}

export const endsText = (b) => `${b.low} low, ${b.high} high of ${b.studies}`;

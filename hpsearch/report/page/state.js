// What the reader has chosen; it stays when the data are replaced.

import { report } from "./data.js";

export const FEW = 5; // methods whose bands and studies do not hide each other

export const state = {
  statistic: "mean",
  hidden: new Set(), // labels of methods
  studies: (report.methods || []).length <= FEW,
  picked: null, // a study: { m, s }, the indices of its method and of it among that method's
  target: report.shown || 0,
  unit: report.unit || "trials",
  pair: 0,
  ahead: 0,
  method: 0,
  sort: { column: "objective", down: report.objective ? report.objective.maximise : true },
  text: "",
  of: "",
  outcome: "",
  page: 0,
};

export const visible = () => report.methods.map((_, m) => m).filter((m) => !state.hidden.has(report.methods[m].label));

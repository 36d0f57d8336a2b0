// The best objective so far against trials: each method's average with its band, and its studies.

import { chart } from "./chart.js";
import { color } from "./looks.js";
import { report, unitText } from "./data.js";
import { h, place, select } from "./elements.js";
import { legend } from "./legend.js";
import { band, endLabels, hasRoomForLabels, line, path, roomForLabels } from "./marks.js";
import { makeReadable } from "./reading.js";
import { redraw } from "./sections.js";
import { state, visible } from "./state.js";
import { studyText } from "./studies.js";

export const curves = {
  id: "curves",

  build() {
    const names = Object.keys(report.averages).map((name) => [name, name]);
    const average = select("average", names, state.statistic, (v) => { state.statistic = v; redraw("curves"); });
    const studies = h("input", {
      type: "checkbox", checked: state.studies, id: "studies",
      onchange: (event) => { state.studies = event.target.checked; redraw("curves"); },
    });
    place("curves").replaceChildren(
      h("div", { class: "controls" }, average, h("label", {}, studies, " every study as a thin line")),
      legend(),
      h("div", { class: "drawing" }),
      h("p", { class: "note", role: "status", id: "picked" }),
      h("p", { class: "note coverage" }));
  },

  draw() {
    const node = place("curves").querySelector(".drawing");
    const best = `best ${report.objective.name} so far`, range = limits();
    const c = chart(node, {
      x: { low: 1, high: Math.max(2, report.axis) }, y: range, xLabel: "trial", yLabel: `${best}${unitText()}`,
      label: `${state.statistic} of the ${best} against trials, with 95% bands`,
      right: roomForLabels(node), height: 400, whole: true,
    });
    if (state.studies) for (const m of visible()) drawStudies(c, m);
    const ends = visible().map((m) => [m, drawAverage(c, m)]);
    if (hasRoomForLabels(node)) endLabels(c, ends);
    makeReadable(c);
    place("curves").querySelector(".coverage").textContent = coverageText(range);
    document.getElementById("picked").textContent = pickedText();
  },
};

function drawStudies(c, m) {
  report.methods[m].incumbents.forEach((study, s) => {
    const points = study.map((v, i) => [c.X(i + 1), c.Y(v)]);
    c.plot.append(h("path", { class: "study", d: path(points), stroke: color(m), "data-m": m, "data-s": s }));
  });
}

// Returns the y where the line ends.
function drawAverage(c, m) {
  const xs = Array.from({ length: report.trials }, (_, i) => i + 1);
  const average = report.averages[state.statistic][report.methods[m].label];
  band(c, xs, average.low, average.high, m);
  line(c, xs, average.estimate, m);
  return c.Y(average.estimate.at(-1));
}

const incumbents = () => visible().flatMap((m) => report.methods[m].incumbents.flat());

// Limits of the axis: they hold all but the worst fiftieth of the studies' values, and the last bands.
function limits() {
  const values = incumbents().sort((a, b) => a - b);
  if (!values.length) return { low: 0, high: 1 };
  const part = Math.floor(values.length * 0.02);
  const averages = visible().map((m) => report.averages[state.statistic][report.methods[m].label]);
  const last = averages.flatMap((of) => [of.low.at(-1), of.high.at(-1)]).filter((v) => v !== null);
  const ends = report.objective.maximise ? [values[part], values.at(-1)] : [values.at(-1 - part), values[0]];
  const low = Math.min(...ends, ...last), high = Math.max(...ends, ...last);
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return { low: low - margin, high: high + margin };
}

function coverageText({ low, high }) {
  const all = incumbents(), outside = all.filter((v) => v < low || v > high).length;
  const hidden = outside ? `${outside} of ${all.length} values of single studies lie outside of what is drawn.` : "";
  return `Bands: ${report.coverage[state.statistic]}. ${hidden}`;
}

function pickedText() {
  if (!state.picked) {
    return "Point at a line to read it, click to pick a study; on the keyboard: arrows, Enter, Escape.";
  }
  const found = studyText(state.picked, report.trials).replaceAll("\n", "; ");
  return `Picked: ${found}. All its trials are in the table below; Escape lets it go.`;
}

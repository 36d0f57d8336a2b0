// The best objective so far against trials: each method's average with its band, its studies, and the level to match.

import { amount, at } from "./format.js";
import { chart } from "./chart.js";
import { areMany, hasStudies, isFew, isLit, state, studiesOf, visible } from "./state.js";
import { band, endLabels, hasRoomForLabels, inColor, line, path, roomForLabels } from "./marks.js";
import { folded, h, help, place, select } from "./elements.js";
import { areKinds, kindName, kindOf } from "./kinds.js";
import { report, unitText } from "./data.js";
import { choosing } from "./selection.js";
import { legend } from "./legend.js";
import { makeReadable } from "./reading.js";
import { redraw } from "./sections.js";
import { studyText } from "./studies.js";

const HEIGHT = 330, LOW = 260; // pixels; low where there is little room

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
      h("div", { class: "controls" }, average, h("label", {}, studies, " every study"), areMany() ? "" : legend()),
      h("div", { class: "drawing" }),
      areMany() ? folded("legend", "Methods in colour", legend()) : "",
      h("p", { class: "note", role: "status", id: "picked" }),
      h("div", { class: "reading" }));
  },

  draw() {
    const node = place("curves").querySelector(".drawing");
    place("curves").querySelector("select").value = state.statistic;
    const kind = areKinds() ? kindName(state.statistic) : "", { name } = report.objective;
    const best = isOfBest() ? `best ${name} so far` : `${name}, ${kind}`;
    document.querySelector("#curves h3").textContent = `Best so far${kind && `: ${kind}`}`;
    const range = limitsOfY();
    const c = chartOf(node, best, range);
    drawLevel(c);
    const ends = [];
    for (const m of visible()) {
      if ((state.studies && hasStudies() && isLit(m)) || isFew(m)) drawStudies(c, m);
      ends.push([m, isFew(m) ? c.Y(report.averages.mean[report.methods[m].label].estimate.at(-1)) : drawAverage(c, m)]);
    }
    if (hasRoomForLabels(node)) endLabels(c, ends, c.X(Math.max(2, report.trials)));
    makeReadable(c);
    place("curves").querySelector(".reading").replaceChildren(help("curves", curvesHelp(range)));
    document.getElementById("picked").textContent = pickedText();
  },
};

// Whether the averages are of the best so far; if not, they are of other values of the same incumbents.
const isOfBest = () => kindOf(state.statistic) === "recorded";

const chartOf = (node, best, range) => chart(node, {
  x: { low: 1, high: Math.max(2, report.axis) }, y: { ...range, factor: report.amounts.factor }, xLabel: "trial",
  yLabel: `${best}${unitText()}`, label: `${state.statistic} of the ${best} against trials, with 95% bands`,
  right: roomForLabels(node), height: hasRoomForLabels(node) ? HEIGHT : LOW, whole: true, focus: "curves",
});

// The other method's final mean, and the trial at which the best one's mean is there.
function drawLevel(c) {
  const { level, trial, best, other } = report.headline;
  if (level === null || state.statistic !== report.statistic) return;
  const y = c.Y(level), end = c.width - c.right;
  c.plot.append(h("line", { class: "level", x1: c.left, x2: end, y1: y, y2: y }));
  if (trial === null) return;
  const x = c.X(trial), floor = c.height - c.bottom;
  c.plot.append(h("line", { class: "level", x1: x, x2: x, y1: y, y2: floor }),
    h("circle", { class: "met", cx: x, cy: y, r: 5 },
      h("title", {}, `${best} is where ${other} ends, at ${amount(level)}, after trial ${trial}`)));
  const beside = x > (c.left + end) / 2 ? { x: x - 7, "text-anchor": "end" } : { x: x + 7 };
  c.svg.append(h("text", { class: "said", y: floor - 8, ...beside }, `trial ${trial}`));
}

function drawStudies(c, m) {
  const hits = choosing(m);
  studiesOf(m).forEach((study, s) => {
    const points = study.map((v, i) => [c.X(i + 1), c.Y(v)]);
    const kind = `study${isFew(m) ? " alone" : ""}${hits ? (hits[s] ? " hit" : " missed") : ""}`;
    c.plot.append(h("path", { ...inColor(m, kind), d: path(points), "data-s": s }));
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

const incumbents = () => visible().flatMap((m) => studiesOf(m).flat());

// Limits of the axis: they hold all but the worst fiftieth of the studies' values, and the last bands.
function limitsOfY() {
  const values = incumbents().sort((a, b) => a - b);
  if (!values.length) return { low: 0, high: 1 };
  const part = Math.floor(values.length * 0.02);
  const averages = visible().filter((m) => !isFew(m)).map((m) => report.methods[m].label)
    .map((label) => at(report.averages[state.statistic][label], report.trials - 1));
  const last = averages.flatMap((of) => [of.low, of.high]).filter((v) => v !== null);
  const ends = report.objective.maximise ? [values[part], values.at(-1)] : [values.at(-1 - part), values[0]];
  const low = Math.min(...ends, ...last), high = Math.max(...ends, ...last);
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return { low: low - margin, high: high + margin };
}

function curvesHelp({ low, high }) {
  const all = incumbents(), outside = all.filter((v) => v < low || v > high).length;
  const few = report.methods.filter((_, m) => isFew(m)).map(({ label }) => label);
  return [
    isOfBest()
      ? `Thick: ${state.statistic} over studies of the best ${report.objective.name} so far, with its 95% band `
        + `(${report.coverage[state.statistic]}). Thin: one study each.`
      : `What the configurations that led after each trial are worth: ${state.statistic}, over studies, with its 95% `
        + `band. Choose "mean" above for the best so far as it was recorded.`,
    report.headline.trial === null || report.headline.level === null ? ""
      : `Dashed: where ${report.headline.other} ends (${amount(report.headline.level)}), and the trial at which `
        + `${report.headline.best} is there.`,
    few.length ? `${few.join(", ")}: fewer than ${report.few} studies, so these are shown alone.` : "",
    areMany() ? "Grey: methods that are not in colour; their names are buttons, above this." : "",
    outside ? `${outside} of ${all.length} values of single studies lie outside of what is drawn.` : "",
    "Point at a line to read it, click to pick a study; on the keyboard: arrows, Enter, Escape.",
  ].filter(Boolean).join(" ");
}

function pickedText() {
  const { picked } = state;
  if (!picked) return "";
  const found = studyText(picked, report.trials).replaceAll("\n", "; ");
  return `Picked (with dots): ${found}. Its trials are in the table below; Escape lets it go.`;
}

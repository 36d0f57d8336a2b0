// Reaching a target: the share of studies that reached it, against what they spent (Kaplan-Meier).

import { amount, number, pText, percents } from "./format.js";
import { band, cross, endLabels, hasRoomForLabels, line, roomForLabels } from "./marks.js";
import { h, help, place, select, table } from "./elements.js";
import { isFew, isLit, state, visible } from "./state.js";
import { chart } from "./chart.js";
import { hover } from "./tooltip.js";
import { redraw } from "./sections.js";
import { recordedNote } from "./kinds.js";
import { report } from "./data.js";

export function targetName(t) {
  const origin = t.share === null ? "given" : `as good as ${number(t.share * 100)}% of all results`;
  return `${amount(t.value)} (${origin})`;
}

// `of` says how one method reached a target.
export function medianText(of) {
  const [estimate, low, high] = of.median.map((v) => (v === null ? `>${number(of.end)}` : number(v)));
  return `${estimate} (${low === undefined ? "too few studies for an interval" : `${low} to ${high}`})`;
}

export const target = {
  id: "target",

  build() {
    const units = Object.keys(report.targets[0].units).map((unit) => [unit, unit]);
    const names = report.targets.map((_, i) => [i, ""]); // a target's value may change while a comparison runs
    place("target").replaceChildren(
      recordedNote() || "", h("div", { class: "controls" },
        select("target", names, state.target, (v) => { state.target = Number(v); redraw("soon", "target"); }),
        select("spent", units, state.unit, (v) => { state.unit = v; redraw("soon", "target", "range"); })),
      h("div", { class: "drawing" }),
      help("target", `The share of studies that have reached the target after so much, Kaplan-Meier with 95% bands; a `
        + "study that does not reach it is kept as censored, so a line that ends below 1 means that some never did."),
      h("div", { class: "tables" }));
  },

  draw() {
    const [chosen, unit] = place("target").querySelectorAll("select");
    report.targets.forEach((t, i) => { if (chosen.options[i]) chosen.options[i].textContent = targetName(t); });
    chosen.value = state.target;
    unit.value = state.unit;
    const wanted = report.targets[state.target], reach = wanted.units[state.unit];
    drawShares(place("target").querySelector(".drawing"), wanted, reach);
    place("target").querySelector(".tables").replaceChildren(
      mediansTable(wanted, reach), reach.tests.length ? testsTable(reach) : "");
  },
};

function mediansTable(wanted, reach) {
  const rows = report.methods.map(({ label }) => {
    const of = reach.methods[label];
    return [label, `${of.count} of ${of.studies}`, medianText(of)];
  });
  const sofar = report.tested ? "" : " so far";
  return table("median of each method",
    `Reaching ${targetName(wanted)}${sofar}: Kaplan-Meier medians; a study that does not reach it is kept as censored. `
      + `Medians: ${report.coverage["median trials to a target"]}.`,
    ["method", "studies that reached it", `median ${state.unit} (95% interval)`], rows);
}

const testsTable = (reach) => table("log-rank tests", "Holm-adjusted over all pairs and targets.", ["pair", "p"],
  reach.tests.map((t) => [`${t.a}, ${t.b}`, pText(t.p, t.reason)]));

function drawShares(node, chosen, reach) {
  const end = Math.max(...report.methods.map(({ label }) => reach.methods[label].end), 1);
  const c = chart(node, {
    x: { low: 0, high: end }, y: { low: 0, high: 1, factor: 100 }, height: 300, right: roomForLabels(node),
    xLabel: `${state.unit} spent`, yLabel: "studies that reached it (%)",
    label: `share of studies that reached ${targetName(chosen)} against ${state.unit}: `
      + "Kaplan-Meier curves with 95% log-log bands",
  });
  const ends = visible().map((m) => {
    const of = reach.methods[report.methods[m].label];
    const xs = stairs(of.steps, of.reached, end).map(([x]) => x);
    const [middle, low, high] = [of.reached, of.low, of.high].map((ys) => stairs(of.steps, ys, end).map(([, y]) => y));
    if (!isFew(m)) band(c, xs, low, high, m);
    line(c, xs, middle, m);
    return [m, c.Y(middle.at(-1))];
  });
  if (hasRoomForLabels(node)) endLabels(c, ends);
  const upright = cross(c);
  hover(c, (x) => {
    const spent = Math.min(end, Math.max(0, ((x - c.X(0)) / (c.X(end) - c.X(0))) * end));
    const shown = state.unit === "seconds" ? spent : Math.floor(spent);
    upright.move(shown);
    return sharesText(reach, shown);
  }, upright.hide);
}

// The corners of a step function that starts at 0 and goes on to `end`.
function stairs(xs, ys, end) {
  const points = [[0, 0]];
  xs.forEach((x, i) => { points.push([x, points.at(-1)[1]], [x, ys[i]]); });
  points.push([end, points.at(-1)[1]]);
  return points;
}

function sharesText(reach, spent) {
  const lines = visible().filter(isLit).map((m) => {
    const { label } = report.methods[m], of = reach.methods[label];
    const i = of.steps.filter((step) => step <= spent).length - 1;
    return `${label}: ${i < 0 ? "none" : percents({ estimate: of.reached[i], low: of.low[i], high: of.high[i] })}`;
  });
  return [`after ${number(Number(spent.toPrecision(3)))} ${state.unit}`, ...lines].join("\n");
}

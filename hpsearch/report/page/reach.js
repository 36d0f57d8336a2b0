// Reaching a target: the share of studies that reached it, against what they spent (Kaplan-Meier).

import { chart } from "./chart.js";
import { report } from "./data.js";
import { h, place, select, table } from "./elements.js";
import { number, pText, span } from "./format.js";
import { band, cross, endLabels, hasRoomForLabels, line, roomForLabels } from "./marks.js";
import { redraw } from "./sections.js";
import { state, visible } from "./state.js";
import { hover } from "./tooltip.js";

export function targetName(t) {
  const origin = t.share === null ? "given" : `at least as good as ${number(t.share * 100)}% of all results`;
  return `${number(t.value)} (${origin})`;
}

// `of` says how one method reached a target.
export function medianText(of) {
  const [estimate, low, high] = of.median.map((v) => (v === null ? `more than ${number(of.end)}` : number(v)));
  return `${estimate} (${low === undefined ? "too few studies for an interval" : `${low} to ${high}`})`;
}

export const target = {
  id: "target",

  build() {
    const units = Object.keys(report.targets[0].units).map((unit) => [unit, unit]);
    const names = report.targets.map((_, i) => [i, ""]); // a target's value may change while a comparison runs
    place("target").replaceChildren(
      h("div", { class: "controls" },
        select("target", names, state.target, (v) => { state.target = Number(v); redraw("target"); }),
        select("spent", units, state.unit, (v) => { state.unit = v; redraw("target", "range"); })),
      h("div", { class: "drawing" }),
      h("div", { class: "tables" }));
  },

  draw() {
    const options = place("target").querySelectorAll("select")[0].options;
    report.targets.forEach((t, i) => { if (options[i]) options[i].textContent = targetName(t); });
    const chosen = report.targets[state.target], reach = chosen.units[state.unit];
    drawShares(place("target").querySelector(".drawing"), chosen, reach);
    const rows = report.methods.map(({ label }) => {
      const of = reach.methods[label];
      return [label, `${of.count} of ${of.studies}`, medianText(of)];
    });
    const sofar = report.finished === report.planned ? "" : " so far";
    const caption = `Reaching ${targetName(chosen)}${sofar}: Kaplan-Meier medians; `
      + `a study that does not reach it is kept as censored. Medians: ${report.coverage["median trials to a target"]}.`;
    place("target").querySelector(".tables").replaceChildren(
      table(caption, ["method", "studies that reached it", `median ${state.unit} (95% interval)`], rows),
      reach.tests.length
        ? table("Log-rank tests, Holm-adjusted over all pairs and targets", ["pair", "p"],
          reach.tests.map((t) => [`${t.a}, ${t.b}`, pText(t.p, t.reason)]))
        : h("span", {}));
  },
};

function drawShares(node, chosen, reach) {
  const end = Math.max(...report.methods.map(({ label }) => reach.methods[label].end), 1);
  const c = chart(node, {
    x: { low: 0, high: end }, y: { low: 0, high: 1 }, height: 300, right: roomForLabels(node),
    xLabel: `${state.unit} spent`, yLabel: "share of studies that reached it",
    label: `share of studies that reached ${targetName(chosen)} against ${state.unit}: `
      + "Kaplan-Meier curves with 95% log-log bands",
  });
  const ends = visible().map((m) => {
    const of = reach.methods[report.methods[m].label];
    const xs = stairs(of.steps, of.reached, end).map(([x]) => x);
    const [middle, low, high] = [of.reached, of.low, of.high].map((ys) => stairs(of.steps, ys, end).map(([, y]) => y));
    band(c, xs, low, high, m);
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
  const lines = visible().map((m) => {
    const { label } = report.methods[m], of = reach.methods[label];
    const i = of.steps.filter((step) => step <= spent).length - 1;
    return `${label}: ${i < 0 ? "none" : span(of.reached[i], of.low[i], of.high[i])}`;
  });
  return [`after ${number(Number(spent.toPrecision(3)))} ${state.unit}`, ...lines].join("\n");
}

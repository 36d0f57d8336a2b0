// Who beats whom: the probability that a study of one method is better than one of another, at the end and earlier.

import { at, number, pText, percents } from "./format.js";
import { band, level, line, mark } from "./marks.js";
import { chart, near } from "./chart.js";
import { h, help, place, select, table } from "./elements.js";
import { methodIndex, report } from "./data.js";
import { hover } from "./tooltip.js";
import { redraw } from "./sections.js";
import { recordedNote } from "./kinds.js";
import { state } from "./state.js";

const MOST_PAIRS = 10; // in a table of their own
const NOT_TESTED = "not tested before the end";
const WINS_HELP = "The chance that a study of the first method is ahead of one of the second after so many trials "
  + "(ties half), with its 95% interval. On the dashed line neither is ahead.";

export const wins = {
  id: "wins",

  build() {
    const pairs = report.ahead.map((e, i) => [i, `${e.a} is ahead of ${e.b}`]);
    const pick = (v) => { state.ahead = Number(v); redraw("wins"); };
    place("wins").replaceChildren(
      recordedNote() || "", h("div", { class: "controls" },
        select("at each trial, the probability that", pairs, state.ahead, pick)),
      h("div", { class: "drawing" }),
      help("wins", WINS_HELP),
      h("div", { class: "tables" }));
    document.getElementById("wins").hidden = report.methods.length < 2;
  },

  draw() {
    if (report.methods.length < 2) return;
    place("wins").querySelector("select").value = state.ahead;
    const e = report.ahead[Math.min(state.ahead, report.ahead.length - 1)];
    drawAhead(place("wins").querySelector(".drawing"), e);
    const every = Math.max(1, Math.round(e.trials.length / 12));
    place("wins").querySelector(".tables").replaceChildren(
      winsTable(), ...(report.pairs.length <= MOST_PAIRS ? [pairsTable()] : []),
      table("probability of being ahead at each trial", `That a study of ${e.a} is ahead of one of ${e.b}.`,
        ["trial", "probability (95% interval)"],
        e.trials.map((t, i) => [String(t), percents(at(e, i))])
          .filter((_, i) => i % every === 0 || i === e.trials.length - 1)));
  },
};

function winsTable() {
  const adjusted = new Map();
  for (const pair of report.pairs) {
    adjusted.set(`${methodIndex(pair.a)},${methodIndex(pair.b)}`, pair);
    adjusted.set(`${methodIndex(pair.b)},${methodIndex(pair.a)}`, pair);
  }
  const cell = (m, other) => {
    if (m === other) return h("td", {}, "");
    const { p, floor } = adjusted.get(`${m},${other}`), win = report.wins[m][other];
    const sure = p !== null && p < 0.05;
    const style = `background:color-mix(in srgb, var(--high) ${Math.round(win * 35)}%, var(--paper))`;
    const title = report.tested ? `p: ${pText(p, "", floor)}` : NOT_TESTED;
    return h("td", { class: "number", style, title }, `${(100 * win).toFixed(0)}${sure ? "*" : ""}`);
  };
  const order = report.methods.map((_, m) => m).sort((a, b) => report.ranks.estimate[a] - report.ranks.estimate[b]);
  const star = report.tested ? "*: Holm-adjusted p below 0.05. " : "";
  const note = "Chance in percent that a study of the row's method ends better than one of the column's (ties half). "
    + `${star}Rank 1 is best; its interval: ${report.coverage["mean rank"]}.`;
  const ranks = order.map((m) => at(report.ranks, m));
  const rank = ({ estimate, low, high }) => (low === null ? number(estimate)
    : `${estimate.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`);
  const found = table("every method against every other", note,
    ["method", "mean rank (95% interval)", ...order.map((m) => report.methods[m].label)],
    order.map((m, k) => [report.methods[m].label, rank(ranks[k]), ...order.map((other) => cell(m, other))]));
  found.querySelector("table").classList.add("matrix");
  return found;
}

function pairsTable() {
  return table("each pair", `Intervals: ${report.coverage["probability of superiority"]}.`,
    ["pair", "probability that the first ends better (95% interval)", "adjusted p"],
    report.pairs.map((p) => [
      `${p.a}, ${p.b}`, percents(p), report.tested ? pText(p.p, "", p.floor) : NOT_TESTED,
    ]));
}

function drawAhead(node, e) {
  const m = methodIndex(e.a);
  const c = chart(node, {
    x: { low: 1, high: Math.max(2, report.axis) }, y: { low: 0, high: 1, factor: 100 }, height: 240, whole: true,
    xLabel: "trial", yLabel: "probability (%)",
    label: `probability that a study of ${e.a} is ahead of one of ${e.b} at each trial, with 95% interval`,
  });
  band(c, e.trials, e.low, e.high, m, true);
  line(c, e.trials, e.estimate, m, true);
  e.trials.forEach((t, i) => c.plot.append(
    mark(c.X(t), c.Y(e.estimate[i]), false, m, `trial ${t}: ${percents(at(e, i))}`, { alone: true })));
  hover(c, (x) => {
    const i = near(c, e.trials, x);
    return `trial ${e.trials[i]}: ${e.a} is ahead with probability ${percents(at(e, i))}`;
  });
  level(c, 0.5, 1, report.axis);
}

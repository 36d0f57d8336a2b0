// Who beats whom: the probability that a study of one method is better than one of another, at the end and earlier.

import { chart, near } from "./chart.js";
import { methodIndex, report } from "./data.js";
import { h, place, select, table } from "./elements.js";
import { pText, span, spanAt } from "./format.js";
import { band, level, line, mark } from "./marks.js";
import { redraw } from "./sections.js";
import { state } from "./state.js";
import { hover } from "./tooltip.js";

const MOST_PAIRS = 10; // in a table of their own

export const wins = {
  id: "wins",

  build() {
    const pairs = report.ahead.map((e, i) => [i, `${e.a} is ahead of ${e.b}`]);
    const pick = (v) => { state.ahead = Number(v); redraw("wins"); };
    place("wins").replaceChildren(
      h("div", { class: "tables" }),
      h("div", { class: "controls" },
        select("at each trial, the probability that", pairs, state.ahead, pick)),
      h("div", { class: "drawing" }),
      h("div", { class: "tables" }));
    if (report.methods.length < 2) document.getElementById("wins").hidden = true;
  },

  draw() {
    if (report.methods.length < 2) return;
    const [ends, before] = place("wins").querySelectorAll(".tables");
    ends.replaceChildren(winsTable(), ...(report.pairs.length <= MOST_PAIRS ? [pairsTable()] : []));
    const e = report.ahead[Math.min(state.ahead, report.ahead.length - 1)];
    drawAhead(place("wins").querySelector(".drawing"), e);
    const every = Math.max(1, Math.round(e.trials.length / 12));
    before.replaceChildren(
      table(`Probability that a study of ${e.a} is ahead of one of ${e.b} (95% interval)`, ["trial", "probability"],
        e.trials.map((t, i) => [String(t), spanAt(e, i)])
          .filter((_, i) => i % every === 0 || i === e.trials.length - 1)));
  },
};

function winsTable() {
  const adjusted = new Map();
  for (const { a, b, p } of report.pairs) {
    adjusted.set(`${methodIndex(a)},${methodIndex(b)}`, p);
    adjusted.set(`${methodIndex(b)},${methodIndex(a)}`, p);
  }
  const cell = (m, other) => {
    if (m === other) return h("td", {}, "");
    const p = adjusted.get(`${m},${other}`), win = report.wins[m][other];
    const sure = p !== null && p !== undefined && p < 0.05;
    const style = `background:color-mix(in srgb, var(--high) ${Math.round(win * 45)}%, transparent)`;
    const title = report.tested ? `p = ${pText(p)}` : "not tested before the end";
    return h("td", { class: "number", style, title }, `${win.toFixed(2)}${sure ? "*" : ""}`);
  };
  const order = report.methods.map((_, m) => m).sort((a, b) => report.ranks.estimate[a] - report.ranks.estimate[b]);
  const star = report.tested ? "*: Holm-adjusted p below 0.05. " : "";
  const caption = "Probability that a study of the row's method ends better than one of the column's (ties half). "
    + `${star}Rank 1 is best; its interval: ${report.coverage["mean rank"]}.`;
  return table(caption, ["method", "mean rank (95% interval)", ...order.map((m) => report.methods[m].label)],
    order.map((m) => [report.methods[m].label, spanAt(report.ranks, m), ...order.map((other) => cell(m, other))]));
}

function pairsTable() {
  return table(`Each pair. Intervals: ${report.coverage["probability of superiority"]}.`,
    ["pair", "probability that the first ends better (95% interval)", "adjusted p"],
    report.pairs.map((p) => [
      `${p.a}, ${p.b}`, span(p.estimate, p.low, p.high), report.tested ? pText(p.p) : "not before the end",
    ]));
}

function drawAhead(node, e) {
  const m = methodIndex(e.a);
  const c = chart(node, {
    x: { low: 1, high: Math.max(2, report.axis) }, y: { low: 0, high: 1 }, height: 240,
    xLabel: "trial", yLabel: "probability",
    label: `probability that a study of ${e.a} is ahead of one of ${e.b} at each trial, with 95% interval`,
  });
  band(c, e.trials, e.low, e.high, m);
  line(c, e.trials, e.estimate, m);
  e.trials.forEach((t, i) => c.plot.append(
    mark(c.X(t), c.Y(e.estimate[i]), false, m, `trial ${t}: ${spanAt(e, i)}`)));
  hover(c, (x) => {
    const i = near(c, e.trials, x);
    return `trial ${e.trials[i]}: ${e.a} is ahead with probability ${spanAt(e, i)}`;
  });
  level(c, 0.5, 1, report.trials);
}

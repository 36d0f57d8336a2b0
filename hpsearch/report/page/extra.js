// Trial for trial: how many trials one method needs for what another has after so many. On the diagonal both need the
// same; what lies above the budget is hatched.

import { band, hatched, line, mark } from "./marks.js";
import { h, help, place, select, table } from "./elements.js";
import { methodIndex, report } from "./data.js";
import { chart, near } from "./chart.js";
import { hover } from "./tooltip.js";
import { number } from "./format.js";
import { redraw } from "./sections.js";
import { recordedNote } from "./kinds.js";
import { state } from "./state.js";

export const extra = {
  id: "extra",

  build() {
    const pairs = report.extra.map((e, i) => [i, `${e.b} for what ${e.a} has`]);
    place("extra").replaceChildren(
      recordedNote() || "", h("div", { class: "controls" },
        select("trials of", pairs, state.pair, (v) => { state.pair = Number(v); redraw("extra"); })),
      h("div", { class: "drawing" }),
      h("div", { class: "reading" }),
      h("div", { class: "tables" }));
    document.getElementById("extra").hidden = !report.extra.length;
  },

  draw() {
    if (!report.extra.length) return;
    const e = report.extra[Math.min(state.pair, report.extra.length - 1)], last = report.trials;
    place("extra").querySelector("select").value = state.pair;
    drawTrials(place("extra").querySelector(".drawing"), e);
    place("extra").querySelector(".reading").replaceChildren(help("extra", extraHelp(e)));
    const every = Math.max(1, Math.round(last / 12));
    const shown = trialNumbers().filter((t) => t === 1 || t === last || t % every === 0);
    place("extra").querySelector(".tables").replaceChildren(
      table("extra trials",
        `More trials that ${e.b} needs for what ${e.a} has, less those that ${e.a} itself took to it `
          + `(95% bootstrap interval; ${report.coverage["extra trials"]}).`,
        [`trials that ${e.a} has had`, `more trials of ${e.b}`],
        shown.map((t) => [String(t), extraText(e, t - 1)])));
  },
};

const trialNumbers = () => Array.from({ length: report.trials }, (_, i) => i + 1);

// One point for each trial at which the mean of `a` rose: on a plateau it has nothing new.
const risen = (e) => e.own.map((t, i) => i).filter((i) => e.own[i] === i + 1);

function drawTrials(node, e) {
  const last = report.trials, m = methodIndex(e.b), rows = risen(e), xs = rows.map((i) => e.own[i]);
  const { axis } = report, top = axis * 1.12 + 1, beyond = (last + top) / 2;
  const c = chart(node, {
    x: { low: 0, high: axis }, y: { low: 0, high: top }, height: 340, whole: true,
    xLabel: `trials of ${e.a}`, yLabel: `trials of ${e.b} for the same`,
    label: `trials that ${e.b} needs for what ${e.a} has after so many, with 95% bootstrap interval and the diagonal`,
  });
  const box = [c.left, c.top, c.width - c.right - c.left, c.Y(last) - c.top];
  hatched(c, ...box, `more than the ${last} trials that there were`);
  c.svg.append(h("text", { class: "said", x: c.left + 8, y: c.top + 15 }, `beyond the ${last} trials`));
  c.plot.append(h("line", { class: "level", x1: c.X(0), y1: c.Y(0), x2: c.X(last), y2: c.Y(last) }));
  // The extra trials are counted from the trial at which `a` had it, so both together are the trials of `b`.
  const ofB = (values) => rows.map((i) => (values[i] === null ? beyond : Math.max(0, e.own[i] + values[i])));
  if (e.low !== null && !isFewOf(e)) band(c, xs, ofB(e.low), ofB(e.high || e.estimate), m, true);
  const middle = ofB(e.estimate);
  line(c, xs, middle, m, true);
  rows.forEach((i, k) => c.plot.append(
    mark(c.X(xs[k]), c.Y(middle[k]), e.estimate[i] === null, m, pointText(e, i), { alone: true })));
  hover(c, (x) => pointText(e, rows[near(c, xs, x)]));
}

const isFewOf = (e) => [e.a, e.b].some((label) => report.methods[methodIndex(label)].incumbents.length < report.few);

function pointText(e, i) {
  const of = e.estimate[i] === null ? `more than ${report.trials}` : number(e.own[i] + e.estimate[i]);
  return `what ${e.a} has after ${e.own[i]}: ${e.b} needs ${of}, that is ${extraText(e, i)} more`;
}

const extraHelp = (e) =>
  `A point: ${e.b} takes so many trials to the mean that ${e.a} has after so many. On the dashed diagonal both take `
  + `the same; above it ${e.b} takes more, and in the hatched part more than there were. The band is the 95% bootstrap `
  + "interval; draws that never get there are kept, so it may reach into the hatched part.";

// The extra trials at index `i`, that is after i + 1 trials; null is infinite.
function extraText(e, i) {
  const said = (values) => (values[i] === null ? `more than ${report.trials - i - 1}` : number(values[i]));
  if (e.low === null) return `${said(e.estimate)} (too few studies for an interval)`;
  return `${said(e.estimate)} (${said(e.low)} to ${said(e.high || e.estimate)})`;
}

// Extra trials: how many more one method needs to reach what another has.

import { chart, near } from "./chart.js";
import { methodIndex, report } from "./data.js";
import { h, place, select, table } from "./elements.js";
import { number } from "./format.js";
import { band, level, line, mark } from "./marks.js";
import { redraw } from "./sections.js";
import { state } from "./state.js";
import { hover } from "./tooltip.js";

const BEYOND = "A triangle at the top: more trials than there were left to try. "
  + "Such draws of the bootstrap are kept, so the band may reach the top too.";

export const extra = {
  id: "extra",

  build() {
    const pairs = report.extra.map((e, i) => [i, `${e.b} needs for what ${e.a} has`]);
    place("extra").replaceChildren(
      h("div", { class: "controls" },
        select("how many more trials", pairs, state.pair, (v) => { state.pair = Number(v); redraw("extra"); })),
      h("div", { class: "drawing" }),
      h("p", { class: "note" }, BEYOND),
      h("div", { class: "tables" }));
    if (!report.extra.length) document.getElementById("extra").hidden = true;
  },

  draw() {
    if (!report.extra.length) return;
    const e = report.extra[Math.min(state.pair, report.extra.length - 1)], last = report.trials;
    drawExtra(place("extra").querySelector(".drawing"), e);
    const every = Math.max(1, Math.round(last / 12));
    const shown = trialNumbers().filter((t) => t === 1 || t === last || t % every === 0);
    const caption = `More trials that ${e.b} needs for what ${e.a} has, less those that ${e.a} itself took to it `
      + `(95% bootstrap interval; ${report.coverage["extra trials"]})`;
    place("extra").querySelector(".tables").replaceChildren(
      table(caption, [`trials that ${e.a} has had`, `more trials of ${e.b}`],
        shown.map((t) => [String(t), extraText(e, t - 1)])));
  },
};

const trialNumbers = () => Array.from({ length: report.trials }, (_, i) => i + 1);

function drawExtra(node, e) {
  const last = report.trials, m = methodIndex(e.b), xs = trialNumbers();
  const finite = [...e.estimate, ...(e.low || []), ...(e.high || [])].filter((v) => v !== null);
  const c = chart(node, {
    x: { low: 1, high: Math.max(2, report.axis) }, height: 280,
    y: { low: Math.min(0, ...finite), high: Math.max(5, ...finite, last - 1) + 1 },
    xLabel: `trials that ${e.a} has had`, yLabel: "more trials",
    label: `how many more trials ${e.b} needs to reach what ${e.a} has, with 95% bootstrap interval`,
  });
  const capped = (values) => values.map((v, i) => (v === null ? last - (i + 1) + 0.9 : v));
  if (e.low !== null) band(c, xs, capped(e.low), capped(e.high || e.estimate), m);
  const middle = capped(e.estimate);
  line(c, xs, middle, m);
  middle.forEach((v, i) => c.plot.append(
    mark(c.X(i + 1), c.Y(v), e.estimate[i] === null, m, `after ${i + 1}: ${extraText(e, i)}`)));
  level(c, 0, 1, last);
  hover(c, (x) => {
    const i = near(c, xs, x);
    return `what ${e.a} has after ${i + 1}: ${e.b} needs ${extraText(e, i)} more`;
  });
}

// The extra trials at index `i`, that is after i + 1 trials; null is infinite.
function extraText(e, i) {
  const said = (values) => (values[i] === null ? `more than ${report.trials - i - 1}` : number(values[i]));
  if (e.low === null) return `${said(e.estimate)} (too few studies for an interval)`;
  return `${said(e.estimate)} (${said(e.low)} to ${said(e.high || e.estimate)})`;
}

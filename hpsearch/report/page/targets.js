// All targets: the median that each method spends to reach each of them.

import { amount, number } from "./format.js";
import { endLabels, hasRoomForLabels, line, mark, roomForLabels } from "./marks.js";
import { h, help, place, table } from "./elements.js";
import { medianText, targetName } from "./reach.js";
import { state, visible } from "./state.js";
import { chart } from "./chart.js";
import { recordedNote } from "./kinds.js";
import { report, unitText } from "./data.js";

const RANGE_HELP = "The median that each method spends until a study has reached the target, for every target: a "
  + "verdict that hangs on the target shows lines that cross. A triangle at the top: not within all that there was.";

export const range = {
  id: "range",

  build() {
    place("range").replaceChildren(
      recordedNote() || "", h("div", { class: "drawing" }), help("range", RANGE_HELP), h("div", { class: "tables" }));
  },

  draw() {
    drawMedians(place("range").querySelector(".drawing"));
    const share = (t) => (t.share === null ? "given" : `${number(t.share * 100)}%`);
    const heads = report.targets.map((t) => `${amount(t.value)} (${share(t)})`);
    const row = ({ label }) => [label, ...report.targets.map((t) => medianText(t.units[state.unit].methods[label]))];
    place("range").querySelector(".tables").replaceChildren(
      table(`median ${state.unit} to each target`,
        "With 95% intervals. A column is a target, with the share of all results that it is at least as good as.",
        ["method", ...heads], report.methods.map(row)));
  },
};

const reaches = (label) => report.targets.map((t) => t.units[state.unit].methods[label]);

function drawMedians(node) {
  const { targets, amounts } = report;
  const top = Math.max(...report.methods.flatMap(({ label }) => reaches(label).map((of) => of.end)), 1) * 1.08;
  const every = node.clientWidth > 620 ? 1 : 3;
  const c = chart(node, {
    x: { low: -0.3, high: targets.length - 0.7 }, y: { low: 0, high: top }, height: 300, right: roomForLabels(node),
    xLabel: `target: ${report.objective.name}${unitText()}, quantiles of all results`, yLabel: `median ${state.unit}`,
    label: `median ${state.unit} to each target; at the top: not within all`,
    xTicks: targets.map((t, i) => [i, number(Number((t.value * amounts.factor).toPrecision(3)))])
      .filter(([i]) => i % every === 0),
  });
  const height = (y) => c.Y(y === null ? top * 0.97 : y);
  const ends = visible().map((m) => {
    const { label } = report.methods[m], of = reaches(label), ys = of.map(({ median }) => median[0]);
    const missed = ys.indexOf(null), reached = ys.slice(0, missed < 0 ? ys.length : missed);
    line(c, reached.map((_, i) => i), reached, m);
    ys.forEach((y, i) => c.plot.append(
      mark(c.X(i), height(y), y === null, m, `${label}, ${targetName(targets[i])}: ${medianText(of[i])}`)));
    return [m, height(ys.at(-1))];
  });
  if (hasRoomForLabels(node)) endLabels(c, ends);
}

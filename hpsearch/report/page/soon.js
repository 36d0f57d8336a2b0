// How soon each method reaches the target that the reader slides to: medians with intervals, the soonest first.

import { amount, number } from "./format.js";
import { h, help, place } from "./elements.js";
import { areMany, isLit, state } from "./state.js";
import { hasRoomForLabels } from "./marks.js";
import { isTruer } from "./kinds.js";
import { drawRows } from "./rows.js";
import { medianText } from "./reach.js";
import { redraw } from "./sections.js";
import { isBetter, report } from "./data.js";
import { toggleLit } from "./legend.js";

export const soon = {
  id: "soon",

  build() {
    const slider = h("input", {
      type: "range", id: "slider", min: 0, max: report.targets.length - 1, step: 1, "aria-describedby": "slid",
      oninput: (event) => { state.target = Number(event.target.value); redraw("soon", "target"); },
    });
    document.getElementById("first").classList.toggle("many", areMany());
    document.querySelector("#soon h3").textContent =
      `Trials to a target${isTruer() ? " (recorded)" : ""}, soonest first`;
    place("soon").replaceChildren(
      h("div", { class: "controls" },
        h("label", { class: "slide" }, "target ", slider), h("output", { id: "slid", for: "slider" })),
      h("div", { class: "drawing" }),
      h("div", { class: "reading" }));
  },

  draw() {
    const target = report.targets[state.target], reach = target.units[state.unit];
    const slider = document.getElementById("slider"), said = slidText(target);
    slider.max = report.targets.length - 1;
    slider.value = state.target;
    slider.setAttribute("aria-valuetext", said);
    document.getElementById("slid").textContent = said;
    const rows = report.methods.map(({ label }, m) => soonRow(m, reach.methods[label])).sort(soonest);
    const end = Math.max(...rows.map(({ end: spent }) => spent), 1);
    const node = place("soon").querySelector(".drawing");
    drawRows(node, rows, {
      x: { low: 0, high: end }, press: toggleLit,
      xLabel: `median ${state.unit}${hasRoomForLabels(node) ? ` to ${amount(target.value)}` : ""}`,
      label: `median ${state.unit} with 95% interval that each method's studies need to reach ${said}`,
      beyond: beyondText(end), whole: state.unit !== "seconds",
    });
    place("soon").querySelector(".reading").replaceChildren(help("soon", soonHelp(end)));
  },
};

function soonRow(m, of) {
  const [estimate, low, high] = of.median;
  const count = `${of.count} of ${of.studies} studies reached it`;
  const text = `${report.methods[m].label}: ${medianText(of)} ${state.unit}; ${count}`;
  const studies = state.unit === "trials" ? studiesReach(m) : [];
  return { m, estimate, low, high, text, studies, end: of.end, count: of.count };
}

// The first trial at which each study is as good as the target; null if it never is.
function studiesReach(m) {
  const { value } = report.targets[state.target], isThere = (v) => v === value || isBetter(v, value);
  return report.methods[m].incumbents.map((study) => {
    const i = study.findIndex(isThere);
    return i < 0 ? null : i + 1;
  });
}

// The soonest first; of those that are not within all trials, the one of which more studies are.
function soonest(a, b) {
  const key = ({ estimate }) => (estimate === null ? Infinity : estimate);
  return key(a) - key(b) || b.count - a.count || Number(isLit(b.m)) - Number(isLit(a.m)) || a.m - b.m || 0;
}

const LONG = 5; // letters of a number that the gutter has no room for

const beyondText = (end) => (number(end).length < LONG ? `beyond ${number(end)}` : "beyond all");

const slidText = ({ value, share }) =>
  `${amount(value)}${share === null ? " (given)" : ` (as good as ${number(share * 100)}% of all results)`}`;

const soonHelp = (end) =>
  `Median ${state.unit} until a study has reached the target by recorded values, with its 95% interval (Kaplan-Meier; `
  + "a study that never gets there is kept as censored), the soonest first; of those that are not there within all, "
  + `the one of which more studies are. At the right: more than the ${number(end)} that there were. The targets are `
  + "quantiles of all results, so that nobody has picked one; slide through them to see whether the order stays. "
  + `Small dots: single studies. Intervals: ${report.coverage["median trials to a target"]}.`;

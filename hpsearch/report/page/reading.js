// Reading the curves with the pointer or the keyboard, and picking a study there.

import { at, spans } from "./format.js";
import { cross, path } from "./marks.js";
import { hideTip, showTip } from "./tooltip.js";
import { hasStudies, isFew, isLit, state, studiesOf, visible } from "./state.js";
import { pickStudy, studyText } from "./studies.js";
import { h } from "./elements.js";
import { report } from "./data.js";

const NEAR = 7; // pixels from a study's line
let cursor = null; // the keyboard's: { trial, i }, i being the index of a study, -1 for the averages

export function makeReadable(c) {
  const upright = cross(c);
  const chosen = h("g", {});
  c.plot.append(chosen);

  // A picked study has dots where it rose and the colour of ink, so that nobody takes it for an average.
  function draw(pick) {
    chosen.replaceChildren();
    if (!pick) return;
    if (!hasStudies()) return;
    const study = studiesOf(pick.m)[pick.s];
    const points = study.map((v, i) => [c.X(i + 1), c.Y(v)]);
    const risen = points.filter((_, i) => i === 0 || study[i] !== study[i - 1]);
    chosen.append(h("path", { class: "picked", d: path(points) }),
      ...risen.map(([cx, cy]) => h("circle", { class: "risen", cx, cy, r: 3 })));
  }

  function point(event, trial, pick) {
    upright.move(trial);
    draw(pick || state.picked);
    showTip(event, pick ? studyText(pick, trial) : averagesText(trial));
  }

  function press(event) {
    const all = readable();
    cursor = cursor || { trial: report.trials, i: -1 };
    if (event.key === "Enter") {
      pickStudy(all[cursor.i] || null);
    } else if (event.key === "Escape") {
      leave();
      pickStudy(null);
    } else if (moveCursor(event.key, all.length)) {
      event.preventDefault();
      const box = c.svg.getBoundingClientRect();
      const clientX = box.left + (c.X(cursor.trial) / c.width) * box.width;
      point({ clientX, clientY: box.top + 20 }, cursor.trial, all[cursor.i] || null);
    }
  }

  c.svg.addEventListener("pointermove", (event) => {
    const [trial, y] = trialAt(c, event);
    point(event, trial, nearestStudy(c, trial, y));
  });
  c.svg.addEventListener("pointerleave", () => {
    upright.hide();
    draw(state.picked);
    hideTip();
  });
  c.svg.addEventListener("click", (event) => pickStudy(nearestStudy(c, ...trialAt(c, event))));
  c.svg.setAttribute("aria-describedby", "picked");
  c.svg.addEventListener("keydown", press);
  // Drawing anew takes the focus for a moment, and gives it back; then the cursor stays where it is.
  c.svg.addEventListener("blur", () => setTimeout(() => {
    if (document.activeElement?.dataset?.focus !== c.svg.dataset.focus) leave();
  }));
  draw(state.picked);
}

function leave() {
  cursor = null;
  hideTip();
}

// The studies that are drawn as lines.
const readable = () => visible()
  .filter((m) => (state.studies && hasStudies() && isLit(m)) || isFew(m))
  .flatMap((m) => studiesOf(m).map((_, s) => ({ m, s })));

// Returns whether the key was an arrow.
function moveCursor(key, studies) {
  if (key === "ArrowLeft") cursor.trial = Math.max(1, cursor.trial - 1);
  else if (key === "ArrowRight") cursor.trial = Math.min(report.trials, cursor.trial + 1);
  else if (key === "ArrowDown") cursor.i = Math.min(studies - 1, cursor.i + 1);
  else if (key === "ArrowUp") cursor.i = Math.max(-1, cursor.i - 1);
  else return false;
  return true;
}

// The trial that the pointer is at, and its y in the chart.
function trialAt(c, event) {
  const box = c.svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * c.width;
  const step = (c.X(report.trials) - c.X(1)) / Math.max(1, report.trials - 1);
  const trial = Math.min(report.trials, Math.max(1, Math.round((x - c.X(1)) / step) + 1));
  return [trial, ((event.clientY - box.top) / box.height) * c.height];
}

function nearestStudy(c, trial, y) {
  let found = null;
  for (const { m, s } of readable()) {
    const away = Math.abs(c.Y(studiesOf(m)[s][trial - 1]) - y);
    if (away < NEAR && (!found || away < found.away)) found = { m, s, away };
  }
  return found;
}

function averagesText(trial) {
  const lit = visible().filter(isLit);
  const averages = lit.map((m) => at(report.averages[state.statistic][report.methods[m].label], trial - 1));
  const say = spans(averages, report.amounts.factor);
  const lines = lit.map((m, k) => {
    const { label, incumbents: studies } = report.methods[m];
    return `${label}: ${say(averages[k])}${report.amounts.unit}, n = ${studies.length}`;
  });
  return [`trial ${trial}, ${state.statistic}`, ...lines].join("\n");
}

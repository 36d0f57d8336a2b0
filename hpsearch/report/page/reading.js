// Reading the curves with the pointer or the keyboard, and picking a study there.

import { color } from "./looks.js";
import { report } from "./data.js";
import { h } from "./elements.js";
import { spanAt } from "./format.js";
import { cross, path } from "./marks.js";
import { state, visible } from "./state.js";
import { pickStudy, studyText } from "./studies.js";
import { hideTip, showTip } from "./tooltip.js";

const NEAR = 7; // pixels from a study's line
let cursor = null; // the keyboard's: { trial, i }, i being the index of a study, -1 for the averages

export function makeReadable(c) {
  const upright = cross(c);
  const chosen = h("g", {});
  c.plot.append(chosen);

  function draw(pick) {
    chosen.replaceChildren();
    if (!pick) return;
    const points = report.methods[pick.m].incumbents[pick.s].map((v, i) => [c.X(i + 1), c.Y(v)]);
    chosen.append(h("path", { class: "study picked", stroke: color(pick.m), d: path(points) }));
  }

  function point(event, trial, pick) {
    upright.move(trial);
    draw(pick || state.picked);
    showTip(event, pick ? studyText(pick, trial) : averagesText(trial));
  }

  function leave() {
    cursor = null;
    hideTip();
  }

  function press(event) {
    const all = visible().flatMap((m) => report.methods[m].incumbents.map((_, s) => ({ m, s })));
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
  c.svg.setAttribute("tabindex", "0");
  c.svg.setAttribute("aria-describedby", "picked");
  c.svg.addEventListener("keydown", press);
  c.svg.addEventListener("blur", leave);
  draw(state.picked);
}

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
  if (!state.studies) return found;
  for (const m of visible()) {
    report.methods[m].incumbents.forEach((study, s) => {
      const away = Math.abs(c.Y(study[trial - 1]) - y);
      if (away < NEAR && (!found || away < found.away)) found = { m, s, away };
    });
  }
  return found;
}

function averagesText(trial) {
  const lines = visible().map((m) => {
    const { label, incumbents: studies } = report.methods[m];
    return `${label}: ${spanAt(report.averages[state.statistic][label], trial - 1)}, n = ${studies.length}`;
  });
  return [`trial ${trial}, ${state.statistic}`, ...lines].join("\n");
}

// One trial, in a dialog: what it was, its place in its study, its training curves, its failed attempts.

import { amount, fixed, number } from "./format.js";
import { factorOf, isComplete, report, stateName, unitOf, unitText } from "./data.js";
import { h, place } from "./elements.js";
import { chart } from "./chart.js";
import { color } from "./looks.js";
import { path } from "./marks.js";
import { redraw } from "./sections.js";
import { state } from "./state.js";

export function openTrial(m, i) {
  state.trial = { m, i };
  redraw("trial");
}

export const trial = {
  id: "trial",

  build() {
    document.getElementById("trial").addEventListener("close", () => {
      state.trial = null;
      redraw("trial");
    });
  },

  draw() {
    const dialog = document.getElementById("trial"), there = state.trial && report.methods[state.trial.m]?.trials;
    if (!there || there.trial[state.trial.i] === undefined) {
      if (dialog.open) dialog.close();
      return;
    }
    const { m, i } = state.trial, method = report.methods[m], t = method.trials;
    document.getElementById("h-trial").textContent = `${method.label}, study ${t.repeat[i]}, trial ${t.trial[i]}`;
    place("trial").replaceChildren(controls(m, i), facts(t, i), h("div", { class: "panels" }), attempts(t, i));
    if (!dialog.open) dialog.showModal();
    drawFigures(place("trial").querySelector(".panels"), m, i);
  },
};

// The rows of the trial's study, in their order.
const mates = (t, i) => t.trial.map((_, k) => k).filter((k) => t.repeat[k] === t.repeat[i]);

function controls(m, i) {
  const rows = mates(report.methods[m].trials, i), k = rows.indexOf(i);
  const button = (text, to) => h("button", {
    type: "button", disabled: to === undefined, "data-focus": `trial ${text}`, onclick: () => openTrial(m, to),
  }, text);
  return h("div", { class: "controls" },
    button("trial before", rows[k - 1]), button("trial after", rows[k + 1]),
    h("button", { type: "button", onclick: () => document.getElementById("trial").close() }, "close"));
}

function facts(t, i) {
  const metrics = Object.entries(t.metrics).filter(([, values]) => values[i] !== null)
    .map(([name, values]) => [`${name}${unitOf(name)}`, number(values[i] * factorOf(name))]);
  const rows = [
    [report.objective.name, amount(t.objective[i])], ["state", stateName(t, i)], ["reason", t.reason[i] || ""],
    ...Object.entries(t.values).map(([name, values]) => [name, number(values[i])]), ...metrics,
    ["seconds", number(t.seconds[i])],
  ].filter(([, value]) => value !== "");
  return h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function drawFigures(node, m, i) {
  const t = report.methods[m].trials, curves = t.curves[i] || {};
  const names = Object.keys(curves);
  const figure = (caption) => h("figure", {}, h("div", {}), h("figcaption", {}, caption));
  node.replaceChildren(
    figure("its study: every trial, the best so far as a line, and this one as a ring"),
    ...names.map((name) => figure(`${name}${unitOf(name)} after each epoch`)),
    names.length || !hasCurves() ? "" : h("p", { class: "note" }, NO_CURVES));
  const nodes = [...node.querySelectorAll("figure > div")];
  drawStudy(nodes[0], m, i);
  names.forEach((name, k) => drawCurve(nodes[k + 1], name, curves[name], m));
}

const NO_CURVES = "The page has training curves only of trials that a study chose.";

const hasCurves = () => report.methods.some((method) => Object.keys(method.trials.curves).length);

function drawStudy(node, m, i) {
  const t = report.methods[m].trials, rows = mates(t, i).filter((k) => isComplete(t, k) && t.objective[k] !== null);
  const values = rows.map((k) => t.objective[k]), { factor } = report.amounts;
  if (!rows.length) return;
  const low = Math.min(...values), high = Math.max(...values);
  const margin = (high - low) * 0.08 || Math.abs(high) * 0.05 || 0.5;
  const c = chart(node, {
    x: { low: 1, high: Math.max(2, ...rows.map((k) => t.trial[k])) },
    y: { low: low - margin, high: high + margin, factor },
    xLabel: "trial", yLabel: `${report.objective.name}${unitText()}`, height: 220, whole: true,
    label: `objective of every trial of the study; trial ${t.trial[i]}: ${amount(t.objective[i])}`,
  });
  let best = null;
  const steps = rows.flatMap((k) => {
    const before = best, v = t.objective[k];
    best = before === null ? v : (report.objective.maximise ? Math.max : Math.min)(before, v);
    return before === null ? [[t.trial[k], best]] : [[t.trial[k], before], [t.trial[k], best]];
  });
  c.plot.append(h("path", { class: "plain", stroke: color(m), d: path(steps.map(([x, y]) => [c.X(x), c.Y(y)])) }));
  for (const k of rows) {
    c.plot.append(h("circle", { cx: c.X(t.trial[k]), cy: c.Y(t.objective[k]), r: 2.5, fill: color(m) }));
  }
  if (rows.includes(i)) c.svg.append(h("circle", { class: "met", cx: c.X(t.trial[i]), cy: c.Y(t.objective[i]), r: 7 }));
}

function drawCurve(node, name, values, m) {
  const points = values.map((v, k) => [k + 1, v]).filter(([, v]) => v !== null);
  if (!points.length) return;
  const ys = points.map(([, v]) => v), low = Math.min(...ys), high = Math.max(...ys);
  const say = fixed(ys, factorOf(name));
  const c = chart(node, {
    x: { low: 1, high: Math.max(2, values.length) }, y: { low, high, factor: factorOf(name) }, height: 220, whole: true,
    xLabel: "epoch", yLabel: "", label: `${name} after each epoch, from ${say(ys[0])} to ${say(ys.at(-1))}`,
  });
  c.plot.append(h("path", { class: "plain", stroke: color(m), d: path(points.map(([x, y]) => [c.X(x), c.Y(y)])) }));
}

function attempts(t, i) {
  const failed = t.attempts[i] || [];
  if (!failed.length) return h("p", { class: "note" }, "No attempt at it failed.");
  return h("div", {}, failed.map((of) => h("div", {},
    h("h3", {}, of.attempt === 0 ? `Its proposal failed, ${of.at}` : `Attempt ${of.attempt} failed, ${of.at}`),
    h("p", { class: "note" }, of.together > 1 ? `trained together with ${of.together - 1} others` : "alone"),
    h("pre", { tabindex: "0" }, of.error))));
}

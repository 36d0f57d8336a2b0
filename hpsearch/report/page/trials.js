// The table of all trials, which can be sorted, filtered and paged. A row is { method, t, i }: trial i of method's t.

import { report, stateName } from "./data.js";
import { h, place, scrolled, select } from "./elements.js";
import { fits, parseFilter, sortRows } from "./filter.js";
import { number } from "./format.js";
import { redraw } from "./sections.js";
import { state } from "./state.js";
import { configuration } from "./studies.js";

const PAGE = 25; // rows

export const trials = {
  id: "trials",

  build() {
    const again = (change) => { change(); state.page = 0; redraw("trials"); };
    const turn = (by) => () => { state.page += by; redraw("trials"); };
    const labels = report.methods.map((method, m) => [m, method.label]);
    const states = report.states.map((name, i) => [i, name]);
    const filter = h("input", {
      type: "search", id: "filter", placeholder: "text, or objective>0.9", value: state.text,
      oninput: (event) => again(() => { state.text = event.target.value; }),
    });
    place("trials").replaceChildren(
      h("div", { class: "controls" },
        select("method", [["", "all"], ...labels], state.of, (v) => again(() => { state.of = v; })),
        select("state", [["", "all"], ...states], state.outcome, (v) => again(() => { state.outcome = v; })),
        h("label", {}, "filter ", filter),
        h("button", { type: "button", id: "back", onclick: turn(-1) }, "back"),
        h("button", { type: "button", id: "on", onclick: turn(1) }, "on"),
        h("span", { id: "count", role: "status" })),
      h("div", { class: "tables" }));
  },

  draw() {
    const all = columns(), rows = matching(all), pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    document.getElementById("count").textContent = countText(rows.length, pages);
    document.getElementById("back").disabled = state.page === 0;
    document.getElementById("on").disabled = state.page === pages - 1;
    const cell = (column, row) =>
      h("td", { class: column.number ? "number" : column.wide || null }, number(column.value(row)));
    const body = rows.slice(state.page * PAGE, (state.page + 1) * PAGE)
      .map((row) => h("tr", {}, all.map((column) => cell(column, row))));
    place("trials").querySelector(".tables").replaceChildren(
      scrolled("all trials", h("tr", {}, all.map(columnHead)), body));
  },
};

function columns() {
  const only = state.of === "" ? null : report.methods[Number(state.of)];
  const metrics = [...new Set(report.methods.flatMap((method) => Object.keys(method.trials.metrics)))];
  const get = (key) => (row) => row.t[key][row.i];
  const metric = (name) => (row) => (row.t.metrics[name] ? row.t.metrics[name][row.i] : null);
  const values = only
    ? Object.keys(only.trials.values).map((name) => ({ name, value: (row) => row.t.values[name][row.i], number: true }))
    : [{ name: "configuration", value: (row) => configuration(row.t, row.i), wide: "wrap long" }];
  return [
    { name: "method", value: (row) => row.method.label },
    { name: "study", value: get("repeat"), number: true },
    { name: "trial", value: get("trial"), number: true },
    { name: "objective", title: report.objective.name, value: get("objective"), number: true },
    { name: "state", value: (row) => stateName(row.t, row.i) },
    ...metrics.map((name) => ({ name, value: metric(name), number: true })),
    ...values,
    { name: "seconds", value: get("seconds"), number: true },
    { name: "reason", value: reason, wide: "wrap" },
  ];
}

const reason = (row) => row.t.reason[row.i] || "";

function words({ method, t, i }) {
  return `${method.label} ${stateName(t, i)} ${reason({ t, i })} ${configuration(t, i)}`.toLowerCase();
}

// A row's value by the name of a column, or of a hyperparameter that has no column of its own.
function valueOf(row, name, all) {
  const called = (text) => text.toLowerCase().replaceAll(" ", "_") === name;
  const column = all.find((x) => called(x.name) || called(x.title || ""));
  if (column) return column.value(row);
  return row.t.values[name] ? row.t.values[name][row.i] : undefined;
}

function matching(all) {
  const tokens = parseFilter(state.text), rows = [];
  report.methods.forEach((method, m) => {
    if (state.of !== "" && Number(state.of) !== m) return;
    if (state.picked && state.picked.m !== m) return;
    const t = method.trials;
    for (let i = 0; i < t.trial.length; i++) {
      if (state.picked && t.repeat[i] !== method.repeats[state.picked.s]) continue;
      if (state.outcome !== "" && t.state[i] !== Number(state.outcome)) continue;
      const row = { method, t, i };
      if (tokens.every((token) => fits(token, () => words(row), (name) => valueOf(row, name, all)))) rows.push(row);
    }
  });
  const by = all.find((x) => x.name === state.sort.column) || all.find((x) => x.name === "objective");
  return sortRows(rows, by.value, state.sort.down);
}

function countText(count, pages) {
  const found = count ? `${count} trials` : "no trials match", { picked } = state;
  const of = picked ? report.methods[picked.m] : null;
  return `${found}, page ${state.page + 1} of ${pages}`
    + (of ? `; only study ${of.repeats[picked.s]} of ${of.label}` : "");
}

function columnHead(column) {
  const { down } = state.sort, sorted = state.sort.column === column.name;
  const sort = () => {
    const again = state.sort.column === column.name;
    state.sort = { column: column.name, down: again ? !state.sort.down : Boolean(column.number) };
    state.page = 0;
    redraw("trials");
    const buttons = [...place("trials").querySelectorAll("th button")];
    buttons.find((b) => b.dataset.column === column.name)?.focus();
  };
  const arrow = down ? " ▼" : " ▲";
  return h("th", {
    scope: "col", class: column.number ? "number" : null,
    "aria-sort": sorted ? (down ? "descending" : "ascending") : null,
  }, h("button", { type: "button", onclick: sort, "data-column": column.name },
    (column.title || column.name) + (sorted ? arrow : "")));
}

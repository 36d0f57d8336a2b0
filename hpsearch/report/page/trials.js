// The table of all trials, which can be sorted, filtered and paged. A row is { m, t, i }: trial i of method m's t.

import { factorOf, report, stateName, unitOf, unitText } from "./data.js";
import { fixed, number } from "./format.js";
import { h, place, scrolled, select } from "./elements.js";
import { isSelected, reasonOf, unknownNames } from "./selection.js";
import { redraw, redrawAll } from "./sections.js";
import { configuration } from "./studies.js";
import { openTrial } from "./trial.js";
import { sortRows } from "./filter.js";
import { state } from "./state.js";

const PAGE = 25; // rows

export const trials = {
  id: "trials",

  build() {
    const again = (change) => { change(); state.page = 0; redrawAll(); };
    const turn = (by) => () => { state.page += by; redraw("trials"); };
    const labels = report.methods.map((method, m) => [m, method.label]);
    const states = report.states.map((name, i) => [i, name]);
    let waiting = 0;
    const filter = h("input", {
      type: "search", id: "filter", placeholder: "text, or objective > 90%", value: state.text,
      "aria-describedby": "unknown",
      oninput: (event) => {
        state.text = event.target.value;
        state.page = 0;
        redraw("trials");
        clearTimeout(waiting); // the figures follow when the reader has stopped typing
        waiting = setTimeout(() => redraw("curves", "space"), 250);
      },
    });
    place("trials").replaceChildren(
      h("div", { class: "controls" },
        select("method", [["", "all"], ...labels], state.of, (v) => again(() => { state.of = v; })),
        select("state", [["", "all"], ...states], state.outcome, (v) => again(() => { state.outcome = v; })),
        h("label", {}, "filter ", filter),
        h("button", { type: "button", id: "back", onclick: turn(-1) }, "back"),
        h("button", { type: "button", id: "on", onclick: turn(1) }, "on"),
        h("span", { id: "count", role: "status" })),
      h("p", { id: "unknown", class: "warning", role: "status", hidden: true }),
      h("div", { class: "tables" }));
  },

  draw() {
    const all = columns(), rows = matching(all), pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const [of, outcome] = place("trials").querySelectorAll("select"), filter = document.getElementById("filter");
    of.value = state.of;
    outcome.value = state.outcome;
    if (filter.value !== state.text) filter.value = state.text;
    sayUnknown();
    document.getElementById("count").textContent = countText(rows.length, pages);
    document.getElementById("back").disabled = state.page === 0;
    document.getElementById("on").disabled = state.page === pages - 1;
    const body = rows.slice(state.page * PAGE, (state.page + 1) * PAGE)
      .map((row) => h("tr", {}, all.map((column) => cell(column, row))));
    place("trials").querySelector(".tables").replaceChildren(
      scrolled("all trials", h("tr", {}, all.map(columnHead)), body));
  },
};

function sayUnknown() {
  const { unknown, names } = unknownNames(), said = document.getElementById("unknown");
  said.hidden = !unknown.length;
  said.textContent = unknown.length
    ? `No column is named ${unknown.join(", ")}; there are: ${names.join(", ")}.` : "";
}

function cell(column, row) {
  if (column.name !== "trial") {
    return h("td", { class: column.number ? "number" : column.wide || null }, column.text(column.value(row)));
  }
  const { m, t, i } = row, name = `trial ${t.trial[i]} of study ${t.repeat[i]} of ${report.methods[m].label}`;
  return h("td", { class: "number" }, h("button", {
    type: "button", class: "link", "aria-label": name, "data-focus": `open ${m} ${i}`, onclick: () => openTrial(m, i),
  }, t.trial[i]));
}

function columns() {
  const only = state.of === "" ? null : report.methods[Number(state.of)];
  const metrics = [...new Set(report.methods.flatMap((method) => Object.keys(method.trials.metrics)))];
  const get = (key) => (row) => row.t[key][row.i];
  const values = only
    ? Object.keys(only.trials.values).map((name) => ({
      name, value: (row) => row.t.values[name]?.[row.i], number: true, text: number,
    }))
    : [{ name: "configuration", value: (row) => configuration(row.t, row.i), wide: "wrap long", text: number }];
  const all = (key) => report.methods.flatMap((method) => method.trials[key]);
  const objective = { ...report.amounts, text: fixed(all("objective"), report.amounts.factor) };
  return [
    { name: "method", value: (row) => report.methods[row.m].label, text: number },
    { name: "study", value: get("repeat"), number: true, text: number },
    { name: "trial", value: get("trial"), number: true, text: number },
    { name: "objective", title: `${report.objective.name}${unitText()}`, value: get("objective"), number: true,
      text: objective.text },
    { name: "state", value: (row) => stateName(row.t, row.i), text: number },
    ...metrics.map((name) => ({
      name, title: `${name}${unitOf(name)}`, number: true, value: (row) => row.t.metrics[name]?.[row.i],
      text: fixed(report.methods.flatMap((method) => method.trials.metrics[name] || []), factorOf(name)),
    })),
    ...values,
    { name: "seconds", value: get("seconds"), number: true, text: fixed(all("seconds")) },
    { name: "reason", value: (row) => reasonOf(row.t, row.i), wide: "wrap", text: number },
  ];
}

function matching(all) {
  const rows = [];
  report.methods.forEach(({ trials: t }, m) => {
    for (let i = 0; i < t.trial.length; i++) if (isSelected(m, i)) rows.push({ m, t, i });
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
  };
  const arrow = down ? " ▼" : " ▲";
  return h("th", {
    scope: "col", class: column.number ? "number" : null,
    "aria-sort": sorted ? (down ? "descending" : "ascending") : null,
  }, h("button", { type: "button", onclick: sort, "data-focus": `sort ${column.name}` },
    (column.title || column.name) + (sorted ? arrow : "")));
}

// A sorted plot of intervals: one row per method, and a gutter at the right for what lies beyond the budget.

import { chart } from "./chart.js";
import { color } from "./looks.js";
import { h } from "./elements.js";
import { hover } from "./tooltip.js";
import { inColor, mark } from "./marks.js";
import { isLit } from "./state.js";
import { report } from "./data.js";

const GUTTER = 44; // pixels
const LETTER = 6.6; // pixels
const MOST_WITH_DOTS = 4; // rows; more have no room for the dots of their studies

// `rows` are { m, estimate, low, high, studies, text }; null is infinite and lies in the gutter, undefined is no bound;
// `studies` are what the interval is of, one small dot each. `beyond` names the gutter, null if there is none.
export function drawRows(node, rows, { x, xLabel, label, beyond, press, whole = false }) {
  const names = rows.map(({ m }) => report.methods[m].label);
  const most = Math.max(6, Math.floor((node.clientWidth || 400) / 3 / LETTER));
  const shown = names.map((name) => (name.length > most ? `${name.slice(0, most - 1)}…` : name));
  const left = 14 + LETTER * Math.max(...shown.map((name) => name.length));
  const each = rows.length > MOST_WITH_DOTS ? 22 : 58, height = 52 + each * rows.length;
  const right = beyond === null ? 16 : GUTTER + 14;
  const c = chart(node, {
    x, y: { low: rows.length - 0.5, high: -0.5 }, xLabel, yLabel: "", label, height, left, right, whole, bare: true,
  });
  const gutter = { from: c.width - right + 6, middle: c.width - right + 6 + GUTTER / 2 };
  if (beyond !== null) drawGutter(c, gutter.from, beyond);
  const place = (v) => (v === null ? gutter.middle : c.X(v));
  rows.forEach((row, k) => {
    const { m, estimate, low, high } = row, y = c.Y(k), name = shown[k];
    const style = isLit(m) ? `color:${color(m)}` : null;
    const group = h("g", { class: "row", onclick: press ? () => press(m) : null });
    group.append(
      h("rect", { class: "target", x: 0, y: y - each / 2, width: c.width, height: each }),
      h("text", { class: isLit(m) ? "label" : null, style, x: c.left - 8, y: y + 4, "text-anchor": "end" }, name));
    if (low !== undefined) {
      const ends = { x1: place(low), x2: place(high), y1: y, y2: y };
      group.append(h("line", { ...inColor(m, "whisker"), ...ends }));
    }
    if (rows.length <= MOST_WITH_DOTS) group.append(...dots(row.studies || [], place, y, m));
    group.append(mark(place(estimate), y, estimate === null, m, row.text, { rightwards: true }));
    c.svg.append(group);
  });
  hover(c, (_, y) => rows[Math.min(rows.length - 1, Math.max(0, Math.round((y - c.Y(0)) / each)))].text);
}

// Studies at the same place lie above and below each other.
function dots(studies, place, y, m) {
  const seen = new Map();
  return studies.map((v) => {
    const cx = place(v), at = Math.round(cx / 3), k = seen.get(at) || 0;
    seen.set(at, k + 1);
    const aside = (k % 2 ? 1 : -1) * (5 + 4 * Math.min(4, Math.floor(k / 2)));
    const further = k > 9 ? 4 * Math.floor((k - 8) / 2) : 0; // a full column goes on to the right
    return h("circle", { ...inColor(m, "single"), cx: cx + further, cy: y + aside, r: 1.8 });
  });
}

function drawGutter(c, from, name) {
  c.svg.append(
    h("rect", { class: "gutter", x: from, y: c.top, width: GUTTER, height: c.height - c.bottom - c.top }),
    h("text", { x: from + GUTTER / 2, y: c.height - c.bottom + 15, "text-anchor": "middle" }, name));
}

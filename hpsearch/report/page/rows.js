// A sorted plot of intervals: one row per method, and a gutter at the right for what lies beyond the budget.

import { chart } from "./chart.js";
import { color } from "./looks.js";
import { h } from "./elements.js";
import { hover } from "./tooltip.js";
import { inColor, mark } from "./marks.js";
import { isLit } from "./state.js";
import { report } from "./data.js";

const GUTTER = 72, HEADING = 18; // pixels
const LETTER = 7.2; // pixels
const MOST_WITH_DOTS = 4; // rows; more have no room for the dots of their studies, and have a second axis above
const HEIGHTS = [[MOST_WITH_DOTS, 58], [10, 22], [Infinity, 19]]; // up to so many rows each is so high, in pixels

// `rows` are { m, estimate, low, high, studies, text }; null is infinite and lies in the gutter, undefined is no bound;
// `studies` are what the interval is of, one small dot each. `beyond` names the gutter, null if there is none.
export function drawRows(node, rows, { x, xLabel, label, beyond, press, whole = false }) {
  const names = rows.map(({ m }) => report.methods[m].label);
  const letters = Math.max(6, Math.floor((node.clientWidth || 400) / 3 / LETTER));
  const shown = names.map((name) => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name));
  const left = 14 + LETTER * Math.max(...shown.map((name) => name.length));
  const each = HEIGHTS.find(([most]) => rows.length <= most)[1], isLong = rows.length > MOST_WITH_DOTS;
  const above = isLong || beyond !== null ? HEADING : 0, height = 52 + above + each * rows.length;
  const right = beyond === null ? 16 : GUTTER + 14;
  const c = chart(node, {
    x, y: { low: rows.length - 0.5, high: -0.5 }, xLabel, yLabel: "", label, height, left, right, whole, bare: true,
    above, twice: isLong,
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
    if (!isLong) group.append(...dots(row.studies || [], c.X, y, m), ...missed(row.studies || [], gutter.middle, y, m));
    group.append(mark(place(estimate), y, estimate === null, m, row.text, { rightwards: true }));
    c.svg.append(group);
  });
  hover(c, (_, y) => rows[Math.min(rows.length - 1, Math.max(0, Math.round((y - c.Y(0)) / each)))].text);
}

// Studies at the same place lie above and below each other.
function dots(studies, X, y, m) {
  const seen = new Map();
  return studies.filter((v) => v !== null).map((v) => {
    const cx = X(v), at = Math.round(cx / 3), k = seen.get(at) || 0;
    seen.set(at, k + 1);
    const aside = (k % 2 ? 1 : -1) * (5 + 4 * Math.min(4, Math.floor(k / 2)));
    const further = k > 9 ? 4 * Math.floor((k - 8) / 2) : 0; // a full column goes on to the right
    return h("circle", { ...inColor(m, "single"), cx: cx + further, cy: y + aside, r: 1.8 });
  });
}

const IN_A_LINE = 8;

// Those that are not there within all: a block of dots in the gutter, below the mark of the median.
function missed(studies, middle, y, m) {
  const count = studies.filter((v) => v === null).length, step = Math.min(5.5, 20 / Math.ceil(count / IN_A_LINE));
  return Array.from({ length: count }, (_, k) => {
    const line = Math.floor(k / IN_A_LINE), inLine = Math.min(IN_A_LINE, count - line * IN_A_LINE);
    const cx = middle + 6 * ((k % IN_A_LINE) - (inLine - 1) / 2);
    return h("circle", { ...inColor(m, "single"), cx, cy: y + 9 + step * line, r: 1.8 });
  });
}

function drawGutter(c, from, name) {
  c.svg.append(
    h("rect", { class: "gutter", x: from, y: c.top, width: GUTTER, height: c.height - c.bottom - c.top }),
    h("text", { class: "heading", x: c.width - 4, y: c.top - 6, "text-anchor": "end" }, name));
}

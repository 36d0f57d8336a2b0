// Marks in a chart `c`: lines, bands, dots and names of methods.

import { color, dash } from "./looks.js";
import { isLit, visible } from "./state.js";
import { h } from "./elements.js";
import { report } from "./data.js";

export const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");

// How a method's marks look: in its colour, or grey until it is pointed at; `alone` in its chart it is never grey.
export const inColor = (m, kind, alone = false) => ({
  class: isLit(m) || alone ? kind : `${kind} grey`, style: `--m: ${color(m)}`, "data-m": m,
});

export function band(c, xs, low, high, m, alone = false) {
  const kept = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
  if (!kept.length) return;
  const above = kept.map((i) => [c.X(xs[i]), c.Y(high[i])]);
  const below = kept.map((i) => [c.X(xs[i]), c.Y(low[i])]);
  c.plot.append(h("path", { ...inColor(m, "band", alone), d: `${path([...above, ...below.reverse()])}Z` }));
}

export function line(c, xs, ys, m, alone = false) {
  const points = xs.map((v, i) => [v, ys[i]]).filter(([, v]) => v !== null).map(([a, b]) => [c.X(a), c.Y(b)]);
  c.plot.append(h("path", { ...inColor(m, "line", alone), d: path(points), "stroke-dasharray": dash(m) }));
}

// A dot, or a triangle if the value lies beyond what is drawn; it points up, or to the right.
export function mark(x, y, beyond, m, text, { rightwards = false, alone = false } = {}) {
  const title = h("title", {}, text), looks = inColor(m, "mark", alone);
  if (!beyond) return h("circle", { cx: x, cy: y, r: 3, ...looks }, title);
  const d = rightwards
    ? `M${x - 4} ${y - 4}L${x - 4} ${y + 4}L${x + 4} ${y}Z`
    : `M${x - 4} ${y + 4}L${x + 4} ${y + 4}L${x} ${y - 4}Z`;
  return h("path", { d, ...looks }, title);
}

// A dashed upright line, hidden until it is moved.
export function cross(c) {
  const node = h("line", { class: "cross", y1: c.top, y2: c.height - c.bottom, visibility: "hidden" });
  c.plot.append(node);
  return {
    move(x) {
      node.setAttribute("x1", c.X(x));
      node.setAttribute("x2", c.X(x));
      node.setAttribute("visibility", "visible");
    },
    hide: () => node.setAttribute("visibility", "hidden"),
  };
}

// A dashed line along the chart.
export function level(c, y, from, to) {
  c.plot.append(h("line", { class: "cross", x1: c.X(from), x2: c.X(to), y1: c.Y(y), y2: c.Y(y) }));
}

// A hatched area, in pixels: what lies beyond the budget.
export function hatched(c, x, y, width, height, text) {
  const id = `hatch${Math.round(x)}-${Math.round(y)}-${hatches++}`;
  c.svg.append(
    h("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      h("line", { x1: 0, x2: 0, y1: 0, y2: 6, class: "hatch" })),
    h("rect", { x, y, width, height, fill: `url(#${id})` }, h("title", {}, text)));
  c.svg.append(c.plot); // marks stay on top
}

let hatches = 0;

// Names beside the ends of the lines, moved apart if they would overlap. `ends` are pairs of method and y, and all end
// at `x`.
export function endLabels(c, ends, x = c.width - c.right) {
  const bottom = c.height - c.bottom;
  const sorted = ends.filter(([m]) => isLit(m))
    .map(([m, y]) => ({ m, y: Math.min(bottom, Math.max(c.top + 6, y)) }))
    .sort((a, b) => a.y - b.y);
  const gap = Math.min(13, (bottom - c.top) / Math.max(1, sorted.length));
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
  for (let i = sorted.length - 1, floor = bottom + 4; i >= 0; i--, floor -= gap) {
    sorted[i].y = Math.min(sorted[i].y, floor);
  }
  for (const { m, y } of sorted) {
    const label = report.methods[m].label, text = label.length > 18 ? `${label.slice(0, 17)}…` : label;
    c.svg.append(h("text", { class: "label", x: x + 5, y: y + 4, style: `color:${color(m)}` }, text));
  }
}

const WIDE = 460; // pixels; a narrower chart has no room for names

export const hasRoomForLabels = (node) => node.clientWidth > WIDE;

export function roomForLabels(node) {
  if (!hasRoomForLabels(node)) return 16;
  return 24 + 7 * Math.min(18, Math.max(...visible().filter(isLit).map((m) => report.methods[m].label.length), 4));
}

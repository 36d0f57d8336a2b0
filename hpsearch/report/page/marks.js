// Marks in a chart `c`: lines, bands, dots and names of methods.

import { color, dash } from "./looks.js";
import { report } from "./data.js";
import { h } from "./elements.js";
import { visible } from "./state.js";

export const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");

export function band(c, xs, low, high, m) {
  const kept = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
  if (!kept.length) return;
  const above = kept.map((i) => [c.X(xs[i]), c.Y(high[i])]);
  const below = kept.map((i) => [c.X(xs[i]), c.Y(low[i])]);
  const d = `${path([...above, ...below.reverse()])}Z`;
  c.plot.append(h("path", { class: "band", d, fill: color(m), "data-m": m }));
}

export function line(c, xs, ys, m) {
  const points = xs.map((v, i) => [v, ys[i]]).filter(([, v]) => v !== null).map(([a, b]) => [c.X(a), c.Y(b)]);
  const d = path(points);
  c.plot.append(h("path", { class: "line", d, stroke: color(m), "stroke-dasharray": dash(m), "data-m": m }));
}

// A dot, or a triangle if the value lies beyond what is drawn.
export function mark(x, y, beyond, m, text) {
  const title = h("title", {}, text);
  if (!beyond) return h("circle", { cx: x, cy: y, r: 3, fill: color(m), "data-m": m }, title);
  const triangle = `M${x - 4} ${y + 4}L${x + 4} ${y + 4}L${x} ${y - 4}Z`;
  return h("path", { d: triangle, fill: color(m), "data-m": m }, title);
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

// Names beside the ends of the lines, moved apart if they would overlap. `ends` are pairs of method and y.
export function endLabels(c, ends) {
  const bottom = c.height - c.bottom;
  const sorted = ends
    .map(([m, y]) => ({ m, y: Math.min(bottom, Math.max(c.top + 6, y)) }))
    .sort((a, b) => a.y - b.y);
  const gap = Math.min(13, (bottom - c.top) / Math.max(1, sorted.length));
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
  for (let i = sorted.length - 1, floor = bottom + 4; i >= 0; i--, floor -= gap) {
    sorted[i].y = Math.min(sorted[i].y, floor);
  }
  for (const { m, y } of sorted) {
    const label = report.methods[m].label, text = label.length > 18 ? `${label.slice(0, 17)}…` : label;
    c.svg.append(h("text", { class: "label", x: c.width - c.right + 5, y: y + 4, style: `color:${color(m)}` }, text));
  }
}

const WIDE = 560; // pixels; a narrower chart has no room for names

export const hasRoomForLabels = (node) => node.clientWidth > WIDE;

export function roomForLabels(node) {
  if (!hasRoomForLabels(node)) return 16;
  return 24 + 7 * Math.min(18, Math.max(...visible().map((m) => report.methods[m].label.length), 4));
}

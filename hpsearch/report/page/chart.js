// An empty chart: axes, ticks and a clipped area to plot in.

import { decimals, number, shortened } from "./format.js";
import { scale, ticks } from "./scales.js";
import { areMany } from "./state.js";
import { h } from "./elements.js";

let clips = 0;

// `x` and `y` are { low, high, log, factor }; numbers along an axis are multiplied by its factor. `focus` names the
// chart for the keyboard: charts that can be read with it have one. `bare` leaves the y axis without numbers. `above`
// are pixels for what stands above the area; with `twice` the numbers of the x axis stand there, too.
export function chart(node, options) {
  const { x, y, xLabel, yLabel, label, height = 360, right = 20, xTicks = null, left = 58, whole = false } = options;
  const width = Math.max(260, node.clientWidth || 860);
  const top = 10 + (options.above || 0), bottom = xLabel ? 40 : 22;
  const wide = width - right - left, high = height - bottom - top;
  const X = scale(x.low, x.high, left, width - right, x.log), Y = scale(y.low, y.high, height - bottom, top, y.log);
  const clip = `clip${clips++}`;
  const svg = h("svg", {
    class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
    tabindex: options.focus ? "0" : null, "data-focus": options.focus,
  });
  svg.append(h("clipPath", { id: clip },
    h("rect", { x: left, y: top, width: wide, height: high })));
  const across = Math.max(2, Math.floor((width - left) / 70));
  const along = ticks(x.low, x.high, x.log, across).filter((v) => !whole || Number.isInteger(v));
  const marks = xTicks || along.map((v, i) => [v, tickTexts(along, x)[i]]);
  for (const [value, text] of marks) {
    if (options.twice) svg.append(h("text", { x: X(value), y: top - 6, "text-anchor": "middle" }, text));
    svg.append(h("line", { class: "grid", x1: X(value), x2: X(value), y1: top, y2: height - bottom }),
      h("text", { x: X(value), y: height - bottom + 15, "text-anchor": "middle" },
        xTicks ? shortened(text, wide / marks.length) : text));
  }
  const up = options.bare ? [] : ticks(y.low, y.high, y.log, Math.max(4, Math.floor(high / 45)));
  const texts = tickTexts(up, y);
  up.forEach((value, i) => {
    svg.append(h("line", { class: "grid", x1: left, x2: width - right, y1: Y(value), y2: Y(value) }),
      h("text", { x: left - 6, y: Y(value) + 4, "text-anchor": "end" }, texts[i]));
  });
  const upright = `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`;
  svg.append(h("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" },
    shortened(xLabel, wide)), h("text", { transform: upright, "text-anchor": "middle" }, shortened(yLabel, high)));
  const plot = h("g", { "clip-path": `url(#${clip})`, class: areMany() ? "many" : null });
  svg.append(plot);
  node.replaceChildren(svg);
  return { svg, plot, X, Y, width, height, top, bottom, left, right };
}

// The numbers along an axis, all with the same decimals.
function tickTexts(values, { log, factor = 1 }) {
  if (log || values.length < 2) return values.map((v) => number(Number((v * factor).toPrecision(12))));
  const digits = decimals(Math.abs(values[1] - values[0]) * factor);
  const large = Math.max(...values.map((v) => Math.abs(v * factor))) >= 1e6;
  return values.map((v) => (large || digits > 6 ? number(v * factor) : (v * factor).toFixed(digits)));
}

// The index of the value that is drawn nearest to `x`.
export const near = (c, xs, x) =>
  xs.reduce((best, v, i) => (Math.abs(c.X(v) - x) < Math.abs(c.X(xs[best]) - x) ? i : best), 0);

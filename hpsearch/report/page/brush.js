// Brushing: dragging along an axis of trials writes what was swept into the filter of the table of trials.

import { h } from "./elements.js";
import { redrawAll } from "./sections.js";
import { replaced, written } from "./filter.js";
import { state } from "./state.js";

const LEAST = 4; // pixels; less is a click

// Let the reader sweep `box` { x, y, width, height } of an SVG along `along` ("x" or "y"). `said(from, to)` says as
// comparisons what lies between two places in pixels, the smaller first.
export function brushable(svg, box, along, m, name, said) {
  const area = h("rect", { ...box, class: "brushable" }, h("title", {}, `drag to select by ${name}; click to let go`));
  const swept = h("rect", { ...box, class: "swept", visibility: "hidden" });
  const size = along === "x" ? "width" : "height";
  let start = null;
  const place = (event) => {
    const screen = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    return along === "x"
      ? ((event.clientX - screen.left) / screen.width) * view.width
      : ((event.clientY - screen.top) / screen.height) * view.height;
  };
  area.addEventListener("pointerdown", (event) => {
    start = place(event);
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const end = place(event);
    swept.setAttribute(along, Math.min(start, end));
    swept.setAttribute(size, Math.abs(end - start));
    swept.setAttribute("visibility", "visible");
  });
  area.addEventListener("pointerup", (event) => {
    const end = place(event), from = Math.min(start, end), to = Math.max(start, end);
    start = null;
    sweep(m, name, to - from < LEAST ? [] : said(from, to));
  });
  area.addEventListener("pointercancel", () => { start = null; });
  svg.append(area, swept);
}

function sweep(m, name, comparisons) {
  state.text = replaced(state.text, name, comparisons);
  state.of = state.text ? String(m) : "";
  state.page = 0;
  redrawAll();
}

// Comparisons that hold between two values of a range.
export const between = (low, high) => [`>=${brief(low)}`, `<=${brief(high)}`];

// The comparison that holds for these values of a choice.
export const oneOf = (values) => [`=${values.map(written).join("|")}`];

const brief = (value) => Number(value.toPrecision(4));

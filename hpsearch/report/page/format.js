// Numbers as text.

export function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(size >= 1 ? 5 : 4)));
}

// The text in as many letters as there is room for, in pixels, its middle left out.
export function shortened(text, room) {
  const most = Math.max(8, Math.floor(room / 7)), head = Math.floor((most * 2) / 3);
  return text.length <= most ? text : `${text.slice(0, head)}…${text.slice(head + 1 - most)}`;
}

export const span = (estimate, low, high) =>
  low === null || low === undefined
    ? `${number(estimate)} (too few studies for an interval)`
    : `${number(estimate)} (${number(low)} to ${number(high)})`;

export const spanAt = (interval, i) => span(interval.estimate[i], interval.low[i], interval.high[i]);

// `floor` says that so many studies cannot give a smaller p, so that it is only a bound.
export function pText(p, reason, floor) {
  if (p === null) return reason || "cannot be tested";
  if (p < 1e-4) return "< 0.0001";
  return `${floor && p < 1 ? "<= " : ""}${p.toPrecision(2)}`;
}

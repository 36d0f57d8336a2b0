// Numbers as text.

import { report } from "./data.js";

export function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(size >= 1 ? 5 : 4)));
}

// Decimals that show the first digit of this width.
export const decimals = (width) => Math.min(8, Math.max(0, -Math.floor(Math.log10(width) + 1e-9)));

// A function that writes all numbers of a column with the same decimals, as many as tell these values apart.
export function fixed(values, factor = 1) {
  const there = values.filter((v) => typeof v === "number").map((v) => v * factor);
  const largest = there.reduce((most, v) => Math.max(most, Math.abs(v)), 0); // there may be too many to spread
  const whole = there.every(Number.isInteger);
  if (!there.length || largest >= 1e6 || (largest < 1e-3 && largest > 0)) return (v) => number(v && v * factor);
  const digits = whole || largest === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(largest)));
  return (v) => (typeof v === "number" ? (v * factor).toFixed(digits) : number(v));
}

// A function that writes intervals of a column, { estimate, low, high }, with the decimals that the narrowest carries.
export function spans(intervals, factor = 1) {
  const widths = intervals.filter((of) => of && typeof of.low === "number" && typeof of.high === "number")
    .map((of) => (of.high - of.low) * factor).filter((w) => w > 0);
  const tiny = !widths.length || Math.min(...widths) < 1e-6;
  const ends = intervals.filter(Boolean).flatMap((of) => [of.low, of.high]).filter(Boolean);
  let digits = tiny ? 0 : decimals(Math.min(...widths));
  if (ends.some((v) => Number((v * factor).toFixed(digits)) === 0)) digits += 1; // whether it holds 0 must be seen
  const say = tiny ? (v) => number(v * factor) : (v) => (v * factor).toFixed(digits);
  return (of) => {
    if (!of || of.estimate === null) return "";
    if (of.low === null || of.low === undefined) return `${say(of.estimate)} (too few studies for an interval)`;
    return `${say(of.estimate)} (${say(of.low)} to ${say(of.high)})`;
  };
}

export const at = (interval, i) => ({ estimate: interval.estimate[i], low: interval.low[i], high: interval.high[i] });

// A value of the objective as text: 91.4%.
export function amount(value) {
  const { factor, unit } = report.amounts;
  if (value === null || value === undefined) return "";
  return `${factor === 1 ? number(value) : (value * factor).toFixed(2)}${unit}`;
}

// The text in as many letters as there is room for, in pixels, its middle left out.
export function shortened(text, room) {
  const most = Math.max(8, Math.floor(room / 7)), head = Math.floor((most * 2) / 3);
  return text.length <= most ? text : `${text.slice(0, head)}…${text.slice(head + 1 - most)}`;
}

export const percents = (of) => {
  const say = (v) => (100 * v).toFixed(0);
  return of.low === null ? `${say(of.estimate)}%` : `${say(of.estimate)}% (${say(of.low)} to ${say(of.high)})`;
};

// `floor` says that so many studies cannot give a smaller p, so that it is only a bound.
export function pText(p, reason, floor) {
  if (p === null) return reason || "cannot be tested";
  if (p < 1e-4) return "< 0.0001";
  return `${floor && p < 1 ? "<= " : ""}${p.toPrecision(2)}`;
}

// Scales: from values to places on an axis, and back.

export function ticks(low, high, log, most) {
  if (log) {
    const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((to - from) / most));
    const found = [];
    for (let e = from; e <= to; e += every) found.push(10 ** e);
    if (found.length > 1) return found;
  }
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

export function scale(low, high, from, to, log) {
  if (low === high) {
    low -= log ? low / 2 : 0.5;
    high += log ? high : 0.5;
  }
  const f = log ? Math.log : (v) => v;
  return (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
}

// The value at a share of a range, 0 to 1.
export const valueAt = (p, share) => {
  const inside = Math.min(1, Math.max(0, share));
  return p.log ? p.low * (p.high / p.low) ** inside : p.low + inside * (p.high - p.low);
};

// A hyperparameter's value as its share of the range, 0 to 1; null if it is not active, and has none.
export function shareOfRange(p, value) {
  if (value === null) return null;
  if (p.kind !== "choice") return scale(p.low, p.high, 0, 1, p.log)(value);
  if (p.values.length < 2) return 0.5;
  return p.values.findIndex((v) => v === value || Number(v) === value) / (p.values.length - 1);
}

// The values of a choice whose shares lie between two shares.
export const valuesBetween = (p, low, high) => p.values.filter((v, i) => {
  const share = p.values.length < 2 ? 0.5 : i / (p.values.length - 1);
  return share >= low && share <= high;
});

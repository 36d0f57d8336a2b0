// Filter and sort rows: "near objective>0.9" gives words that a row must contain, and values that it must have.

const COMPARE = {
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};

export function parseFilter(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean).map((token) => {
    const found = token.match(/^([^<>=]+)(<=|>=|<|>|=)([^<>=]+)$/);
    return found ? { name: found[1], op: found[2], to: found[3] } : { text: token };
  });
}

// Whether a row fits: `words()` gives its text in small letters, `valueOf(name)` its value of this name.
export function fits(token, words, valueOf) {
  if (token.text) return words().includes(token.text);
  const value = valueOf(token.name);
  if (value === null || value === undefined) return false;
  if (token.op === "=") return String(value).toLowerCase() === token.to || Number(value) === Number(token.to);
  return COMPARE[token.op](Number(value), Number(token.to));
}

// Sort in place; missing values come last in both directions.
export function sortRows(rows, valueOf, down) {
  const keys = new Map(rows.map((row) => [row, valueOf(row)]));
  const empty = (v) => v === null || v === undefined || v === "";
  return rows.sort((a, b) => {
    const x = keys.get(a), y = keys.get(b);
    if (empty(x) || empty(y)) return empty(x) - empty(y);
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return down ? -order : order;
  });
}

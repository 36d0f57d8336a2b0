// Filter and sort rows: "near objective > 0.9" gives words that a row must contain, and values that it must have.

const COMPARE = {
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};

// Names and values as a filter writes them, which are separated by spaces.
export const written = (text) => String(text).toLowerCase().replaceAll(/\s+/g, "_");

export function parseFilter(text) {
  return text.toLowerCase().replaceAll(/\s*(<=|>=|<|>|=)\s*/g, "$1").split(/\s+/).filter(Boolean).map((token) => {
    const found = token.match(/^([^<>=]+)(<=|>=|<|>|=)([^<>=]+)$/);
    return found ? { name: found[1], op: found[2], to: found[3] } : { text: token };
  });
}

// The filter without what it says about one name, and with this instead.
export function replaced(text, name, comparisons) {
  const kept = parseFilter(text).filter((token) => token.name !== written(name))
    .map((token) => token.text || token.name + token.op + token.to);
  return [...kept, ...comparisons.map((of) => written(name) + of)].join(" ");
}

// "90%" is 0.9.
const numeral = (text) => (/^[-+\d.e]+%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number(text));

// Whether a row fits: `words()` gives its text in small letters, `valueOf(name)` its value of this name.
export function fits(token, words, valueOf) {
  if (token.text) return words().includes(token.text);
  const value = valueOf(token.name);
  if (value === null || value === undefined) return false;
  if (token.op !== "=") return COMPARE[token.op](Number(value), numeral(token.to));
  return token.to.split("|").some((to) => written(value) === to || Number(value) === numeral(to));
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

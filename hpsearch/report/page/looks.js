// How methods and trials look: a method's colour and dash, a trial's shade. The colours are in page.css: its variables
// --c0 to --c7 must be as many as COLOURS. Figures for paper have a palette of their own, LOOKS in report/style.py.

const COLOURS = 8;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2"];

export const color = (m) => `var(--c${m % COLOURS})`;
export const dash = (m) => DASHES[m % DASHES.length];
export const shade = (share) => `color-mix(in srgb, var(--high) ${Math.round(100 * share)}%, var(--low))`;

// How a method is told from the others, and a good trial from a bad one.

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2"];

export const color = (m) => `var(--c${m % 8})`;
export const dash = (m) => DASHES[m % DASHES.length];
export const shade = (share) => `color-mix(in srgb, var(--high) ${Math.round(100 * share)}%, var(--low))`;

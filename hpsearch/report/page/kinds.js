// By which kind of value something is shown: as it was recorded, or what the same incumbents are worth by another.

import { h } from "./elements.js";
import { report } from "./data.js";

const KINDS = {
  recorded: "recorded values", test: "on test data", model: "by a model of other studies", "fresh seeds": "fresh seeds",
};
const MEAN = "mean, "; // an average of another kind is named after it

export const kindOf = (statistic) => (statistic.startsWith(MEAN) ? statistic.slice(MEAN.length) : "recorded");
export const kindName = (statistic) => KINDS[kindOf(statistic)];

// Whether the reader may choose between kinds, so that each figure has to say which it shows.
export const areKinds = () => Object.keys(report.averages).some((name) => name.startsWith(MEAN));

// Whether the headline goes by something truer than what was recorded.
export const isTruer = () => report.truest !== "recorded";

// What stands above a figure of recorded values where the headline goes by others.
export const recordedNote = () =>
  (isTruer() ? h("p", { class: "note" }, `By recorded values; the headline goes by ${report.truest}.`) : null);

// Draws the report from the JSON beside the script, section after section.

import { chosen } from "./chosen.js";
import { curves } from "./curves.js";
import { report } from "./data.js";
import { extra } from "./extra.js";
import { listen, wait } from "./live.js";
import { heading, made, verdict } from "./prose.js";
import { target } from "./reach.js";
import { addSections, buildAll, redrawAll } from "./sections.js";
import { space } from "./space.js";
import { state } from "./state.js";
import { pickStudy } from "./studies.js";
import { range } from "./targets.js";
import { trials } from "./trials.js";
import { wins } from "./wins.js";

function followTheme() {
  const box = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.theme = box.value || (system.matches ? "dark" : "light");
  };
  box.addEventListener("change", apply);
  system.addEventListener("change", apply);
  apply();
}

function followWidth() {
  let width = innerWidth, timer = 0;
  const redrawIfChanged = () => {
    if (innerWidth === width) return;
    width = innerWidth;
    redrawAll();
  };
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(redrawIfChanged, 120);
  });
}

function followEscape() {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.picked) pickStudy(null);
  });
}

addSections([heading, verdict, curves, target, range, extra, wins, chosen, space, trials, made]);
followTheme();
followWidth();
followEscape();
if (report.waiting) {
  wait();
} else {
  buildAll();
  redrawAll();
}
if (document.body.dataset.live) listen(document.body.dataset.live);

// Draws the report from the JSON beside the script, section after section.

import { addSections, afterDrawing, buildAll, redrawAll } from "./sections.js";
import { begin, readAddress, writeAddress } from "./address.js";
import { drawList, followAddress, followScrolling } from "./list.js";
import { heading, headline, limits, made, verdict } from "./prose.js";
import { listen, wait } from "./live.js";
import { startState, state } from "./state.js";
import { chosen } from "./chosen.js";
import { curves } from "./curves.js";
import { extra } from "./extra.js";
import { pickStudy } from "./studies.js";
import { range } from "./targets.js";
import { report } from "./data.js";
import { soon } from "./soon.js";
import { space } from "./space.js";
import { target } from "./reach.js";
import { trial } from "./trial.js";
import { trials } from "./trials.js";
import { unfoldOnPaper } from "./printing.js";
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
    if (innerWidth === width || report.waiting) return;
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
    if (event.key === "Escape" && state.picked && !document.querySelector("dialog[open]")) pickStudy(null);
  });
}

function start() {
  startState();
  begin();
  readAddress();
  buildAll();
  redrawAll();
  drawList();
  if (location.hash) followAddress();
}

addSections([
  heading, headline, curves, soon, limits, verdict, target, range, extra, wins, chosen, space, trials, made, trial,
]);
followTheme();
followWidth();
followEscape();
followScrolling();
unfoldOnPaper();
if (report.waiting) wait();
else start();
afterDrawing(writeAddress);
addEventListener("hashchange", () => { if (!report.waiting) start(); });
if (document.body.dataset.live) listen(document.body.dataset.live);

// While a comparison runs, fetch the page's data again and again; what the reader has chosen stays.

import { buildAll, redrawAll } from "./sections.js";
import { replaceReport, report } from "./data.js";
import { begin, readAddress } from "./address.js";
import { drawHeading } from "./prose.js";
import { drawList } from "./list.js";
import { startState } from "./state.js";

const PAUSE = 1500; // milliseconds

// A comparison that has just begun has nothing to draw yet.
export function wait() {
  drawHeading(`Waiting: ${report.waiting}`);
  document.querySelector("main").hidden = true;
}

export async function listen(address) {
  const said = document.getElementById("live");
  let tag = null;
  for (;;) {
    try {
      const answer = await fetch(address, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        take(await answer.json());
      }
      said.textContent = answer.ok || answer.status === 304 ? await statusText() : await answer.text();
    } catch {
      said.textContent = "no answer: hpsearch watch has stopped";
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

function take(newer) {
  const before = shape();
  replaceReport(newer);
  if (report.waiting) {
    wait();
    return;
  }
  document.querySelector("main").hidden = false;
  if (shape() !== before) {
    startState();
    begin();
    if (!before) readAddress();
    buildAll();
    drawList();
  }
  redrawAll();
}

async function statusText() {
  const answer = await fetch("status.json", { cache: "no-store" });
  return answer.ok ? (await answer.json()).say : answer.text();
}

// The controls are built anew when this changes.
function shape() {
  if (report.waiting) return "";
  const units = Object.keys(report.targets[0].units);
  return JSON.stringify([report.methods.map((m) => m.label), report.targets.length, report.extra.length, units]);
}

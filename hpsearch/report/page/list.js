// The list of sections, which stays in sight; the one that is read is marked. A phone has room for that one's name
// alone, a button that opens the list.

import { goTo, sectionOf } from "./address.js";
import { h } from "./elements.js";

const NAMES = { overview: "Overview" };

const shownSections = () => [...document.querySelectorAll("main > section:not([hidden])")];

export function drawList() {
  const link = ({ id }) => h("a", { href: `#${id}`, onclick: (event) => { event.preventDefault(); follow(id); } },
    NAMES[id] || document.getElementById(`h-${id}`).textContent);
  document.getElementById("list").replaceChildren(
    h("button", { type: "button", id: "sections", "aria-controls": "places", onclick: () => unroll(!isUnrolled()) }),
    h("ul", { id: "places" }, shownSections().map((of) => h("li", {}, link(of)))));
  unroll(false);
  markCurrent();
}

const isUnrolled = () => document.getElementById("list").classList.contains("unrolled");

function unroll(is) {
  document.getElementById("list").classList.toggle("unrolled", is);
  document.getElementById("sections")?.setAttribute("aria-expanded", String(is));
}

export function follow(id) {
  const there = document.getElementById(id);
  if (!there || there.hidden) return;
  unroll(false);
  there.scrollIntoView();
  there.setAttribute("tabindex", "-1"); // so that Tab goes on from there
  there.focus({ preventScroll: true });
  goTo(id);
}

export function followScrolling() {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    follow("overview");
  });
  addEventListener("scroll", markCurrent, { passive: true });
}

export const followAddress = () => follow(sectionOf(location.hash));

// The last section whose head lies above the upper third of the window.
function markCurrent() {
  const above = shownSections().filter((of) => of.getBoundingClientRect().top < innerHeight / 3);
  const current = `#${(above.at(-1) || shownSections()[0])?.id}`;
  for (const link of document.querySelectorAll("#list a")) {
    if (link.getAttribute("href") === current) {
      link.setAttribute("aria-current", "true");
      document.getElementById("sections").textContent = `☰ ${link.textContent}`;
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

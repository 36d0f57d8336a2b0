// The page's sections. Each builds its controls once and draws as often as needed; one may redraw another by its id.

const sections = new Map();
const after = []; // what follows every drawing

export function addSections(all) {
  for (const section of all) sections.set(section.id, section);
}

export function afterDrawing(act) {
  after.push(act);
}

export function buildAll() {
  for (const section of sections.values()) if (section.build) section.build();
}

// What is drawn anew keeps the keyboard's focus: elements say with data-focus which they are.
export function redraw(...ids) {
  const focused = document.activeElement?.dataset?.focus;
  for (const id of ids) sections.get(id).draw();
  if (focused && document.activeElement?.dataset?.focus !== focused) {
    const again = [...document.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === focused);
    again?.focus({ preventScroll: true });
  }
  for (const act of after) act();
}

export function redrawAll() {
  redraw(...sections.keys());
}

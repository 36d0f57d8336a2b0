// The page's sections. Each builds its controls once and draws as often as needed; one may redraw another by its id.

const sections = new Map();

export function addSections(all) {
  for (const section of all) sections.set(section.id, section);
}

export function buildAll() {
  for (const section of sections.values()) if (section.build) section.build();
}

export function redraw(...ids) {
  for (const id of ids) sections.get(id).draw();
}

export function redrawAll() {
  redraw(...sections.keys());
}

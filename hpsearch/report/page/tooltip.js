// The box beside the pointer; for the keyboard, the tables below the figures have the same numbers.

const tip = document.getElementById("tip");

export function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4))}px`;
}

export function hideTip() {
  tip.hidden = true;
}

// What makes an element show a text while it is pointed at or has the focus.
export function tipped(text) {
  const show = ({ currentTarget }) => {
    const box = currentTarget.getBoundingClientRect();
    showTip({ clientX: box.left, clientY: box.bottom }, text);
  };
  return { onpointerenter: show, onfocus: show, onclick: show, onpointerleave: hideTip, onblur: hideTip };
}

// Show over chart `c` what `text` says about the pointer's x and y.
export function hover(c, text, away = () => {}) {
  c.svg.addEventListener("pointermove", (event) => {
    const box = c.svg.getBoundingClientRect(), scale = c.width / box.width;
    showTip(event, text((event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
  });
  c.svg.addEventListener("pointerleave", () => {
    away();
    hideTip();
  });
}

"use strict";
// Draws the report from the JSON beside it. Every text that comes from a study file goes into the page as a text node.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const SVG_TAGS = new Set(["svg", "g", "path", "line", "text", "circle", "rect", "clipPath", "title"]);
  const STATES = ["complete", "diverged", "failed", "proposed"];
  const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
  const PAGE = 25;
  const FEW = 5;  // methods whose bands and studies do not hide each other
  const MOST_LINES = 1500;  // of parallel coordinates: more only hide each other
  let D = JSON.parse(document.getElementById("data").textContent);
  const state = {
    statistic: "mean", hidden: new Set(), studies: (D.methods || []).length <= FEW, picked: null, target: D.shown || 0, unit: "trials", pair: 0, ahead: 0, method: 0,
    sort: { column: "objective", down: D.objective ? D.objective.maximise : true }, text: "", of: "", outcome: "", page: 0,
  };

  // ---- elements

  function h(tag, attributes, ...children) {
    const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const place = (id) => document.querySelector(`#${id} > div`);
  const color = (m) => `var(--c${m % 8})`;
  const dash = (m) => DASHES[m % DASHES.length];
  const index = (label) => D.methods.findIndex((method) => method.label === label);
  const visible = () => D.methods.map((_, m) => m).filter((m) => !state.hidden.has(D.methods[m].label));
  const better = (a, b) => (D.objective.maximise ? a > b : a < b);

  function number(value) {
    if (value === null || value === undefined) return "";
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace(/\.?0+e/, "e");
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(size >= 1 ? 5 : 4)));
  }
  const span = (estimate, low, high) =>
    low === null || low === undefined ? `${number(estimate)} (too few studies for an interval)` : `${number(estimate)} (${number(low)} to ${number(high)})`;
  const at = (interval, i) => span(interval.estimate[i], interval.low[i], interval.high[i]);
  const pText = (p, reason) => (p === null ? reason || "cannot be tested" : p < 1e-4 ? "<0.0001" : p.toPrecision(2));
  const unitText = () => (D.objective.unit ? ` (${D.objective.unit})` : "");

  function select(label, options, value, change) {
    const node = h("select", { onchange: (event) => change(event.target.value) },
      options.map(([key, text]) => h("option", { value: key }, text)));
    node.value = value;
    return h("label", {}, `${label} `, node);
  }

  function table(caption, head, rows, numbers = new Set()) {
    const cell = (tag, content, i) => h(tag, { class: numbers.has(i) ? "number" : null, scope: tag === "th" ? "col" : null }, content);
    return h("div", {}, h("p", { class: "note" }, caption), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", {}, h("thead", {}, h("tr", {}, head.map((x, i) => cell("th", x, i)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, row.map((x, i) => (x instanceof Node && x.tagName === "TD" ? x : cell("td", x, i)))))))));
  }

  // ---- the tip

  const tip = document.getElementById("tip");
  function showTip(event, text) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4))}px`;
  }
  const hideTip = () => { tip.hidden = true; };

  // ---- charts

  function ticks(low, high, log, most) {
    if (log) {
      const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
      const every = Math.max(1, Math.ceil((to - from) / most));
      const found = [];
      for (let e = from; e <= to; e += every) found.push(10 ** e);
      if (found.length > 1) return found;
    }
    const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= raw * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
    return found;
  }

  function scale(low, high, from, to, log) {
    if (low === high) { low -= log ? low / 2 : 0.5; high += log ? high : 0.5; }
    const f = log ? Math.log : (v) => v;
    return (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
  }

  let clips = 0;
  function chart(node, { x, y, xLabel, yLabel, label, height = 360, right = 20, xTicks = null, left = 58, whole = false }) {
    const width = Math.max(260, node.clientWidth || 860);
    const top = 10, bottom = xLabel ? 40 : 22;
    const X = scale(x.low, x.high, left, width - right, x.log), Y = scale(y.low, y.high, height - bottom, top, y.log);
    const clip = `clip${clips++}`;
    const svg = h("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    svg.append(h("clipPath", { id: clip }, h("rect", { x: left, y: top, width: width - right - left, height: height - bottom - top })));
    const across = Math.max(2, Math.floor((width - left) / 70));
    for (const [value, text] of xTicks || ticks(x.low, x.high, x.log, across).filter((v) => !whole || Number.isInteger(v)).map((v) => [v, number(v)])) {
      svg.append(h("line", { class: "grid", x1: X(value), x2: X(value), y1: top, y2: height - bottom }),
        h("text", { x: X(value), y: height - bottom + 15, "text-anchor": "middle" }, text));
    }
    for (const value of ticks(y.low, y.high, y.log, 6)) {
      svg.append(h("line", { class: "grid", x1: left, x2: width - right, y1: Y(value), y2: Y(value) }),
        h("text", { x: left - 6, y: Y(value) + 4, "text-anchor": "end" }, number(value)));
    }
    svg.append(h("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel),
      h("text", { transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, yLabel));
    const plot = h("g", { "clip-path": `url(#${clip})`, class: visible().length > FEW ? "many" : null });
    svg.append(plot);
    node.replaceChildren(svg);
    return { svg, plot, X, Y, width, height, top, bottom, left, right };
  }

  const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
  function band(c, xs, low, high, m) {
    const kept = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
    if (!kept.length) return;
    const points = [...kept.map((i) => [c.X(xs[i]), c.Y(high[i])]), ...kept.reverse().map((i) => [c.X(xs[i]), c.Y(low[i])])];
    c.plot.append(h("path", { class: "band", d: `${path(points)}Z`, fill: color(m), "data-m": m }));
  }
  function line(c, xs, ys, m, extra = {}) {
    const points = xs.map((v, i) => [v, ys[i]]).filter(([, v]) => v !== null).map(([a, b]) => [c.X(a), c.Y(b)]);
    const node = h("path", { class: "line", d: path(points), stroke: color(m), "stroke-dasharray": dash(m), "data-m": m, ...extra });
    c.plot.append(node);
    return node;
  }

  // Names beside the ends of the lines, moved apart where they would overlap.
  function endLabels(c, ends) {
    const sorted = ends.map(([m, y]) => ({ m, y: Math.min(c.height - c.bottom, Math.max(c.top + 6, y)) })).sort((a, b) => a.y - b.y);
    const gap = Math.min(13, (c.height - c.bottom - c.top) / Math.max(1, sorted.length));
    for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
    for (let i = sorted.length - 1, floor = c.height - c.bottom + 4; i >= 0; i--, floor -= gap) sorted[i].y = Math.min(sorted[i].y, floor);
    for (const { m, y } of sorted) {
      const text = D.methods[m].label;
      c.svg.append(h("text", { class: "label", x: c.width - c.right + 5, y: y + 4, style: `color:${color(m)}` },
        text.length > 18 ? `${text.slice(0, 17)}…` : text));
    }
  }
  const roomForLabels = (node) => (node.clientWidth > 560 ? 24 + 7 * Math.min(18, Math.max(...visible().map((m) => D.methods[m].label.length), 4)) : 16);

  // A dot, or a triangle where the value lies beyond what is drawn.
  function mark(x, y, beyond, m, text) {
    const title = h("title", {}, text);
    return beyond ? h("path", { d: `M${x - 4} ${y + 4}L${x + 4} ${y + 4}L${x} ${y - 4}Z`, fill: color(m), "data-m": m }, title)
      : h("circle", { cx: x, cy: y, r: 3, fill: color(m), "data-m": m }, title);
  }
  // What the pointer is at, in words; the tables below have the same for the keyboard.
  function hover(c, text, away = () => {}) {
    c.svg.addEventListener("pointermove", (event) => {
      const box = c.svg.getBoundingClientRect();
      showTip(event, text(((event.clientX - box.left) / box.width) * c.width));
    });
    c.svg.addEventListener("pointerleave", () => { away(); hideTip(); });
  }
  const near = (c, xs, x) => xs.reduce((best, v, i) => (Math.abs(c.X(v) - x) < Math.abs(c.X(xs[best]) - x) ? i : best), 0);

  function emphasise(m) {
    for (const node of document.querySelectorAll("[data-m]")) {
      node.classList.toggle("dim", m !== null && node.dataset.m !== String(m));
      node.classList.toggle("lit", node.dataset.m === String(m));
    }
  }

  // ---- sections: each builds its controls once and draws as often as needed

  const sections = {};

  sections.verdict = () => {
    const items = D.verdict.map((sentence) => h("li", {}, sentence));
    place("verdict").replaceChildren(...D.warnings.map((text) => h("p", { class: "warning" }, text)), h("ul", {}, items));
  };

  function legend() {
    return h("div", { class: "legend", role: "group", "aria-label": "methods shown" }, D.methods.map((method, m) =>
      h("button", {
        type: "button", "aria-pressed": String(!state.hidden.has(method.label)),
        onclick: (event) => {
          if (!state.hidden.delete(method.label)) state.hidden.add(method.label);
          event.currentTarget.setAttribute("aria-pressed", String(!state.hidden.has(method.label)));
          drawAll();
        },
        onpointerenter: () => emphasise(m), onpointerleave: () => emphasise(null),
        onfocus: () => emphasise(m), onblur: () => emphasise(null),
      }, h("svg", { width: 26, height: 10, "aria-hidden": "true" },
        h("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke: color(m), "stroke-width": 2.5, "stroke-dasharray": dash(m) })), method.label)));
  }

  function build() {
    place("curves").replaceChildren(
      h("div", { class: "controls" },
        select("average", Object.keys(D.averages).map((name) => [name, name]), state.statistic, (v) => { state.statistic = v; sections.curves(); }),
        h("label", {}, h("input", { type: "checkbox", checked: state.studies, id: "studies",
          onchange: (event) => { state.studies = event.target.checked; sections.curves(); } }), " every study as a thin line")),
      legend(), h("div", { class: "drawing" }), h("p", { class: "note", role: "status", id: "picked" }), h("p", { class: "note coverage" }));
    place("target").replaceChildren(
      h("div", { class: "controls" },
        select("target", D.targets.map((_, i) => [i, ""]), state.target, (v) => { state.target = Number(v); sections.target(); }),
        select("spent", Object.keys(D.targets[0].units).map((unit) => [unit, unit]), state.unit, (v) => { state.unit = v; sections.target(); sections.range(); })),
      h("div", { class: "drawing" }), h("div", { class: "tables" }));
    place("range").replaceChildren(h("div", { class: "drawing" }), h("div", { class: "tables" }));
    place("extra").replaceChildren(
      h("div", { class: "controls" }, select("how many more trials", D.extra.map((e, i) => [i, `${e.b} needs for what ${e.a} has`]), state.pair,
        (v) => { state.pair = Number(v); sections.extra(); })),
      h("div", { class: "drawing" }), h("p", { class: "note" }, "A triangle at the top: more trials than there were left to try. "
        + "Such draws of the bootstrap are kept, so the band may reach the top too."), h("div", { class: "tables" }));
    place("wins").replaceChildren(h("div", { class: "tables" }),
      h("div", { class: "controls" }, select("at each trial, the probability that", D.ahead.map((e, i) => [i, `${e.a} is ahead of ${e.b}`]), state.ahead,
        (v) => { state.ahead = Number(v); sections.wins(); })),
      h("div", { class: "drawing" }), h("div", { class: "tables" }));
    place("space").replaceChildren(
      h("div", { class: "controls" }, select("method", D.methods.map((method, m) => [m, method.label]), state.method,
        (v) => { state.method = Number(v); sections.space(); })),
      h("div", { class: "tables" }), h("h3", {}, "Complete trials, coloured by their objective"), h("div", { class: "drawing" }),
      h("h3", {}, "Objective against each hyperparameter"), h("div", { class: "panels" }));
    buildTrials();
    if (!D.extra.length) document.getElementById("extra").hidden = true;
    if (D.methods.length < 2) document.getElementById("wins").hidden = true;
  }

  function limits() {
    const values = visible().flatMap((m) => D.methods[m].incumbents.flat()).sort((a, b) => a - b);
    if (!values.length) return { low: 0, high: 1 };
    const part = Math.floor(values.length * 0.02);
    const last = visible().flatMap((m) => { const of = D.averages[state.statistic][D.methods[m].label]; return [of.low.at(-1), of.high.at(-1)]; }).filter((v) => v !== null);
    const [worst, best] = D.objective.maximise ? [values[part], values.at(-1)] : [values.at(-1 - part), values[0]];
    const low = Math.min(worst, best, ...last), high = Math.max(worst, best, ...last);
    const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
    return { low: low - margin, high: high + margin };
  }

  let cursor = null;  // { trial, m, s } of the keyboard
  sections.curves = () => {
    const node = place("curves").querySelector(".drawing");
    const xs = Array.from({ length: D.trials }, (_, i) => i + 1);
    const c = chart(node, {
      x: { low: 1, high: Math.max(2, D.trials) }, y: limits(), xLabel: "trial", yLabel: `best ${D.objective.name} so far${unitText()}`,
      label: `${state.statistic} of the best ${D.objective.name} so far against trials, with 95% bands`, right: roomForLabels(node), height: 400, whole: true,
    });
    if (state.studies) {
      for (const m of visible()) D.methods[m].incumbents.forEach((study, s) => {
        c.plot.append(h("path", { class: "study", d: path(study.map((v, i) => [c.X(i + 1), c.Y(v)])), stroke: color(m), "data-m": m, "data-s": s }));
      });
    }
    const ends = [];
    for (const m of visible()) {
      const average = D.averages[state.statistic][D.methods[m].label];
      band(c, xs, average.low, average.high, m);
      line(c, xs, average.estimate, m);
      ends.push([m, c.Y(average.estimate.at(-1))]);
    }
    if (node.clientWidth > 560) endLabels(c, ends);
    const cross = h("line", { class: "cross", y1: c.top, y2: c.height - c.bottom, visibility: "hidden" });
    const chosen = h("g", {});
    c.plot.append(cross, chosen);
    const nearest = (trial, y) => {
      let found = null;
      if (state.studies) for (const m of visible()) D.methods[m].incumbents.forEach((study, s) => {
        const away = Math.abs(c.Y(study[trial - 1]) - y);
        if (away < 7 && (!found || away < found.away)) found = { m, s, away };
      });
      return found;
    };
    const draw = (pick) => {
      chosen.replaceChildren();
      if (pick) chosen.append(h("path", { class: "study picked", stroke: color(pick.m),
        d: path(D.methods[pick.m].incumbents[pick.s].map((v, i) => [c.X(i + 1), c.Y(v)])) }));
    };
    const averagesAt = (trial) => `trial ${trial}, ${state.statistic}\n` + visible().map((m) => {
      const method = D.methods[m];
      return `${method.label}: ${at(D.averages[state.statistic][method.label], trial - 1)}, n = ${method.incumbents.length}`;
    }).join("\n");
    const point = (event, trial, pick) => {
      cross.setAttribute("x1", c.X(trial)); cross.setAttribute("x2", c.X(trial)); cross.setAttribute("visibility", "visible");
      draw(pick || state.picked);
      showTip(event, pick ? studyText(pick, trial) : averagesAt(trial));
    };
    const trialAt = (event) => {
      const box = c.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * c.width;
      const step = (c.X(D.trials) - c.X(1)) / Math.max(1, D.trials - 1);
      return [Math.min(D.trials, Math.max(1, Math.round((x - c.X(1)) / step) + 1)), ((event.clientY - box.top) / box.height) * c.height];
    };
    c.svg.addEventListener("pointermove", (event) => { const [trial, y] = trialAt(event); point(event, trial, nearest(trial, y)); });
    c.svg.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); draw(state.picked); hideTip(); });
    c.svg.addEventListener("click", (event) => { const [trial, y] = trialAt(event); pickStudy(nearest(trial, y)); });
    c.svg.setAttribute("tabindex", "0");
    c.svg.setAttribute("aria-describedby", "picked");
    c.svg.addEventListener("keydown", (event) => {
      const all = visible().flatMap((m) => D.methods[m].incumbents.map((_, s) => ({ m, s })));
      cursor = cursor || { trial: D.trials, i: -1 };
      if (event.key === "ArrowLeft") cursor.trial = Math.max(1, cursor.trial - 1);
      else if (event.key === "ArrowRight") cursor.trial = Math.min(D.trials, cursor.trial + 1);
      else if (event.key === "ArrowDown") cursor.i = Math.min(all.length - 1, cursor.i + 1);
      else if (event.key === "ArrowUp") cursor.i = Math.max(-1, cursor.i - 1);
      else if (event.key === "Enter") { pickStudy(all[cursor.i] || null); return; }
      else if (event.key === "Escape") { cursor = null; hideTip(); pickStudy(null); return; }
      else return;
      event.preventDefault();
      const box = c.svg.getBoundingClientRect();
      point({ clientX: box.left + (c.X(cursor.trial) / c.width) * box.width, clientY: box.top + 20 }, cursor.trial, all[cursor.i] || null);
    });
    c.svg.addEventListener("blur", () => { cursor = null; hideTip(); });
    draw(state.picked);
    const { low, high } = limits();
    const all = visible().flatMap((m) => D.methods[m].incumbents.flat()), outside = all.filter((v) => v < low || v > high).length;
    place("curves").querySelector(".coverage").textContent = `Bands: ${D.coverage[state.statistic]}. `
      + (outside ? `${outside} of ${all.length} values of single studies lie outside of what is drawn.` : "");
    const picked = document.getElementById("picked");
    picked.textContent = state.picked ? `Picked: ${studyText(state.picked, D.trials).replaceAll("\n", "; ")}. All its trials are in the table below; Escape lets it go.`
      : "Point at a line to read it, click to pick a study; on the keyboard: arrows, Enter, Escape.";
  };

  function studyText({ m, s }, trial) {
    const method = D.methods[m], rows = method.trials, repeat = method.repeats[s];
    const own = rows.repeat.map((r, i) => i).filter((i) => rows.repeat[i] === repeat && rows.trial[i] <= trial && rows.state[i] === 0);
    let best = null;
    for (const i of own) if (best === null || better(rows.objective[i], rows.objective[best])) best = i;
    const head = `${method.label}, study ${repeat}, after trial ${trial}: ${number(method.incumbents[s][trial - 1])}`;
    if (best === null) return head;
    return `${head}\nfound at trial ${rows.trial[best]}: ${Object.entries(rows.values).map(([name, v]) => `${name} = ${number(v[best])}`).join(", ")}`;
  }

  function pickStudy(pick) {
    state.picked = pick && (!state.picked || pick.m !== state.picked.m || pick.s !== state.picked.s) ? { m: pick.m, s: pick.s } : null;
    state.page = 0;
    sections.curves();
    sections.trials();
  }

  const targetName = (t) => `${number(t.value)}${t.share === null ? " (given)" : ` (at least as good as ${number(t.share * 100)}% of all results)`}`;

  sections.target = () => {
    const options = place("target").querySelectorAll("select")[0].options;
    D.targets.forEach((t, i) => { if (options[i]) options[i].textContent = targetName(t); });
    const target = D.targets[state.target], reach = target.units[state.unit];
    const end = Math.max(...D.methods.map((method) => reach.methods[method.label].end), 1);
    const node = place("target").querySelector(".drawing");
    const c = chart(node, {
      x: { low: 0, high: end }, y: { low: 0, high: 1 }, xLabel: `${state.unit} spent`, yLabel: "share of studies that reached it", height: 300,
      label: `share of studies that reached ${targetName(target)} against ${state.unit}: Kaplan-Meier curves with 95% log-log bands`, right: roomForLabels(node),
    });
    const ends = [];
    for (const m of visible()) {
      const of = reach.methods[D.methods[m].label];
      const stairs = (values) => {
        const points = [[0, 0]];
        of.steps.forEach((x, i) => { points.push([x, points.at(-1)[1]], [x, values[i]]); });
        points.push([end, points.at(-1)[1]]);
        return points;
      };
      const middle = stairs(of.reached), low = stairs(of.low), high = stairs(of.high);
      band(c, low.map((p) => p[0]), low.map((p) => p[1]), high.map((p) => p[1]), m);
      line(c, middle.map((p) => p[0]), middle.map((p) => p[1]), m);
      ends.push([m, c.Y(middle.at(-1)[1])]);
    }
    if (node.clientWidth > 560) endLabels(c, ends);
    const cross = h("line", { class: "cross", y1: c.top, y2: c.height - c.bottom, visibility: "hidden" });
    c.plot.append(cross);
    hover(c, (x) => {
      const spent = Math.min(end, Math.max(0, (x - c.X(0)) / (c.X(end) - c.X(0)) * end)), shown = state.unit === "seconds" ? spent : Math.floor(spent);
      cross.setAttribute("x1", c.X(shown)); cross.setAttribute("x2", c.X(shown)); cross.setAttribute("visibility", "visible");
      return `after ${number(Number(shown.toPrecision(3)))} ${state.unit}\n` + visible().map((m) => {
        const of = reach.methods[D.methods[m].label], i = of.steps.filter((step) => step <= shown).length - 1;
        return `${D.methods[m].label}: ${i < 0 ? "none" : span(of.reached[i], of.low[i], of.high[i])}`;
      }).join("\n");
    }, () => cross.setAttribute("visibility", "hidden"));
    const rows = D.methods.map((method) => {
      const of = reach.methods[method.label];
      return [method.label, `${of.count} of ${of.studies}`, median(of)];
    });
    place("target").querySelector(".tables").replaceChildren(
      table(`Reaching ${targetName(target)}: Kaplan-Meier medians; a study that does not reach it is kept as censored. Medians: ${D.coverage["median trials to a target"]}.`,
        ["method", "studies that reached it", `median ${state.unit} (95% interval)`], rows),
      reach.tests.length ? table("Log-rank tests, Holm-adjusted over all pairs and targets", ["pair", "p"],
        reach.tests.map((t) => [`${t.a}, ${t.b}`, pText(t.p, t.reason)])) : h("span", {}));
  };

  function median(of) {
    const [estimate, low, high] = of.median.map((v) => (v === null ? `more than ${number(of.end)}` : number(v)));
    return `${estimate} (${low} to ${high})`;
  }

  sections.range = () => {
    const node = place("range").querySelector(".drawing");
    const quantiles = D.targets.map((t, i) => ({ ...t, i }));
    const medians = (m) => quantiles.map((t) => t.units[state.unit].methods[D.methods[m].label]);
    const top = Math.max(...D.methods.flatMap((_, m) => medians(m).map((of) => of.end)), 1) * 1.08;
    const every = node.clientWidth > 620 ? 1 : 3;
    const c = chart(node, {
      x: { low: -0.3, high: quantiles.length - 0.7 }, y: { low: 0, high: top }, height: 300, right: roomForLabels(node),
      xLabel: `target (${D.objective.name}; quantiles of all results)`, yLabel: `median ${state.unit}`,
      label: `median ${state.unit} to each target; at the top: not within all`, xTicks: quantiles.filter((_, i) => i % every === 0).map((t) => [t.i, number(Number(t.value.toPrecision(3)))]),
    });
    const ends = [];
    for (const m of visible()) {
      const ys = medians(m).map((of) => of.median[0]);
      const reached = ys.findIndex((y) => y === null), upTo = reached < 0 ? ys.length : reached;
      line(c, quantiles.slice(0, upTo).map((t) => t.i), ys.slice(0, upTo), m);
      ys.forEach((y, i) => c.plot.append(mark(c.X(i), c.Y(y === null ? top * 0.97 : y), y === null, m,
        `${D.methods[m].label}, ${targetName(quantiles[i])}: ${median(medians(m)[i])}`)));
      ends.push([m, c.Y(ys.at(-1) === null ? top * 0.97 : ys.at(-1))]);
    }
    if (node.clientWidth > 560) endLabels(c, ends);
    place("range").querySelector(".tables").replaceChildren(
      table(`Median ${state.unit} to each target (95% interval). In the figure a triangle at the top: not within all.`, ["target", ...D.methods.map((method) => method.label)],
        D.targets.map((t) => [targetName(t), ...D.methods.map((method) => median(t.units[state.unit].methods[method.label]))])));
  };

  sections.extra = () => {
    if (!D.extra.length) return;
    const e = D.extra[Math.min(state.pair, D.extra.length - 1)], T = D.trials, m = index(e.b);
    const node = place("extra").querySelector(".drawing");
    const xs = Array.from({ length: T }, (_, i) => i + 1);
    const few = e.low === null, low_ = e.low || e.estimate, high_ = e.high || e.estimate;
    const finite = [...e.estimate, ...low_, ...high_].filter((v) => v !== null);
    const low = Math.min(0, ...finite), high = Math.max(5, ...finite, ...xs.map((t) => T - t)) + 1;
    const c = chart(node, {
      x: { low: 1, high: Math.max(2, T) }, y: { low, high }, height: 280, xLabel: `trials that ${e.a} has had`,
      yLabel: "more trials", label: `how many more trials ${e.b} needs to reach what ${e.a} has, with 95% bootstrap interval`,
    });
    const cap = (v, t) => (v === null ? T - t + 0.9 : v);
    if (!few) band(c, xs, low_.map((v, i) => cap(v, i + 1)), high_.map((v, i) => cap(v, i + 1)), m);
    line(c, xs, e.estimate.map((v, i) => cap(v, i + 1)), m);
    const said = (v, i) => (v === null ? `more than ${T - i - 1}` : number(v));
    const text = (i) => `${said(e.estimate[i], i)} (${few ? "too few studies for an interval" : `${said(low_[i], i)} to ${said(high_[i], i)}`})`;
    e.estimate.forEach((v, i) => c.plot.append(mark(c.X(i + 1), c.Y(cap(v, i + 1)), v === null, m, `after ${i + 1}: ${text(i)}`)));
    c.plot.append(h("line", { class: "cross", x1: c.X(1), x2: c.X(T), y1: c.Y(0), y2: c.Y(0) }));
    hover(c, (x) => { const i = near(c, xs, x); return `what ${e.a} has after ${i + 1}: ${e.b} needs ${text(i)} more`; });
    const shown = xs.filter((t) => t === 1 || t === T || t % Math.max(1, Math.round(T / 12)) === 0);
    place("extra").querySelector(".tables").replaceChildren(
      table(`More trials that ${e.b} needs for what ${e.a} has, less those that ${e.a} itself took to it (95% bootstrap interval; ${D.coverage["extra trials"]})`,
        [`trials that ${e.a} has had`, `more trials of ${e.b}`], shown.map((t) => [String(t), text(t - 1)])));
  };

  sections.wins = () => {
    if (D.methods.length < 2) return;
    const adjusted = new Map(D.pairs.flatMap((p) => [[`${index(p.a)},${index(p.b)}`, p.p], [`${index(p.b)},${index(p.a)}`, p.p]]));
    const order = D.methods.map((_, m) => m).sort((a, b) => D.ranks.estimate[a] - D.ranks.estimate[b]);
    const rows = order.map((m) => [D.methods[m].label, at(D.ranks, m), ...order.map((o) => {
      if (m === o) return h("td", {}, "");
      const p = adjusted.get(`${m},${o}`), win = D.wins[m][o];
      const sure = p !== null && p !== undefined && p < 0.05;
      return h("td", { class: "number", style: `background:color-mix(in srgb, var(--high) ${Math.round(win * 45)}%, transparent)`, title: `p = ${pText(p)}` },
        `${win.toFixed(2)}${sure ? "*" : ""}`);
    })]);
    const parts = [table("Probability that a study of the row's method ends better than one of the column's (ties half). "
      + `*: Holm-adjusted p below 0.05. Rank 1 is best; its interval: ${D.coverage["mean rank"]}.`, ["method", "mean rank (95% interval)", ...order.map((m) => D.methods[m].label)], rows)];
    if (D.pairs.length <= 10) {
      parts.push(table(`Each pair. Intervals: ${D.coverage["probability of superiority"]}.`, ["pair", "probability that the first ends better (95% interval)", "adjusted p"],
        D.pairs.map((p) => [`${p.a}, ${p.b}`, span(p.estimate, p.low, p.high), pText(p.p)])));
    }
    place("wins").querySelector(".tables").replaceChildren(...parts);
    const e = D.ahead[Math.min(state.ahead, D.ahead.length - 1)], m = index(e.a);
    const c = chart(place("wins").querySelector(".drawing"), {
      x: { low: 1, high: Math.max(2, D.trials) }, y: { low: 0, high: 1 }, height: 240, xLabel: "trial", yLabel: "probability",
      label: `probability that a study of ${e.a} is ahead of one of ${e.b} at each trial, with 95% interval`,
    });
    band(c, e.trials, e.low, e.high, m);
    line(c, e.trials, e.estimate, m);
    const text = (i) => span(e.estimate[i], e.low[i], e.high[i]);
    e.trials.forEach((t, i) => c.plot.append(mark(c.X(t), c.Y(e.estimate[i]), false, m, `trial ${t}: ${text(i)}`)));
    hover(c, (x) => { const i = near(c, e.trials, x); return `trial ${e.trials[i]}: ${e.a} is ahead with probability ${text(i)}`; });
    const every = Math.max(1, Math.round(e.trials.length / 12));
    place("wins").querySelectorAll(".tables")[1].replaceChildren(
      table(`Probability that a study of ${e.a} is ahead of one of ${e.b} (95% interval)`, ["trial", "probability"],
        e.trials.map((t, i) => [String(t), text(i)]).filter((_, i) => i % every === 0 || i === e.trials.length - 1)));
    c.plot.append(h("line", { class: "cross", x1: c.X(1), x2: c.X(D.trials), y1: c.Y(0.5), y2: c.Y(0.5) }));
  };

  sections.chosen = () => {
    const gaps = [...new Set(D.methods.flatMap((method) => Object.keys(method.gaps)))];
    const rows = D.methods.map((method) => [
      method.label, at(D.averages.mean[method.label], D.trials - 1), span(method.area.estimate, method.area.low, method.area.high),
      ...gaps.map((g) => (method.gaps[g] ? span(method.gaps[g].estimate, method.gaps[g].low, method.gaps[g].high) : "")),
      h("td", { class: "wrap" }, Object.entries(method.boundaries).filter(([, b]) => b.narrow)
        .map(([name, b]) => `${name}: ${b.low} low, ${b.high} high of ${b.studies}`).join("; ") || "none"),
      String(method.lost),
    ]);
    place("chosen").replaceChildren(table(`Means over studies (95% interval; ${D.coverage.mean}). ` + "The area is the mean of the best so far over all trials; "
      + "chosen values within 2.5% of an end of their range, where more than chance puts there, mean that the range may be too narrow.",
    ["method", `final best ${D.objective.name}`, "area under the curve", ...gaps.map((g) => `worse on ${g} by`), "ranges that may be too narrow", "trials lost"], rows),
    ...D.tables.map(({ caption, head, rows: cells }) => table(caption, head, cells)));
  };

  // ---- one method's space

  function unit(p, value) {
    if (p.kind === "choice") return p.values.length < 2 ? 0.5 : p.values.findIndex((v) => v === value || Number(v) === value) / (p.values.length - 1);
    return scale(p.low, p.high, 0, 1, p.log)(value);
  }
  const shade = (share) => `color-mix(in srgb, var(--high) ${Math.round(100 * share)}%, var(--low))`;

  sections.space = () => {
    const method = D.methods[Math.min(state.method, D.methods.length - 1)], rows = method.trials, root = place("space");
    const open = method.hyper.filter((p) => p.kind !== "fixed");
    const importance = method.importance;
    const mattered = (name) => { const i = importance ? importance.names.indexOf(name) : -1; return i < 0 ? "" : `${(100 * importance.share[i]).toFixed(0)}% (${(100 * importance.low[i]).toFixed(0)} to ${(100 * importance.high[i]).toFixed(0)})`; };
    root.querySelector(".tables").replaceChildren(table(
      importance ? `What mattered: share of the variance of the trials' ranked objective that each explains alone (95% interval over studies; ${D.coverage.importance}); unexplained ${(100 * importance.unexplained).toFixed(0)}%`
        : "Too few trials or studies to tell what mattered",
      ["hyperparameter", "range", "scale", "schedule", "explains", "chosen at an end"],
      method.hyper.map((p) => [p.name, p.kind === "fixed" ? String(p.value) : p.kind === "choice" ? p.values.join(", ") : `${number(p.low)} to ${number(p.high)}`,
        p.kind === "range" ? (p.log ? "logarithmic" : "linear") : p.kind, p.schedule, mattered(p.name),
        method.boundaries[p.name] ? `${method.boundaries[p.name].low} low, ${method.boundaries[p.name].high} high of ${method.boundaries[p.name].studies}${method.boundaries[p.name].narrow ? ": too narrow?" : ""}` : ""])));
    const complete = rows.objective.map((_, i) => i).filter((i) => rows.state[i] === 0 && rows.objective[i] !== null);
    const sorted = [...complete].sort((a, b) => (better(rows.objective[a], rows.objective[b]) ? 1 : -1));
    const rank = new Map(sorted.map((i, place_) => [i, sorted.length < 2 ? 1 : place_ / (sorted.length - 1)]));
    parallel(root.querySelector(".drawing"), method, open, sorted, rank);
    root.querySelector(".panels").replaceChildren(...open.map((p) => h("figure", {}, h("div", {}), h("figcaption", {}, p.name))));
    open.forEach((p, k) => slice(root.querySelectorAll(".panels figure > div")[k], method, p, sorted, rank));
  };

  function parallel(node, method, open, sorted, rank) {
    if (!open.length) { node.replaceChildren(h("p", { class: "note" }, "Nothing is open in this space.")); return; }
    const width = Math.max(300, node.clientWidth || 860), height = 300, left = 40, right = 50, top = 40, bottom = 24;
    const values = method.trials.objective;  // the worst twentieth lies at the end of the objective's axis
    const ends = sorted.length ? [values[sorted[Math.floor(sorted.length / 20)]], values[sorted.at(-1)]] : [0, 1];
    const axes = [...open.map((p) => ({ name: p.name, place: (i) => unit(p, method.trials.values[p.name][i]), low: p.kind === "choice" ? String(p.values[0]) : number(p.low), high: p.kind === "choice" ? String(p.values.at(-1)) : number(p.high) })),
      { name: D.objective.name, place: (i) => (ends[0] === ends[1] ? 0.5 : Math.min(1, Math.max(0, (values[i] - Math.min(...ends)) / Math.abs(ends[1] - ends[0])))), low: number(Math.min(...ends)), high: number(Math.max(...ends)) }];
    const X = (k) => left + (k * (width - left - right)) / (axes.length - 1), Y = (v) => height - bottom - v * (height - top - bottom);
    const svg = h("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `parallel coordinates of ${method.label}'s trials` });
    const step = Math.max(1, Math.ceil(sorted.length / MOST_LINES));
    const shown = sorted.filter((_, i) => (sorted.length - 1 - i) % step === 0);  // the best is always among them
    for (const i of shown) {
      svg.append(h("path", { d: path(axes.map((a, k) => [X(k), Y(a.place(i))])), fill: "none", stroke: shade(rank.get(i)), "stroke-width": 0.5 + rank.get(i), opacity: (0.15 + 0.6 * rank.get(i) ** 2).toFixed(2) }));
    }
    axes.forEach((a, k) => {
      const text = a.name.length > 15 && axes.length > 5 ? `${a.name.slice(0, 14)}…` : a.name;
      svg.append(h("line", { class: "grid", x1: X(k), x2: X(k), y1: top, y2: height - bottom, style: "stroke:var(--faint)" }),
        h("text", { x: k === axes.length - 1 ? width - 4 : X(k), y: k % 2 && width < 700 ? 10 : 22,
          "text-anchor": k === axes.length - 1 ? "end" : "middle" }, text, h("title", {}, a.name)),
        h("text", { x: X(k), y: height - bottom + 14, "text-anchor": "middle" }, a.low), h("text", { x: X(k), y: top - 4, "text-anchor": "middle" }, a.high));
    });
    node.replaceChildren(svg, h("p", { class: "note" }, `${shown.length} of ${sorted.length} complete trials; the best are brightest.`));
  }

  function slice(node, method, p, sorted, rank) {
    const values = sorted.map((i) => method.trials.objective[i]).sort((a, b) => a - b);
    if (!values.length) return;
    const part = Math.floor(values.length * 0.1);
    const y = D.objective.maximise ? { low: values[part], high: values.at(-1) } : { low: values[0], high: values.at(-1 - part) };
    const choice = p.kind === "choice";
    const c = chart(node, {
      x: choice ? { low: -0.5, high: p.values.length - 0.5 } : { low: p.low, high: p.high, log: p.log }, y, height: 170, left: 48, right: 8,
      xLabel: "", yLabel: "", label: `${D.objective.name} against ${p.name}; the worst tenth lies outside`,
      xTicks: choice ? p.values.map((v, i) => [i, String(v)]) : null,
    });
    const step = Math.max(1, Math.ceil(sorted.length / MOST_LINES));
    sorted.forEach((i, k) => {
      if ((sorted.length - 1 - k) % step) return;
      const v = method.trials.values[p.name][i];
      const x = choice ? c.X(unit(p, v) * (p.values.length - 1) + 0.5 * (((i * 7919) % 101) / 101 - 0.5)) : c.X(v);
      c.plot.append(h("circle", { cx: x.toFixed(1), cy: c.Y(method.trials.objective[i]).toFixed(1), r: 2, fill: shade(rank.get(i)), opacity: 0.6 }));
    });
  }

  // ---- the table of trials

  const configuration = (method, i) => Object.entries(method.trials.values).map(([name, v]) => `${name} = ${number(v[i])}`).join(", ");

  function columns() {
    const only = state.of === "" ? null : D.methods[Number(state.of)];
    const metrics = [...new Set(D.methods.flatMap((method) => Object.keys(method.trials.metrics)))];
    const get = (key) => (row) => row.t[key][row.i];
    return [
      { name: "method", value: (row) => row.method.label },
      { name: "study", value: get("repeat"), number: true },
      { name: "trial", value: get("trial"), number: true },
      { name: "objective", title: D.objective.name, value: get("objective"), number: true },
      { name: "state", value: (row) => STATES[row.t.state[row.i]] },
      ...metrics.map((name) => ({ name, value: (row) => (row.t.metrics[name] ? row.t.metrics[name][row.i] : null), number: true })),
      ...(only ? Object.keys(only.trials.values).map((name) => ({ name, value: (row) => row.t.values[name][row.i], number: true }))
        : [{ name: "configuration", value: (row) => configuration(row.method, row.i), wide: "wrap long" }]),
      { name: "seconds", value: get("seconds"), number: true },
      { name: "reason", value: (row) => row.t.reason[row.i] || "", wide: "wrap" },
    ];
  }

  function matching() {
    const tokens = state.text.toLowerCase().split(/\s+/).filter(Boolean).map((token) => {
      const found = token.match(/^([^<>=]+)(<=|>=|<|>|=)([^<>=]+)$/);
      return found ? { name: found[1], op: found[2], to: found[3] } : { text: token };
    });
    const all = columns(), rows = [];
    const compare = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };
    const fits = (row, token) => {
      if (token.text) {
        return `${row.method.label} ${STATES[row.t.state[row.i]]} ${row.t.reason[row.i] || ""} ${configuration(row.method, row.i)}`.toLowerCase().includes(token.text);
      }
      const column = all.find((x) => [x.name, x.title || ""].some((name) => name.toLowerCase().replaceAll(" ", "_") === token.name));
      const value = column ? column.value(row) : row.t.values[token.name] ? row.t.values[token.name][row.i] : undefined;
      if (value === null || value === undefined) return false;
      return token.op === "=" ? String(value).toLowerCase() === token.to || Number(value) === Number(token.to) : compare[token.op](Number(value), Number(token.to));
    };
    D.methods.forEach((method, m) => {
      if (state.of !== "" && Number(state.of) !== m) return;
      if (state.picked && state.picked.m !== m) return;
      const t = method.trials;
      for (let i = 0; i < t.trial.length; i++) {
        if (state.picked && t.repeat[i] !== method.repeats[state.picked.s]) continue;
        if (state.outcome !== "" && t.state[i] !== Number(state.outcome)) continue;
        const row = { method, t, i };
        if (tokens.every((token) => fits(row, token))) rows.push(row);
      }
    });
    const by = all.find((x) => x.name === state.sort.column) || all[3];
    const keys = new Map(rows.map((row) => [row, by.value(row)]));
    const empty = (v) => v === null || v === undefined || v === "";
    rows.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      if (empty(x) || empty(y)) return empty(x) - empty(y);  // what is missing comes last, whichever way
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return state.sort.down ? -order : order;
    });
    return rows;
  }

  function buildTrials() {
    const again = (change) => { change(); state.page = 0; sections.trials(); };
    place("trials").replaceChildren(
      h("div", { class: "controls" },
        select("method", [["", "all"], ...D.methods.map((method, m) => [m, method.label])], state.of, (v) => again(() => { state.of = v; })),
        select("state", [["", "all"], ...STATES.map((name, i) => [i, name])], state.outcome, (v) => again(() => { state.outcome = v; })),
        h("label", {}, "filter ", h("input", { type: "search", id: "filter", placeholder: "text, or objective>0.9", value: state.text,
          oninput: (event) => again(() => { state.text = event.target.value; }) })),
        h("button", { type: "button", id: "back", onclick: () => { state.page -= 1; sections.trials(); } }, "back"),
        h("button", { type: "button", id: "on", onclick: () => { state.page += 1; sections.trials(); } }, "on"),
        h("span", { id: "count", role: "status" })),
      h("div", { class: "tables" }));
  }

  sections.trials = () => {
    const rows = matching(), all = columns(), pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    document.getElementById("count").textContent = `${rows.length ? rows.length : "no"} trials${rows.length ? "" : " match"}, page ${state.page + 1} of ${pages}`
      + (state.picked ? `; only study ${D.methods[state.picked.m].repeats[state.picked.s]} of ${D.methods[state.picked.m].label}` : "");
    document.getElementById("back").disabled = state.page === 0;
    document.getElementById("on").disabled = state.page === pages - 1;
    const head = all.map((column) => h("th", { scope: "col", class: column.number ? "number" : null,
      "aria-sort": state.sort.column === column.name ? (state.sort.down ? "descending" : "ascending") : null },
    h("button", { type: "button", onclick: () => {
      state.sort = { column: column.name, down: state.sort.column === column.name ? !state.sort.down : Boolean(column.number) };
      state.page = 0;
      sections.trials();
      const again = [...place("trials").querySelectorAll("th button")].find((b) => b.dataset.column === column.name);
      if (again) again.focus();
    }, "data-column": column.name }, (column.title || column.name) + (state.sort.column === column.name ? (state.sort.down ? " ▼" : " ▲") : ""))));
    const body = rows.slice(state.page * PAGE, (state.page + 1) * PAGE).map((row) => h("tr", {}, all.map((column) =>
      h("td", { class: column.number ? "number" : column.wide || null }, number(column.value(row))))));
    place("trials").querySelector(".tables").replaceChildren(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "all trials" },
      h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))));
  };

  sections.made = () => {
    place("made").replaceChildren(h("p", {}, "To make it again: ", h("code", {}, D.command)),
      h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, D.made.map(([what, value]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", { class: "wrap" }, value)))))));
  };

  // ---- all of it

  function drawAll() {
    document.title = D.title;
    document.getElementById("title").textContent = D.title;
    document.getElementById("description").textContent = D.description;
    for (const draw of Object.values(sections)) draw();
  }

  function follow() {
    const box = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => { document.documentElement.dataset.theme = box.value || (system.matches ? "dark" : "light"); };
    box.addEventListener("change", apply);
    system.addEventListener("change", apply);
    apply();
    let was = innerWidth, wait = 0;
    addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(() => { if (innerWidth !== was) { was = innerWidth; drawAll(); } }, 120); });
    addEventListener("keydown", (event) => { if (event.key === "Escape" && state.picked) pickStudy(null); });
  }

  // A comparison that has just begun has nothing to draw yet.
  function wait() {
    document.title = D.title;
    document.getElementById("title").textContent = D.title;
    document.getElementById("description").textContent = `Waiting: ${D.waiting}`;
    document.querySelector("main").hidden = true;
  }

  // While a comparison runs its page is asked for anew; what the reader has chosen stays.
  const shape = () => JSON.stringify([D.methods.map((m) => m.label), D.targets.length, D.extra.length, Object.keys(D.targets[0].units)]);
  const rest = () => new Promise((done) => setTimeout(done, 1500));
  async function listen(address) {
    const said = document.getElementById("live");
    let tag = null;
    for (;;) {
      try {
        const answer = await fetch(address, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
        if (answer.status === 200) {
          const before = D.waiting ? "" : shape();
          tag = answer.headers.get("ETag");
          D = await answer.json();
          if (D.waiting) { wait(); said.textContent = "live"; await rest(); continue; }
          document.querySelector("main").hidden = false;
          if (shape() !== before) { state.target = D.shown; state.pair = 0; state.ahead = 0; state.picked = null; build(); }
          drawAll();
        }
        said.textContent = answer.ok || answer.status === 304 ? `live: ${D.finished} of ${D.planned} trials` : `live: ${await answer.text()}`;
      } catch (_) {
        said.textContent = "no answer: hpsearch watch has stopped";
      }
      await rest();
    }
  }

  follow();
  if (D.waiting) wait();
  else { build(); drawAll(); }
  if (document.body.dataset.live) listen(document.body.dataset.live);
})();

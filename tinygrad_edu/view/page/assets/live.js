// The first card: one drags a bar, and bars, numbers, graph and sentence move.
const card = document.querySelector("#answer");
const find = (selector) => card.querySelector(selector);
const all = (selector, inside = card) => [...inside.querySelectorAll(selector)];
const size = (shape) => shape.reduce((a, b) => a * b, 1);
const { leaves, compute } = programs.at(-1); // of the graph as it was recorded
const recorded = leaves.map((each) => each && { shape: each.shape, data: [...each.data] });
let data = recorded.map((each) => each && { shape: each.shape, data: [...each.data] });
let found = compute(data);
const gradientNow = () => { // without what rounding leaves where parts cancel
  const parts = (found.parts[settings.wrt] ?? []).flatMap((part) => part.data);
  const least = 1e-12 * parts.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const none = (v, k) => Math.abs(v) < (found.result.data[k] === 0 ? 1e-12 : least);
  return found.g[settings.wrt].data.map((v, k) => (none(v, k) ? 0 : v));
};

/* --- bars: the same elements, by the same rules as bars.py --- */
const columns = all(".bars").map((svg, index) => ({
  svg, index, upright: svg.classList.contains("upright"),
  height: Number(svg.getAttribute("height")),
  low: Number(svg.dataset.low), high: Number(svg.dataset.high),
  given: index === 0, zero: svg.querySelector(".zero"),
  lanes: all(".lane", svg).map((lane) => ({
    lane, place: Number(lane.dataset.place), bar: lane.querySelector(".bar"), hold: lane.querySelector(".hold"),
    aim: lane.querySelector(".aim"), knob: lane.querySelector(".knob"),
    number: lane.querySelector(".number"), name: lane.querySelector(".name"),
  })),
}));
const set = (element, values) => {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
};
const rounded = (value) => String(Math.round(value * 100) / 100);
const limits = () => { // how far one can drag: what was typed may lie beyond
  const shown = data[settings.wrt].data.filter(Number.isFinite);
  return [Math.min(columns[0].low, ...shown), Math.max(columns[0].high, ...shown)];
};
const drawColumn = (column) => {
  let [value, target] = found.columns[column.index];
  if (column === columns.at(-1)) value = { shape: value.shape, data: gradientNow() };
  const { upright, lanes } = column;
  const shown = lanes.flatMap(({ place }) => [value.data[place], ...(target ? [target.data[place]] : [])]).filter(Number.isFinite);
  const low = Math.min(0, column.low, ...shown), high = Math.max(0, column.high, ...shown);
  const start = upright ? column.height - (low < 0 ? 54 : 32) : low < 0 ? 46 : 18;
  const end = upright ? 34 : 78;
  const at = (v) => start + ((end - start) * (v - low)) / (high - low);
  Object.assign(column, { start, end, from: low, to: high });
  const box = (v) => {
    const to = at(Number.isFinite(v) ? v : 0);
    const from = rounded(Math.min(at(0), to)), length = rounded(Math.abs(at(0) - to));
    return upright ? { y: from, height: length } : { x: `${from}%`, width: `${length}%` };
  };
  const zero = rounded(at(0));
  set(column.zero, upright ? { y1: zero, y2: zero } : { x1: `${zero}%`, x2: `${zero}%` });
  for (const { lane, place, bar, aim, knob, number } of lanes) {
    const v = value.data[place];
    const point = rounded(at(Number.isFinite(v) ? v : 0));
    const away = column.given ? 16 : 7;
    set(bar, box(v));
    if (aim) set(aim, box(target.data[place]));
    if (knob) set(knob, upright ? { cy: point } : { cx: `${point}%` });
    set(number, upright
      ? { y: point, dy: v < 0 ? away + 12 : -away }
      : { x: `${point}%`, dx: v < 0 ? -away : away, "text-anchor": v < 0 ? "end" : "start" });
    number.textContent = shortText(v);
    if (column.given && lane.hasAttribute("role")) {
      const gradient = gradientNow()[place];
      set(lane, { "aria-valuenow": v, "aria-valuemin": limits()[0], "aria-valuemax": limits()[1],
        "aria-valuetext": `${shortText(v)}, gradient ${shortText(gradient)}` });
    }
  }
};

/* --- the sentence, in the words of sayings.py --- */
const words = settings.words;
const fill = (key, slots = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => slots[name]);
const moves = (gradient, what, many = false) => fill((gradient < 0 ? "up" : "down") + (many ? " many" : ""), { what });
const bracketed = (value) => (value < 0 ? `(${shortText(value)})` : shortText(value));
const totalText = (values) => {
  const total = values.reduce((a, b) => a + b, 0);
  return shortText(Math.abs(total) < 1e-9 ? 0 : total);
};
const largest = (values) => values.reduce((best, v, k) => (v > values[best] ? k : best), 0);
const { one, of, output } = settings;
const entry = (name) => (name ? `${one} ${name}${of}` : of.replace(/^ of /, "") || one);
const scaled = (apart, gradient) => {
  const scale = apart ? Number((gradient / apart).toPrecision(12)) : 1;
  return scale === 1 ? "" : fill("scaled", { scale: shortText(scale) });
};
const nameOf = (shape, place) => {
  const at = [];
  for (let i = shape.length - 1, rest = place; i >= 0; rest = Math.floor(rest / shape[i--])) at.unshift((rest % shape[i]) + 1);
  return at.join(",");
};
const ofTrue = (true_, model, apart, gradient) => {
  const rest = model.filter((_, k) => k !== true_), some = rest.map(shortText), last = some.pop();
  const many = rest.length > 1;
  const numbers = rest.length > 4 ? `${shortText(rest.reduce((a, b) => a + b, 0))} in all`
    : some.length ? `${some.join(", ")} and ${last}` : last;
  return fill("true", { m: shortText(model[true_]), w: shortText(apart[true_]),
    moves: moves(gradient[true_], `the true ${one}${of}`),
    others: `${numbers} ${moves(-gradient[true_], many ? "the others" : "the other", many)}`, sum: totalText(apart) });
};
const ofSoft = (names, model, target, apart, gradient) => {
  const high = largest(apart), low = largest(apart.map((v) => -v));
  return fill("soft", { m: shortText(model[high]), t: bracketed(target[high]), w: shortText(apart[high]),
    moves: moves(gradient[high], entry(names[high])), n: shortText(model[low]), u: bracketed(target[low]),
    x: shortText(apart[low]), others: moves(gradient[low], entry(names[low])), sum: totalText(apart) });
};
const isTrue = (row) => row.every((v) => v === 0 || v === 1) && row.filter((v) => v === 1).length === 1;
const ofRow = (names, model, target, gradient) => {
  const apart = model.map((v, k) => v - target[k]), isOne = isTrue(target);
  const at = largest(isOne ? target : apart.map(Math.abs));
  const said = isOne ? ofTrue(at, model, apart, gradient) : ofSoft(names, model, target, apart, gradient);
  return said + scaled(apart[at], gradient[at]);
};
const sentence = (kind) => {
  const gradient = gradientNow(), names = gradient.map((_, place) => nameOf(found.g[settings.wrt].shape, place));
  const isFinite_ = [...gradient, ...found.v[settings.top].data].every(Number.isFinite);
  if (!isFinite_) return fill("undefined", { output });
  if (gradient.every((v) => v === 0)) return fill("nothing", { output });
  if (kind === "other") {
    const at = largest(gradient.map(Math.abs)), d = gradient[at];
    return fill("other", { entry: entry(names[at]), output, goes: d < 0 ? "falls" : "grows", by: numberText(Math.abs(d) / 100) });
  }
  const pair = found.columns.find(([, aim]) => aim);
  const [model, target] = pair.map((each) => each.data);
  const apart = model.map((v, k) => v - target[k]), at = largest(apart.map(Math.abs));
  if (kind === "softmax") {
    const length = pair[0].shape.at(-1), row = Math.floor(at / length);
    const lead = pair[0].shape.length > 1 ? fill("row", { row: row + 1 }) : "";
    return lead + ofRow(...[names, model, target, gradient].map((each) => each.slice(row * length, (row + 1) * length)));
  }
  const d = gradient[at], isOwn = kind === "sigmoid";
  return fill(isOwn ? "own" : "residual", { m: shortText(model[at]), t: bracketed(target[at]), w: shortText(apart[at]),
    d: shortText(d), one, of, moves: moves(d, entry(names[at])) }) + (isOwn ? scaled(apart[at], d) : "");
};
const isBroken = () => {
  const gradient = found.g[settings.wrt].data, result = found.result.data;
  return settings.assumption && gradient.some((v, k) => Math.abs(v - result[k]) > 1e-9 * (1 + Math.abs(v)));
};

/* --- the graph: every vertex stands once, and the steps show it --- */
const write = (texts, lines, room) => {
  if (texts.length !== lines.length) return;
  texts.forEach((text, k) => {
    if (text.textContent === lines[k]) return;
    text.textContent = lines[k];
    text.removeAttribute("textLength"); // its box was made for other numbers
    if (7 * lines[k].length > room) set(text, { textLength: room, lengthAdjust: "spacingAndGlyphs" });
  });
};
const narrow = (lines) => lines.flatMap((line) => line.split(", "));
const gradientLines = (total, parts) => {
  if (parts.length > 1 && parts.length <= 4 && !total.shape.length) return [`∇ ${sumText(parts, total)}`];
  const [first, ...rest] = narrow(valueLines(total, parts));
  return [`∇ ${first}`, ...rest];
};
const linesOf = ({ v, g, parts }, place, isBool) =>
  [isBool ? [] : narrow(valueLines(v[place])), g[place] ? gradientLines(g[place], parts[place] ?? []) : []];
const graphs = settings.graphs.map(({ drawing, same, bools }, index) => {
  const program = programs[index];
  const vertices = program.leaves.map((_, place) => {
    const element = document.getElementById(`${drawing}-n${place}`);
    return element && { room: element.querySelector(".tg-outline").getAttribute("width") - 16,
      texts: ["line", "gradient"].map((kind) => [...element.querySelectorAll(`.tg-${kind}`)]) };
  });
  const lines = () => {
    const now = program.compute === compute ? found
      : program.compute(program.leaves.map((leaf, place) => leaf && (data[same[place]] ?? leaf)));
    return vertices.map((_, place) => linesOf(now, place, bools.includes(place)));
  };
  return { drawing, vertices, lines, told: lines(), shown: null };
});
const drawGraphs = () => {
  for (const graph of graphs) {
    graph.shown = graph.lines();
    graph.vertices.forEach((vertex, place) =>
      vertex?.texts.forEach((texts, kind) => write(texts, graph.shown[place][kind], vertex.room)));
  }
};
/* What is read aloud of a vertex, and its row in the table. */
const tell = () => {
  for (const graph of graphs) {
    for (const host of document.querySelectorAll(`[data-drawing=${graph.drawing}] .vertex[data-place]`)) {
      let label = host.getAttribute("aria-label");
      [0, 1].forEach((kind) => {
        const [before, now] = [graph.told, graph.shown].map((each) => each[host.dataset.place]?.[kind].join(", "));
        if (before) label = label.replace(`, ${before}`, () => `, ${now}`);
      });
      host.setAttribute("aria-label", label);
    }
    graph.shown.forEach((each, place) => [4, 5].forEach((column, kind) => {
      const row = document.querySelector(`#node-${graph.drawing}-${place}`);
      if (row && each[kind].length) row.cells[column].textContent = each[kind].join(";  ").replace(/^∇ /, "");
    }));
    graph.told = graph.shown;
  }
};

/* --- all of it, once a frame; what is read aloud waits for the hand to rest --- */
let asked = 0, resting = 0;
const draw = () => {
  asked = 0;
  found = compute(data);
  columns.forEach(drawColumn);
  drawGraphs();
  const said = isBroken() ? sentence("other") + fill("broken", settings) : sentence(settings.kind);
  find(".say").textContent = said;
  find(".loss").textContent = `${output} = ${numberText(found.v[settings.top].data.reduce((a, b) => a + b, 0))}`;
  const targets = settings.aim >= 0 ? data[settings.aim].data : [];
  find('[data-live="turn"]').hidden = !canTurn();
  const marked = isOneHot();
  for (const { lanes } of columns) for (const { place, name, lane } of lanes)
    if (marked && lanes.length === targets.length) {
      name.classList.toggle("true", targets[place] === 1);
      if (data[settings.aim].shape.length === 1) name.textContent = targets[place] === 1 ? "true" : lane.dataset.name;
    } else { name.classList.remove("true"); name.textContent = lane.dataset.name; }
  document.documentElement.classList.toggle("moved", data.some((each, place) =>
    each && each.data.some((v, k) => !Object.is(v, recorded[place].data[k]))));
  clearTimeout(resting);
  resting = setTimeout(() => { find('[data-live="said"]').textContent = said; tell(); }, 700);
};
const soon = () => { asked ||= requestAnimationFrame(draw); };
const rows = () => {
  const { shape, data: flat } = data[settings.aim];
  const length = shape.at(-1) ?? 1;
  return Array.from({ length: flat.length / length }, (_, r) => flat.slice(r * length, (r + 1) * length));
};
const isOneHot = () => settings.aim >= 0 && settings.kind === "softmax" && rows().every(isTrue);
const canTurn = isOneHot;

/* --- sliders --- */
const given = data[settings.wrt];
const move = (place, value) => {
  const [least, most] = limits();
  data[settings.wrt].data[place] = Number(Math.min(most, Math.max(least, value)).toPrecision(12));
  soon();
};
const step = () => 10 ** Math.floor(Math.log10((columns[0].to - columns[0].from) / 20));
const under = (event, column) => {
  const box = column.svg.getBoundingClientRect();
  const along = column.upright ? event.clientY - box.top : (100 * (event.clientX - box.left)) / box.width;
  const value = column.from + ((along - column.start) / (column.end - column.start)) * (column.to - column.from);
  const grain = step() / 10;
  return Math.round(value / grain) * grain;
};
for (const { lane, place } of columns[0].lanes) {
  set(lane, { role: "slider", tabindex: "0", "aria-label": entry(lane.dataset.name),
    "aria-orientation": columns[0].upright ? "vertical" : "horizontal" });
  let held = false;
  lane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = true;
    lane.setPointerCapture(event.pointerId);
    lane.focus({ preventScroll: true });
    move(place, under(event, columns[0]));
    event.preventDefault();
  });
  lane.addEventListener("pointermove", (event) => { if (held) move(place, under(event, columns[0])); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) lane.addEventListener(end, () => { held = false; });
  lane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = data[settings.wrt].data[place], by = step();
    const to = { ArrowUp: now + by, ArrowRight: now + by, ArrowDown: now - by, ArrowLeft: now - by,
      PageUp: now + 10 * by, PageDown: now - 10 * by, Home: limits()[0], End: limits()[1] }[event.key];
    if (to === undefined && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (to !== undefined) move(place, Math.round(to / (by / 10)) * (by / 10));
  });
}

/* --- buttons --- */
const top = (at) => compute(at).v[settings.top].data[0];
const stepped = (rate) => data.map((each, place) => place !== settings.wrt ? each
  : { shape: each.shape, data: each.data.map((v, k) => v - rate * found.g[place].data[k]) });
let halvings = 1;
while (halvings < 20 && !(top(stepped(2 ** -halvings)) <= top(data))) halvings++;
const rate = halvings === 1 ? "½" : `1/${2 ** halvings}`;
const actions = {
  step: () => { data = stepped(2 ** -halvings); soon(); },
  turn: () => {
    const { shape } = data[settings.aim];
    data[settings.aim] = { shape, data: rows().flatMap((row) => [row.at(-1), ...row.slice(0, -1)]) };
    soon();
  },
  reset: () => { data = recorded.map((each) => each && { shape: each.shape, data: [...each.data] }); soon(); },
  own: (button) => {
    const form = find("form");
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
    if (form.hidden) return;
    for (const [key, place] of fields()) form.elements[key].value = written(data[place]);
    form.elements.given.focus();
  },
};
for (const label of all(".own label")) {
  const { name } = label.lastChild;
  label.firstChild.textContent = `${settings.names[name]} =`;
  label.hidden = name === "aim" && settings.aim < 0;
}
const fields = () => [["given", settings.wrt], ["aim", settings.aim]].filter(([, place]) => place >= 0);
const written = ({ shape, data: flat }) => {
  const length = shape.length > 1 ? shape.at(-1) : flat.length;
  const lines = [];
  for (let k = 0; k < flat.length; k += length) lines.push(flat.slice(k, k + length).join(", "));
  return lines.join("; ");
};
const read = (text, { shape }, name) => {
  const parts = text.replace(/−/g, "-").split(/[\s,;[\]()]+/).filter(Boolean);
  const wrong = parts.find((part) => !Number.isFinite(Number(part)));
  if (wrong !== undefined) throw new Error(`${name}: “${wrong}” is no number; write numbers with commas between them.`);
  if (parts.length !== size(shape)) throw new Error(`${name} has ${size(shape)} numbers, and ${parts.length} came.`);
  return { shape, data: parts.map(Number) };
};
find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const said = find(".refused");
  try {
    const read_ = fields().map(([key, place]) => [place, read(event.target.elements[key].value, data[place], settings.names[key])]);
    for (const [place, array] of read_) data[place] = array;
    said.textContent = "";
    soon();
  } catch (error) { said.textContent = error.message; }
});
find("form").addEventListener("keydown", (event) => { // what is typed is no command to the page
  event.stopPropagation();
  if (event.key !== "Escape") return;
  find('[data-live="own"]').click();
  find('[data-live="own"]').focus();
});
for (const button of all("[data-live]").filter((each) => each.tagName === "BUTTON")) {
  if (button.dataset.live === "step") {
    button.textContent = `one gradient step: ${settings.names.given} ← ${settings.names.given} − ${rate}·gradient`;
    button.hidden = !settings.scalar;
  }
  button.addEventListener("click", () => actions[button.dataset.live](button));
}
find(".doings").hidden = false;
draw();

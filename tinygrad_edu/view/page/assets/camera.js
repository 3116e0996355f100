"use strict";
/* The graph of a step seen through its window: text large enough to read, and in view what the
   step is about. The window scrolls, so that fingers, wheels and Tab move it, too. */
const camera = (() => {
  /* px for a unit of a drawing: numbers are 10 units high, and the exponents of formulas 11.2 */
  const NUMBERS = 1.21;
  const FORMULAS = 1.08;
  const ON_PHONES = 0.97; // where letters are 15 px high, and exponents may be smaller
  const MOST = 1.75;
  const GAP = 12; // around what is in view
  const MAP = { width: 84, height: 132, low: 60 };
  const ACTIVE = ".vertex:is(.now, .source, .matched, .cancelled), .edge:is(.now, .cancelled)";
  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const around = (pieces, graph) => {
    const boxes = pieces.map((piece) => piece.getBoundingClientRect()).filter((box) => box.width);
    const { left, top } = graph.getBoundingClientRect();
    return boxes.length ? {
      left: Math.min(...boxes.map((box) => box.left)) - left,
      top: Math.min(...boxes.map((box) => box.top)) - top,
      right: Math.max(...boxes.map((box) => box.right)) - left,
      bottom: Math.max(...boxes.map((box) => box.bottom)) - top,
    } : { left: 0, top: 0, right: 0, bottom: 0 };
  };
  const fits = (box, room) =>
    box.right - box.left <= room.width + 1 && box.bottom - box.top <= room.height + 1;
  /* What a step is about: its vertices and arrows, or as much of it as one can see at once. */
  const active = (graph, room) => {
    const found = [...graph.querySelectorAll(ACTIVE)];
    const choices = [found, found.filter((each) => each.matches(".vertex")),
      found.filter((each) => each.matches(".vertex:not(.source)"))];
    const boxes = choices.map((pieces) => around(pieces, graph));
    return boxes.find((box) => fits(box, room)) || boxes[1];
  };
  const scrolled = (from, length, low, high) => {
    if (low >= from + Math.min(GAP, low) && high <= from + length - GAP) return from;
    if (high - low > length) return Math.max(0, low - GAP);
    return (low + high - length) / 2;
  };
  const small = matchMedia("(max-width: 56rem)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const numbered = (graph) => [...graph.querySelectorAll("use")].some((use) =>
    document.querySelector(use.getAttribute("href")).querySelector(".tg-line, .tg-edge"));

  const size = (view, graph) => {
    const [, , width, height] = graph.getAttribute("viewBox").split(" ").map(Number);
    const projected = document.documentElement.classList.contains("projector");
    const below = view.nextElementSibling ? view.nextElementSibling.offsetHeight + 8 : 0;
    const top = view.getBoundingClientRect().top + scrollY;
    const room = { width: view.parentNode.clientWidth,
      height: Math.max(innerHeight - top - below - GAP, small.matches ? 260 : 200) };
    const least = (numbered(graph) ? NUMBERS : small.matches ? ON_PHONES : FORMULAS) * rem();
    let scale = 0;
    const zoom = (to) => {
      scale = to;
      graph.style.width = `${width * scale}px`;
      graph.style.height = `${height * scale}px`;
    };
    zoom(Math.max(projected ? 2 * least : least,
      Math.min((projected ? 4 : MOST) * rem(), room.width / width, room.height / height)));
    const box = active(graph, room);
    if (projected && !fits(box, room))
      zoom(Math.max(least, scale * Math.min(room.width / (box.right - box.left),
        room.height / (box.bottom - box.top))));
    const whole = around([...graph.querySelectorAll(".vertex, .edge")], graph);
    const overview = !fits(whole, room);
    const beside = (room.width - width * scale) / 2 > MAP.width + GAP;
    if (overview && !beside && !small.matches) room.height -= MAP.low + 4;
    view.style.height = `${Math.min(room.height, Math.ceil(height * scale))}px`;
    return { box: overview ? active(graph, room) : whole, overview, beside };
  };

  const chart = (figure, view, graph, beside) => {
    const box = graph.viewBox.baseVal;
    const scale = Math.min(MAP.width * (beside ? 1 : 2) / box.width,
      (beside ? MAP.height : MAP.low) / box.height);
    const map = svg("svg", { class: beside ? "map beside" : "map", viewBox:
      `0 0 ${box.width} ${box.height}`, width: box.width * scale, height: box.height * scale,
      "aria-hidden": "true" });
    const inside = svg("g", { transform: graph.firstElementChild.getAttribute("transform") });
    for (const vertex of graph.querySelectorAll(".vertex")) {
      const { x, y, width, height } = vertex.getBBox();
      inside.append(svg("rect", { class: state(vertex), x, y, width, height }));
    }
    const here = svg("rect", { class: "here" });
    map.append(inside, here);
    const unit = graph.clientWidth / box.width || 1;
    const follow = () => {
      for (const [key, value] of [["x", view.scrollLeft], ["y", view.scrollTop],
        ["width", Math.min(view.clientWidth, graph.clientWidth)], ["height", view.clientHeight]])
        here.setAttribute(key, value / unit);
    };
    view.onscroll = follow;
    follow();
    map.addEventListener("click", (event) => {
      const place = map.getBoundingClientRect();
      view.scrollTo({
        left: (event.clientX - place.left) / scale * unit - view.clientWidth / 2,
        top: (event.clientY - place.top) / scale * unit - view.clientHeight / 2,
      });
    });
    figure.append(map);
  };

  /* "past", "now", "gone matched": the classes of a vertex that say where the step stands. */
  const state = (vertex) => vertex.getAttribute("class").replace(/^vertex | known\b.*/g, "");

  /* Show a step's graph; where the last step showed the same drawing, move on from there. */
  const aim = (step, last = null) => {
    const view = step.querySelector(".view");
    if (!view) return;
    const figure = view.closest("figure");
    const graph = view.querySelector(".graph");
    for (const old of figure.querySelectorAll(".map")) old.remove();
    view.onscroll = null;
    const { box, overview, beside } = size(view, graph);
    if (last && last.drawing === step.dataset.drawing)
      view.scrollTo({ left: last.left, top: last.top, behavior: "instant" });
    const target = {
      left: scrolled(view.scrollLeft, view.clientWidth, box.left, box.right),
      top: scrolled(view.scrollTop, view.clientHeight, box.top, box.bottom),
    };
    view.scrollTo({ ...target, behavior: last && !still.matches ? "smooth" : "instant" });
    if (overview) chart(figure, view, graph, beside);
  };
  /* Where the window of a step stands, for the step that follows. */
  const place = (step) => {
    const view = step && step.querySelector(".view");
    return view && { drawing: step.dataset.drawing, left: view.scrollLeft, top: view.scrollTop };
  };
  return { aim, place, small, state };
})();

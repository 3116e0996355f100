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
  const ABOUT = ".vertex:is(.now, .source, .matched, .cancelled)";
  const ACTIVE = `${ABOUT}, .edge:is(.now, .cancelled)`;
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
  /* Where what a step is about stands too far apart to be seen at once, its nodes alone, closer
     together: in rows, each as it lies above the others in the graph, with the arrows between. */
  const matrix = (graph) => graph.firstElementChild.transform.baseVal.consolidate().matrix;
  const apart = (graph) => {
    if (!graph.matches(".close")) return;
    graph.classList.remove("close");
    graph.setAttribute("viewBox", graph.dataset.whole);
    graph.querySelector(".arrows").remove();
    for (const vertex of graph.querySelectorAll(".vertex")) vertex.removeAttribute("transform");
  };
  const rowsOf = (items, width, dense) => {
    const rows = [];
    let across = 0;
    let bottom = -Infinity;
    for (const item of items.sort((a, b) => a.y - b.y)) {
      if (!rows.length || (item.y > bottom && !dense) || across + item.width > width) {
        rows.push([]);
        across = 0;
        bottom = item.y + item.height;
      }
      rows.at(-1).push(item);
      across += item.width + GAP;
    }
    return rows.map((row) => row.sort((a, b) => a.x - b.x));
  };
  const arrow = ({ tail, head, kind }) => {
    const down = tail.top < head.top ? 1 : -1;
    const [x1, x2] = [tail, head].map((item) => item.left + item.width / 2);
    const y1 = tail.top + (down > 0 ? tail.height : 0);
    const y2 = head.top + (down > 0 ? 0 : head.height);
    const turn = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    const made = svg("g", { class: `edge now tg-${kind}` });
    made.append(svg("path", { class: "tg-path", d: `M${x1},${y1}L${x2},${y2}` }),
      svg("path", { class: "tg-head", d: "M0,0l-9,-4v8z", transform: `translate(${x2} ${y2}) rotate(${turn})` }));
    return made;
  };
  const together = (graph, room, least) => {
    const { e, f } = matrix(graph);
    const items = [...graph.querySelectorAll(ABOUT)].map((vertex) => {
      const { x, y, width, height } = vertex.getBBox();
      return { vertex, x, y, width, height };
    });
    const place = (dense) => {
      const rows = rowsOf(items, room.width / least - GAP, dense);
      const widths = rows.map((row) => row.reduce((sum, item) => sum + item.width + GAP, 0));
      const width = Math.max(...widths);
      let top = GAP / 2;
      rows.forEach((row, n) => {
        let left = (width - widths[n] + GAP) / 2;
        for (const item of row) {
          Object.assign(item, { left, top });
          left += item.width + GAP;
        }
        top += Math.max(...row.map((item) => item.height)) + (n < rows.length - 1 ? 2.5 : 0.5) * GAP;
      });
      return { width, height: top };
    };
    let size = place(false);
    if (size.height * least > room.height) size = place(true);
    if (size.height * least > room.height || size.width * least > room.width) return null;
    const places = new Map(items.map((item) => [item.vertex.dataset.place, item]));
    const arrows = svg("g", { class: "arrows", transform: `translate(${-e} ${-f})` });
    for (const edge of graph.querySelectorAll(".edge.now")) {
      const { tail, head } = document.querySelector(edge.getAttribute("href")).dataset;
      const kind = edge.matches(".backward") ? "backward" : "forward";
      if (places.has(tail) && places.has(head))
        arrows.append(arrow({ tail: places.get(tail), head: places.get(head), kind }));
    }
    for (const { vertex, x, y, left, top: above } of items)
      vertex.setAttribute("transform", `translate(${left - x - e} ${above - y - f})`);
    graph.dataset.whole = graph.getAttribute("viewBox");
    graph.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    graph.firstElementChild.prepend(arrows); // below the nodes
    graph.classList.add("close");
    return size;
  };

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
    if (high - low > length + 1) return Math.max(0, low - GAP);
    return (low + high - length) / 2;
  };
  const small = matchMedia("(max-width: 56rem)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const numbered = (graph) => [...graph.querySelectorAll("use")].some((use) =>
    document.querySelector(use.getAttribute("href")).querySelector(".tg-line, .tg-edge"));

  const size = (view, graph) => {
    apart(graph);
    let [, , width, height] = graph.getAttribute("viewBox").split(" ").map(Number);
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
    const map = overview && !beside && !small.matches ? MAP.low + 4 : 0;
    room.height -= map;
    const exactly = { width: room.width - 1, height: room.height - 1 };
    const close = fits(around([...graph.querySelectorAll(ABOUT)], graph), exactly)
      ? null : together(graph, { ...room, height: room.height + map }, least);
    if (close) {
      ({ width, height } = close);
      zoom(Math.min(MOST * rem(), room.width / width, (room.height + map) / height));
      view.style.height = `${Math.ceil(height * scale)}px`;
      return { box: around([...graph.querySelectorAll(ABOUT)], graph), overview: false };
    }
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

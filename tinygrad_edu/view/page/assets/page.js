(() => {
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const steps = all("#steps > .step");
  const assume = find("#assume");
  const slider = find("#slider");
  const routes = all("#routes [data-route]");
  let route = routes.length ? routes[0].dataset.route : "";
  let sequence = [];
  let at = 0;
  let timer = 0;
  const tip = find("#tip");
  let pinned = null;

  const chooseTrack = () => {
    const track = !assume || assume.checked ? "assumed" : "free";
    const told = (way) => steps.filter(({ dataset }) => [way, undefined].includes(dataset.route)
      && (!dataset.track || dataset.track === track));
    const open = (way) => told(way).some((step) => step.dataset.route !== undefined);
    for (const tab of routes) tab.hidden = !open(tab.dataset.route);
    if (!open(route)) route = routes.find((tab) => !tab.hidden).dataset.route;
    sequence = told(route);
    for (const tab of routes) tab.setAttribute("aria-current", String(tab.dataset.route === route));
    slider.max = sequence.length - 1;
  };

  const show = (wanted, record = true) => {
    release();
    at = Math.max(0, Math.min(sequence.length - 1, wanted));
    const current = sequence[at];
    const last = camera.place(steps.find((step) => step.matches(".current")));
    for (const step of steps) step.classList.toggle("current", step === current);
    slider.value = at;
    const said = at ? `Step ${at} of ${sequence.length - 1}` : "The answer";
    slider.setAttribute("aria-valuetext", said);
    find("#counter").textContent = `${at} / ${sequence.length - 1}`;
    find("#live").textContent = `${said}, ${current.dataset.phase}: ${current.dataset.title}`;
    for (const tab of all(".phases [data-phase]"))
      tab.setAttribute("aria-current", String(tab.dataset.phase === current.dataset.phase));
    for (const [action, off] of [["first", at === 0], ["previous", at === 0],
      ["next", at === sequence.length - 1], ["last", at === sequence.length - 1]])
      find(`[data-action="${action}"]`).disabled = off;
    if (record) scrollTo({ top: 0, behavior: "instant" });
    camera.aim(current, last);
    mark(current);
    if (record) {
      try { history.replaceState(null, "", `#step=${current.id}`); } catch { /* a frame of a notebook */ }
    }
  };

  const choose = (wanted) => {
    const { phase } = sequence[at].dataset;
    route = wanted;
    chooseTrack();
    show(sequence.findIndex((step) => step.dataset.phase === phase));
  };

  const phase = (name) => show(sequence.findIndex((step) => step.dataset.phase === name));

  const name = (button, text) => {
    button.setAttribute("aria-label", text);
    button.title = text;
    button.firstElementChild.textContent = text;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    const button = find('[data-action="play"]');
    name(button, "Play");
  };
  const play = () => {
    if (timer) return stop();
    if (at === sequence.length - 1) show(0);
    const button = find('[data-action="play"]');
    name(button, "Pause");
    timer = setInterval(() => {
      if (at === sequence.length - 1) stop(); else show(at + 1);
    }, 2500);
  };

  const fromLink = () => {
    const wanted = new URLSearchParams(location.hash.slice(1)).get("step");
    if (!wanted) return 0;
    if (/^\d+$/.test(wanted)) return Number(wanted);
    const step = steps.find((each) => each.id === wanted);
    if (step) {
      route = step.dataset.route ?? route;
      if (assume && step.dataset.track) assume.checked = step.dataset.track === "assumed";
      chooseTrack();
    }
    return Math.max(0, sequence.indexOf(step));
  };

  /* a node: what it is, what it is made of, where it is used */
  const release = () => {
    if (!find(".chosen")) return false;
    for (const each of all(".chosen, .producer, .consumer"))
      each.classList.remove("chosen", "producer", "consumer");
    for (const each of all("[aria-describedby]")) each.removeAttribute("aria-describedby");
    tip.hidden = true;
    light();
    pinned = null;
    return true;
  };
  const inspect = (vertex, pin = false) => {
    if (vertex.matches(".chosen") && !pin) return;
    release();
    pinned = pin ? vertex : null;
    tip.classList.toggle("brief", !pin);
    const step = vertex.closest(".step");
    const graph = vertex.closest(".graph");
    const place = vertex.dataset.place;
    vertex.classList.add("chosen");
    const neighbour = (other, name) => {
      const host = find(`.vertex[data-place="${other}"]`, graph);
      if (host) host.classList.add(name);
    };
    for (const edge of all(".edge.forward", graph)) {
      const { tail, head } = find(edge.getAttribute("href")).dataset;
      if (head === place) neighbour(tail, "producer");
      if (tail === place) neighbour(head, "consumer");
    }
    const panel = find(".said", tip);
    panel.replaceChildren();
    const row = find(`#node-${step.dataset.drawing}-${place}`);
    const title = document.createElement("p");
    if (row) title.append(...[...row.cells[1].childNodes].map((node) => node.cloneNode(true)));
    else title.textContent = vertex.getAttribute("aria-label");
    panel.append(title);
    for (const cell of row ? [...row.cells].slice(2) : []) {
      if (!cell.textContent.trim()) continue;
      const line = document.createElement("div");
      line.className = "row";
      const name = document.createElement("h3");
      name.textContent = row.closest("table").tHead.rows[0].cells[cell.cellIndex].textContent;
      line.dataset.title = name.textContent;
      const value = document.createElement("div");
      value.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
      line.append(name, value);
      panel.append(line);
    }
    tip.hidden = false;
    light(step, place);
    vertex.setAttribute("aria-describedby", "tip");
    beside(vertex);
  };
  /* The tooltip stands beside its node and off the words, where there is room; on a phone it is a
     sheet at the lower end, and the node is scrolled to what is left above it. */
  const beside = (vertex) => {
    const node = vertex.getBoundingClientRect();
    if (camera.small.matches) {
      tip.style.left = tip.style.top = "";
      const over = node.bottom + 8 - (innerHeight - tip.offsetHeight);
      if (over > 0) scrollBy({ top: over, behavior: "instant" });
      return;
    }
    const words = find(".words", vertex.closest(".step")).getBoundingClientRect();
    const end = words.left > node.right ? words.left : innerWidth;
    const top = find("header").offsetHeight + 4;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const along = Math.min(node.left, end - width - 8);
    const [x, y] = [
      [node.right + 8, node.top, node.right + 8 + width <= end],
      [node.left - 8 - width, node.top, node.left - 8 - width >= 0],
      [along, node.bottom + 8, node.bottom + 8 + height <= innerHeight],
      [along, node.top - 8 - height, node.top - 8 - height >= top],
      [node.right + 8, node.top, true],
    ].find(([, , isFree]) => isFree);
    tip.style.left = `${Math.max(4, x)}px`;
    tip.style.top = `${Math.max(top, Math.min(y, innerHeight - height - 8))}px`;
  };

  /* Letters of formulas bear the place and the state of their nodes. */
  const mark = (step) => {
    const nodes = new Map(all(".vertex", step).map((vertex) =>
      [vertex.getAttribute("aria-label").split(/,| = /)[0], vertex]));
    for (const piece of all(":is(.equation, .row) :is(msub, mi)", step)) {
      const vertex = !piece.parentNode.closest("msub") && nodes.get(piece.textContent);
      if (!vertex) continue;
      piece.dataset.place = vertex.dataset.place;
      piece.dataset.state = camera.state(vertex);
    }
  };
  const light = (step, place) => {
    for (const each of all(".lit")) each.classList.remove("lit");
    if (place) for (const each of all(`[data-place="${place}"]`, step)) each.classList.add("lit");
  };

  /* copying and saving */
  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const before = button.dataset.label || button.textContent;
    button.dataset.label = before;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  };
  const PROPERTIES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap",
    "opacity", "visibility", "color", "font-size", "font-family", "font-weight", "font-style"];
  const drawn = (svg) => {
    /* Write what each used piece looks like just now into the piece itself. */
    const out = svg.cloneNode(false);
    out.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    const stage = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const live = find("g", svg).cloneNode(true);
    stage.append(live);
    svg.parentNode.append(stage);
    for (const use of all("use", live)) {
      const group = find(use.getAttribute("href")).cloneNode(true);
      group.removeAttribute("id");
      const around = document.createElementNS("http://www.w3.org/2000/svg", "g");
      around.setAttribute("class", use.getAttribute("class") || "");
      around.append(group);
      use.replaceWith(around);
    }
    for (const piece of all("use", live)) {
      const outline = find(piece.getAttribute("href")).cloneNode(true);
      outline.removeAttribute("id");
      outline.setAttribute("transform", piece.getAttribute("transform"));
      piece.replaceWith(outline);
    }
    const looks = all("*", live).map((piece) => {
      const style = getComputedStyle(piece);
      return [piece, PROPERTIES.map((name) => [name, style.getPropertyValue(name)])];
    });
    for (const [piece, look] of looks) {
      for (const [name, value] of look) piece.setAttribute(name, value);
      for (const name of ["class", "tabindex", "role", "data-place", "data-tail", "data-head"])
        piece.removeAttribute(name);
    }
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of [["width", "100%"], ["height", "100%"],
      ["fill", getComputedStyle(document.body).backgroundColor]]) ground.setAttribute(name, value);
    out.append(ground, live);
    stage.remove();
    return new XMLSerializer().serializeToString(out);
  };
  const download = () => {
    const svg = all(".graph", sequence[at]).pop();
    if (!svg) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([drawn(svg)], { type: "image/svg+xml" }));
    link.download = `${sequence[at].id}.svg`;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const actions = {
    first: () => show(0),
    previous: () => show(at - 1),
    next: () => show(at + 1),
    last: () => show(sequence.length - 1),
    play,
    latex: (button) => copy(sequence[at].dataset[find("#indices").checked ? "index" : "vector"], button),
    dot: (button) => {
      const named = sequence[at].dataset.drawing.replace(/-\d+$/, "");
      copy((find(`#source-dot-${named}`) ?? find("[id^=source-dot-]")).textContent, button);
    },
    python: (button) => copy(find("#source-python").textContent, button),
    svg: download,
    help: () => { find("#menu").hidePopover(); find("#help").showModal(); },
    projector: () => {
      find("#menu").hidePopover();
      document.documentElement.classList.toggle("projector");
      camera.aim(sequence[at]);
    },
    fullscreen: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen().catch(() => {});
    },
    blank: () => document.documentElement.classList.toggle("blank"),
    close: () => find("#help").close(),
    release: () => release(),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action], .tabs button");
    if (button) {
      if (button.dataset.action !== "play") stop();
      if (button.dataset.action) actions[button.dataset.action](button);
      else if (routes.includes(button)) choose(button.dataset.route);
      else phase(button.dataset.phase);
      return;
    }
    const vertex = event.target.closest(".vertex");
    if (vertex && pinned !== vertex) inspect(vertex, true);
    else if (!event.target.closest("#tip")) release();
  });
  document.addEventListener("pointerover", (event) => {
    const place = event.target.closest(".step [data-place]");
    light(sequence[at], place && place.dataset.place);
    const vertex = event.target.closest(".vertex");
    if (vertex && !pinned && event.pointerType === "mouse") inspect(vertex);
    else if (!vertex && !pinned && !event.target.closest("#tip")) release();
  });
  document.addEventListener("focusin", (event) => {
    const vertex = event.target.closest(".vertex");
    if (vertex && vertex.matches(":focus-visible")) inspect(vertex);
  });
  const keys = { ArrowLeft: actions.previous, ArrowRight: actions.next,
    PageUp: actions.previous, PageDown: actions.next, Home: actions.first, End: actions.last,
    p: actions.projector, f: actions.fullscreen, b: actions.blank,
    1: () => phase("forward"), 2: () => phase("backward"),
    3: () => phase("algebra"), "?": actions.help,
    Escape: () => {
      stop();
      if (!release()) document.documentElement.classList.remove("projector", "blank");
      camera.aim(sequence[at]);
    } };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || find("#help").open) return;
    const busy = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (busy && event.key !== "Escape") return;
    const vertex = event.target.closest(".vertex");
    if (vertex && event.key === "Enter") return inspect(vertex, true);
    if (event.key === " " && !event.target.closest("button, input, summary, a")) {
      event.preventDefault();
      play();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!keys[key]) return;
    if (key === "Escape") return keys.Escape(); // which closes the menu and the full screen, too
    event.preventDefault();
    stop();
    keys[key]();
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  if (assume) assume.addEventListener("change", () => {
    const phaseNow = sequence[at].dataset.phase;
    const last = at === sequence.length - 1;
    const routeNow = route;
    chooseTrack();
    if (last) show(sequence.length - 1);
    else if (route !== routeNow) phase(phaseNow);
    else show(at);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.closest(".vertex") && !pinned) release();
  });
  addEventListener("resize", () => camera.aim(sequence[at]));
  addEventListener("hashchange", () => show(fromLink(), false));

  for (const each of all(".stepper, .copies")) each.hidden = false;
  chooseTrack();
  show(fromLink(), false);
})();

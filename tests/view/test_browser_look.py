"""How the page looks, in a real browser."""

from itertools import pairwise
from pathlib import Path

import pytest

from tinygrad_edu.lectures import LECTURES

# The work is done in the browser.
pytestmark = pytest.mark.usefixtures("untraced")

# --- where things stand ---------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1440, 900), (1920, 1080)])
def test_the_graph_stands_near_the_formula(visit, width, height):
    page = visit("#step=backward-9", viewport={"width": width, "height": height})
    equation = page.locator(".step:visible .equation").bounding_box()
    graph = page.locator(".step:visible .graph").bounding_box()
    if width < 900:
        assert 0 <= graph["y"] - (equation["y"] + equation["height"]) < 100
    else:
        assert graph["x"] + graph["width"] <= equation["x"]
        assert graph["y"] + graph["height"] <= height


#: Go through the page from its first step, and look at each: its key, and what was found.
ON_EVERY_STEP = """() => {
  const found = {}, next = document.querySelector('[data-action=next]');
  for (;;) {
    found[document.querySelector('.step.current').id] = %s;
    if (next.disabled) return found;
    next.click();
  }
}"""


@pytest.mark.parametrize("width", [375, 1440, 1920])
def test_the_page_does_not_scroll_sideways(visit, keys, width):
    page = visit(viewport={"width": width, "height": 800})
    widths = page.evaluate(ON_EVERY_STEP % "document.documentElement.scrollWidth")
    assert list(widths) == keys()
    assert max(widths.values()) <= width


def test_on_a_wide_screen_no_formula_is_cut_off(visit, keys):
    page = visit(viewport={"width": 1440, "height": 900})
    cut = """[...document.querySelectorAll('.step.current :is(.equation, .formula)')]
      .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"""
    assert page.evaluate(ON_EVERY_STEP % cut) == {key: [] for key in keys()}


OVERLAPS = """() => {
  const found = [];
  for (const step of document.querySelectorAll('.step')) {
    step.classList.add('current');
    for (const graph of step.querySelectorAll('.graph')) {
      const boxes = [...graph.querySelectorAll('.vertex')].map(v => v.getBoundingClientRect());
      boxes.forEach((one, i) => boxes.slice(i + 1).forEach(other => {
        if (one.left < other.right - 1 && other.left < one.right - 1 &&
            one.top < other.bottom - 1 && other.top < one.bottom - 1)
          found.push(`${step.id}: two nodes overlap`);
      }));
    }
  }
  const store = document.querySelector('.store');
  store.setAttribute('width', 3000); store.setAttribute('height', 3000);
  for (const piece of store.querySelectorAll('[id*="-n"]')) {
    const copy = piece.cloneNode(true);
    copy.removeAttribute('id');
    copy.setAttribute('transform', 'translate(100 1500)');
    store.append(copy);
    const shape = copy.querySelector('.tg-shape').getBoundingClientRect();
    for (const label of copy.querySelectorAll('text, .tg-formula')) {
      const box = label.getBoundingClientRect();
      if (box.left < shape.left - 1 || box.right > shape.right + 1 ||
          box.top < shape.top - 1 || box.bottom > shape.bottom + 1)
        found.push(`${piece.id}: ${label.textContent || 'formula'} leaves its node`);
    }
    copy.remove();
  }
  return found;
}"""


@pytest.mark.parametrize("key", ["softmax-ce", "softmax-ce-batch", "sigmoid-ce"])
def test_no_label_leaves_its_node_and_nothing_overlaps(visit, tmp_path, key):
    page = LECTURES[key].explain()
    assert visit(at=page.save(tmp_path / "page.html")).evaluate(OVERLAPS) == []


PLACES = """step => Object.fromEntries([...document.querySelectorAll(`#${step} .graph`)].at(-1)
  .querySelectorAll('.vertex').entries().map(([_, vertex]) => {
    const box = vertex.getBoundingClientRect(), of = vertex.closest('svg').getBoundingClientRect();
    return [vertex.dataset.place, [box.left - of.left, box.top - of.top].map(Math.round)];
  }))"""


def test_a_node_that_stays_keeps_its_place(visit, told, keys):
    page = visit(java_script_enabled=True)
    page.evaluate("document.documentElement.classList.remove('stepping')")
    steps = [f.key for f in told.story.frames if f.phase != "algebra"]
    places = [page.evaluate(PLACES, step) for step in steps]
    assert len(places[0]) == 2
    assert len(places[-1]) == 9
    for before, after in pairwise(places):
        assert before.items() <= after.items()
    before, after = page.evaluate(
        """step => [...document.querySelectorAll(`#${step} .graph`)].map(graph => {
          const of = graph.getBoundingClientRect();
          return Object.fromEntries([...graph.querySelectorAll('.vertex')].map(vertex => {
            const box = vertex.getBoundingClientRect();
            return [vertex.dataset.place, [box.left - of.left, box.top - of.top].map(Math.round)];
          }));
        })""",
        keys()[-1],
    )
    assert len(after) == 3
    assert after.items() <= before.items()


# --- colours and motion ---------------------------------------------------------------------------

LINES = """kind => {
  const look = getComputedStyle(document.querySelector(`.store .tg-${kind} > .tg-path`));
  return [look.stroke, look.strokeDasharray];
}"""


@pytest.mark.parametrize(
    ("scheme", "forward", "backward"),
    [
        ("light", "rgb(0, 114, 178)", "rgb(179, 71, 0)"),
        ("dark", "rgb(86, 180, 233)", "rgb(240, 160, 96)"),
    ],
)
def test_arrows_have_the_colour_of_their_phase(visit, scheme, forward, backward):
    page = visit("#step=backward-9", color_scheme=scheme)
    assert page.evaluate(LINES, "forward") == [forward, "none"]
    assert page.evaluate(LINES, "backward") == [backward, "5px, 3px"]
    tab = "getComputedStyle(document.querySelector('.tabs .backward')).color"
    assert page.evaluate(tab) == backward


def test_what_a_rule_matches_is_outlined_and_what_it_cancels_struck(visit, keys):
    page = visit(f"#step={keys()[-1]}")
    graph = page.locator(".step:visible .graph").first
    look = "(each, name) => getComputedStyle(each).getPropertyValue(name)"
    violet, red = (page.locator("html").evaluate(look, name) for name in ("--algebra", "--struck"))
    assert "none" not in {violet, red}
    assert graph.locator(".vertex.matched").count() == 2
    assert graph.locator(".edge.cancelled").count() == 2
    assert graph.locator(".vertex.matched").first.evaluate(look, "--outline") == violet
    assert graph.locator(".edge.cancelled").first.evaluate(look, "--strike") == red
    strikes = """graph => [...graph.querySelectorAll('.edge.cancelled')].every(edge =>
      document.querySelector(edge.getAttribute('href')).querySelector('.tg-strike'))"""
    assert graph.evaluate(strikes)
    caption = page.locator(".step:visible figcaption").inner_text()
    assert "Outlined" in caption
    assert "struck through" in caption


def test_the_heat_map_is_darker_where_numbers_are_larger(visit):
    page = visit("#step=forward-4")
    cells = page.locator(".step:visible .heat tbody td")
    ground = [
        cell.evaluate("each => getComputedStyle(each).backgroundColor") for cell in cells.all()
    ]
    assert ground[0] not in {ground[4], ground[8]}
    assert ground[1] == ground[3] != ground[2] == ground[6]


EVERY = ("1", "2", "3", "End")
COLOURS = ["color-contrast", "link-in-text-block"]


# The first step by all rules; in the other scheme, whose colours alone differ, one of each phase.
@pytest.mark.parametrize(
    ("scheme", "keys", "rules"),
    [
        ("light", EVERY[:1], None),
        ("dark", EVERY[1:], COLOURS),
        *(pytest.param(scheme, EVERY, None, marks=pytest.mark.ci) for scheme in ("light", "dark")),
    ],
    ids=["light", "dark", "light, every phase", "dark, every phase"],
)
def test_axe_finds_nothing(visit, scheme, keys, rules):
    import axe_playwright_python

    source = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page = visit(color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    page.evaluate(source.read_text(encoding="utf-8"))
    for key in keys:
        page.keyboard.press(key)
        if key == "2":
            page.locator(".step:visible .vertex").first.hover()
        # What is the same in every step is looked at in the first; what passes is not described.
        known = [] if key == "1" else [".step:not(.current)", "details"]
        options = {"resultTypes": ["violations"], "preload": False}
        report = page.evaluate(
            "([known, options]) => axe.run(known.length ? {exclude: known} : document, options)",
            [known, options | ({"runOnly": rules} if rules else {})],
        )
        said = [
            f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:120]}" for v in report["violations"]
        ]
        assert said == []


def test_the_theme_can_be_chosen(visit):
    page = visit(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").select_option("dark")
    assert page.evaluate(ground) != light
    page.locator("#theme").select_option("light")
    assert page.evaluate(ground) == light


def test_in_forced_colours_labels_can_be_read(visit):
    page = visit("#step=forward-4", forced_colors="active")
    look = "getComputedStyle(document.querySelector('.store {}')).fill"
    assert page.evaluate(look.format(".tg-op > .tg-shape")) != page.evaluate(look.format("text"))


@pytest.mark.parametrize(("motion", "name"), [("reduce", "none"), ("no-preference", "arrive")])
def test_steps_move_only_where_motion_is_wanted(visit, motion, name):
    page = visit(reduced_motion=motion)
    look = "getComputedStyle(document.querySelector('.step.current')).animationName"
    assert page.evaluate(look) == name

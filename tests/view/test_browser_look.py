"""How the page looks, in a real browser."""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lectures import LECTURES

# The work is done in the browser.
pytestmark = pytest.mark.usefixtures("untraced")

# --- where things stand ---------------------------------------------------------------------------


#: Go through the page from its first step, and look at each: its key, and what was found.
ON_EVERY_STEP = """() => {
  const found = {}, next = document.querySelector('[data-action=next]');
  for (;;) {
    found[document.querySelector('.step.current').id] = %s;
    if (next.disabled) return found;
    next.click();
  }
}"""


SIZES = [(375, 812), (1024, 768), (1280, 720), (1440, 900), (1920, 1080)]
LECTURE_PAGES = ["norm-p", "stable-softmax-ce"]

#: What is wrong with the graph of a step: what it is about is not in view, or text is too small.
WRONG = """(() => {
  const step = document.querySelector('.step.current'), wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('it scrolls sideways');
  if (step.id === 'answer' || !step.querySelector('figure')) return wrong;
  const view = step.querySelector('.view').getBoundingClientRect();
  const graph = step.querySelector('.graph');
  const top = document.querySelector('header').getBoundingClientRect().bottom;
  for (const each of step.querySelectorAll('.vertex:is(.now, .source, .matched, .cancelled)')) {
    const box = each.getBoundingClientRect();
    if (box.left < view.left - 1 || box.right > view.right + 1 || box.top < view.top - 1
        || box.bottom > view.bottom + 1 || box.top < top - 1 || box.bottom > innerHeight)
      wrong.push(`${each.getAttribute('aria-label')} is not in view`);
  }
  const known = (window.fonts ??= {})[innerWidth] ??= {}, scale = graph.getScreenCTM().a;
  const smallest = id => known[id] ??= Math.min(...[
    ...document.querySelector(id).querySelectorAll('text')]
    .map(text => parseFloat(getComputedStyle(text).fontSize)));
  const sizes = [...step.querySelectorAll('use')].map(use => smallest(use.getAttribute('href')));
  if (Math.min(...sizes) * scale < 12) wrong.push(`text of ${Math.min(...sizes) * scale} px`);
  return wrong;
})()"""


def given(*shapes):
    """Matrices of their own numbers, each with a name."""
    rng = np.random.default_rng(0)
    return [tg.Tensor(rng.standard_normal(shape), name=name) for name, shape in shapes]


def two_layers():
    X, W, V, b = given(("X", (4, 3)), ("W", (3, 5)), ("V", (5, 3)), ("b", (5,)))
    H = tg.name(tg.relu(X @ W + b), "H")
    return tg.name(tg.softmax_cross_entropy(H @ V, np.eye(3)[[0, 1, 2, 1]]), "L"), W


def attention():
    X, *weights = given(("X", (3, 4)), ("Wq", (4, 4)), ("Wk", (4, 4)), ("Wv", (4, 4)))
    Q, K, V = (tg.name(X @ W, name) for W, name in zip(weights, "QKV", strict=True))
    A = tg.name(tg.softmax(Q @ K.T / 2), "A")
    return tg.name(((A @ V) ** 2).mean(), "L"), weights[0]


def recurrent():
    W, U = given(("W", (3, 3)), ("U", (3, 2)))
    h, x = np.zeros(3), np.random.default_rng(1).standard_normal((10, 2))
    for each in x:
        h = tg.tanh(W @ h + U @ each)
    return tg.name((h**2).sum(), "L"), W


# One page in all sizes, two in those of a phone and a lecture hall; `make test-ci` takes all.
PAGES = [
    pytest.param(LECTURES["softmax-ce"].explain, SIZES, id="softmax-ce"),
    *(pytest.param(LECTURES[name].explain, SIZES[::2][:2], id=name) for name in LECTURE_PAGES),
    *(
        pytest.param(LECTURES[name].explain, SIZES, id=f"{name}, all", marks=pytest.mark.ci)
        for name in LECTURE_PAGES
    ),
    *(
        pytest.param(
            lambda build=build: tg.explain(*build()), SIZES, id=build.__name__, marks=pytest.mark.ci
        )
        for build in (two_layers, attention, recurrent)
    ),
]


@pytest.mark.parametrize(("explained", "sizes"), PAGES)
def test_every_step_is_in_view_and_large_enough_to_read(visit, tmp_path, explained, sizes):
    saved = explained().save(tmp_path / "page.html")
    page = visit(at=saved)
    found, seen = {}, set()
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        for start in [page.evaluate("document.querySelector('.step').id"), "forward-1"]:
            page.evaluate("start => { location.hash = `#step=${start}`; }", start)
            page.wait_for_function(
                "start => document.querySelector('.step.current').id === start", arg=start
            )
            for key, wrong in page.evaluate(ON_EVERY_STEP % WRONG).items():
                found |= {f"{width}: {key}": wrong} if wrong else {}
                seen.add(key)
    assert found == {}
    assert seen >= {"forward-1", "backward-1", "algebra-1"}


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_a_page_of_a_long_chain_fits_the_window(visit, tmp_path, width, height):
    x = tg.Tensor([0.3, 0.2, -0.5], name="x")
    out = x
    for n in range(40):
        out = tg.sin(out) if n % 2 else tg.tanh(out)
    saved = tg.explain(tg.name(out.sum(), "L"), x).save(tmp_path / "page.html")
    page = visit(at=saved, viewport={"width": width, "height": height})
    title = page.locator(".title").bounding_box()
    assert title["x"] + title["width"] <= width
    for key in ("2", "ArrowLeft"):
        page.keyboard.press(key)
        assert page.evaluate(WRONG) == []
    for key in ("Home", "3", "End"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_header_is_one_line(visit):
    page = visit(viewport={"width": 1280, "height": 720})
    assert page.locator("header").bounding_box()["height"] < 60
    assert page.locator("#menu").is_hidden()


def test_on_a_wide_screen_no_formula_is_cut_off(visit, keys):
    page = visit(viewport={"width": 1440, "height": 900})
    cut = """[...document.querySelectorAll('.step.current :is(.equation, .formula)')]
      .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"""
    found = page.evaluate(ON_EVERY_STEP % cut)
    assert list(found) == keys(route="short")
    assert not any(found.values())


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


PLACES = """() => {
  document.documentElement.classList.remove('stepping');
  document.querySelector('#assume').click(); // the other derivation is shown, too
  const found = {};
  for (const vertex of document.querySelectorAll('.step .vertex')) {
    const { x, y } = vertex.getBBox(), step = vertex.closest('.step');
    if (step.checkVisibility())
      (found[`${step.dataset.drawing} ${vertex.dataset.place}`] ??= []).push([x, y]);
  }
  return found;
}"""


def test_a_node_that_stays_keeps_its_place(visit):
    places = visit().evaluate(PLACES)
    assert len(places) > 20
    for shown in places.values():
        assert len({tuple(place) for place in shown}) == 1
    assert max(map(len, places.values())) > 10


def test_the_camera_moves_to_what_is_next(visit):
    from playwright.sync_api import expect

    page = visit("#step=backward-1", viewport={"width": 1280, "height": 720})
    place = "document.querySelector('.step.current .view').scrollTop"
    assert page.locator(".step:visible .map").is_visible()
    low = page.evaluate(place)
    page.keyboard.press("3")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(place) < low
    page.set_viewport_size({"width": 1920, "height": 1400})
    expect(page.locator(".step:visible .map")).to_have_count(0)


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


# The first step by all rules; in the other scheme, whose colours alone differ, one of a graph.
@pytest.mark.parametrize(
    ("scheme", "keys", "rules"),
    [
        ("light", EVERY[:1], None),
        ("dark", EVERY[1:2], COLOURS),
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
        if key == "3":
            page.get_by_role("button", name="Menu").click()
        if key == "End":
            page.keyboard.press("p")
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
    page.get_by_role("button", name="Menu").click()
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

"""The page in a real browser: Debian's Chromium, driven by Playwright, with axe-core."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.lectures import LECTURES
from tinygrad_edu.naming import Names
from tinygrad_edu.view.page import Page
from tinygrad_edu.view.story import story

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = next(
    (
        f"{what} is missing: {mend}"
        for what, there, mend in (
            ("Chromium", CHROMIUM, "apt-get install chromium"),
            ("Playwright", importlib.util.find_spec("playwright"), "pip install playwright"),
            (
                "axe-core",
                importlib.util.find_spec("axe_playwright_python"),
                "pip install axe-playwright-python",
            ),
        )
        if not there
    ),
    "",
)
Z, Y = np.array([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
A = np.exp(Z) / np.exp(Z).sum()


@pytest.fixture(scope="module")
def browser():
    if MISSING and os.environ.get("CI"):
        pytest.fail(f"the page cannot be tested in a browser: {MISSING}")
    if MISSING:
        pytest.skip(f"the page is not tested in a browser: {MISSING}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def told():
    return Page(story(*LECTURES["softmax-ce"].build()))


@pytest.fixture(scope="module")
def path(told, tmp_path_factory):
    return told.save(tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def visit(browser, path):
    """Open the page in a context of its own; it must stay silent and fetch nothing."""
    contexts, noise = [], []

    def go(fragment="", at=path, **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.append(f"request: {request.url}"))
        page.goto(at.as_uri() + fragment)
        return page

    yield go
    for context in contexts:
        context.close()
    assert [line for line in noise if not line.startswith("request: file:")] == []
    assert len(set(noise)) == len(contexts)  # the page itself, perhaps again


def current(page):
    shown = page.locator(".step:visible")
    assert shown.count() == 1
    return shown.get_attribute("id")


def sequence(told, track="assumed"):
    return [f.key for f in told.story.frames if f.track in {"", track}]


# --- stepping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [375, 1440])
def test_the_graph_stands_near_the_formula(visit, width):
    page = visit("#step=forward-4", viewport={"width": width, "height": 900})
    equation = page.locator(".step:visible .equation").bounding_box()
    graph = page.locator(".step:visible .graph").bounding_box()
    if width < 900:
        assert 0 <= graph["y"] - (equation["y"] + equation["height"]) < 100
    else:
        assert graph["x"] + graph["width"] <= equation["x"]


def test_every_step_by_keyboard_and_by_button(visit, told):
    keys = sequence(told)
    page = visit()
    assert current(page) == keys[0]
    for forward, back in (
        (lambda: page.keyboard.press("ArrowRight"), lambda: page.keyboard.press("ArrowLeft")),
        (
            lambda: page.get_by_role("button", name="Next step").click(),
            lambda: page.get_by_role("button", name="Previous step").click(),
        ),
    ):
        for key in keys[1:]:
            forward()
            assert current(page) == key
        for key in reversed(keys[:-1]):
            back()
            assert current(page) == key
    page.keyboard.press("End")
    assert current(page) == keys[-1]
    assert page.get_by_role("button", name="Next step").is_disabled()
    page.keyboard.press("Home")
    assert current(page) == keys[0]


def test_phases_the_slider_and_links(visit, told):
    page = visit("#step=backward-3")
    assert current(page) == "backward-3"
    for key, phase in (("3", "algebra"), ("1", "forward"), ("2", "backward")):
        page.keyboard.press(key)
        assert current(page) == f"{phase}-1"
        assert page.locator(f".tabs .{phase}").get_attribute("aria-current") == "true"
    page.get_by_role("button", name="Algebra").click()
    assert current(page) == "algebra-1"
    assert page.url.endswith("#step=algebra-1")
    page.locator("#slider").fill("4")
    assert current(page) == sequence(told)[3]
    assert page.locator("#live").text_content().startswith("Step 4 of 26, forward: ")
    page.evaluate("location.hash = '#step=9'")
    page.wait_for_function("document.querySelector('#counter').textContent === '9 / 26'")


def test_play_goes_on_by_itself_and_stops(visit):
    page = visit("#step=algebra-7")
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2600)
    assert current(page) == "algebra-8"
    page.clock.run_for(2600)
    assert page.get_by_role("button", name="Play").is_visible()


def test_the_assumption_is_a_switch(visit):
    page = visit()
    page.keyboard.press("End")
    assert "a − y" in page.locator(".step:visible math").first.get_attribute("alttext")
    page.get_by_label("assume Σy = 1").uncheck()
    assert current(page).startswith("algebra-free")
    assert page.locator(".step:visible .equation math:visible").get_attribute("alttext") == (
        "∂L/∂z = a·Σy − y"
    )


def test_notation_values_gradients_and_shapes_are_switches(visit):
    page = visit("#step=backward-9")
    equation = page.locator(".step:visible .equation math:visible")
    assert equation.get_attribute("alttext") == "∂L/∂e = (−y/(a·s)) + Σ(a·y/(a·s))"
    page.get_by_label("index notation").check()
    assert equation.get_attribute("alttext") == "∂L/∂eⱼ = (−yⱼ/(aⱼ·s)) + Σₖ(aₖ·yₖ/(aₖ·s))"
    look = "getComputedStyle(document.querySelector('.step.current .vertex.known'))"
    for label, name, before, after in (
        ("values", "--values", "", "hidden"),
        ("gradients", "--gradients", "visible", "hidden"),
        ("shapes", "--shapes", "", "visible"),
    ):
        assert page.evaluate(f"{look}.getPropertyValue('{name}')") == before
        page.get_by_label(label, exact=True).click()
        assert page.evaluate(f"{look}.getPropertyValue('{name}')") == after


def test_help_opens_and_closes(visit):
    page = visit()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


# --- a node ---------------------------------------------------------------------------------------


def test_a_node_tells_of_itself_and_lights_its_neighbours(visit, told):
    page = visit("#step=backward-9")
    place = next(n.place for n in told.story.nodes if n.name.vector.text.startswith("a ="))
    node = told.story.nodes[place]
    vertex = page.locator(f'.step:visible .vertex[data-place="{place}"]')
    panel = page.locator(".step:visible .inspector")

    def lit(name):
        found = page.locator(f".step:visible .vertex.{name}")
        return {int(each.get_attribute("data-place")) for each in found.all()}

    for look in (vertex.hover, vertex.click):
        look()
        assert panel.is_visible()
        assert node.value in panel.text_content()
        assert node.gradient in panel.text_content()
        assert lit("producer") == set(node.made_of)
        assert lit("consumer") == set(node.used_by)
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    page.locator("#counter").hover()
    page.locator(".step:visible .vertex").first.focus()
    page.keyboard.press("Tab")
    assert panel.is_visible()


def test_displayed_numbers_are_numpys(visit):
    page = visit("#step=forward-4")
    cells = page.locator(".step:visible .heat td").all_inner_texts()
    shown = [float(cell.replace("−", "-")) for cell in cells if cell.strip()]
    assert_allclose(np.reshape(shown, (3, 3)), np.diag(A) - np.outer(A, A), atol=5.1e-4)
    rows = {}
    for row in page.locator(".nodes tbody > tr").all():
        name = row.locator("> th").text_content()
        texts = row.locator("> td").all_text_contents()
        rows[name] = [re.findall(r"−?[\d.]+", text) for text in texts[3:5]]
    numbers = {
        name: [[float(n.replace("−", "-")) for n in cell] for cell in cells]
        for name, cells in rows.items()
    }
    assert_allclose(numbers["a"][0], A, atol=5e-4)
    assert_allclose(numbers["z"][1], A - Y, atol=5e-4)
    assert_allclose(numbers["L"][0], [-np.log(A[1])], atol=5e-3)


# --- how it looks ---------------------------------------------------------------------------------

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


@pytest.mark.parametrize("key", ["softmax-ce", "softmax-ce-batch"])
def test_no_label_leaves_its_node_and_nothing_overlaps(visit, tmp_path, key):
    page = Page(story(*LECTURES[key].build()))
    assert visit(at=page.save(tmp_path / "page.html")).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("width", [375, 1440])
def test_the_page_does_not_scroll_sideways(visit, told, width):
    page = visit(viewport={"width": width, "height": 800})
    for _ in sequence(told):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, scheme):
    import axe_playwright_python

    source = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    page.locator("summary").first.click()
    page.evaluate(source.read_text(encoding="utf-8"))
    for key in ("1", "2", "3", "End"):
        page.keyboard.press(key)
        report = page.evaluate("axe.run()")
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


# --- without the script, on paper, and out of the page --------------------------------------------


def test_without_scripts_every_step_is_there(visit, told):
    page = visit(java_script_enabled=False)
    assert page.locator(".step:visible").count() == len(told.story.frames)
    assert page.locator(".stepper").is_hidden()


def test_the_paper_has_every_step_and_no_broken_card(visit, told, tmp_path):
    import pypdf

    page = visit()
    page.pdf(path=tmp_path / "page.pdf")
    pages = [p.extract_text() for p in pypdf.PdfReader(tmp_path / "page.pdf").pages]
    assert any("a − y" in text for text in pages)
    whole = " ".join(" ".join(pages).split())
    assert [f.title for f in told.story.frames if f.title not in whole] == []
    assert all("Compute a" not in text or "a = e / s" in text for text in pages)


def test_markup_in_a_name_stays_text(visit, tmp_path):
    z = tg.Tensor([1.0, 2.0, 3.0], name="<img src=x onerror=console.log(1)>")
    y = tg.Tensor([0.0, 1.0, 0.0], name="</script><script>console.log(2)</script>")
    loss = tg.softmax_cross_entropy(z, y)
    saved = Page(story(loss, z, Names(None, {}))).save(tmp_path / "evil.html")
    page = visit(at=saved)
    assert "<img src=x" in page.locator(".step:visible").inner_text()
    assert page.locator("img").count() == 0
    page.locator(".step:visible .vertex").first.click()
    assert page.locator("img").count() == 0


def test_copies_and_the_picture(visit, told, tmp_path):
    page = visit("#step=algebra-8", permissions=["clipboard-read", "clipboard-write"])
    for label, text in (
        ("Copy LaTeX", told.story.frames[25].equation.vector.latex),
        ("Copy Python", told.story.program),
    ):
        page.get_by_role("button", name=label).click()
        assert page.evaluate("navigator.clipboard.readText()") == text
    page.get_by_role("button", name="Copy DOT").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("digraph")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download SVG").click()
    picture = Path(download.value.path()).read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "<use" not in picture
    assert "var(" not in picture


# --- time -----------------------------------------------------------------------------------------


def test_the_page_is_ready_soon_and_a_step_takes_no_time(visit, told):
    page = visit()
    timing = "performance.getEntriesByType('navigation')[0]"
    waits = []
    for _ in range(5):
        waits.append(page.evaluate(f"{timing}.domInteractive - {timing}.responseEnd"))
        page.reload()
    assert min(waits) < 200, waits
    spent = page.evaluate(
        """() => {
          const next = document.querySelector('[data-action=next]'), times = [];
          while (!next.disabled) {
            const start = performance.now();
            next.click();
            times.push(performance.now() - start);
          }
          return times;
        }"""
    )
    assert len(spent) == len(sequence(told)) - 1
    assert sorted(spent)[len(spent) // 2] < 16

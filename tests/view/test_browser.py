"""The page in use, in a real browser: stepping, switches, nodes, copies, and without a script."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg

Z, Y = np.array([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
A = np.exp(Z) / np.exp(Z).sum()

# The work is done in the browser.
pytestmark = pytest.mark.usefixtures("untraced")

# --- stepping -------------------------------------------------------------------------------------


def press(page, name):
    page.get_by_role("button", name=name).click()


@pytest.mark.parametrize("by", ["keyboard", "button"])
def test_every_step_is_reached(visit, current, keys, by):
    page, steps = visit(), keys(route="short")
    if by == "keyboard":
        forward, back, last, first = (
            lambda key=key: page.keyboard.press(key)
            for key in ("ArrowRight", "ArrowLeft", "End", "Home")
        )
    else:
        buttons = {
            name: page.get_by_role("button", name=name).element_handle()
            for name in ("Next step", "Previous step", "Last step", "First step")
        }
        # A click of the mouse waits for the page to stand still: one for each button.
        press(page, "Next step")
        assert current(page) == steps[1]
        press(page, "Previous step")
        forward, back = (
            lambda button=buttons[name]: button.evaluate("each => each.click()")
            for name in ("Next step", "Previous step")
        )
        last, first = buttons["Last step"].click, buttons["First step"].click
    assert current(page) == steps[0]
    for key in steps[1:]:
        forward()
        assert current(page) == key
    for key in reversed(steps[:-1]):
        back()
        assert current(page) == key
    last()
    assert current(page) == steps[-1]
    assert page.get_by_role("button", name="Next step").is_disabled()
    first()
    assert current(page) == steps[0]
    assert page.get_by_role("button", name="Previous step").is_disabled()


def test_the_ways_are_tabs(visit, current, keys):
    page = visit("#step=short-backward-3")
    press(page, "as written")
    assert current(page) == "backward-1"
    assert page.locator("#counter").text_content() == f"9 / {len(keys()) - 1}"
    press(page, "short way")
    assert current(page) == "short-backward-1"
    page.get_by_label("assume Σy = 1").uncheck()
    assert current(page) == "backward-1"  # the short way rests on it
    assert page.get_by_role("button", name="short way").is_hidden()
    page.get_by_label("assume Σy = 1").check()
    assert page.get_by_role("button", name="short way").is_visible()


def test_phases_the_slider_and_links(visit, current, keys):
    from playwright.sync_api import expect

    page = visit("#step=backward-3")
    assert current(page) == "backward-3"
    for key, phase in (("3", "algebra"), ("1", "forward"), ("2", "backward")):
        page.keyboard.press(key)
        assert current(page) == f"{phase}-1"
        assert page.locator(f".tabs .{phase}").get_attribute("aria-current") == "true"
    press(page, "Algebra")
    assert current(page) == "algebra-1"
    assert page.url.endswith("#step=algebra-1")
    page.locator("#slider").fill("4")
    assert current(page) == keys()[4]
    counter = expect(page.locator("#counter"))
    page.evaluate("location.hash = '#step=9'")
    counter.to_have_text(f"9 / {len(keys()) - 1}")
    free = keys("free")
    page.evaluate(f"location.hash = '#step={free[-1]}'")
    counter.to_have_text(f"{len(free) - 1} / {len(free) - 1}")
    assert not page.get_by_label("assume Σy = 1").is_checked()


def test_each_step_is_announced_politely(visit, keys):
    count = len(keys()) - 1
    page = visit("#step=backward-1")
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("status").text_content() == f"Step 9 of {count}, backward: Start at L"
    page.keyboard.press("End")
    said = f"Step {count} of {count}, algebra: Cancel: a/a = 1"
    assert page.get_by_role("status").text_content() == said


def test_play_goes_on_by_itself_and_stops(visit, current, keys):
    page = visit(f"#step={keys()[-2]}")
    page.clock.install()
    press(page, "Play")
    page.clock.run_for(2600)
    assert current(page) == keys()[-1]
    page.clock.run_for(2600)
    assert page.get_by_role("button", name="Play").is_visible()


def test_help_opens_and_closes(visit):
    page = visit()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_the_projector_shows_formula_and_graph_alone_and_large(visit, size):
    page = visit("#step=backward-5", viewport=dict(zip(("width", "height"), size, strict=True)))
    page.keyboard.press("p")
    assert page.locator(".stepper").is_hidden()
    assert page.locator(".step:visible .row:visible").count() == 0
    font = "each => parseFloat(getComputedStyle(each).fontSize)"
    for each in page.locator(".step:visible .equation, .step:visible .equation p").all():
        assert each.evaluate(font) >= 24
    zoom = "each => 10 * each.getScreenCTM().a"  # of numbers, which are 10 units high
    assert page.locator(".step:visible .graph").evaluate(zoom) >= 24
    page.keyboard.press("PageDown")
    window = page.locator(".step:visible .view").bounding_box()
    box = page.locator(".step:visible .vertex.now").first.bounding_box()
    assert window["y"] <= box["y"]
    assert box["y"] + box["height"] <= window["y"] + window["height"] <= size[1]
    page.keyboard.press("Escape")
    assert page.locator(".stepper").is_visible()


def test_the_page_goes_blank_and_comes_back(visit, current):
    page = visit("#step=backward-5")
    page.keyboard.press("b")
    assert page.locator("main").is_hidden()
    page.keyboard.press("b")
    assert current(page) == "backward-5"


# --- switches -------------------------------------------------------------------------------------


def test_the_assumption_is_a_switch(visit, current):
    page = visit()
    page.keyboard.press("End")
    equation = page.locator(".step:visible .equation math:visible")
    title = page.locator("h1 math:visible")
    assert equation.get_attribute("alttext") == "∂L/∂z = a − y"
    assert title.get_attribute("alttext") == "∂L/∂z = a − y"
    page.get_by_label("assume Σy = 1").uncheck()
    assert current(page).startswith("algebra-free")
    assert equation.get_attribute("alttext") == "∂L/∂z = a·Σy − y"
    assert title.get_attribute("alttext") == "∂L/∂z = a·Σy − y"


def test_notation_values_gradients_and_shapes_are_switches(visit):
    page = visit("#step=backward-9")
    press(page, "Menu")
    equation = page.locator(".step:visible .equation math:visible")
    assert equation.get_attribute("alttext") == "∂L/∂e = (−y/(a·s)) + Σ(a ⊙ y/(a·s))"
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


# --- a node ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["hover", "focus", "enter", "click", "tap"])
def test_a_node_tells_of_itself_and_lights_its_neighbours(visit, told, way):
    page = visit("#step=backward-9", has_touch=way == "tap")
    place = next(n.place for n in told.story.nodes["graph"] if n.name.vector.text.startswith("a ="))
    node = told.story.nodes["graph"][place]
    vertex = page.locator(f'.step:visible .vertex[data-place="{place}"]')
    panel = page.locator("#tip")
    words = page.locator(".step:visible .words")
    before = words.inner_text()
    if way in {"focus", "enter"}:
        page.locator(f'.step:visible .vertex[data-place="{place - 1}"]').focus()
        page.keyboard.press("Tab")
        if way == "enter":
            page.keyboard.press("Enter")
    else:
        getattr(vertex, way)()

    def lit(name):
        found = page.locator(f".step:visible .vertex.{name}")
        return {int(each.get_attribute("data-place")) for each in found.all()}

    assert panel.is_visible()
    assert lit("chosen") == {place}
    assert lit("producer") == set(node.made_of)
    assert lit("consumer") == set(node.used_by)
    said = panel.text_content()
    for part in ("Shape(3,)", node.value, node.gradient, "Local derivative", node.python):
        assert part in said
    is_brief = way in {"hover", "focus"}
    assert len(node.heats) == 3
    assert panel.locator(".heat:visible").count() == (0 if is_brief else 3)
    assert words.inner_text() == before
    assert vertex.get_attribute("aria-describedby") == "tip"
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert lit("chosen") == set()


def test_displayed_numbers_are_numpys(visit):
    page = visit("#step=forward-4")
    cells = page.locator(".step:visible .heat td").all_inner_texts()
    shown = [float(cell.replace("−", "-")) for cell in cells if cell.strip()]
    assert_allclose(np.reshape(shown, (3, 3)), np.diag(A) - np.outer(A, A), atol=5.1e-4)
    rows = {}
    for row in page.locator(".nodes tbody > tr[id^=node-graph-]:not([id*=short])").all():
        name = row.locator("> th").text_content()
        texts = row.locator("> td").all_text_contents()
        found = [re.findall(r"−?[\d.]+", text) for text in texts[3:5]]
        rows[name] = [[float(n.replace("−", "-")) for n in cell] for cell in found]
    e, s = np.exp(Z), np.exp(Z).sum()
    expected = {
        "z": (Z, A - Y),
        "e": (e, (A - Y) / e),
        "s": (s, 1 / s),
        "a": (A, -Y / A),
        "log a": (np.log(A), -Y),
        "y ⊙ log a": (Y * np.log(A), -np.ones(3)),
        "Σ(y ⊙ log a)": (np.log(A[1]), -1),
        "L": (-np.log(A[1]), 1),
    }
    assert set(rows) == {*expected, "y"}
    for name, (value, gradient) in expected.items():
        assert_allclose(rows[name][0], np.atleast_1d(value), atol=6e-3, err_msg=name)
        assert_allclose(rows[name][1], np.atleast_1d(gradient), atol=6e-3, err_msg=name)


def test_plugged_in_numbers_come_to_numpys(visit, keys):
    page = visit(f"#step={keys()[-1]}")
    row = page.locator(".step:visible .row", has_text="In numbers").locator("math")
    first, result = (each.get_attribute("alttext") for each in row.all())
    assert first == "(0.693, 0.108, 0.199) − (0, 1, 0)"
    numbers = [float(n) for n in result.replace("−", "-").strip("= ()").split(",")]
    assert_allclose(numbers, A - Y, atol=5e-4)


def test_a_letter_of_a_formula_and_its_node_light_each_other(visit):
    page = visit("#step=algebra-7")
    step = page.locator(".step:visible")
    letter = step.locator(".row math mi", has_text="y").first
    place = letter.get_attribute("data-place")
    vertex = step.locator(f'.vertex[data-place="{place}"]')
    assert vertex.get_attribute("aria-label").startswith("y")
    letter.hover()
    assert "lit" in vertex.get_attribute("class")
    page.mouse.move(0, 0)
    assert "lit" not in vertex.get_attribute("class")
    vertex.hover()
    assert "lit" in (letter.get_attribute("class") or "")


def test_letters_have_the_state_of_their_nodes(visit):
    page = visit("#step=short-algebra-2")
    state = "each => each.getAttribute('data-state')"
    step = page.locator(".step:visible")
    assert "matched" in step.locator(".row math mi", has_text="e").first.evaluate(state)
    assert step.locator(".equation math mi", has_text="a").first.evaluate(state) == "now"


# --- out of the page ------------------------------------------------------------------------------


def test_copies_and_the_picture(visit, told, keys):
    page = visit(f"#step={keys()[-1]}", permissions=["clipboard-read", "clipboard-write"])
    last = next(f.equation for f in told.story.frames if f.key == keys()[-1])
    copied = "navigator.clipboard.readText()"
    press(page, "Menu")
    for label, text in (("Copy LaTeX", last.vector.latex), ("Copy Python", told.story.program)):
        press(page, label)
        assert page.evaluate(copied) == text
    press(page, "Copy DOT")
    assert page.evaluate(copied).startswith("digraph")
    page.get_by_label("index notation").check()
    press(page, "Copy LaTeX")
    assert page.evaluate(copied) == last.index.latex
    with page.expect_download() as download:
        press(page, "Download SVG")
    picture = Path(download.value.path()).read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "<use" not in picture
    assert "var(" not in picture


def test_a_notebook_has_the_whole_page_in_its_frame(browser, told, keys):
    noise = []
    page = browser.new_page()
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: noise.append(request.url))
    page.set_content(told._repr_html_())
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Next step").click()
    assert frame.locator("#counter").text_content() == f"1 / {len(keys(route='short')) - 1}"
    assert frame.locator(".step:visible").get_attribute("id") == "short-forward-1"
    page.close()
    assert [line for line in noise if not line.startswith("about:srcdoc")] == []


# --- without the script, and with what a user may write -------------------------------------------


def test_without_scripts_every_step_is_there(visit, told):
    page = visit(java_script_enabled=False)
    assert page.locator(".step:visible").count() == 1 + len(told.story.frames)
    assert page.locator(".step .graph:visible").count() == len(told.story.frames)
    assert page.locator(".stepper").is_hidden()
    assert page.locator("#assume").is_hidden()


def letters(text):
    return re.sub(r"\W", "", text)


def test_on_paper_every_step_is_one_unbroken_card(visit, told, tmp_path):
    import pypdf

    page = visit()
    page.pdf(path=tmp_path / "page.pdf")
    texts = [p.extract_text() for p in pypdf.PdfReader(tmp_path / "page.pdf").pages]
    assert any("a − y" in text for text in texts)
    first = letters(texts[0]).lower()
    for said in ("pulls the true logit up", "4.35", "What the backward pass leaves"):
        assert letters(said).lower() in first
    assert "one gradient step" not in texts[0]
    pages = [" ".join(unicodedata.normalize("NFKC", text).split()) for text in texts]
    # A card that went over the end of a page would begin the next one without its phase.
    assert all(text.lower().startswith(("forward", "backward", "algebra")) for text in pages[1:])
    shown = [frame.phase for frame in told.story.frames]
    listed = re.findall("(?<![a-z])(forward|backward|algebra)(?=,? )", " ".join(pages).lower())
    assert len([phase for phase in listed if phase in shown]) >= len(shown)
    for frame in told.story.frames:
        if frame.phase != "algebra" and "Σ" not in frame.title.text:  # a tall sign stands apart
            title = letters(frame.title.text)  # what is set as a formula has its own spaces
            assert any(title in letters(text) for text in pages), frame.title.text


def test_markup_in_a_name_stays_text(visit, tmp_path):
    z = tg.Tensor([1.0, 2.0, 3.0], name="<img src=x onerror=console.log(1)>")
    y = tg.Tensor([0.0, 1.0, 0.0], name="</script><script>console.log(2)</script>")
    loss = tg.softmax_cross_entropy(z, y)
    saved = tg.explain(loss, z).save(tmp_path / "evil.html")
    page = visit("#step=1", at=saved)
    assert "<img src=x" in page.locator(".step:visible").inner_text()
    assert page.locator("img").count() == 0
    page.locator(".step:visible .vertex").first.click()
    assert page.locator("img").count() == 0

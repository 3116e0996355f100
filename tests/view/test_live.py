"""The first card: its numbers are those of Python, its bars move, and its sentence is true."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lectures import LECTURES

# The work is done in the browser.
pytestmark = pytest.mark.usefixtures("untraced")

Z, Y = [1.47, -0.39, 0.22], [0.0, 1.0, 0.0]

#: What stands on the card and at the vertices of the graph, as text, in the page or in a source.
TEXTS = """source => [...(source ? new DOMParser().parseFromString(source, 'text/html') : document)
  .querySelectorAll(
    '#answer .say, #answer .number, [id^=graph-] :is(.tg-line, .tg-gradient)'
  )].map(each => each.textContent)"""

#: Where bars, outlines and numbers stand, in the page or in a source.
SHAPES = """source => [...(source ? new DOMParser().parseFromString(source, 'text/html') : document)
  .querySelectorAll('#answer .bars :is(rect, circle, line, text)')].flatMap(each =>
    ['x', 'y', 'width', 'height', 'cx', 'cy', 'y1', 'x1', 'dx', 'dy'].map(name =>
      parseFloat(each.getAttribute(name) ?? 0)))"""

SLIDERS = "#answer [role=slider]"


def cross_entropy(logits=Z, targets=Y, **given):
    """The page of the lectures' loss, written out, at other numbers."""
    z, y = tg.Tensor(logits, name="z"), np.array(targets)
    e = tg.name(tg.exp(z), "e")
    a = tg.name(e / tg.name(tg.sum(e), "s"), "a")
    loss = tg.name(-tg.sum(y * tg.log(a)), "L")
    return tg.explain(loss, wrt=z, names={"y": y}, **given)


def said(page):
    """The sentence, once everything has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return page.locator("#answer .say").text_content()


def values(page):
    """What the sliders stand at."""
    read = "all => all.map(each => Number(each.getAttribute('aria-valuenow')))"
    said(page)
    return page.locator(SLIDERS).evaluate_all(read)


@pytest.fixture
def at(visit, tmp_path):
    """Open a page at its first card."""

    def opened(page, **options):
        return visit(at=page.save(tmp_path / "page.html"), **options)

    return opened


# --- numbers --------------------------------------------------------------------------------------


#: One of each kind of card; the others are deep.
QUICK = ("softmax-ce", "softmax-ce-batch", "dropout", "layer-weights", "mae", "sigmoid-ce")


@pytest.mark.parametrize(
    "names", [QUICK, pytest.param(LECTURES.keys() - set(QUICK), marks=pytest.mark.deep)]
)
def test_the_script_finds_the_numbers_that_python_wrote(browser, tmp_path, names):
    """Bars, sentence, and every value and gradient of the graph."""
    page, noise = browser.new_page(), []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    for name in sorted(names):
        told = LECTURES[name].explain()
        document = told.html()
        page.goto(told.save(tmp_path / f"{name}.html").as_uri())
        assert page.locator(SLIDERS).count() > 0, name
        written = page.evaluate(TEXTS, document)
        assert len(written) > 5
        assert page.evaluate(TEXTS, None) == written, name
        places = [page.evaluate(SHAPES, source) for source in (document, None)]
        np.testing.assert_allclose(*places, atol=0.02, err_msg=name)
    page.close()
    assert noise == []


def test_what_was_moved_is_what_python_finds_at_these_numbers(at):
    page = at(cross_entropy())
    slider = page.locator(SLIDERS).nth(1)
    for key in ("PageUp", "ArrowUp", "ArrowRight", "ArrowDown"):
        slider.press(key)
    moved = [1.47, -0.39 + 1.1, 0.22]
    assert values(page) == pytest.approx(moved)
    expected = page.evaluate(TEXTS, cross_entropy(moved).html())
    assert page.evaluate(TEXTS, None) == expected
    assert page.locator("#answer").is_visible()  # the keys were the slider's


def test_a_bar_is_dragged_by_the_pointer(at):
    page = at(cross_entropy())
    box = page.locator(SLIDERS).nth(0).bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(middle + 300, box["y"] - 400, steps=3)  # captured, and held at the end
    page.mouse.up()
    page.mouse.move(middle, box["y"] + box["height"])
    first, *others = values(page)
    assert first == float(page.locator(SLIDERS).nth(0).get_attribute("aria-valuemax"))
    assert others == Z[1:]
    expected = page.evaluate(TEXTS, cross_entropy([first, *others]).html())
    assert page.evaluate(TEXTS, None) == expected


def rearranged(data):
    """A page whose formulas pick, join and reshape arrays."""
    x = tg.Tensor(data, name="x")
    joined = tg.concatenate([x[:, 1:], tg.reshape(x, (3, 2))[::-2].T], axis=1)
    piled = tg.stack([joined, 2 * joined], axis=-1)
    loss = tg.sum(tg.sin(tg.cumsum(joined, axis=1))) - x[-1, ::-2][0] * x[0, -3]
    return tg.explain(loss + tg.sum(tg.reshape(piled, (4, 4))[..., None, 1] ** 3), wrt=x)


def test_the_script_picks_and_joins_as_numpy_does(at):
    data = [[0.5, -1.5, 2.0], [1.0, 3.0, -0.7]]
    told = rearranged(data)
    page = at(told)
    for name in ("concatenate", "stack", "reshape", "cumsum", "getitem", "scatter_add"):
        assert f"$.{name}(" in told.html()
    assert page.evaluate(TEXTS, None) == page.evaluate(TEXTS, told.html())
    page.locator(SLIDERS).nth(5).press("Home")
    data[1][2] = values(page)[5]
    assert page.evaluate(TEXTS, None) == page.evaluate(TEXTS, rearranged(data).html())


def test_what_was_computed_can_be_dragged_as_well(at):
    y = np.array(Y)
    a = tg.name(tg.softmax(tg.Tensor(Z, name="z")), "a")
    page = at(tg.explain(tg.name(-tg.sum(y * tg.log(a)), "L"), wrt=a, names={"y": y}))
    slider = page.locator(SLIDERS).nth(1)
    slider.press("Home")
    assert values(page)[1] == 0.01  # where log a still is
    slider.press("PageUp")
    moved = values(page)[1]
    shown = page.locator("#answer .gradient .number").all_text_contents()
    assert [float(text.replace("−", "-")) for text in shown] == pytest.approx(
        [0, -1 / moved, 0], abs=0.0051
    )


# --- sliders, buttons, and numbers of one's own ---------------------------------------------------


def test_bars_that_move_are_sliders_with_names_and_values(at):
    from playwright.sync_api import expect

    page = at(cross_entropy())
    slider = page.get_by_role("slider", name="logit 1", exact=True)
    assert slider.get_attribute("aria-valuetext") == "1.47, gradient 0.69"
    assert slider.get_attribute("aria-orientation") == "vertical"
    for key, end in (("Home", "aria-valuemin"), ("End", "aria-valuemax")):
        slider.press(key)
        assert values(page)[0] == float(slider.get_attribute(end))
    assert page.locator("#answer .live").get_attribute("aria-live") == "polite"
    expect(page.locator("#answer .live")).to_have_text(said(page))  # when the hand has rested


def test_the_buttons_step_turn_and_reset(at):
    page = at(cross_entropy())
    press = {
        name: page.get_by_role("button", name=name).click
        for name in ("one gradient step", "next true class", "reset")
    }
    assert "z ← z − ½·gradient" in page.get_by_role("button", name="one gradient").text_content()
    press["one gradient step"]()
    z = tg.Tensor(Z)
    stepped = z.data - tg.gradients(tg.softmax_cross_entropy(z, np.array(Y)), z) / 2
    np.testing.assert_allclose(values(page), stepped, rtol=1e-12)
    press["next true class"]()
    expected = page.evaluate(TEXTS, cross_entropy(stepped, [0.0, 0.0, 1.0]).html())
    said(page)
    assert page.evaluate(TEXTS, None) == expected
    press["reset"]()
    assert values(page) == Z
    assert said(page).startswith("0.11 − 1 = −0.89 pulls the true logit up")


def test_numbers_of_ones_own_are_read_or_refused_in_one_sentence(at):
    page = at(cross_entropy())
    page.get_by_role("button", name="your own numbers").click()
    z, y = page.locator("input[name=given]"), page.locator("input[name=aim]")
    assert z.input_value() == "1.47, -0.39, 0.22"
    for typed, complaint in (
        ("1, two, 3", "z: “two” is no number; write numbers with commas between them."),
        ("1 2", "z has 3 numbers, and 2 came."),
    ):
        z.fill(typed)
        z.press("Enter")
        assert page.get_by_role("alert").text_content() == complaint
        assert z.input_value() == typed
        assert values(page) == Z
    z.fill("5 −1.5, 3")
    y.fill("0.2, 0.5, 0.3")
    y.press("Enter")
    assert page.get_by_role("alert").text_content() == ""
    expected = page.evaluate(TEXTS, cross_entropy([5.0, -1.5, 3.0], [0.2, 0.5, 0.3]).html())
    said(page)
    assert page.evaluate(TEXTS, None) == expected
    assert page.get_by_role("button", name="next true class").count() == 0


def test_where_the_assumption_breaks_the_card_says_so(at):
    page = at(cross_entropy())
    page.get_by_role("button", name="your own numbers").click()
    page.locator("input[name=aim]").fill("0.2, 0.2, 0.2")
    page.locator("input[name=aim]").press("Enter")
    assert said(page).endswith(
        "For these numbers Σy = 1 does not hold, so the gradient is not a − y."
    )
    y = np.full(3, 0.2)
    z = tg.Tensor(Z)
    gradient = tg.gradients(-tg.sum(y * tg.log(tg.softmax(z))), z)
    shown = page.locator("#answer [data-column='3'] .number").all_text_contents()
    np.testing.assert_allclose(
        [float(text.replace("−", "-")) for text in shown], gradient, atol=0.0051
    )


# --- what is said ---------------------------------------------------------------------------------


def sentence(loss, wrt, **given):
    """The sentence as Python writes it."""
    document = tg.explain(loss, wrt=wrt, **given).html()
    return document.partition('<p class="say">')[2].partition("</p>")[0]


def test_the_sentence_speaks_of_classes():
    z = tg.Tensor(Z, name="z")
    assert sentence(tg.softmax_cross_entropy(z, np.array(Y)), z) == (
        "0.11 − 1 = −0.89 pulls the true logit up; 0.69 and 0.20 push the others down; "
        "they add to 0."
    )
    soft = np.array([0.2, 0.5, 0.3])
    assert sentence(tg.softmax_cross_entropy(z, soft), z) == (
        "0.69 − 0.20 = 0.49 pushes logit 1 down, 0.11 − 0.50 = −0.39 pulls logit 2 up; "
        "they add to 0."
    )


def test_the_sentence_speaks_of_residuals_and_of_targets_of_their_own():
    h = tg.Tensor([0.8, 0.1, 2.0], name="h")
    t = np.array([1.0, 0.5, 1.5])
    assert sentence(tg.mean_squared_error(h, t), h) == (
        "2 − 1.50 = 0.50 is the largest residual; its gradient 0.33 pushes prediction 3 down."
    )
    s = tg.Tensor([0.5, -1.2, 2.0], name="s")
    loss = tg.sigmoid_cross_entropy(s, np.array([1.0, 0.0, 1.0]), reduction="sum")
    assert sentence(loss, s) == (
        "0.62 − 1 = −0.38 pulls logit 1 up; each logit has a target of its own."
    )


def test_of_anything_else_the_sentence_says_what_the_largest_entry_does():
    x = tg.Tensor([1.0, -3.0, 2.0], name="x")
    E = tg.name(tg.sum(x**3) / 10, "E")
    told = sentence(E, x)
    assert told == "E depends most on entry 2 of x: raise it by 0.01, and it grows by about 0.027."
    moved = tg.Tensor([1.0, -2.99, 2.0])
    assert float(tg.sum(moved.data**3) / 10 - E.data) == pytest.approx(0.027, abs=5e-4)
    assert sentence(tg.name(tg.sum(x * 0), "E"), x) == "No entry moves E: the gradient is 0."


# --- roles ----------------------------------------------------------------------------------------


def captions(page):
    return [column.caption for column in page.story.live.columns]


def test_roles_are_found_and_can_be_given():
    assert captions(cross_entropy()) == [
        "logits",
        "positive",
        "probabilities; dashed: targets y",
        "the gradient",
    ]
    assert captions(LECTURES["batch-weights"].explain())[:2] == ["weights", "logits"]
    given = captions(cross_entropy(roles={"z": "predictions", "a": "weights"}))
    assert given[0] == "predictions"
    assert given[2] == "weights; dashed: targets y"


@pytest.mark.parametrize(
    ("roles", "complaint"),
    [
        ({"q": "logits"}, "explain: roles names 'q', but the graph has L, a, e, s, y, z"),
        ({"z": "scores"}, "explain: roles says that z is 'scores'; allowed are logits, prob"),
    ],
)
def test_a_role_that_there_is_not_is_refused_in_one_sentence(roles, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        cross_entropy(roles=roles)
    assert "\n" not in str(caught.value)


# --- where nothing moves, and on every screen -----------------------------------------------------


def test_without_scripts_the_bars_stand_still(at):
    page = at(cross_entropy(), java_script_enabled=False)
    assert page.locator(SLIDERS).count() == 0
    assert page.locator("#answer .doings").is_hidden()
    assert page.locator("#answer .scripted").is_hidden()
    bars = page.locator("#answer [data-column='3'] .bar")
    heights = np.array([bars.nth(k).bounding_box()["height"] for k in range(3)])
    gradient = np.array([0.693, -0.892, 0.199])
    np.testing.assert_allclose(heights / heights[1], np.abs(gradient / gradient[1]), atol=0.01)


def test_what_has_no_javascript_stands_still_and_says_why(at):
    @tg.op(rules=(lambda g, out, x: 3 * g * x * x,), elementwise=True)
    def cubed_here(x):
        return x**3

    x = tg.Tensor([1.0, 2.0], name="x")
    page = at(tg.explain(tg.sum(cubed_here(x)), wrt=x))
    assert page.locator(SLIDERS).count() == 0
    assert page.locator("#answer .note").text_content().startswith("The bars stand still: ")
    assert page.locator("#answer .number").count() == 4
    cubed_here.forget()


def test_of_many_entries_the_largest_are_shown(at):
    rng = np.random.default_rng(0)
    Z, Y = tg.Tensor(rng.normal(size=(20, 3)), name="Z"), np.eye(3)[rng.integers(0, 3, 20)]
    page = at(tg.explain(tg.softmax_cross_entropy(Z, Y), wrt=Z))
    assert page.locator(SLIDERS).count() == 12
    assert "the 12 largest of 60 entries" in page.locator("#answer .caption").nth(0).text_content()
    gradient = np.abs(tg.gradients(tg.softmax_cross_entropy(Z, Y), Z)).ravel()
    places = page.locator("#answer [data-column='3'] .lane").evaluate_all(
        "all => all.map(each => Number(each.dataset.place))"
    )
    assert set(places) == set(np.argsort(-gradient)[:12])


@pytest.mark.parametrize("name", ["softmax-ce", "softmax-ce-batch", "layer-weights", "mae"])
def test_the_card_fits_the_screen_of_a_lecture_hall(at, name):
    page = at(LECTURES[name].explain(), viewport={"width": 1280, "height": 720})
    box = page.locator("#answer .doings").bounding_box()
    assert box["y"] + box["height"] <= 720
    sizes = page.locator("#answer").evaluate(
        """card => [...card.querySelectorAll('p, span, text, button, h2')]
        .filter(each => each.checkVisibility() && each.textContent.trim())
        .map(each => parseFloat(getComputedStyle(each).fontSize))"""
    )
    assert min(sizes) >= 16


def test_a_finger_moves_a_bar_on_a_phone(at):
    phone = {"viewport": {"width": 375, "height": 812}, "has_touch": True}
    page = at(cross_entropy(), **phone)
    box = page.locator(SLIDERS).nth(2).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 2)
    assert values(page)[2] > 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    style = "each => getComputedStyle(each).touchAction"
    assert page.locator(SLIDERS).nth(2).evaluate(style) == "none"

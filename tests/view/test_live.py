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

SLIDERS = "#answer [role=slider]"


def numbers(page, column):
    """What stands at the bars of a column."""
    texts = page.locator(f"#answer [data-column='{column}'] .number").all_text_contents()
    return np.array([float(text.replace("−", "-")) for text in texts])


def test_the_script_finds_the_numbers_that_python_wrote(browser, tmp_path):
    """Bars, sentence, and every value and gradient of the graph, on every lecture."""
    page, noise = browser.new_page(), []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    for name, lecture in LECTURES.items():
        told = lecture.explain()
        document = told.html()
        page.goto(told.save(tmp_path / f"{name}.html").as_uri())
        assert page.locator(SLIDERS).count() > 0, name
        written = page.evaluate(TEXTS, document)
        assert len(written) > 5
        assert page.evaluate(TEXTS, None) == written, name
    page.close()
    assert noise == []


def test_a_key_on_a_slider_moves_all_numbers(visit):
    page = visit()
    slider = page.locator(SLIDERS).nth(1)
    slider.focus()
    for key in ("PageUp", "ArrowUp", "ArrowRight", "ArrowDown"):
        slider.press(key)
    page.wait_for_function("document.querySelector('#answer .number').textContent")
    z = tg.Tensor([1.47, -0.39 + 1.1, 0.22])
    page.wait_for_function(f"document.querySelectorAll('{SLIDERS}')[1].ariaValueNow > 0.7")
    gradient = tg.gradients(tg.softmax_cross_entropy(z, np.array(Y)), z)
    np.testing.assert_allclose(numbers(page, 0), z.data, atol=0.0051)
    np.testing.assert_allclose(numbers(page, 3), gradient, atol=0.0051)
    assert page.locator(".step:visible").get_attribute("id") == "answer"

"""What a notebook shows: from the objects, and through a real kernel."""

import html
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim, train

CELLS = """

import numpy as np, tinygrad_edu as tg
from tinygrad_edu import nn, optim, train
from tinygrad_edu.data import load_iris
---
z, y = tg.Tensor([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
a = tg.softmax(z)
L = -(y * tg.log(a)).sum()
L
---
derivation = tg.derive(L, wrt=z)
derivation
---
tg.draw(derivation)
---
tg.explain(L, wrt=z)
---
tg.check_answer(derivation, "a - y")
---
tg.check_derivation(derivation, "y - a")
---
rng = np.random.default_rng(0)
model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
model.summary()
---
adam = optim.Adam(model, lr=0.1)
history = train.fit(
    model, load_iris(), optimizer=adam, epochs=3, rng=rng, on_epoch=train.History.live
)
---
history
---
history.curve()
---
tg.gradcheck(tg.softmax, [1.0, 2.0])
---
tg.routes(z, y)
"""


def shown(thing):
    found = thing._repr_mimebundle_()
    return found[0] if isinstance(found, tuple) else found


@pytest.fixture(scope="module")
def history():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.head("multiclass", 2))
    data = rng.normal(size=(8, 2)), np.array([0, 1] * 4)
    return train.fit(
        model, data, optimizer=optim.SGD(model, 0.1), epochs=2, rng=rng, progress=False
    )


def test_a_history_shows_its_curve_and_its_table(history):
    bundle = shown(history)
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == history.table()
    assert shown(train.History()) == {"text/plain": train.History().table()}


def test_a_figure_shows_and_saves_itself(history, tmp_path):
    figure = history.curve()
    bundle, sizes = figure._repr_mimebundle_()
    assert len(bundle["image/png"]) < 60_000
    assert sizes["image/png"]["width"] <= 960  # fits a cell
    for name in ("curve.svg", "curve.png"):
        assert figure.save(tmp_path / name).stat().st_size > 1000
    with pytest.raises(ValueError, match=r"curve.pdf is neither .svg nor .png"):
        figure.save(tmp_path / "curve.pdf")


def test_text_is_shown_as_it_is(history):
    model = nn.Linear(2, 1, rng=np.random.default_rng(0))
    for text in (model.summary(), history.table()):
        assert repr(text) == str(text)
        assert "\n" in repr(text)


def test_a_page_is_packed_and_has_words_where_it_is_not_trusted():
    z = tg.Tensor([1.47, -0.39, 0.22])
    page = tg.explain(tg.softmax_cross_entropy(z, [0.0, 1.0, 0.0]), wrt=z)
    frame = shown(page)["text/html"]
    assert len(frame) < len(page.html()) / 2
    said = html.unescape(re.sub(r"<[^>]*>", "", frame))
    assert said.startswith("<Page '∂loss/∂z" if "loss" in page.title else "<Page '∂")
    assert "trust" in said


@pytest.mark.ci
def test_a_kernel_shows_all_of_it():
    reason = "the extra [book] brings notebooks, which `make book` installs"
    nbformat = pytest.importorskip("nbformat", reason=reason)
    client = pytest.importorskip("nbclient", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---")]
    book = nbformat.v4.new_notebook(cells=cells)
    client.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    found = [[each for each in cell.outputs if "data" in each] for cell in book.cells]
    kinds = [set(outputs[-1]["data"]) if outputs else set() for outputs in found]
    assert kinds == [
        set(),
        {"text/plain", "text/html"},
        {"text/plain", "text/latex"},
        {"text/plain", "text/html"},
        {"text/plain", "text/html"},
        {"text/plain"},
        {"text/plain"},
        {"text/plain"},
        {"text/plain", "image/png"},
        {"text/plain", "image/png"},
        {"text/plain", "image/png"},
        {"text/plain", "text/html"},
        {"text/plain"},
    ]
    texts = [outputs[-1]["data"]["text/plain"] if outputs else "" for outputs in found]
    assert texts[5].startswith("right, proved: a - y is ∂L/∂z = a − y\n")
    assert "suspect: sign" in texts[6]
    assert texts[7].splitlines()[0].split() == ["layer", "output", "parameters"]
    assert texts[9].splitlines()[0].split() == ["epoch", "loss"]
    assert not texts[10].startswith("'")
    pictures = [each for each in book.cells[8].outputs if each["output_type"] == "display_data"]
    assert len([each for each in pictures if "image/png" in each["data"]]) == 1  # drawn over
    assert not any(each["output_type"] == "error" for cell in book.cells for each in cell.outputs)
    assert len(nbformat.writes(book)) * 60 / len(book.cells) < 3e6

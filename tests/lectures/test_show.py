"""`show` saves where a script runs, and displays in a notebook."""

import sys
from types import SimpleNamespace

import pytest

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show

Z = tg.Tensor([1.0, 2.0], name="z")


@pytest.fixture
def loss():
    return tg.exp(Z).sum()


@pytest.fixture
def published(monkeypatch):
    """What a notebook is asked to show."""
    seen = []
    shell = SimpleNamespace(kernel=None, display_pub=SimpleNamespace(publish=seen.append))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    return seen


def things(loss):
    return {
        "graph.svg": tg.draw(loss),
        "page.html": tg.explain(loss, wrt=Z),
        "curve.svg": panels()[0],
        "check.html": tg.gradcheck(tg.exp, [1.0]),
        "check.txt": tg.gradcheck(tg.exp, [1.0]),
    }


def test_a_script_saves_and_says_where(loss, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, thing in things(loss).items():
        show(thing, name, alt="What it shows.")
        assert (tmp_path / "build/tutorials" / name).stat().st_size > 100
        assert capsys.readouterr().out == f"build/tutorials/{name}: What it shows.\n"
    show(tg.derive(loss, wrt=Z))
    assert "∂" in capsys.readouterr().out


def test_a_notebook_shows_it_with_its_text(loss, tmp_path, monkeypatch, published):
    monkeypatch.chdir(tmp_path)
    for name, thing in things(loss).items():
        show(thing, name, alt="a < b")
        shown = published.pop()["text/html"]
        assert "a &lt; b" in shown
        assert "<svg" in shown or "<img" in shown or "<iframe" in shown or "<table" in shown
    show("plain")
    assert published == [{"text/plain": "plain"}]
    assert not list(tmp_path.iterdir())


def test_a_picture_without_its_text_is_refused(loss):
    with pytest.raises(ValueError, match="give alt="):
        show(tg.draw(loss), "graph.svg")

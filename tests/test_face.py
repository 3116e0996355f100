"""What a stranger sees of the package: its names, its help, and what an editor knows of types."""

import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu as tg

ROOT = Path(__file__).resolve().parent.parent


#: What a text declares itself, and a function of NumPy that it is made from.
ELSEWHERE = ("softsign", "cosh")


def test_dir_shows_what_readme_and_tutorials_use():
    shown = dir(tg)
    assert shown == sorted(set(shown))
    assert 70 <= len(shown) <= 90
    assert all(hasattr(tg, name) for name in shown)
    texts = ("README.md", "docs/guide/*.md", "tutorials/[0-9]*.py", "tutorials/teacher.py")
    for path in (path for pattern in texts for path in ROOT.glob(pattern)):
        used = set(re.findall(r"\btg\.([a-z]\w+)", path.read_text(encoding="utf-8"), re.I))
        assert used <= {*shown, "view", "lectures", "experiments", *ELSEWHERE}, path.name


def test_everything_else_is_reached_by_name():
    assert set(tg.ops.PUBLIC) - set(dir(tg)) >= {"hypot", "arctan2", "flipud", "scatter_add"}
    assert all(getattr(tg, name) is getattr(tg.ops, name) for name in tg.ops.PUBLIC)


def test_help_of_the_package_is_short_and_grouped():
    text = pydoc.render_doc(tg, renderer=pydoc.plaintext)
    assert text.count("\n") <= 300
    for name in dir(tg):
        assert re.search(rf"\b{name}\b", tg.__doc__), name
    assert re.search(r"Losses:\n +binary_cross_entropy cross_entropy ", text)


def test_help_of_an_operation_shows_how_it_is_called():
    text = pydoc.render_doc(tg.tanh, renderer=pydoc.plaintext)
    assert "\ntanh(x" in text
    assert "Gradient of x: g·(1 − tanh(x)^2)." in text


SAMPLE = """
from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn

z = tg.Tensor([1.0, 2.0])
y = np.zeros(2)  # of a known dtype: NumPy knows the product with any other as Any
reveal_type(tg.exp(z))  # Tensor
reveal_type(z / 2.0)  # Tensor
reveal_type(2.0 - z)  # Tensor
reveal_type(y * z)  # Tensor
reveal_type(-z @ z.T)  # Tensor
reveal_type(z % 2 // 1)  # Tensor
reveal_type(z[0])  # Tensor
reveal_type(z > 1)  # Tensor
reveal_type(z.sum(axis=0))  # Tensor
reveal_type(tg.softmax_cross_entropy(z, y))  # Tensor
reveal_type(tg.norm(z))  # Tensor
reveal_type(tg.gradients(z.sum(), z))  # ndarray
reveal_type(tg.gradients(z.sum(), [z]))  # list
reveal_type(tg.gradients(z.sum(), z, graph=True))  # Tensor
reveal_type(tg.gradients(z.sum(), [z], graph=True)[0])  # Tensor
reveal_type(nn.Linear(2, 3, rng=np.random.default_rng(0))(z))  # Tensor
reveal_type(nn.Sequential(nn.ReLU())(z))  # Tensor
"""


@pytest.mark.ci
def test_types_reach_an_editor(tmp_path):
    """mypy infers a Tensor after the first operation, and after every other."""
    pytest.importorskip("mypy", reason="it says what an editor would know")
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.findall(r"sample.py:(\d+): (.*)", done.stdout)
    assert not [message for _, message in said if message.startswith("error")]
    found = {int(line): re.sub(r"\w+\.", "", message) for line, message in said}
    for number, line in enumerate(SAMPLE.split("\n"), start=1):
        if line.startswith("reveal_type"):
            assert f'type is "{line.rpartition("# ")[2]}' in found[number], line

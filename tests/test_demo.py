"""The demo: what it prints, what it leaves, and that it needs no renderer."""

import contextlib
import io
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from tinygrad_edu.cli import main
from tinygrad_edu.view.draw import renderer

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = {
    *(f"lecture-{kind}" for kind in ("forward", "gradients", "expanded", "backward", "why")),
    "lecture-derivation",
    *(f"iris-{kind}" for kind in ("forward", "expanded", "backward", "derivation")),
}
TEXTS = {f"{name}-derivation.{form}" for name in ("lecture", "iris") for form in ("txt", "tex")}
TEXTS |= {"lecture.html"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder that the demo fills, and what it prints."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["demo", "--into", str(folder)]) == 0
    return folder, out.getvalue()


def rows(text: str, name: str) -> list[list[float]]:
    """The numbers of every line of a table that begins with a name."""
    found = re.findall(rf"^ +{re.escape(name)}((?: +−?\d+\.\d+)+)$", text, flags=re.M)
    return [[float(x.replace("−", "-")) for x in row.split()] for row in found]


def named(text: str) -> list[Path]:
    """The files that the demo names at its end."""
    return [
        Path(line.strip()) for line in text.partition("Files\n")[2].splitlines() if line[:2] == "  "
    ]


# --- what it prints ------------------------------------------------------------------------------


def test_the_landmarks_of_one_example(demo):
    lecture = demo[1].partition("Iris: 150 flowers")[0]
    for landmark in (
        "∂L/∂z = a − y",
        "loss L = −Σ y log a = 2.2262",
        "−y/a",  # ∂L/∂a, in the chain
        "2 paths meet in e",
        "aⱼ − yⱼ",
        "Without the assumption it ends at a·Σy − y.",
    ):
        assert landmark in lecture
    steps = [line for line in lecture.splitlines() if line.strip().startswith(("= ", "▸ = "))]
    assert len(steps) >= 6
    assert re.search(r"assumption:?\s+Σy = 1", lecture)
    assert "a − y" in steps[-1]


def test_a_minus_y_beside_the_gradient_beside_finite_differences(demo):
    lecture, _, iris = demo[1].partition("Iris: 150 flowers")
    (a_minus_y,), (gradient,), (differences,) = (
        rows(lecture, name) for name in ("a − y", "z.grad", "finite differences")
    )
    assert_allclose(a_minus_y, [0.693396, -0.892057, 0.198661], atol=1e-6)
    assert_allclose(gradient, a_minus_y)
    assert_allclose(differences, a_minus_y, atol=2e-6)
    a_minus_y = rows(iris, "a − y")
    assert len(a_minus_y) == 4
    assert_allclose(rows(iris, "N · Z gradient"), a_minus_y)
    assert_allclose(rows(iris, "finite differences"), a_minus_y, atol=2e-6)


def test_the_inputs_are_those_of_the_lecture(demo):
    lecture = demo[1].partition("Iris: 150 flowers")[0]
    assert rows(lecture, "logits z") == [[1.47, -0.39, 0.22]]
    assert rows(lecture, "targets y") == [[0, 1, 0]]
    assert_allclose(rows(lecture, "activations a"), [[0.69, 0.11, 0.20]], atol=0.005)


def test_the_landmarks_of_the_flowers(demo):
    iris = demo[1].partition("Iris: 150 flowers")[2]
    for formula in ("∂L/∂Z = (A − Y)/N", "∂L/∂W = Xᵀ(A − Y)/N", "∂L/∂b = Σₙ(A − Y)/N"):
        assert formula in iris
    reports = re.findall(r"after +(\d+) steps: loss (\d\.\d+), (\d+)% of the flowers right", iris)
    steps, losses, right = zip(*((int(n), float(x), int(p)) for n, x, p in reports), strict=True)
    assert steps == (0, 5, 20)
    assert losses[0] > losses[1] > losses[2]
    assert right[0] < 50 < 80 < right[2]


def test_the_numbers_of_both_parts_are_checked(demo):
    assert demo[1].count("Checked: ") == 2
    assert "not finite" not in demo[1]


# --- what it leaves ------------------------------------------------------------------------------


def test_every_file_it_names_is_there_and_no_other(demo):
    folder, text = demo
    files = named(text)
    assert sorted(files) == sorted(folder.iterdir())
    expected = {f"{name}.svg" for name in PICTURES} | TEXTS
    assert {path.name for path in files} == expected
    assert all(path.stat().st_size for path in files)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_are_svg(demo, name):
    root = ET.parse(demo[0] / f"{name}.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert root.get("aria-label")


def test_the_texts_of_the_derivation(demo):
    folder, _ = demo
    for name, result, indexed in (("lecture", "a − y", "aⱼ − yⱼ"), ("iris", "(A − Y)/N", "Aₙⱼ")):
        text = (folder / f"{name}-derivation.txt").read_text(encoding="utf-8")
        assert text.startswith("∂L/∂")
        assert text.partition("\n")[0].endswith(f"= {result}")
        assert indexed in text
        tex = (folder / f"{name}-derivation.tex").read_text(encoding="utf-8")
        assert tex.count(r"\begin{align*}") == tex.count(r"\end{align*}") == 2
        assert r"\frac{\partial L}{\partial " in tex


# --- without a renderer --------------------------------------------------------------------------


def test_without_a_renderer_pictures_are_dot_text(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(renderer.sysconfig, "get_path", lambda *_: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    assert 'pip install "tinygrad_edu[viz]"' in text
    assert "∂L/∂z = a − y" in text
    files = named(text)
    assert {path.name for path in files} == {
        f"{name}.dot" for name in PICTURES - {"lecture-why"}
    } | TEXTS
    assert {path.parent for path in files} == {Path("build/demo")}
    for path in files:
        content = path.read_text(encoding="utf-8")
        assert content.startswith("digraph") or path.suffix != ".dot"


# --- the pictures in the documentation -----------------------------------------------------------


def words(path: Path) -> Counter:
    """What a picture says: its titles and texts. Where they stand depends on the renderer."""
    said = (item for item in ET.parse(path).iter() if item.tag in (f"{SVG}title", f"{SVG}text"))
    return Counter("".join(item.itertext()) for item in said)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "pictures").iterdir()), ids=lambda path: path.name
)
def test_pictures_in_the_documentation_are_those_of_the_demo(demo, path):
    made = demo[0] / path.name
    assert made.exists()
    assert words(path) == words(made), (
        f"look at the new one, then: cp build/demo/{path.name} docs/pictures/"
    )

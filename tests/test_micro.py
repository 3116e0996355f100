"""The one file that shows the whole idea is the package in small: one answer from both."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tutorials" / "micro.py"


@pytest.fixture(scope="module")
def micro():
    spec = importlib.util.spec_from_file_location("micro", FILE)
    module = sys.modules["micro"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["micro"]


def lecture(library, add_up):
    """Record the loss of the lecture: the leaves and named results, and the loss."""
    z = library.Tensor([1.47, -0.39, 0.22], name="z")
    y = library.Tensor([0.0, 1.0, 0.0], name="y")
    e = library.exp(z)
    a = e / add_up(e)
    loss = -add_up(y * library.log(a))
    e.name, a.name = "e", "a"
    return z, y, e, a, loss


def random_graph(seed, library, add_up):
    """Record a number from two vectors and a number, alike in both libraries."""
    rng = np.random.default_rng(seed)
    leaves = [
        library.Tensor(rng.uniform(0.4, 2.0, shape), name=name)
        for name, shape in (("x", 3), ("y", 3), ("s", ()))
    ]
    found = list(leaves)
    for step in range(6):
        left, right = (found[i] for i in rng.integers(0, len(found), 2))
        made = [
            lambda p, q: p + q,
            lambda p, q: p - q,
            lambda p, q: p * q,
            lambda p, q: p / q,
            lambda p, q: -p,
            lambda p, q: library.exp(p / (1.0 + q * q)),
            lambda p, q: library.log(2.0 + p * p + q * q),
            lambda p, q: add_up(p * found[0]),
        ][rng.integers(0, 8)](left, right)
        if step % 3 == 2:
            made.name = f"t{step}"
        found.append(made)
    return leaves, add_up(found[-1] * found[0] + found[-2])


def test_it_needs_no_package_but_numpy_and_graphviz(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", "-I", FILE],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "    a − y  " in done.stdout
    imported = set(re.findall(r"^(?:from|import) (\w+)", FILE.read_text(encoding="utf-8"), re.M))
    assert imported - sys.stdlib_module_names == {"graphviz", "numpy"}
    drawn = {path.stem for path in (tmp_path / "build" / "micro").iterdir()}
    assert drawn == {"forward", "gradient", "result"}


def test_it_is_short():
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # without docstrings, comments and blank lines
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    assert len(ast.unparse(tree).split("\n")) - ast.unparse(tree).count("\n\n") <= 250


def test_the_lecture_has_the_numbers_and_the_formula_of_the_engine(micro):
    z, y, e, a, loss = lecture(micro, micro.total)
    loss.backward()
    ours, _, _, _, theirs = lecture(tg, tg.sum)
    theirs.backward()
    assert loss.data == theirs.data
    np.testing.assert_array_equal(z.grad, ours.grad)
    derivation = tg.derive(theirs, wrt=ours)
    steps = micro.derive(loss, z, ones=[y])
    assert str(steps[-1][1]) == str(derivation.result) == "a − y"
    for _, shown in steps:
        assert tg.check_answer(derivation, str(shown))
        letters = {tensor.name: tensor.data for tensor in (z, y, e, a)}
        np.testing.assert_allclose(shown.evaluate(letters), z.grad, rtol=1e-12)


def test_without_the_assumption_the_sum_stays(micro):
    z, _, _, _, loss = lecture(micro, micro.total)
    ours, _, _, _, theirs = lecture(tg, tg.sum)
    last = str(micro.derive(loss, z)[-1][1])
    assert last == "a ⊙ Σy − y"
    assert tg.check_answer(tg.derive(theirs, wrt=ours, assume=()), last)


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_have_the_engines_gradients(micro, seed):
    leaves, output = random_graph(seed, micro, micro.total)
    theirs, same = random_graph(seed, tg, tg.sum)
    output.backward()
    np.testing.assert_allclose(output.data, same.data, rtol=1e-12)
    for leaf, other in zip(leaves, theirs, strict=True):
        expected = tg.gradients(same, other)
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-9, atol=1e-9)
        if leaf not in micro.ancestors(output):
            continue
        graph = micro.gradients(output, leaf)
        np.testing.assert_allclose(graph.data, expected, rtol=1e-9, atol=1e-9)
        again = micro.gradients(micro.total(graph * leaf), leaf)
        twice = tg.gradients(tg.sum(tg.gradients(same, other, graph=True) * other), other)
        np.testing.assert_allclose(again.data, twice, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("seed", range(60))
def test_formulas_of_random_graphs_have_the_gradients_numbers(micro, seed):
    leaves, output = random_graph(seed, micro, micro.total)
    letters = {t.name: t.data for t in micro.ancestors(output) if t.name} | {"N": 3.0}
    graph = {t.name: t for t in micro.ancestors(output) if t.name} | {"N": micro.Tensor(3.0)}
    for leaf in leaves:
        if leaf not in micro.ancestors(output):
            continue
        leaf.grad = 0.0 * leaf.grad
        output.backward()
        for _, shown in micro.derive(output, leaf):
            expected = np.broadcast_to(shown.evaluate(letters), leaf.data.shape)
            np.testing.assert_allclose(expected, leaf.grad, rtol=1e-8, atol=1e-8)
        recorded = micro.numbers(shown.evaluate(graph))
        np.testing.assert_allclose(recorded + 0 * leaf.data, leaf.grad, rtol=1e-8, atol=1e-8)
        output_of_text = tg.parse(str(shown), **letters)
        read = getattr(output_of_text, "data", output_of_text) + 0 * leaf.data
        np.testing.assert_allclose(read, leaf.grad, rtol=1e-7, atol=1e-7)

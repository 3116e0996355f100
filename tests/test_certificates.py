"""The certificates of all lectures are accepted by `tools/verify.py`, those with a slip are not."""

from __future__ import annotations

import ast
import importlib.util
import json
import pickle
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.lectures.derived import derived
from tinygrad_edu.cli import main
from tinygrad_edu.lectures import IDENTITIES, LECTURES

VERIFY = Path(__file__).parents[1] / "tools" / "verify.py"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, VERIFY.with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify = _load("verify")
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError)


def accepted(certificate) -> bool:
    try:
        verify.check(certificate)
    except (verify.Refused, *MALFORMED):
        return False
    return True


def certified(key):
    found = derived(key) if key in LECTURES else IDENTITIES[key].prove()
    return json.loads(json.dumps(found.certificate()))


@pytest.mark.parametrize("key", [*LECTURES, *IDENTITIES])
def test_the_certificates_of_the_lectures_are_accepted(key):
    verify.check(certified(key))


def test_symmetries_labels_products_and_what_is_moved_are_accepted():
    rng = np.random.default_rng(0)
    W, x = tg.Tensor([[2.0, 1.0], [1.0, 3.0]], name="W"), tg.Tensor([1.0, -2.0], name="x")
    Z = tg.Tensor(rng.normal(size=(4, 3)), name="Z")
    for output, wrt in [
        (x @ W @ x, x),
        (tg.softmax_cross_entropy(Z, np.array([0, 1, 2, 1])), Z),
        (tg.norm(x, 3), x),
        (tg.sum(tg.relu(x) ** 2), x),
        (tg.sum(tg.softplus(x)), x),
        (tg.prod(x) + tg.prod(x, axis=0), x),
        (tg.sum(tg.prod(Z, axis=1) ** 2), Z),
        (tg.sum(x * tg.cumsum(x)), x),
        (tg.sum(tg.cumsum(Z, axis=0) ** 2), Z),
        (tg.sum(x * x[::-1]), x),
        (tg.sum(np.array([2.0, 3.0]) * tg.Tensor([1.0, 4.0], name="y")[::-1] * x), x),
        (tg.sum(tg.concatenate([x, x**2]) ** 2), x),
    ]:
        certificate = json.loads(json.dumps(tg.derive(output, wrt=wrt).certificate()))
        verify.check(certificate)
        for i in range(len(certificate["assumptions"])):
            assert not accepted(put(certificate, ("assumptions", i, "drawn"), []))


def test_what_functions_are_defined_as_is_accepted():
    x = tg.Tensor([0.3, -1.2], name="x")
    up, down = tg.exp(x), tg.exp(-x)
    for function, meaning in [
        (tg.tanh, (up - down) / (up + down)),
        (tg.sinh, (up - down) / 2),
        (tg.cosh, (up + down) / 2),
        (tg.tan, tg.sin(x) / tg.cos(x)),
    ]:
        certificate = json.loads(json.dumps(tg.prove(function(x), meaning).certificate()))
        assert [step["laws"] for step in certificate["steps"]] != [[]]
        verify.check(certificate)


def test_the_verifier_needs_the_standard_library_alone():
    tree = ast.parse(VERIFY.read_text(encoding="utf-8"))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    imported = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in nodes}
    assert imported <= sys.stdlib_module_names


def test_the_page_of_what_is_judged_is_the_one_that_make_docs_writes():
    written = (VERIFY.parents[1] / "docs" / "judged.md").read_text(encoding="utf-8")
    assert written == _load("judged").judged(), "run: make docs"


@pytest.mark.parametrize("command", [["derive", "softmax-ce"], ["prove", "log-of-softmax"]])
def test_the_command_line_writes_one_and_the_verifier_reads_it(command, tmp_path, capsys):
    path = tmp_path / "certificate.json"
    assert main([*command, "--certificate", str(path)]) == 0
    capsys.readouterr()

    def verdict():
        words = [sys.executable, "-I", str(VERIFY), str(path)]
        return subprocess.run(words, capture_output=True, encoding="utf-8", check=False)

    found = verdict()
    assert found.returncode == 0, found.stdout
    assert found.stdout.startswith("accepted: ")
    certificate = json.loads(path.read_text(encoding="utf-8"))
    certificate["steps"].pop()
    path.write_text(json.dumps(certificate), encoding="utf-8")
    found = verdict()
    assert found.returncode == 1
    assert found.stdout.startswith("refused: ")


def test_what_was_read_back_or_not_proved_has_no_certificate():
    z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
    found = pickle.loads(pickle.dumps(tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)))
    with pytest.raises(ValueError, match="no recorded graph"):
        found.certificate()
    with pytest.raises(ValueError, match="nothing was proved"):
        tg.prove(tg.exp(z), z).certificate()


# --- slips ----------------------------------------------------------------------------------------

#: Where a changed sign or index changes what is claimed: no letter is squared or summed away.
CERTIFIED = [
    *("softmax-ce", "softmax", "layer-weights", "layer-bias", "binary-ce", "sigmoid-ce"),
    *("kl-divergence", "softmax-temperature", "boltzmann", "softmax-of-shifted"),
    *("bernoulli-likelihood", "cross-entropy-is-kl", "log-of-softmax", "log-probability"),
]
EACH = 90

OTHER = {
    "exp": "log",
    "log": "exp",
    "add": "multiply",
    "multiply": "divide",
    "subtract": "add",
    "divide": "multiply",
    "sum": "max",
    "negative": "exp",
    "power": "multiply",
    "tanh": "exp",
}


def within(tree, path=()):
    """Yield every part of a formula, and where it stands."""
    yield path, tree
    kind = tree[0]
    inside = []
    if kind == "sum":
        inside = [(2,)]
    elif kind == "total":
        inside = [(1, i) for i in range(len(tree[1]))]
    elif kind == "product":
        inside = [(2, i, 0) for i in range(len(tree[2]))]
    elif kind in ("apply", "whole"):
        inside = [(3, i) for i in range(len(tree[3]))]
    for place in inside:
        yield from within(at(tree, place), path + place)


def at(tree, path):
    for place in path:
        tree = tree[place]
    return tree


def put(tree, path, new):
    """Return a copy with something else at a place."""
    if not path:
        return new
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = put(tree[path[0]], path[1:], new)
    return copy


def slips(tree):
    """Yield a formula with one slip in it."""
    for path, part in within(tree):
        kind = part[0]
        found = []
        if kind == "number":
            value = Fraction(part[1])
            wrong = {value + 1, value + Fraction(1, 10**11), -value} - {value}
            found = [["number", str(each)] for each in wrong]
        elif kind == "product":
            scale, powers = Fraction(part[1]), part[2]
            for factor in (-1, 2, 1 + Fraction(1, 10**13)):
                found.append(["product", str(scale * factor), powers])
            for i, (base, exponent) in enumerate(powers):
                more = [base, str(Fraction(exponent) + 1)]
                if base[0] != "delta":  # whose powers are all the same
                    found.append(["product", part[1], [*powers[:i], more, *powers[i + 1 :]]])
                if len(powers) > 1:
                    found.append(["product", part[1], powers[:i] + powers[i + 1 :]])
        elif kind == "total":
            found = [["total", part[1][:i] + part[1][i + 1 :]] for i in range(len(part[1]))]
        elif kind == "sum":
            found = [part[2]]
        elif kind == "apply" and part[1] in OTHER:
            found = [["apply", OTHER[part[1]], *part[2:]]]
        elif kind == "letter" and len(part[2]) > 1:
            found = [["letter", part[1], part[2][::-1]]]
        if kind in ("letter", "apply", "sum"):
            found.append(["product", "-1", [[part, "1"]]])
        for each in found:
            yield put(tree, path, each)


def formulas(certificate):
    """Yield where each formula of a certificate stands."""
    graph = certificate["graph"]
    yield from ((name,) for name in ("start", "end", "right") if name in certificate)
    for i in range(len(certificate["steps"])):
        yield from (("steps", i, side) for side in ("before", "after"))
    for i, letter in enumerate(certificate["letters"]):
        if letter["definition"]:
            yield "letters", i, "definition"
    yield from (("graph", "rules", i, "rule") for i in range(len(graph["rules"])))
    for i, vertex in enumerate(graph["vertices"]):
        if vertex["op"]:
            yield "graph", "vertices", i, "meaning"


def mutations(certificate):
    """Yield certificates with one slip: in a formula, something left out, another operation."""
    for path in formulas(certificate):
        for wrong in slips(at(certificate, path)):
            yield put(certificate, path, wrong)
    lists = [("steps",), ("assumptions",), ("graph", "rules")]
    lists += [("steps", i, "laws") for i in range(len(certificate["steps"]))]
    for path in lists:
        every = at(certificate, path)
        for i in range(len(every)):
            yield put(certificate, path, every[:i] + every[i + 1 :])
    for i, vertex in enumerate(certificate["graph"]["vertices"]):
        path = "graph", "vertices", i
        if vertex["op"] in OTHER:
            yield put(certificate, (*path, "op"), OTHER[vertex["op"]])
        if vertex["op"] in ("subtract", "divide", "matmul"):
            yield put(certificate, (*path, "arguments"), vertex["arguments"][::-1])
    for i, assumed in enumerate(certificate["assumptions"]):
        if assumed["drawn"]:
            yield put(certificate, ("assumptions", i, "drawn"), [])


@pytest.mark.parametrize("key", CERTIFIED)
def test_no_certificate_with_a_slip_is_accepted(key):
    certificate = certified(key)
    wrong = list(mutations(certificate))
    chosen = random.Random(0).sample(wrong, EACH)
    assert not [i for i, each in enumerate(chosen) if accepted(each)]


def test_there_are_a_thousand_slips():
    assert EACH * len(CERTIFIED) >= 1000


def _claimed(certificate, change):
    """Change the end everywhere it stands: consistently, so that only its value is wrong."""
    steps = certificate["steps"]
    end = change(certificate["end"])
    wrong = put(certificate, ("end",), end)
    return put(wrong, ("steps", len(steps) - 1, "after"), end)


@pytest.mark.parametrize("key", ["softmax-ce", "sigmoid-ce", "log-of-softmax"])
def test_an_end_that_is_off_by_a_hair_is_refused(key):
    certificate = certified(key)
    near, scaled = str(Fraction(1, 10**11)), str(1 + Fraction(1, 10**13))
    assert accepted(_claimed(certificate, lambda end: ["product", "1", [[end, "1"]]]))
    assert not accepted(_claimed(certificate, lambda end: ["total", [end, ["number", near]]]))
    assert not accepted(_claimed(certificate, lambda end: ["product", scaled, [[end, "1"]]]))


def test_twice_the_gradient_is_not_the_gradient():
    """Every formula is doubled: each step holds, but the start is not the chain rule."""
    certificate = certified("softmax-ce")

    def double(tree):
        return ["product", "2", [[tree, "1"]]]

    for path in formulas(certificate):
        if path[0] in ("start", "end", "steps"):
            certificate = put(certificate, path, double(at(certificate, path)))
    assert not accepted(certificate)
    with pytest.raises(verify.Refused, match="chain rule"):
        verify.check(certificate)


def test_a_rule_that_is_no_derivative_is_refused_though_the_start_agrees():
    """L = log of e^z: with both local rules turned around, the chain rule still gives 1."""
    z = tg.Tensor(0.5, name="z")
    certificate = json.loads(json.dumps(tg.derive(tg.log(tg.exp(z)), wrt=z).certificate()))
    assert accepted(certificate)
    rules = certificate["graph"]["rules"]
    for i in range(len(rules)):
        rule = ["product", "-1", [[rules[i]["rule"], "1"]]]
        certificate = put(certificate, ("graph", "rules", i, "rule"), rule)
    with pytest.raises(verify.Refused, match="not its derivative"):
        verify.check(certificate)


def test_a_law_that_does_not_exist_and_a_step_on_numbers_are_refused():
    certificate = certified("log-of-softmax")
    for change in (("laws", ["log is x"]), ("exact", False)):
        with pytest.raises(verify.Refused):
            verify.check(put(certificate, ("steps", 0, change[0]), change[1]))

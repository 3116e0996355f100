"""The calculus table against finite differences, its own definitions and itself.

Every test is generated from the rows of `tests/samples.py`. A case is one test, `test_a_case`: it
is recorded once, every check below looks at it, and those that fail are named together.
"""

import inspect
from functools import cached_property, partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.fold import fold
from tests.samples import CASES, COMPOSED, arrays, tensors
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.ops import words


class Recorded:
    """One call of a case, and its gradients, computed when a check first asks for them."""

    def __init__(self, case, dtype=np.float64):
        self.case, self.args = case, case.arguments(dtype=dtype)
        self.wrt = tensors(self.args)
        self.out = case.call(*self.args)

    @cached_property
    def seed(self):
        return seed_for(self.out)

    @cached_property
    def gradients(self):
        """Of one random seed, as arrays."""
        return tg.gradients(self.out, self.wrt, self.seed)

    @cached_property
    def graphs(self):
        """The same as Tensors."""
        return tg.gradients(self.out, self.wrt, self.seed, graph=True)

    @cached_property
    def plain(self):
        """What the arguments as arrays give."""
        return self.case.call(*arrays(self.args))


CHECKS = []


def check(where):
    """Have a function look at every recorded case of which ``where(case)`` is true."""

    def add(function):
        CHECKS.append((where, function))
        return function

    return add


def every(case):
    return True


def derivative(case):
    return case.differentiable


def constant(case):
    return not case.differentiable


# The definition has no value there, and the fused operation has the limit.
LIMITS = {"dropout-all", "euclidean_norm-empty"}


def derivative_of_definition(case):
    return case.differentiable and str(case) not in LIMITS


def inline(case):
    return case.name in REGISTRY and REGISTRY[case.name].inline is True


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(case):
    call = Recorded(case)
    fold(str(case), [(f.__name__, partial(f, call)) for where, f in CHECKS if where(case)])


def seed_for(out, seed=1):
    """Random, since a seed of ones cannot see an error that sums to zero."""
    return np.random.default_rng(seed).normal(size=out.shape).astype(out.dtype)


def with_values(args, values):
    """The arguments with new Tensors in the places of the old."""
    values = iter(values)
    return [tg.Tensor(next(values)) if isinstance(a, tg.Tensor) else a for a in args]


def finite_differences(f, xs, step=1e-3):
    """Jacobian of the array f(xs) with respect to each array of xs.

    Central differences of two steps, extrapolated: the error is of order step⁴.
    """
    found = []
    for i, x in enumerate(xs):
        columns = np.empty((x.size, np.size(f(*xs))))
        for k in range(x.size):

            def shifted(h, i=i, k=k):
                moved = [np.array(y) for y in xs]
                moved[i].flat[k] += h
                return np.ravel(f(*moved))

            wide = (shifted(step) - shifted(-step)) / (2 * step)
            narrow = (shifted(step / 2) - shifted(-step / 2)) / step
            columns[k] = (4 * narrow - wide) / 3
        found.append(columns.T)
    return found


# --- first and second order ----------------------------------------------------------------------


@check(derivative)
def gradient_against_finite_differences(call):
    values = [t.data for t in call.wrt]
    jacobians = finite_differences(
        lambda *xs: call.case.call(*with_values(call.args, xs)).data, values
    )
    another = seed_for(call.out, 0)
    for seed, found in (
        (another, tg.gradients(call.out, call.wrt, another)),
        (call.seed, call.gradients),
    ):
        for gradient, jacobian in zip(found, jacobians, strict=True):
            expected = (seed.ravel() @ jacobian).reshape(gradient.shape)
            assert_allclose(gradient, expected, rtol=1e-8, atol=1e-8)


@check(derivative)
def second_order_against_finite_differences(call):
    """Differentiate w·∇(u·f) by the arguments and by u, the first gradient being trusted."""
    inner = tg.Tensor(call.seed)
    weights = [seed_for(t, i) for i, t in enumerate(call.wrt)]

    def first_order(*values):
        *xs, u = values
        args = with_values(call.args, xs)
        gradients = tg.gradients(call.case.call(*args), tensors(args), u)
        return sum(np.vdot(w, g) for w, g in zip(weights, gradients, strict=True))

    first = tg.gradients(call.out, call.wrt, inner, graph=True)
    total = sum(tg.sum(w * g) for w, g in zip(weights, first, strict=True))
    found = tg.gradients(total, [*call.wrt, inner])
    expected = finite_differences(first_order, [t.data for t in [*call.wrt, inner]])
    for gradient, row in zip(found, expected, strict=True):
        assert_allclose(gradient, row.reshape(gradient.shape), rtol=1e-7, atol=1e-7)


# --- one rule, several readings ------------------------------------------------------------------


def opened(out):
    """Rebuild a graph with the definition of each fused operation in its place."""
    new = {}
    for node in ancestors(out):
        if node.op is not None:
            args = [new.get(a, a) if isinstance(a, tg.Tensor) else a for a in node.args]
            new[node] = (node.op.definition or node.op)(*args, **node.attributes)
    return new.get(out, out)


@check(derivative_of_definition)
def the_symbolic_reading_agrees(call):
    for tensor, expected in zip(call.wrt, call.gradients, strict=True):
        derivation = tg.derive((call.out * call.seed).sum(), wrt=tensor)
        assert_allclose(derivation.start.evaluate(), expected, rtol=1e-9, atol=1e-12)
        assert_allclose(derivation.result.evaluate(), expected, rtol=1e-9, atol=1e-12)


@check(derivative)
def the_rule_on_tensors_agrees(call):
    for expected, found in zip(call.gradients, call.graphs, strict=True):
        assert_allclose(found.data, expected, rtol=1e-12, atol=1e-12)


@check(derivative_of_definition)
def the_rules_of_the_definition_agree(call):
    """The same call with every fused operation's definition in its place."""
    through = tg.gradients(opened(call.out), call.wrt, call.seed)
    for expected, found in zip(call.gradients, through, strict=True):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@check(every)
def arrays_in_arrays_out(call):
    out = call.plain
    assert isinstance(out, np.ndarray | np.generic)
    expected = call.out.data if isinstance(call.out, tg.Tensor) else call.out
    assert out.shape == expected.shape
    assert out.dtype == expected.dtype
    # Tensors get the definition of what is inline.
    assert_allclose(out, expected, rtol=1e-14 if inline(call.case) else 0)


@check(derivative_of_definition)
def fused_operation_equals_its_definition(call):
    for node in ancestors(call.out):
        if node.op is None or node.op.definition is None:
            continue
        meaning = node.op.definition(*node.args, **node.attributes)
        assert meaning.shape == node.shape
        assert_allclose(meaning.data, node.data, rtol=1e-12, atol=1e-14)
        if node.op.saved is not None:
            meant = node.op.saved(*node.args, **node.attributes)
            pairs = (
                zip(meant, node.saved, strict=True)
                if isinstance(meant, tuple)
                else [(meant, node.saved)]
            )
            for tensor, saved in pairs:
                assert tensor.shape == saved.shape
                assert_allclose(tensor.data, saved, rtol=1e-12, atol=1e-14)


@check(inline)
def inline_operation_equals_its_definition(call):
    assert all(node.op is not REGISTRY[call.case.name] for node in ancestors(call.out))
    assert_allclose(call.plain, call.out.data, rtol=1e-12, atol=1e-14)


# --- what a gradient is --------------------------------------------------------------------------


@check(derivative)
def gradient_has_shape_and_dtype_of_its_argument(call):
    def of(dtype):
        again = call if dtype is np.float64 else Recorded(call.case, dtype)
        if call.case.name != "astype":
            assert again.out.dtype == again.plain.dtype == dtype
        for kind, found in ((np.ndarray, again.gradients), (tg.Tensor, again.graphs)):
            for t, gradient in zip(again.wrt, found, strict=True):
                assert isinstance(gradient, kind)
                assert (gradient.shape, gradient.dtype) == (t.shape, dtype)

    dtypes = np.float16, np.float32, np.float64
    fold(str(call.case), [(dtype.__name__, partial(of, dtype)) for dtype in dtypes])


@check(derivative)
def gradients_alias_nothing(call):
    targets = [*call.wrt, call.out, *call.wrt]
    found = tg.gradients(call.out, targets, call.seed)
    nodes = ancestors(call.out)
    held = [call.seed, *(a for n in nodes for a in (n.value, *getattr(n, "inputs", ())))]
    for i, gradient in enumerate(found):
        assert gradient.flags.writeable
        assert not any(np.may_share_memory(gradient, a) for a in (*held, *found[:i]))


@check(constant)
def no_gradient_passes(call):
    case = call.case
    assert REGISTRY[case.name].constant
    if all(a.dtype.kind == "f" for a in call.args):  # no Tensor holds labels, bits
        args = [tg.Tensor(a) for a in call.args]
        out = case.call(*args)
        for gradient in tg.gradients(out, args, np.ones(out.shape)):
            assert not gradient.any()


# --- forward mode and Hessians -------------------------------------------------------------------


def slices(call):
    """The case as functions of one argument each, with where to take them."""
    case, args = call.case, call.args
    for i, t in enumerate(args):
        if isinstance(t, tg.Tensor):
            yield lambda x, i=i: case.call(*arrays(args[:i]), x, *arrays(args[i + 1 :])), t.data


@check(derivative)
def jvp_is_the_transpose_of_vjp(call):
    for f, x in slices(call):
        v = seed_for(x, 2)
        value, tangent = tg.jvp(f, x, v)
        u = seed_for(value, 3)
        _, pull_back = tg.vjp(f, x)
        assert_allclose(np.vdot(u, tangent), np.vdot(pull_back(u), v), rtol=1e-10, atol=1e-12)


@check(derivative)
def hessian_is_symmetric(call):
    for f, x in slices(call):
        u, v, w = seed_for(x, 2), seed_for(x, 3), seed_for(f(x), 4)

        def total(x, f=f, w=w):
            return tg.sum(f(x) * w)

        left, right = np.vdot(u, tg.hvp(total, x, v)), np.vdot(v, tg.hvp(total, x, u))
        assert_allclose(left, right, rtol=1e-9, atol=1e-11)


# --- the declarations ----------------------------------------------------------------------------


def test_rows_and_registry_agree():
    assert {case.name for case in CASES} - COMPOSED == {
        name for name, op in REGISTRY.items() if op.sealed
    }


def test_every_public_function_has_a_row():
    others = {"count", "getitem"}  # a number, and what the operator x[…] calls
    assert set(tg.ops.PUBLIC) - others <= {case.name for case in CASES}


def test_labels_of_cases_differ():
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_notation_renders(name):
    op = REGISTRY[name]
    letters = ["a", "b", "c", "d"][: op.arity or 2]
    words = {"args": ", ".join(letters), "index": "i", **op.defaults}
    for template in (op.text, op.tex):
        if template is not None:
            shown = template.format(*letters, **words)
            assert "a" in shown
            assert shown.count("{") == shown.count("}")
            assert shown.count(r"\left") == shown.count(r"\right")


@pytest.mark.parametrize("name", sorted(tg.ops.PUBLIC))
def test_help_says_what_the_declaration_says(name):
    """Of an operation's help its author writes a sentence and an example."""
    asked = getattr(tg, name)
    doc = asked.__doc__
    sections = ["Parameters", "Returns", "Raises", "Notes", "Examples"]
    places = [doc.find(f"\n\n{s}\n{'-' * len(s)}\n") for s in sections]
    assert -1 not in places, f"missing: {sections[places.index(-1)]}"
    assert places == sorted(places)
    assert doc[places[-1] :].count(">>> ") >= 2
    parameters = inspect.signature(asked).parameters
    described = doc[places[0] : places[1]]
    for parameter in parameters.values():
        known = str(parameter.replace(annotation=inspect.Parameter.empty)).partition("=")[0]
        assert f"{known} : " in described
        assert {known, f"{name}.{known}"} & words.PARAMETERS.keys()
    op = asked if isinstance(asked, Op) else REGISTRY.get(name)
    notes = doc[places[3] : places[4]]
    assert "Declared in `tinygrad_edu.ops." in notes
    if op is None:
        assert "Made of " in notes
    elif op.arity and not op.constant:
        assert "Forward " in notes
        assert notes.count("Gradient of ") == sum(rule is not None for rule in op.rules)


def test_the_formulas_of_help_are_those_of_the_rules():
    said = {name: getattr(tg, name).__doc__ for name in ("tanh", "softmax", "matmul", "hypot")}
    assert "Forward tanh(x).\nGradient of x: g·(1 − tanh(x)^2).\n" in said["tanh"]
    assert "Forward softmax(x) = exp(x)/(Σ exp(x)).\n" in said["softmax"]
    assert "Gradient of a: g bᵀ.\nGradient of b: aᵀ g.\n" in said["matmul"]
    assert "Forward hypot(x, y) = √(x^2 + y^2).\n" in said["hypot"]
    assert "If the shapes do not broadcast." in said["hypot"]

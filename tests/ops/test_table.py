"""The calculus table against finite differences, its own definitions and itself.

Every test is generated from the rows of `tests/samples.py`.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.samples import CASES, COMPOSED, DIFFERENTIABLE, arrays, tensors
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import REGISTRY

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_derivative = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)


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


def pulled(case, args, seed, graph=False):
    """The gradients of one call, given the gradient of its result."""
    return tg.gradients(case.call(*args), tensors(args), seed, graph=graph)


# --- first and second order ----------------------------------------------------------------------


@every_derivative
def test_gradient_against_finite_differences(case):
    args = case.arguments()
    out = case.call(*args)
    values = [t.data for t in tensors(args)]
    jacobians = finite_differences(lambda *xs: case.call(*with_values(args, xs)).data, values)
    for draw in range(2):
        seed = seed_for(out, draw)
        found = tg.gradients(out, tensors(args), seed)
        for gradient, jacobian in zip(found, jacobians, strict=True):
            expected = (seed.ravel() @ jacobian).reshape(gradient.shape)
            assert_allclose(gradient, expected, rtol=1e-8, atol=1e-8)


@every_derivative
def test_second_order_against_finite_differences(case):
    """Differentiate w·∇(u·f) by the arguments and by u, the first gradient being trusted."""
    args = case.arguments()
    inner = tg.Tensor(seed_for(case.call(*args)))
    weights = [seed_for(t, i) for i, t in enumerate(tensors(args))]

    def first_order(*values):
        *xs, u = values
        gradients = pulled(case, with_values(args, xs), u)
        return sum(np.vdot(w, g) for w, g in zip(weights, gradients, strict=True))

    first = pulled(case, args, inner, graph=True)
    total = sum(tg.sum(w * g) for w, g in zip(weights, first, strict=True))
    found = tg.gradients(total, [*tensors(args), inner])
    expected = finite_differences(first_order, [t.data for t in [*tensors(args), inner]])
    for gradient, row in zip(found, expected, strict=True):
        assert_allclose(gradient, row.reshape(gradient.shape), rtol=1e-7, atol=1e-7)


# --- one rule, several readings ------------------------------------------------------------------


def read_arrays(case, args, seed):
    return pulled(case, args, seed)


def read_tensors(case, args, seed):
    return [g.data for g in pulled(case, args, seed, graph=True)]


def read_definitions(case, args, seed):
    """The same call with every fused operation's definition in its place."""
    out = opened(case.call(*args))
    return tg.gradients(out, tensors(args), seed)


def opened(out):
    """Rebuild a graph with the definition of each fused operation in its place."""
    new = {}
    for node in ancestors(out):
        if node.op is not None:
            args = [new.get(a, a) if isinstance(a, tg.Tensor) else a for a in node.args]
            new[node] = (node.op.definition or node.op)(*args, **node.attributes)
    return new.get(out, out)


# The definition has no value there, and the fused operation has the limit.
LIMITS = {"dropout-all", "euclidean_norm-empty"}


@every_derivative
def test_the_symbolic_reading_agrees(case):
    if str(case) in LIMITS:
        return
    args = case.arguments()
    out = case.call(*args)
    seed = seed_for(out)
    numbers = read_arrays(case, args, seed)
    for tensor, expected in zip(tensors(args), numbers, strict=True):
        derivation = tg.derive((out * seed).sum(), wrt=tensor)
        assert_allclose(derivation.start.evaluate(), expected, rtol=1e-9, atol=1e-12)
        assert_allclose(derivation.result.evaluate(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reading", [read_tensors, read_definitions])
@every_derivative
def test_readings_of_the_rule_agree(case, reading):
    if reading is read_definitions and str(case) in LIMITS:
        return
    args = case.arguments()
    seed = seed_for(case.call(*args))
    numbers = read_arrays(case, args, seed)
    for expected, found in zip(numbers, reading(case, args, seed), strict=True):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@every_case
def test_arrays_in_arrays_out(case):
    args = case.arguments()
    out = case.call(*arrays(args))
    assert isinstance(out, np.ndarray | np.generic)
    wrapped = case.call(*args)
    expected = wrapped.data if isinstance(wrapped, tg.Tensor) else wrapped
    assert out.shape == expected.shape
    assert out.dtype == expected.dtype
    inline = case.name in REGISTRY and REGISTRY[case.name].inline  # Tensors get the definition
    assert_allclose(out, expected, rtol=1e-14 if inline else 0)


def fused_calls(case):
    """The vertices of a case whose operation has a definition."""
    nodes = ancestors(case.call(*case.arguments())) if case.differentiable else []
    return [node for node in nodes if node.op is not None and node.op.definition is not None]


FUSED = [case for case in DIFFERENTIABLE if fused_calls(case) and str(case) not in LIMITS]


@pytest.mark.parametrize("case", FUSED, ids=str)
def test_fused_operation_equals_its_definition(case):
    for node in fused_calls(case):
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


@pytest.mark.parametrize("name", [name for name, op in REGISTRY.items() if op.inline])
def test_inline_operation_equals_its_definition(name):
    for case in (case for case in CASES if case.name == name):
        args = case.arguments()
        out = case.call(*args)
        assert all(node.op is not REGISTRY[name] for node in ancestors(out))
        assert_allclose(case.call(*arrays(args)), out.data, rtol=1e-12, atol=1e-14)


# --- what a gradient is --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@every_derivative
def test_gradient_has_shape_and_dtype_of_its_argument(case, dtype):
    args = case.arguments(dtype=dtype)
    out = case.call(*args)
    if case.name != "astype":
        assert out.dtype == case.call(*arrays(args)).dtype == dtype
    for graph in (False, True):
        found = pulled(case, args, seed_for(out), graph)
        for t, gradient in zip(tensors(args), found, strict=True):
            assert isinstance(gradient, tg.Tensor if graph else np.ndarray)
            assert (gradient.shape, gradient.dtype) == (t.shape, dtype)


@every_derivative
def test_gradients_alias_nothing(case):
    args = case.arguments()
    out = case.call(*args)
    seed = seed_for(out)
    targets = [*tensors(args), out, *tensors(args)]
    found = tg.gradients(out, targets, seed)
    held = [
        seed,
        *(a for node in ancestors(out) for a in (node.value, *getattr(node, "inputs", ()))),
    ]
    for i, gradient in enumerate(found):
        assert gradient.flags.writeable
        assert not any(np.may_share_memory(gradient, a) for a in (*held, *found[:i]))


@pytest.mark.parametrize("case", [case for case in CASES if not case.differentiable], ids=str)
def test_no_gradient_passes(case):
    assert REGISTRY[case.name].constant
    if case.name != "one_hot":  # whose labels are whole numbers, as no Tensor's are
        args = [tg.Tensor(a) for a in case.arguments()]
        out = case.call(*args)
        for gradient in tg.gradients(out, args, np.ones(out.shape)):
            assert not gradient.any()


# --- forward mode and Hessians -------------------------------------------------------------------


def slices(case):
    """The case as functions of one argument each, with where to take them."""
    args = case.arguments()
    for i, t in enumerate(args):
        if isinstance(t, tg.Tensor):
            yield lambda x, i=i: case.call(*arrays(args[:i]), x, *arrays(args[i + 1 :])), t.data


@every_derivative
def test_jvp_is_the_transpose_of_vjp(case):
    for f, x in slices(case):
        v = seed_for(x, 2)
        value, tangent = tg.jvp(f, x, v)
        u = seed_for(value, 3)
        _, pull_back = tg.vjp(f, x)
        assert_allclose(np.vdot(u, tangent), np.vdot(pull_back(u), v), rtol=1e-10, atol=1e-12)


@every_derivative
def test_hessian_is_symmetric(case):
    for f, x in slices(case):
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
def test_docstring_has_its_sections(name):
    doc = getattr(tg, name).__doc__
    sections = ["Parameters", "Returns", "Raises", "Notes", "Examples"]
    places = [doc.find(f"\n    {s}\n    {'-' * len(s)}\n") for s in sections]
    assert -1 not in places, f"missing: {sections[places.index(-1)]}"
    assert places == sorted(places)
    assert ">>> " in doc[places[-1] :]

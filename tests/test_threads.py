"""Eight threads at once give what one gives after the other, bit for bit."""

import sys
import threading
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_edu as tg
from tests.samples import CASES, DIFFERENTIABLE, arrays, tensors
from tinygrad_edu.view.draw import formula
from tinygrad_edu.view.page import mathml

THREADS = 8

# The same work many times.
pytestmark = pytest.mark.usefixtures("untraced")


@pytest.fixture(autouse=True)
def often():
    """Let the interpreter change threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work, count=THREADS):
    """Run work(0), work(1), … in threads that start together; their results in order."""
    results, barrier = [None] * count, threading.Barrier(count)

    def run(i):
        barrier.wait()
        try:
            results[i] = work(i)
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def in_turn(work, count=THREADS):
    return [work(i) for i in range(count)]


def bits(arrays):
    return [(a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, arrays)]


def test_one_set_of_weights_and_eight_batches():
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(20, 5)), rng.integers(0, 3, 20)) for _ in range(THREADS)]
    weights = tg.Tensor(rng.normal(size=(5, 3)))

    def work(i):
        x, y = batches[i]
        found = []
        for _ in range(30):
            loss = tg.softmax_cross_entropy(tg.tanh(x @ weights), y) + tg.norm(weights)
            found += [loss.data, tg.gradients(loss, weights)]
            found.append(tg.gradients(loss, weights, graph=True).data)
        return bits(found)

    assert at_once(work) == in_turn(work)


def test_every_operation():
    def work(i):
        found = []
        for case in CASES[i % 4 :: 4]:  # two threads at each
            args = case.arguments(seed=i // 4)
            out = case.call(*args)
            found.append(out.data)
            if case in DIFFERENTIABLE:
                found += tg.gradients(out, tensors(args), np.ones(out.shape, out.dtype))
            if i % 2:
                found.append(case.call(*arrays(args)))
        return bits(found)

    assert at_once(work) == in_turn(work)


def test_one_graph_differentiated_by_all():
    x = tg.Tensor(np.linspace(-1, 1, 6).reshape(2, 3))
    loss = tg.softmax_cross_entropy(tg.tanh(x) * x, [0, 2]) + tg.std(x)
    first = bits([tg.gradients(loss, x)])
    assert at_once(lambda i: bits([tg.gradients(loss, x)])) == [first] * THREADS


def test_what_threads_add_to_one_leaf_is_never_lost():
    x = tg.Tensor([1.0, 2.0])

    def work(i):
        for _ in range(200):
            (x * (1.0 + i)).sum().backward()

    at_once(work)
    assert_array_equal(x.grad, [200 * 36] * 2)  # whole numbers: exact in any order


def lecture(i):
    """Something to derive, another in each of three threads."""
    z, y = tg.Tensor(np.linspace(-1, 1, 3 + i % 3), name="z"), np.eye(3 + i % 3)[0]
    a = tg.name((tg.softmax, tg.sigmoid, tg.tanh)[i % 3](z), "a")
    losses = tg.cross_entropy, tg.binary_cross_entropy, tg.sum_squared_error
    return z, y, tg.name(losses[i % 3](a, y), "L")


def test_derivations():
    def work(i):
        z, y, loss = lecture(i)
        derivation = tg.derive(loss, wrt=z, names={"y": y})
        return derivation.text(), derivation.latex()

    expected = in_turn(work)
    assert len(set(expected)) == 3
    assert at_once(work) == expected


def test_pictures_and_pages():
    def work(i):
        z, y, loss = lecture(i)
        picture = tg.draw(loss, gradients=True, names={"y": y})
        return picture.source, tg.explain(loss, wrt=z, names={"y": y}).html()

    expected = in_turn(work, 3)
    for cached in (formula._typeset, mathml._mathml, mathml._ems):
        cached.cache_clear()
    assert at_once(work, 3) == expected


def test_setting_formulas_leaves_the_warnings_of_the_program():
    pytest.importorskip("ziamath", reason="it draws the formulas")
    filters = list(warnings.filters)

    def work(i):
        formulas = (formula.typeset(rf"\frac{{{n}}}{{x + {i}}}", 10.0) for n in range(5))
        return [(each.outlines, ET.tostring(each.element(0, 0))) for each in formulas]

    drawn = at_once(work)
    assert warnings.filters == filters
    for cached in (formula._typeset, mathml._mathml, mathml._ems):
        cached.cache_clear()
    assert drawn == in_turn(work)

"""Graphs of any size: built, differentiated, released, and interrupted at any moment."""

import contextvars
import copy
import gc
import pickle
import random
import signal
import sys
import time
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import tensor
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import Op

sizes = pytest.mark.parametrize(
    "size", [10**5, pytest.param(10**6, marks=pytest.mark.deep)], ids=["10^5", "10^6"]
)


@pytest.fixture
def no_collector():
    """Whatever is released in here is released by its last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def breaking():
    """An operation whose rule raises."""

    def rule(g, out, x):
        raise RuntimeError("the rule breaks")

    op = Op("breaking", lambda x: 2 * x, (rule,))
    yield op
    op.forget()


# --- size ----------------------------------------------------------------------------------------


def chain(x, size):
    y = x
    for _ in range(size // 2):
        y = y * 1.0 + x
    return y, size // 2 + 1


def fan(x, size):
    return tg.concatenate([x * 1.0 for _ in range(size // 4)]).sum(), size // 4


def ladder(x, size):
    """Two sides with a rung at each step: 2^n paths, none of them walked twice."""
    left, right = x * 1.0, x * 1.0
    for _ in range(size // 4):
        left, right = 0.5 * left + right * 0.5, right
    return left, 1


def pairs(x, size):
    """A balanced tree: every level has half as many vertices as the one below."""
    level = [x * 1.0 for _ in range(size // 2)]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [a + b for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0], size // 2


@sizes
@pytest.mark.parametrize("build", [chain, fan, ladder, pairs])
def test_case_28_graphs_of_every_form(build, size, untraced, no_collector):
    x = tg.Tensor([1.0])
    output, slope = build(x, size)
    output.backward()
    assert x.grad == slope
    gone = weakref.ref(output)
    del output
    assert gone() is None


@sizes
def test_case_28_gradients_of_gradients_of_a_long_chain(size, untraced, no_collector):
    x = tg.Tensor(1.0)
    y, slope = chain(x, size // 4)
    first = tg.gradients(y * y, x, graph=True)
    assert first.item() == 2 * slope**2
    assert tg.gradients(first, x) == 2 * slope**2
    gone = weakref.ref(first), weakref.ref(y)
    del first, y
    assert [ref() for ref in gone] == [None, None]


def test_case_28_a_long_chain_is_copied_and_kept_as_one_leaf():
    y, slope = chain(tg.Tensor(1.0, name="y"), 10**5)
    for made in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert made.op is None
        assert made.item() == slope
    one, two = copy.deepcopy([y, y])
    assert one is two


# --- release -------------------------------------------------------------------------------------


def layers():
    """A small network, and weak references to all that was computed in it."""
    x, w = tg.Tensor(np.ones((4, 3))), tg.Tensor(np.ones((3, 2)))
    hidden = tg.tanh(x @ w)
    loss = tg.softmax_cross_entropy(hidden, [0, 1, 0, 1]) + tg.norm(w) + tg.log_softmax(w).sum()
    watched = []
    for node in ancestors(loss):
        if node.op is not None:
            arrays = (
                a for a in (node.value, getattr(node, "saved", None)) if type(a) is np.ndarray
            )
            watched += map(weakref.ref, (node, *arrays))
    return (x, w), loss, watched


def alive(watched):
    return [ref() for ref in watched if ref() is not None]


@pytest.mark.parametrize(
    "use",
    [
        lambda loss, wrt: loss.backward(),
        lambda loss, wrt: tg.gradients(loss, wrt),
        lambda loss, wrt: tg.gradients(sum((g * g).sum() for g in second(loss, wrt)), wrt),
        lambda loss, wrt: tg.find_nonfinite(loss),
        lambda loss, wrt: tg.draw(loss).source,
        lambda loss, wrt: (repr(loss), copy.deepcopy(loss), pickle.dumps(loss), loss > 0),
    ],
    ids=["backward", "gradients", "second", "find_nonfinite", "draw", "copies"],
)
def test_case_29_nothing_is_left_after_use(use, no_collector):
    wrt, loss, watched = layers()
    use(loss, wrt)
    assert len(alive(watched)) == len(watched)
    del loss
    assert alive(watched) == []


def second(loss, wrt):
    return tg.gradients(loss, wrt, graph=True)


def test_case_29_nothing_is_left_after_an_exception_in_a_rule(breaking, no_collector):
    wrt, loss, watched = layers()
    for graph in (False, True):
        broken = loss * breaking(loss)
        watched.append(weakref.ref(broken))
        with pytest.raises(RuntimeError, match="the rule breaks"):
            tg.gradients(broken, wrt, graph=graph)
        del broken
    del loss
    assert alive(watched) == []


def test_case_29_nothing_is_left_after_a_forward_that_failed(no_collector):
    _, loss, watched = layers()
    hidden = next(n for n in ancestors(loss) if n.op is tg.tanh)
    for wrong in (
        lambda t: t @ t,
        lambda t: t + np.ones(7),
        lambda t: t.sum(axis=5),
        lambda t: t[9],
        lambda t: tg.softmax_cross_entropy(t, [0, 1, 0, 9]),
        lambda t: tg.concatenate([t, t.sum()]),
        lambda t: t + "text",
        lambda t: np.median(t),
        lambda t: tg.roll(t, t),
    ):
        with pytest.raises((ValueError, TypeError, IndexError)):
            wrong(hidden)
    del loss, hidden
    assert alive(watched) == []


# --- interrupts ----------------------------------------------------------------------------------


class Moments:
    """Raise KeyboardInterrupt at the n-th bytecode that runs within the package."""

    def __init__(self, n):
        self.left = n

    def __call__(self, frame, event, argument):
        if "tinygrad_edu" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self

    def interrupts(self, action):
        """Whether the action was interrupted; False where it ended before."""
        context = contextvars.copy_context()  # NumPy keeps there what np.errstate is set to
        sys.settrace(self)
        try:
            context.run(action)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
            # Python takes no signal between `with` and its block, but the tracer interrupts there.
            while tensor._adding._is_owned():
                tensor._adding.release()
        return False


def state(tensors):
    return [(t.data.tolist(), None if t.grad is None else t.grad.tolist()) for t in tensors]


def network():
    """Leaves with and without a gradient, and a function of them."""
    leaves = [tg.Tensor([[1.0, -2.0]]), tg.Tensor([[0.5, 1.0], [2.0, 3.0]]), tg.Tensor(0.1)]
    leaves[1].grad = np.ones((2, 2))

    def loss():
        hidden = tg.relu(leaves[0] @ leaves[1]) * leaves[2]
        return tg.softmax_cross_entropy(hidden, [1]) + tg.norm(leaves[1])

    return leaves, loss


def test_case_30_an_interrupt_at_any_moment_of_backward(untraced):
    leaves, loss = network()
    output = loss()
    before = state(leaves)
    output.backward()
    after = state(leaves)
    seen = []
    for n in range(1, 10**6):
        for leaf, (_, grad) in zip(leaves, before, strict=True):
            leaf.grad = grad
        if not Moments(n).interrupts(output.backward):
            break
        seen.append(state(leaves))
    assert state(leaves) == after
    whole = [after == s for s in seen]
    assert all(s in (before, after) for s in seen)
    assert whole == sorted(whole)  # as it was; then, from one moment on, all at once
    assert len(seen) > 100 > sum(whole)


def test_case_30_an_interrupt_at_any_moment_of_forward(untraced):
    leaves, loss = network()
    before = state(leaves)
    n = 1
    while Moments(n).interrupts(loss):
        assert state(leaves) == before
        n += 1
    assert n > 100
    assert loss().item() == loss().item()


@pytest.mark.parametrize("moments", [40, pytest.param(1000, marks=pytest.mark.deep)])
def test_case_30_a_signal_at_any_moment(moments, untraced):
    """What Ctrl-C does: a signal, wherever the interpreter takes notice of it."""
    leaves = [tg.Tensor(float(i)) for i in range(300)]

    def step():
        total = leaves[0] * 1.0
        for leaf in leaves[1:]:
            total = total + leaf * 2.0
        total.backward()

    start = time.perf_counter()
    step()
    length = time.perf_counter() - start
    rng = random.Random(0)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    done = 1
    try:
        for tried in range(20 * moments):  # on a busy machine most signals come too late
            if tried >= moments and interrupted > moments / 4:
                break
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, length))
                step()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            added = {float(leaf.grad) for leaf in leaves[1:]}
            assert len(added) == 1  # all, or none
            assert added in ({2.0 * done}, {2.0 * done + 2.0})
            done = int(added.pop()) // 2
            assert leaves[0].grad == done
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > moments / 4
    assert_array_equal([leaf.item() for leaf in leaves], np.arange(300.0))

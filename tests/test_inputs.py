"""Arrays of every kind are taken: subclasses, read-only, in any order in memory and of bytes."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.fold import fold
from tests.ops.test_table import seed_for
from tests.samples import CASES, by_name


class Stubborn(np.ndarray):
    """A subclass that stays one in every operation, and multiplies in its own way."""

    __array_priority__ = 1000

    def __mul__(self, other):
        raise AssertionError("the array's own product was taken")

    __rmul__ = __pow__ = __matmul__ = __mul__


def spaced(x):
    """With gaps in memory, from the last entry to the first."""
    wide = np.zeros([2 * n for n in x.shape], x.dtype)
    backwards = (slice(None, None, -2),) * x.ndim
    wide[backwards] = x
    return wide[backwards]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


FORMS = {
    "subclass": lambda x: x.view(Stubborn),
    "read-only": read_only,
    "spaced": spaced,
    "Fortran": lambda x: np.array(x, order="F"),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
}


def plain(value):
    """Whether this is what NumPy gives for ordinary arrays."""
    return type(value) is np.ndarray or isinstance(value, np.generic)


def compare(found, expected, native):
    assert plain(found)
    assert found.dtype.newbyteorder("=") == expected.dtype
    assert found.dtype.isnative or not native
    assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def outcomes(case, args):
    """The value, and the gradients as arrays and as Tensors."""
    out = case.call(*args)
    wrt = [a for a in args if isinstance(a, tg.Tensor)]
    if not wrt:
        return [out]
    if not case.differentiable:
        return [out.data]
    seed = seed_for(out)
    found = tg.gradients(out, wrt, seed)
    again = [g.data for g in tg.gradients(out, wrt, seed, graph=True)]
    return [out.data, *found, *again]


def with_tensors(values, wrt):
    return [tg.Tensor(x) if i in wrt else x for i, x in enumerate(values)]


@pytest.mark.parametrize("cases", by_name(CASES))
def test_arrays_of_every_kind(cases):
    fold(
        "arrays of every kind", [(str(case), partial(arrays_of_every_kind, case)) for case in cases]
    )


def arrays_of_every_kind(case):
    """Arrays alone; in Tensors; and beside each Tensor in turn."""
    args = case.arguments()
    values = [a.data if isinstance(a, tg.Tensor) else a for a in args]
    places = [i for i, a in enumerate(args) if isinstance(a, tg.Tensor)]
    for wrt in ([], places, *([i] for i in places if len(args) > 1)):
        expected = outcomes(case, with_tensors(values, wrt))
        for form in FORMS.values():
            given = [form(v) if type(v) is np.ndarray else v for v in values]
            found = outcomes(case, with_tensors(given, wrt))
            for one, other in zip(found, expected, strict=True):
                compare(one, other, native=wrt)


def test_a_file_mapped_into_memory(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2, 3))
    mapped[:] = [[1, 2, 3], [4, 5, 6]]
    t = tg.Tensor(np.ones(3))
    out = (mapped @ t) * mapped[:, 0]
    assert_allclose(tg.gradients(out.sum(), t), [17, 22, 27])
    assert type(tg.Tensor(mapped).data) is np.ndarray


def test_whole_numbers_do_not_wrap_around_in_losses_and_penalties():
    small, large = np.uint8([1, 200]), np.uint8([2, 100])
    assert tg.mean_squared_error(small, large) == (1 + 100**2) / 2
    assert tg.mean_absolute_error(small, large) == 101 / 2
    assert tg.sum_squared_error(np.int8([100]), np.int8([-100])) == 20_000
    assert tg.weight_decay(np.int8([100]), 1.0) == 5_000
    for p, expected in ((1, 255), (2, np.hypot(128, 127)), (np.inf, 128)):
        assert_allclose(tg.norm(np.int8([-128, 127]), p), expected)

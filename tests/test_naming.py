"""Names: given ones first, then those of the caller's variables; and nothing is kept alive."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.naming import Names, names_around

w = tg.Tensor([1.0, 2.0])
shadowed = tg.Tensor([5.0])
_hidden = tg.Tensor([7.0])


def around(names=None):
    return names_around(names, depth=1)


def test_variables_of_the_caller_name_tensors_and_arrays():
    z, y = tg.Tensor([1.0]), np.array([2.0])
    found = around()
    assert found.of(z) == "z"
    assert found.of(y) == "y"
    assert found.of(np.array([2.0])) is None


def test_locals_come_before_globals():
    here = shadowed
    assert around().of(here) == "here"
    assert around().of(w) == "w"


def test_a_local_hides_a_global_of_its_name():
    shadowed = tg.Tensor([6.0])  # noqa: F841 — the name is what is tested
    assert around().of(globals()["shadowed"]) is None


def test_variables_with_an_underscore_name_nothing():
    _z = tg.Tensor([1.0])
    assert around().of(_z) is None
    assert around().of(_hidden) is None


def test_a_name_of_its_own_comes_first_and_a_given_one_second():
    z, y = tg.Tensor([1.0], name="zeta"), tg.Tensor([2.0])
    found = around({"q": z, "r": y})
    assert found.of(z) == "zeta"
    assert found.of(y) == "r"


def test_numbers_have_no_name():
    count = 3
    assert around().of(count) is None
    with pytest.raises(TypeError, match="'lam' is a float"):
        Names({"lam": 0.1}, {})


def test_named_tensors_are_listed_as_they_were_made():
    second = tg.Tensor([2.0])
    first = tg.Tensor([1.0])
    found = Names({"b": first, "a": second}, {"c": np.ones(2)}).tensors()
    assert [t.serial for t in found] == sorted(t.serial for t in (first, second))


def test_one_tensor_under_two_names():
    z = tg.Tensor([1.0])
    other = z
    assert around().of(other) in ("z", "other")


def test_derive_uses_the_names_of_its_caller():
    z = tg.Tensor([0.5, 1.5, -1.0])
    y = np.array([0.0, 1.0, 0.0])
    a = tg.softmax(z)
    loss = tg.cross_entropy(a, y)
    assert str(tg.derive(loss, wrt=z).result) == "a − y"
    assert str(tg.derive(loss, wrt=z, names={"t": y, "p": a}).result) == "p − t"
    assert tg.derive(loss, wrt=z).title == ("loss", "z")


def test_a_deleted_local_is_gone():
    """Before Python 3.13 a frame's snapshot of its variables would keep them alive.

    What the derivation is about it keeps, as a graph keeps its arguments.
    """
    z = tg.Tensor([0.5, 1.5])
    y = tg.Tensor([0.0, 1.0])
    beside = tg.Tensor([3.0])
    found = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    gone, kept = weakref.ref(beside), weakref.ref(y)
    del beside, y
    gc.collect()
    assert gone() is None
    assert kept() is not None
    assert found.result.evaluate().shape == z.shape


def test_the_variables_of_a_module_stay():
    source = (
        "import tinygrad_edu as tg\nz = tg.Tensor([2.0])\nD = tg.derive((z * z).sum(), wrt=z)\n"
    )
    scope: dict = {}
    exec(source, scope)
    assert str(scope["D"].result) == "2·z"
    assert "z" in scope
    assert "D" in scope


def test_a_closure_and_a_class_body_keep_their_variables():
    z = tg.Tensor([2.0])

    def inside():
        return z

    found = str(tg.derive((z * z).sum(), wrt=z).result)
    assert found == "2·z"
    assert inside() is z

    class Body:
        x = tg.Tensor([3.0])
        result = str(tg.derive((x * x).sum(), wrt=x).result)

    assert Body.result == "2·x"
    assert Body.x.shape == (1,)


def test_rows_of_images_are_called_as_the_images():
    images = np.arange(24.0).reshape(2, 3, 4).copy()
    names = Names({"images": images}, {})
    assert names.of(images.reshape(2, 12)) == "images"
    assert names.of(images.transpose(2, 1, 0).reshape(4, 6)) is None  # a copy, in another order
    assert names.of(images[0]) is None
    assert names.of(images[:, :, :, None]) is None
    matrix = np.ones((3, 1))
    assert Names({"matrix": matrix}, {}).of(matrix.T) is None

"""Python's operators."""

import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.core.node import Node

BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow),
    *(operator.floordiv, operator.mod),
    *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
]


@pytest.mark.parametrize("sign", BINARY)
@pytest.mark.parametrize("other", [2, 1.5, np.float64(2), np.array([1.0, 3.0]), np.float32([1, 2])])
def test_operators_equal_numpys_on_both_sides(sign, other):
    array = np.array([2.0, 3.0])
    t = tg.Tensor(array)
    for found, expected in (
        (sign(t, other), sign(array, other)),
        (sign(other, t), sign(other, array)),
        (sign(t, t), sign(array, array)),
    ):
        assert type(found) is tg.Tensor
        assert_allclose(found.data, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("sign", [operator.neg, operator.pos, operator.abs])
def test_signs(sign):
    array = np.array([-2.0, 3.0])
    assert_allclose(sign(tg.Tensor(array)).data, sign(array))


def test_matrix_product_and_transpose():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    assert_allclose((tg.Tensor(a) @ b).data, a @ b)
    assert_allclose((a @ tg.Tensor(b)).data, a @ b)
    assert_allclose((b @ tg.Tensor(a).T).data, b @ a.T)


@pytest.mark.parametrize("sign", [operator.and_, operator.or_, operator.xor])
def test_bits_and_truth_values_are_joined_as_numpy_joins_them(sign):
    array = np.array([1.0, 2.0, 3.0])
    t = tg.Tensor(array)
    for x, y in (((t > 1), (t < 3)), (tg.argsort(t), 3), (3, tg.argsort(-t))):
        arrays = [v.data if isinstance(v, tg.Tensor) else v for v in (x, y)]
        found, expected = sign(x, y), sign(*arrays)
        assert found.dtype == expected.dtype
        assert found.data.tolist() == expected.tolist()
    with pytest.raises(TypeError, match="bitwise"):
        sign(t, 2)


def test_not_is_numpys():
    t = tg.Tensor([1.0, 2.0])
    assert (~(t > 1)).data.tolist() == [True, False]
    assert (~tg.argsort(t)).data.tolist() == [-1, -2]
    with pytest.raises(TypeError, match="invert"):
        operator.invert(t)


def test_round_gives_a_number_of_a_number_and_a_tensor_of_an_array():
    assert (round(tg.Tensor(2.5)), round(tg.Tensor(2.567), 1)) == (2, 2.6)
    t = tg.Tensor([1.256, -2.5])
    assert round(t).data.tolist() == np.round(t.data).tolist()
    assert round(t, 2).data.tolist() == np.round(t.data, 2).tolist()


def test_operators_without_a_meaning_are_not_there():
    with pytest.raises(TypeError):
        operator.lshift(tg.Tensor(3.0), 2)


def test_vertices_are_hashed_by_identity():
    a, b = tg.Tensor(1.0), tg.Tensor(1.0)
    assert len({a, b, a}) == 2
    assert {a: "a"}[a] == "a"


def test_a_bare_vertex_records_nothing():
    bare = object.__new__(Node)
    for wrong in (lambda: bare + 1, lambda: bare.shape, lambda: tg.exp(bare)):
        with pytest.raises(TypeError, match=r"^Node "):
            wrong()

"""Walks over a graph: what every path goes through."""

from __future__ import annotations

import tinygrad_edu as tg
from tinygrad_edu.core.graph import depends_on, differentiable, on_every_path


def through(output, wrt):
    order = differentiable(output)
    reached = depends_on(order, [wrt])
    return on_every_path([node for node in order if node in reached])


def test_on_a_chain_every_vertex_is_on_every_path():
    x = tg.Tensor(0.5)
    a = tg.exp(x)
    b = tg.tanh(a)
    assert through(b, x) == [b, a, x]


def test_where_paths_part_no_vertex_of_either_is():
    x = tg.Tensor(0.5)
    a = tg.exp(x)
    left, right = tg.tanh(a), tg.sigmoid(a)
    b = left * right
    c = b + 1
    assert through(c, x) == [c, b, a, x]


def test_a_path_that_goes_round_a_vertex_counts():
    x = tg.Tensor(0.5)
    a = tg.exp(x)
    b = tg.tanh(a) + x  # x is also added behind it
    assert through(b, x) == [b, x]


def test_what_gradients_do_not_pass_is_no_path():
    x = tg.Tensor(0.5)
    a = tg.exp(x)
    b = tg.tanh(a) * tg.greater(x, 0.0)  # a comparison has no gradient
    assert through(b, x)[-2:] == [a, x]
    c = tg.where(x, tg.tanh(a), 0.0)  # nor has a condition
    assert through(c, x)[-2:] == [a, x]
    assert through(x, x) == [x]

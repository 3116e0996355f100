"""`draw`: a tensor's graph, the graph of its gradient, or a derivation, as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_edu.naming import names_around
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.picture import Picture
from tinygrad_edu.view.recorded import forward_model


def draw(t, *, expand=(), backward=False, gradients=None, names=None):
    found = names_around(names, depth=1)
    from tinygrad_edu.core.graph import ancestors
    if gradients is None:
        gradients = any(n.op is None and n.grad is not None for n in ancestors(t))
    if isinstance(expand, str): expand = (expand,)
    if not isinstance(expand, bool): expand = frozenset(expand)
    return Picture(forward_model(t, found, expand=expand, gradients=gradients))

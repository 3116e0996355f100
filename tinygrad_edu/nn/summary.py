"""The table of a model: its layers, their output shapes, their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn.layers import Linear
from tinygrad_edu.nn.module import Module, still
from tinygrad_edu.tables import Text

__all__ = ["table"]

Row = tuple[str, str, str]


def table(model: Module, input_shape: int | tuple[int, ...] | None) -> str:
    """Return the table as text; see `Module.summary`."""
    modules = model.named_modules()
    if input_shape is None:
        input_shape = next(((m.inputs,) for m in modules.values() if isinstance(m, Linear)), None)
    if isinstance(input_shape, int):
        input_shape = (input_shape,)
    shapes = {} if input_shape is None else _output_shapes(model, tuple(input_shape))
    counted = {id(tensor) for tensor in model.parameters()}
    rows: list[Row] = [("layer", "output", "parameters")]
    for place, module in modules.items():
        if module is model and len(modules) > 1 and not module._own_parameters():
            continue
        count = 0
        for tensor in module._own_parameters().values():
            if id(tensor) in counted:  # a tensor that two layers share counts once
                counted.remove(id(tensor))
                count += tensor.size
        indent = "  " * place.count(".")
        rows.append((f"{indent}{module._called()}", shapes.get(place, ""), f"{count:,}"))
    total = sum(tensor.size for tensor in model.parameters())
    return _text([*rows, ("total", "", f"{total:,}")])


def _output_shapes(model: Module, input_shape: tuple[int, ...]) -> dict[str, str]:
    """Run a copy on one example of zeros, and look at what each layer gives."""
    found: dict[str, str] = {}
    twin = still(model)
    for place, module in twin.named_modules().items():
        module.__class__ = _watched(type(module), place, found)
    twin(np.zeros((1, *input_shape)))
    return found


def _watched(kind: type[Module], place: str, found: dict[str, str]) -> type[Module]:
    """Return a class that notes the shape of what its one instance gives."""

    def call(self: Module, *inputs: Any) -> Any:
        output = kind.__call__(self, *inputs)
        found[place] = str(np.shape(getattr(output, "value", output))[1:])
        return output

    return type(kind.__name__, (kind,), {"__call__": call})


def _text(rows: list[Row]) -> Text:
    first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
    lines = [f"{a:{first}}  {b:>{second}}  {c:>{third}}".rstrip() for a, b, c in rows]
    rule = "-" * max(map(len, lines))
    return Text("\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]]))

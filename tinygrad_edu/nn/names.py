"""Dotted names of what a module is made of, and the short ones that formulas use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["CLASSES_ELSEWHERE", "CONTAINERS", "ELSEWHERE", "inside", "join", "suffixes_of"]

# What others call the attributes of a module, for those who come from there.
ELSEWHERE = {
    "weight": "W",
    "kernel": "W",
    "bias": "b",
    "in_features": "inputs",
    "out_features": "outputs",
    "weights": "parameters()",
    "trainable_weights": "parameters()",
    "layers": "list(model)",
    "children": "list(model)",
    "get_weights": "state_dict()",
    "set_weights": "load_state_dict(state)",
    "save": "tinygrad_edu.train.save_checkpoint(path, model)",
    "save_weights": "tinygrad_edu.train.save_checkpoint(path, model)",
    "load_weights": "tinygrad_edu.train.load_checkpoint(path, model)",
    "add": "nn.Sequential(*layers), with all of them at once,",
    "append": "nn.Sequential(*layers), with all of them at once,",
    "trainable": "an optimiser that is given only the parameters to move",
    "requires_grad_": "an optimiser that is given only the parameters to move",
    "zero_grad": "zero_grad() of the optimiser",
    "compile": "tinygrad_edu.train.fit(model, …), which takes loss and optimizer,",
    "fit": "tinygrad_edu.train.fit(model, …)",
    "evaluate": "tinygrad_edu.train.evaluate(model, …)",
}

# And what they call layers and losses.
CLASSES_ELSEWHERE = {
    "Dense": "nn.Linear(inputs, outputs, rng=rng)",
    "Parameter": "an attribute of a Module that is a tinygrad_edu.Tensor",
    "ModuleList": "a list of Modules, as an attribute",
    "ModuleDict": "a dict of Modules, as an attribute",
    "functional": "the functions of tinygrad_edu, such as tinygrad_edu.relu",
    "init": "initialiser= of nn.Linear",
    "CrossEntropyLoss": 'nn.head("multiclass", classes), or tinygrad_edu.softmax_cross_entropy',
    "BCEWithLogitsLoss": 'nn.head("binary"), or tinygrad_edu.sigmoid_cross_entropy',
    "BCELoss": "tinygrad_edu.binary_cross_entropy",
    "MSELoss": 'nn.head("regression"), or tinygrad_edu.mean_squared_error',
    "L1Loss": "tinygrad_edu.mean_absolute_error",
}

CONTAINERS: frozenset[Any] = frozenset({list, tuple, dict})


def join(place: str, name: str) -> str:
    """Return the dotted name of what is called `name` at a place."""
    return f"{place}.{name}" if place else name


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value, or what its lists and dicts hold, under dotted names."""
    if value.__class__ in (list, tuple):
        for number, each in enumerate(value):
            yield from inside(f"{name}.{number}", each)
    elif value.__class__ is dict:
        for key, each in value.items():
            yield from inside(f"{name}.{key}", each)
    else:
        yield name, value


def suffixes_of(places: list[str]) -> dict[str, str]:
    """Return what tells the parameters of several layers apart, as short as it can be.

    Examples
    --------
    >>> suffixes_of(["0", "2"])
    {'0': '1', '2': '2'}
    >>> suffixes_of(["net.hidden", "net.out"])
    {'net.hidden': '_hidden', 'net.out': '_out'}
    """
    words = {place: [w for w in place.split(".") if w and not w.isdigit()] for place in places}
    while all(words.values()) and len({each[0] for each in words.values()}) == 1:
        words = {place: each[1:] for place, each in words.items()}  # all are within one part
    joined = {place: "".join(f"_{word}" for word in each) for place, each in words.items()}
    alike: dict[str, list[str]] = {}
    for place, suffix in joined.items():
        alike.setdefault(suffix, []).append(place)
    return {
        place: suffix + (str(alike[suffix].index(place) + 1) if len(alike[suffix]) > 1 else "")
        for place, suffix in joined.items()
    }

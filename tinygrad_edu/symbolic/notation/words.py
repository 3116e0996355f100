"""The words of the language: what each sign and function is called in the spellings of formulas.

One table for what is written and what is read. How an operation is spelled in Unicode and in LaTeX
is in its declaration, and both are read again; here are NumPy's words, and those that people type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.numpy_functions import RENAMED, SAME

__all__ = ["CALLED", "LAST_AXIS", "NUMPY", "RELATIONS", "in_numpy", "meanings"]

#: Comparisons, of which Python's signs are others where `_PYTHON` says so.
RELATIONS = {
    "=": "equal",
    "≠": "not_equal",
    "<": "less",
    "≤": "less_equal",
    ">": "greater",
    "≥": "greater_equal",
}
_PYTHON = {"=": "==", "≠": "!=", "≤": "<=", "≥": ">="}

#: What operations are called to which the functions of this package lead.
CALLED = {"euclidean_norm": "norm", "p_norm": "norm"}
#: What these compute is said of the last axis where nothing else is, and of others of all axes.
LAST_AXIS = frozenset({"softmax", "log_softmax", "logsumexp", "sort"})

#: What takes more than one of NumPy's functions; others are NumPy's functions of the same names.
NUMPY = {name: f"1.0 * ({{0}} {_PYTHON.get(sign, sign)} {{1}})" for sign, name in RELATIONS.items()}
NUMPY |= {
    "sigmoid": "np.exp(-np.logaddexp(0, -({0})))",
    "relu": "np.maximum({0}, 0)",
    "gelu": "({0}) * (1 + np.vectorize(math.erf, otypes=[float])(({0}) / np.sqrt(2))) / 2",
    "cosine": "({0}) / np.hypot({0}, {1})",
    "share": "np.exp(({0}) - np.logaddexp({0}, {1}))",
    "unit_hypotenuse": "np.hypot({0}, 1)",
    "product_of_others": "(lambda x: np.moveaxis(np.prod(np.where(np.eye(x.shape[{axis}]) == 1, 1, "
    "np.moveaxis(x, {axis}, -1)[..., None, :]), axis=-1), -1, {axis}))({0})",
    "softplus": "np.logaddexp(0, {0})",
    "normal_density": "np.exp(-({0}) ** 2 / 2) / np.sqrt(2 * np.pi)",
    "normal_cdf": "(1 + np.vectorize(math.erf, otypes=[float])(({0}) / np.sqrt(2))) / 2",
    "xlogy": "(lambda x, y: np.where(x == 0, 0, x) * np.log(np.where(x == 0, 1, y)))({0}, {1})",
    "xdivy": "(lambda x, y: x / np.where((x == 0) & (y == 0), 1, y))({0}, {1})",
    "stop_gradient": "({0})",
    "softmax": "(lambda x: np.exp(x - x.max({axis}, keepdims=True)) / "
    "np.exp(x - x.max({axis}, keepdims=True)).sum({axis}, keepdims=True))({0})",
    "log_softmax": "(lambda x: x - x.max({axis}, keepdims=True) - np.log(np.exp("
    "x - x.max({axis}, keepdims=True)).sum({axis}, keepdims=True)))({0})",
    "logsumexp": "np.logaddexp.reduce({0}, axis={axis}, keepdims={keepdims})",
    "euclidean_norm": "np.sqrt(np.sum(({0}) ** 2, axis={axis}, keepdims={keepdims}))",
    "p_norm": "np.sum(np.abs({0}) ** ({1}), axis={axis}, keepdims={keepdims}) ** (1 / ({1}))",
    "einsum": "np.einsum({subscripts!r}, {args})",
    "one_hot": "np.eye({classes})[{0}]",
}
#: Written in Python's own signs.
_SIGNS = frozenset({"power", "getitem", "scatter_add"})

#: Words that people type, and what they mean.
_TYPED = """
sigma sigmoid expit sigmoid logistic sigmoid Phi normal_cdf phi normal_density φ normal_density
ln log sgn sign pow power float_power power tr trace Tr trace true_divide divide absolute abs
lse logsumexp l2 norm asarray array Sum sum avg mean flatten ravel step heaviside ReLU relu
"""


def in_numpy(op: Op) -> bool:
    """Whether NumPy has a word for an operation, or several."""
    same = hasattr(np, op.name) and op.name != "astype"
    return same or op.name in _SIGNS or op.name in NUMPY


def meanings(known: Mapping[str, str]) -> dict[str, str]:
    """Return what every word that may be called means: operations, and what is known besides."""
    found = {name: name for name, op in REGISTRY.items() if op.elementwise} | dict(known)
    found |= {name: name for name in SAME}
    found |= {name.rpartition(".")[2]: meaning for name, meaning in RENAMED.items()}
    for name, op in REGISTRY.items():
        for template in (op.text or "", op.tex or ""):
            if word := re.match(
                r"(?!\\left)(?:\\operatorname\{\{)?\\?([^\W\d][\w-]*)(?:\}\})?\(", template
            ):
                found.setdefault(word[1], CALLED.get(name, name))
    typed = _TYPED.split()
    return found | dict(zip(typed[::2], typed[1::2], strict=True))

"""A fused operation against what it means: values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.check import rules
from tinygrad_edu.check.comparisons import OF_RULES, Comparison, Verdict, compare
from tinygrad_edu.check.differences import Array, Estimate
from tinygrad_edu.check.function import Checked, Refused
from tinygrad_edu.check.report import Report
from tinygrad_edu.core.op import REGISTRY, Op

__all__ = ["check_definition"]

_SHAPES = ((4,), (3, 4), (), (2, 1, 3))  # of what is drawn
_DRAWS: tuple[Callable[[np.random.Generator, tuple[int, ...]], Any], ...] = (
    lambda rng, shape: rng.normal(size=shape),
    lambda rng, shape: rng.uniform(0.1, 0.9, shape),
)


def check_definition(
    op: Op, *args: Any, rng: np.random.Generator | int = 0, **attributes: Any
) -> Report:
    """Check that a fused operation is what its definition says, and its rules what follows.

    Parameters
    ----------
    op : Op
        With a definition; or the function of that name in `tinygrad_edu`.
    *args : array_like or Tensor, optional
        What to call it with; without them, arguments of several shapes are drawn.
    rng : numpy.random.Generator or int, optional
        Where they are drawn from.
    **attributes
        Of the operation.

    Returns
    -------
    Report
        True if values and gradients agree up to rounding.

    Raises
    ------
    TypeError
        If `op` is no operation.

    Notes
    -----
    How far rounding reaches is seen from how both results move when every value is rounded anew.
    The gradient of the fused operation comes from its rules, that of the definition
    from the rules of the operations it is made of, for random seeds.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> bool(tg.check_definition(tg.softmax))
    True
    >>> tg.check_definition(tg.exp).reason
    'exp has no definition; declare one with @exp.defined_as'
    """
    op = REGISTRY.get(getattr(op, "__name__", ""), op)  # tg.gelu is a function around its op
    if not isinstance(op, Op):
        raise TypeError(f"check_definition: takes an operation, not a {type(op).__name__}")
    subject = f"{op.name} against its definition"
    if op.definition is None:
        reason = f"{op.name} has no definition; declare one with @{op.name}.defined_as"
        return Report("refused", reason, subject=subject)
    rng = np.random.default_rng(rng)
    found: list[Comparison] = []
    reason = "its arguments cannot be drawn at random; pass some"
    for arguments in [args] if args else _drawn(op, rng):
        try:
            compared = list(_compared(op, arguments, attributes, rng))
        except Refused as refused:
            reason = str(refused) if args else reason
            continue
        if args or all(np.isfinite(c.expected).all() for c in compared):
            found += compared
    if not found:
        return Report("refused", reason, subject=subject)
    wrong = sum(int((c.verdicts > Verdict.HIDDEN).sum()) for c in found)
    total = sum(c.verdicts.size for c in found)
    verdict = "wrong" if wrong else "right"
    reason = f"{wrong} of {total} entries differ" if wrong else f"all {total} entries agree"
    return Report(verdict, reason, tuple(found), subject=subject)


def _drawn(op: Op, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    for shape in _SHAPES:
        for draw in _DRAWS:
            yield tuple(draw(rng, shape if op.rules[k] else ()) for k in range(op.required or 2))


def _compared(
    op: Op, args: tuple[Any, ...], attributes: dict[str, Any], rng: np.random.Generator
) -> Iterator[Comparison]:
    """Compare one call: its values, and its gradients for a random seed."""
    definition = op.definition
    assert definition is not None
    complete = op.with_defaults(attributes)
    fused = Checked(lambda *xs: op(*xs, **complete), args)
    opened = Checked(lambda *xs: definition(*xs, **complete), args)
    if fused.output.shape != opened.output.shape:
        raise Refused(
            f"its result has shape {fused.output.shape}, and that of its definition "
            f"{opened.output.shape}"
        )
    seed = rng.normal(size=fused.results)

    def judged(mode: str, of: str, shape: tuple[int, ...], places: slice) -> Comparison:
        def read(checked: Checked, blur: rules.Blur) -> Array:
            if mode == "value":
                return rules.value(checked, fused.x, blur)[:, None]
            return rules.gradient(checked, seed, fused.x, blur)[places, None]

        expected = read(opened, None)
        error = OF_RULES * rules.spread(expected, lambda blur: read(opened, blur), rng, times=4)
        scale = np.fmax(np.abs(expected).max(initial=0.0), 1e5 * error)
        estimate = Estimate.smooth(expected, error, scale)
        return compare(
            mode, of, shape, lambda blur: read(fused, blur), estimate, rng, "its definition"
        )

    yield judged("value", op.name, fused.output.shape, slice(None))
    for i in fused.inputs:
        if op.rules[i.position] is not None:  # else held constant, whatever the definition does
            yield judged("gradient", f"∂(u·{op.name})/∂{i.name}", i.shape, i.places)

"""The gradient of a function against differences: the whole check, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.check.comparisons import BAD, Comparisons, Plan, comparisons
from tinygrad_edu.check.diagnosis import Blame, blame
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.nonfinite import find_nonfinite
from tinygrad_edu.check.report import Report, entry
from tinygrad_edu.check.verdicts import Verdict
from tinygrad_edu.tensor import Tensor

__all__ = ["assert_gradients", "gradcheck"]


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 2,
    *,
    seeds: int = 2,
    rng: np.random.Generator | int = 0,
    entries: int = 200,
) -> Report:
    r"""Check the derivatives of a function against differences, entry by entry.

    Parameters
    ----------
    f : callable
        From Tensors to one Tensor.
    inputs : array_like, Tensor, or tuple of them
        Where to check: one input, or a tuple (or a list of arrays or Tensors) of several.
        Arrays of whole numbers or truth values are held constant: labels, masks.
    order : {1, 2}, optional
        1 for gradients, 2 for their derivatives too.
    seeds : int, optional
        How many random seeds and directions.
    rng : numpy.random.Generator or int, optional
        Where random numbers come from.
    entries : int, optional
        How many rows and columns of a Jacobian at most; of a larger one that many are drawn,
        and random directions go through all of it.

    Returns
    -------
    Report
        True if everything is right. Its text names the entries that are wrong, the operation to
        blame and the suspect; a notebook shows heat maps. What cannot be checked (NaN, random
        results, float32, a shape that follows the values) is false, with the reason.

    Raises
    ------
    TypeError, ValueError
        If an argument of `gradcheck` itself is none; never for what `f` does.

    Notes
    -----
    Every partial derivative comes from central differences at steps scaled to \|x\|, extrapolated
    (Richardson 1911; Ridders 1982), with an estimate of its own error, and confirmed by the
    complex step (Squire and Trapp 1998) where `f` allows it. The gradient is compared by reverse
    and by forward mode, and so is its derivative. Slopes fitted at both sides tell a kink from
    a mistake.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> bool(tg.gradcheck(tg.softmax, [0.0, 1.0, 2.0]))
    True
    >>> report = tg.gradcheck(lambda x: x * tg.stop_gradient(x), [1.0, 2.0])
    >>> report.verdict, report.blamed[0].op, report.suspects
    ('wrong', 'stop_gradient', ['missing argument'])
    """
    plan = _plan(f, order, seeds, rng, entries)
    subject = _name(f)
    try:
        checked = Checked(f, _several(inputs))
        checked.refuse_unsteady(plan.rng)
    except Refused as reason:
        return Report("refused", str(reason), subject=subject)
    try:
        try:
            result = comparisons(checked, plan)
        except Undefined as reason:
            blamed, notes = blame(checked, plan)
            return Report("wrong", str(reason), (), tuple(blamed), tuple(notes), subject)
        return _conclude(checked, plan, result, subject)
    except Refused as reason:
        return Report("refused", str(reason), subject=subject)


def assert_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Fail with the report of `gradcheck` as the message unless the derivatives are right.

    Parameters
    ----------
    f : callable
        From Tensors to one Tensor.
    *inputs : array_like or Tensor
        Where to check.
    **options
        As for `gradcheck`.

    Raises
    ------
    AssertionError
        If the report is false.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.assert_gradients(tg.softmax, [0.0, 1.0, 2.0])
    """
    __tracebackhide__ = True  # pytest shows the caller's line, not this one
    report = gradcheck(f, inputs, **options)
    if not report:
        raise AssertionError(str(report))


def _plan(f: Any, order: Any, seeds: Any, rng: Any, entries: Any) -> Plan:
    if not callable(f):
        raise TypeError(f"gradcheck: checks a function, not a {type(f).__name__}")
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order is 1 or 2, not {order!r}")
    for label, number in (("seeds", seeds), ("entries", entries)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"gradcheck: {label} is a number from 1, not {number!r}")
    return Plan(order, seeds, entries, np.random.default_rng(rng))


def _several(inputs: Any) -> Sequence[Any]:
    if isinstance(inputs, tuple):
        return inputs
    if isinstance(inputs, list) and any(isinstance(x, np.ndarray | Tensor) for x in inputs):
        return inputs
    return (inputs,)


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


def _conclude(checked: Checked, plan: Plan, result: Comparisons, subject: str) -> Report:
    """Turn verdicts on entries into one on the function."""
    counts = {v: sum(c.count(v) for c in result.found) for v in Verdict}
    blamed: list[Blame] = []
    notes = list(result.notes)
    if any(counts[v] for v in Verdict if v not in (Verdict.RIGHT, Verdict.KINK)):
        first = any(c.count(v) for c in result.found for v in BAD if c.order == 1)
        blamed, more = blame(checked, replace(plan, order=1) if first else plan)
        notes += more
    total = sum(c.verdicts.size for c in result.found)
    if counts[Verdict.WRONG]:
        verdict, reason = "wrong", f"{counts[Verdict.WRONG]} of {total} entries are wrong"
        if not blamed:
            reason += (
                "; every operation is right by itself, so the function probably leaves the graph "
                "(.data or a NumPy result cuts it)"
            )
    elif counts[Verdict.NOT_FINITE]:
        verdict, reason = "not finite", f"the gradient is not finite{_origin(checked)}"
    elif blamed:
        verdict, reason = "wrong", "differences cannot tell on the whole, but on an operation alone"
    elif counts[Verdict.KINK]:
        verdict, reason = "not differentiable here", _kink(result)
    elif counts[Verdict.UNRESOLVED]:
        verdict, reason = "inconclusive", "differences do not settle; check at another point"
    else:
        verdict = "right"
        reason = f"all {total} entries agree with differences" if total else "there are no entries"
    if counts[Verdict.HIDDEN]:
        notes.append(
            f"{counts[Verdict.HIDDEN]} entries are smaller than the rounding of the results; "
            "every operation was checked by itself too"
        )
    return Report(verdict, reason, tuple(result.found), tuple(blamed), tuple(notes), subject)


def _kink(result: Comparisons) -> str:
    """Say what is seen of the first kink."""
    c = next(c for c in result.found if c.count(Verdict.KINK))
    i, j = np.argwhere(c.verdicts == Verdict.KINK)[0]
    return f"{entry(c, i, j)}; check at another point"


def _origin(checked: Checked) -> str:
    origin = find_nonfinite(checked.record(checked.x)[1])
    return f"; {origin.backward}" if origin is not None and origin.backward is not None else ""

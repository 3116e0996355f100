"""The gradient of a function against differences: the whole check, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.check.blame import Blame, blame
from tinygrad_edu.check.comparisons import BAD, Comparison, Plan, Verdict, comparisons
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.nonfinite import find_nonfinite
from tinygrad_edu.check.report import Report, entry
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.tensor import Tensor

__all__ = ["assert_gradients", "gradcheck"]


@guided
def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 2,
    seeds: int = 2,
    rng: np.random.Generator | int = 0,
    entries: int = 200,
) -> Report:
    r"""Check the derivatives of a function against differences.

    Parameters
    ----------
    f : callable
        From Tensors to one Tensor.
    *inputs : array_like or Tensor
        Where to check; a tuple (or a list of arrays or Tensors) as the only one holds several.
        Arrays of whole numbers or truth values are held constant: labels, masks.
    order : {1, 2}, optional
        1 for gradients, 2 for their derivatives too.
    seeds : int, optional
        How many random directions.
    rng : numpy.random.Generator or int, optional
        Where random numbers come from.
    entries : int, optional
        How many rows and columns of a Jacobian at most; of a larger one that many are drawn.

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
    Derivatives along random directions through all entries, in which none counts for nothing,
    are compared with central differences at steps scaled to \|x\|. A least-squares fit over
    several steps gives each difference with a bound on its error (Richardson 1911 cancels the
    same powers of the step), and a derivative is wrong only outside of it. Forward and reverse
    mode are compared, and forward and reverse over reverse for the second order. Only where
    something is wrong are Jacobians compared entry by entry, of the function and of each of its
    operations. The fit of the even part tells a kink from a mistake.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> bool(tg.gradcheck(tg.softmax, [0.0, 1.0, 2.0]))
    True
    >>> report = tg.gradcheck(lambda x: x * tg.stop_gradient(x), [1.0, 2.0])
    >>> report.verdict, report.blamed[0].op, report.suspects
    ('wrong', 'stop_gradient', ['missing argument'])
    """
    plan = _plan(f, inputs, order, seeds, rng, entries)
    subject = str(getattr(f, "__name__", type(f).__name__))
    try:
        checked = Checked(f, _several(inputs))
        checked.refuse_unsteady(plan.rng)
        try:
            found = comparisons(checked, plan)
        except Undefined as reason:
            blamed, notes = blame(checked, plan)
            return Report("wrong", str(reason), (), tuple(blamed), tuple(notes), subject)
        checked.refuse_unsteady(plan.rng)  # again: it may have turned meanwhile
        return _conclude(checked, plan, found, subject)
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
    report = gradcheck(f, *inputs, **options)
    if not report:
        raise AssertionError(str(report))


def _plan(f: Any, inputs: Sequence[Any], order: Any, seeds: Any, rng: Any, entries: Any) -> Plan:
    if not callable(f):
        raise TypeError(f"gradcheck: checks a function, not a {type(f).__name__}")
    if not inputs:
        raise TypeError("gradcheck: takes the inputs of the function too: gradcheck(f, x)")
    last = inputs[-1]
    if len(inputs) == 2 and type(last) is int and last in (1, 2):
        raise TypeError(
            f"gradcheck: {last} stands where an input does; write order={last} for the order, or "
            f"{last}.0 for an input"
        )
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order is 1 or 2, not {order!r}")
    for label, number in (("seeds", seeds), ("entries", entries)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"gradcheck: {label} is a number from 1, not {number!r}")
    return Plan(order, seeds, entries, np.random.default_rng(rng))


def _several(inputs: tuple[Any, ...]) -> Sequence[Any]:
    if len(inputs) > 1:
        return inputs
    (only,) = inputs
    arrays = isinstance(only, list) and any(isinstance(x, np.ndarray | Tensor) for x in only)
    return only if arrays or isinstance(only, tuple) else inputs


def _conclude(checked: Checked, plan: Plan, found: list[Comparison], subject: str) -> Report:
    """Turn verdicts on derivatives into one on the function."""
    jacobians = [c for c in found if c.wrt is not None]
    counts = {v: sum(c.count(v) for c in found) for v in Verdict}
    blamed: list[Blame] = []
    notes = _sampled(checked, jacobians)
    first = any(c.count(*BAD) for c in found if c.order == 1)
    if any(counts[v] for v in Verdict if v not in (Verdict.RIGHT, Verdict.KINK)):
        blamed, more = blame(checked, replace(plan, order=1) if first else plan)
        notes += more
    if counts[Verdict.WRONG]:
        shown = jacobians if any(c.count(Verdict.WRONG) for c in jacobians) else found
        wrong = sum(c.count(Verdict.WRONG) for c in shown)
        verdict = "wrong"
        reason = f"{wrong} of {sum(c.found.size for c in shown)} derivatives are wrong"
        if not blamed:
            reason += (
                "; every operation is right by itself, so the function probably leaves the graph "
                "(.data or a NumPy result cuts it)"
            )
    elif counts[Verdict.NOT_FINITE]:
        what = "gradient" if first else "derivative of the gradient"
        verdict, reason = "not finite", f"the {what} is not finite{_origin(checked)}"
    elif blamed:
        verdict, reason = "wrong", "differences cannot tell on the whole, but on an operation alone"
    elif counts[Verdict.KINK]:
        kinked = next(c for c in (*jacobians, *found) if c.count(Verdict.KINK))
        i, j = np.argwhere(kinked.verdicts == Verdict.KINK)[0]
        verdict = "not differentiable here"
        reason = f"{entry(kinked, i, j)}; check at another point"
    elif counts[Verdict.UNRESOLVED]:
        verdict, reason = "inconclusive", "differences do not settle; check at another point"
    else:
        total = sum(c.found.size for c in found)
        verdict, reason = "right", "there is nothing to differentiate"
        if total:
            reason = f"all {total} derivatives along random directions agree with differences"
    if counts[Verdict.HIDDEN]:
        notes.append(
            f"{counts[Verdict.HIDDEN]} derivatives are smaller than the rounding of the results; "
            "every operation was checked by itself too"
        )
    return Report(verdict, reason, tuple(found), tuple(blamed), tuple(notes), subject)


def _sampled(checked: Checked, jacobians: list[Comparison]) -> list[str]:
    """Say which part of a Jacobian was compared entry by entry, where it is not all of it."""
    columns = sum(len(c.columns) for c in jacobians)
    rows = len(jacobians[0].rows) if jacobians else checked.results
    if not jacobians or (rows, columns) == (checked.results, checked.x.size):
        return []
    compared = (
        f"{columns} of {checked.x.size} input entries and {rows} of {checked.results} results"
    )
    return [f"too large for every entry: {compared} were compared one by one"]


def _origin(checked: Checked) -> str:
    origin = find_nonfinite(checked.record(checked.x)[1])
    return f"; {origin.backward}" if origin is not None and origin.backward is not None else ""

"""Regularisation as forces: what pulls at each weight, in numbers that add up to the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.settings import number
from tinygrad_edu.tables import columns
from tinygrad_edu.tensor import Tensor, refuse_changed
from tinygrad_edu.view.draw.picture import Drawing
from tinygrad_edu.view.draw.values import column_text, number_text
from tinygrad_edu.view.insights.force_diagram import draw_forces

__all__ = ["Force", "Forces", "forces"]

Array = NDArray[Any]

_MOST_ROWS = 12


@dataclass(frozen=True, eq=False)
class Force:
    """One of the forces on all weights.

    Attributes
    ----------
    kind : {"data", "spring", "push", "penalty"}
        Where it comes from.
    formula : str
        What it is: "−λw".
    values : ndarray
        One entry for each weight: positive where it pushes to larger values.
    """

    kind: str
    formula: str
    values: Array


@dataclass(frozen=True, eq=False)
class Forces(Drawing):
    """The forces on weights, and their sum.

    Attributes
    ----------
    labels : tuple of str
        What each weight is called: "w[0]".
    weights : ndarray
        Their values, one after the other.
    parts : tuple of Force
        Each force that acts.
    total : Force
        Their sum: the gradient of the whole loss, as one backward pass computes it, with the
        opposite sign.
    l1 : float
        The strength λ₁ of the ℓ1 push.
    """

    labels: tuple[str, ...]
    weights: Array
    parts: tuple[Force, ...]
    total: Force
    l1: float = 0.0

    @property
    def residual(self) -> float:
        """The largest difference between the sum of the parts and the gradient as computed."""
        # In the order of the backward pass, which meets what was added last first.
        added = sum((part.values for part in self.parts[-2::-1]), self.parts[-1].values)
        total = self.total.values
        with np.errstate(invalid="ignore"):
            apart = np.where(added == total, 0, np.abs(added - total))
        return float(np.max(apart, initial=0.0))

    def __getitem__(self, kind: str) -> Array:
        """Return the values of one force by its kind, or of the "total"."""
        for force in (*self.parts, self.total):
            if force.kind == kind:
                return force.values
        there = ", ".join(force.kind for force in (*self.parts, self.total))
        raise KeyError(f"forces: no force {kind!r} acts here; there are: {there}")

    def shown(self) -> list[int]:
        """Return which weights are written and drawn: where there are many, those pulled most."""
        if len(self.weights) <= _MOST_ROWS:
            return list(range(len(self.weights)))
        pulled = np.max([np.abs(force.values) for force in self.parts], axis=0)
        return sorted(np.argsort(-pulled, kind="stable")[:_MOST_ROWS].tolist())

    def text(self) -> str:
        """Return a table: a row for each weight, a column for each force, and their sum."""
        shown = self.shown()
        forces = self._written(shown)
        headings = [formula for _, formula, _, _ in forces]
        headings[-1] = f"sum {headings[-1]}"
        labels = [self.labels[place] for place in shown]
        values = [labels, column_text(self.weights[shown]), *(each for _, _, _, each in forces)]
        table = columns(("weight", "value", *headings), zip(*values, strict=True))
        return "\n".join([table, *self.notes()])

    def _written(self, shown: list[int]) -> list[tuple[str, str, Array, list[str]]]:
        """Return kind, formula and values of each force, and these written with as many decimals.

        The sum comes last.
        """
        forces = (*self.parts, self.total)
        every = np.concatenate([force.values[shown] for force in forces])
        return [
            (f.kind, f.formula, f.values[shown], column_text(f.values[shown], every))
            for f in forces
        ]

    def notes(self) -> list[str]:
        """Return what stands below the table and the drawing."""
        found = []
        shown = self.shown()
        left_out = len(self.weights) - len(shown)
        if left_out:
            found.append(
                f"{left_out:,} of {len(self.weights):,} weights, pulled less, are left out."
            )
        zero = [place for place in shown if self.weights[place] == 0]
        if self.l1 and zero:
            found.append(
                f"At w = 0 the ℓ1 push is anything from −λ₁ to λ₁ = {number_text(self.l1)}; "
                "the sum counts it as 0, as the gradient does."
            )
            others = np.sum([part.values for part in self.parts if part.kind != "push"], axis=0)
            held = [self.labels[place] for place in zero if abs(others[place]) <= self.l1]
            if held:
                found.append(
                    f"{', '.join(held)} stays at 0: the push balances the other forces there."
                )
        found.append(
            "Sum: minus the gradient, as one backward pass computes it; the forces differ from "
            f"it by {number_text(self.residual)}."
        )
        return found

    def svg(self) -> str:
        """Return the drawing: for each weight its spring, and its forces head to tail."""
        shown = self.shown()
        labels = [self.labels[place] for place in shown]
        forces = self._written(shown)
        return draw_forces(labels, self.weights[shown], forces, self.notes(), self.l1)

    def __repr__(self) -> str:
        return self.text()


@guided
def forces(
    loss: Tensor,
    wrt: Tensor | Sequence[Tensor],
    *,
    decay: float = 0.0,
    l1: float = 0.0,
    penalty: Tensor | float = 0.0,
    names: Mapping[str, Any] | None = None,
) -> Forces:
    """Take the gradient apart into forces: what data and penalties do to each weight.

    Gradient descent moves a weight where the force −∂J/∂w on it points. The data pull it to
    where they are fitted best, a squared penalty is a spring to the origin, which pulls the
    harder the further, and an ℓ1 penalty pushes with the same strength everywhere.

    Parameters
    ----------
    loss : Tensor
        The error E of the data, without penalties: one number.
    wrt : Tensor or list of Tensor
        The weights.
    decay : float, optional
        The rate λ of the penalty (λ/2)Σw², whose force is the spring −λw. It is twice the l2 of
        ``nn.Linear``.
    l1 : float, optional
        The strength λ₁ of the penalty λ₁Σ|w|, whose force is the push −λ₁·sign(w).
    penalty : Tensor, optional
        Any other penalty, such as ``model.penalty()``.
    names : dict of str to Tensor, optional
        Names of loss and weights; otherwise ``Tensor(..., name=)`` and the caller's variables.

    Returns
    -------
    Forces
        Printed as a table, shown by a notebook as a drawing; ``.save("forces.svg")``.

    Raises
    ------
    TypeError
        If the loss or a weight is no Tensor.
    ValueError
        If the loss is no single number or does not depend on a weight, a weight was given new
        data since, or a rate is negative.

    Notes
    -----
    With J = E + (λ/2)Σw² + λ₁Σ|w| the forces are −∂E/∂w, −λw and −λ₁·sign(w), and their sum is
    −∂J/∂w. Where they balance, the sum is 0: a minimum of J. At w = 0 the ℓ1 push takes any value
    from −λ₁ to λ₁, so that a data force that is not stronger than λ₁ does not move the weight.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.view.insights.forces import forces
    >>> w = tg.Tensor([2.0, -1.0, 0.5])
    >>> E = tg.sum_squared_error(w, [3.0, -1.0, 0.0])
    >>> print(forces(E, w, decay=0.5, l1=0.25))
    weight  value  −∂E/∂w    −λw  −λ₁·sign(w)  sum −∂J/∂w
    ------  -----  ------  -----  -----------  ----------
    w[0]     2.00    1.00  −1.00        −0.25       −0.25
    w[1]    −1.00       0   0.50         0.25        0.75
    w[2]     0.50   −0.50  −0.25        −0.25       −1.00
    Sum: minus the gradient, as one backward pass computes it; the forces differ from it by 0.
    """
    found = names_around(names, depth=1)
    single = isinstance(wrt, Tensor) or not isinstance(wrt, Iterable)
    tensors: list[Any] = [wrt] if single else list(wrt)
    if not tensors:
        raise ValueError("forces: there are no weights; pass at least one Tensor as wrt=")
    data = Force("data", f"−∂{found.of(loss) or 'E'}/∂w", _pulls(loss, tensors))
    _refuse(loss, tensors)
    terms: list[tuple[str, str, Any]] = []
    if number("forces: decay", decay):
        terms.append(("spring", "−λw", ops.weight_decay(tensors, decay)))
    if number("forces: l1", l1):
        terms.append(("push", "−λ₁·sign(w)", l1 * ops.l1(tensors)))
    if isinstance(penalty, Tensor):
        terms.append(("penalty", "−∂penalty/∂w", penalty))
    whole = sum((term for _, _, term in terms), start=loss)
    return Forces(
        tuple(label for tensor in tensors for label in _labels(tensor, found)),
        np.concatenate([np.ravel(tensor.data) for tensor in tensors]),
        (data, *(Force(kind, text, _pulls(term, tensors)) for kind, text, term in terms)),
        Force("total", "−∂J/∂w", _pulls(whole, tensors)),
        float(l1),
    )


def _pulls(term: Tensor, tensors: Sequence[Tensor]) -> Array:
    """Return minus the gradient of a term, all entries in one row."""
    return np.concatenate([0 - np.ravel(g) for g in gradients(term, list(tensors))])


def _labels(tensor: Tensor, names: Names) -> list[str]:
    name = names.of(tensor) or "w"
    return [
        f"{name}[{', '.join(map(str, place))}]" if place else name
        for place in np.ndindex(tensor.shape)
    ]


def _refuse(loss: Tensor, tensors: Sequence[Tensor]) -> None:
    """Refuse weights that the loss does not depend on, and a graph whose data were changed."""
    behind: list[Any] = ancestors(loss)
    refuse_changed(behind, "forces")
    reached = set(behind)
    for tensor in tensors:
        if tensor not in reached:
            which = tensor.name or f"a weight of shape {tensor.shape}"
            raise ValueError(f"forces: the loss does not depend on {which}; pass a weight of it")

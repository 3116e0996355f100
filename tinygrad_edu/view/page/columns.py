"""What the first card shows side by side: from what one drags to the gradient."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import (
    Derivation,
    Difference,
    Formula,
    Symbol,
    difference,
    letters_alike,
    squashed,
)
from tinygrad_edu.view.page.flow import Flow, plain
from tinygrad_edu.view.page.mathml import formula_width
from tinygrad_edu.view.page.written import Maths, join, maths, written

__all__ = ["ROLES", "Column", "Columns"]

#: What a letter can be, and what one entry of it is called.
ROLES = {
    "logits": "logit",
    "probabilities": "probability",
    "predictions": "prediction",
    "targets": "target",
    "weights": "weight",
    "bias": "bias",
    "input": "input",
    "loss": "loss",
}

_MOST_LETTERS = 2
_OF_POSITIVE = {"log", "log2", "log10", "sqrt", "xlogy"}
_WIDE = 15.0  # ems of a head


@dataclass(frozen=True)
class Column:
    """An array as bars: `value` now, `target` outlined on it, and what to call it.

    `arrow` says what leads to it from the column before; `part` is "given" for what one drags,
    "model" for what has a target, "gradient" for the result, else "between". `formula` and `aim`
    are what value and target are computed by; None is the gradient as it came back. One may drag
    from `least` to `most`.
    """

    part: str
    head: Maths
    caption: str
    value: Any
    formula: Formula | None
    arrow: str = ""
    target: Any = None
    aim: Formula | None = None
    least: float = -np.inf
    most: float = np.inf


class Columns:
    """Choose the columns of a derivation and find the roles of its letters.

    Parameters
    ----------
    flow : Flow
        The passes.
    found : Derivation
        What was derived.
    given : dict of str to str, optional
        Roles that the user gave.

    Raises
    ------
    ValueError, TypeError
        As `explain`, for its roles.
    """

    def __init__(self, flow: Flow, found: Derivation, given: Mapping[str, str] | None) -> None:
        self.flow, self.found = flow, found
        self.wrt: Symbol = flow.walk.wrt
        self.difference = difference(found.result, self.wrt.source)
        self.squashed = None if self.difference is None else squashed(self.difference.model)
        names = {s.name for s in flow.shown if s.name} | {flow.of}
        self.roles = self._roles() | _checked(given, names)
        self.shown = self._shown()

    def _is_wrt(self, formula: Formula | None) -> bool:
        source = None if formula is None else formula.source
        return source is not None and source is self.wrt.source

    def _roles(self) -> dict[str, str]:
        """Find the role of each letter that has one."""
        flow, found = self.flow, {}
        for s in flow.shown:
            if s.op is not None and s.op.name == "matmul" and flow.place[s] in flow.gradients:
                for argument in s.args:
                    name = argument.name if isinstance(argument, Symbol) else None
                    if name and argument.op is None:
                        found[name] = "weights" if argument is self.wrt else "input"
        if self.difference is not None:
            found[flow.of] = "loss"
            says = "predictions" if self.squashed is None else "probabilities"
            found[self.difference.model.text()] = says
            found[self.difference.target.text()] = "targets"
        if self.squashed is not None:
            found[self.squashed.of.text()] = "logits"
        return found

    def role(self, formula: Formula | None) -> str:
        """Return the role of a letter, or ""."""
        return "" if formula is None else self.roles.get(formula.text(), "")

    @property
    def kind(self) -> str:
        """What the sentence is about: "softmax", "sigmoid", "residual" or "other"."""
        apart = self.difference
        if apart is None or apart.whole.axes != self.found.result.axes:
            return "other"
        if self.squashed is None:
            return "residual" if self._is_wrt(apart.model) else "other"
        adds_up = self.squashed.by == "sigmoid" or np.allclose(apart.model.evaluate().sum(-1), 1)
        return self.squashed.by if apart.is_scaled and adds_up else "other"

    @property
    def title(self) -> str:
        """The headline of the card."""
        if self.difference is None:
            return "What each entry does"
        says = "is" if self.difference.is_all else "comes from"
        return f"The gradient {says} what the model says minus what is true"

    def _shown(self) -> list[Column]:
        flow = self.flow
        wrt = flow.walk.formula(self.wrt)
        first = self._bounded(Column("given", maths(wrt), self.role(wrt), self.wrt.value, wrt))
        if self.difference is None:
            letters = letters_alike(self.found.result, self.wrt.source)[:_MOST_LETTERS]
            between = [self._column("between", letter, self.role(letter)) for letter in letters]
        else:
            between = self._of_difference(self.difference)
        if between and self._is_wrt(between[0].formula):
            first = self._bounded(replace(between.pop(0), part="given"))
        title = flow.gradient_of(flow.place[self.wrt])
        head = join(title, "=", written(self.found.result)).vector
        if formula_width(head.latex) > _WIDE:
            head = title.vector
        last = Column("gradient", head, "the gradient", self._gradient(), None)
        if self.difference is not None and self.difference.is_all:
            last = replace(last, arrow=f"− {self.difference.target.text()}")
        return [first, *between, last]

    def _bounded(self, column: Column) -> Column:
        """Keep x positive where log x or a root of x is taken, and below 1 where log (1 − x) is."""
        for s in self.flow.shown:
            if s.op is None or s.op.name not in _OF_POSITIVE:
                continue
            inside = s.args[-1]
            if inside is self.wrt:
                column = replace(column, least=0.01)
            elif _is_one_minus(inside, self.wrt):
                column = replace(column, most=0.99)
        return column

    def _gradient(self) -> Any:
        """Return the gradient, without what rounding leaves where parts cancel."""
        flow, place = self.flow, self.flow.place[self.wrt]
        value = np.asarray(self.found.computed, float).reshape(self.wrt.shape)
        parts = [np.abs(visit.part.value) for visit, _ in flow.parts.get(place, [])]
        rounding = 1e-12 * max((float(np.max(part, initial=0.0)) for part in parts), default=0.0)
        least = np.where(self.found.result.evaluate() == 0, 1e-12, rounding)
        return np.where(np.abs(value) < least, 0.0, value)

    def _column(self, part: str, formula: Formula, caption: str, arrow: str = "") -> Column:
        return Column(part, maths(formula), caption, formula.evaluate(), formula, arrow)

    def _with_meaning(self, part: str, formula: Formula, caption: str) -> Column:
        """Return a column that says what its letter stands for, if there is room."""
        column = self._column(part, formula, caption)
        if formula.definition is not None:
            head = join(column.head, "=", written(formula.definition)).vector
            if formula_width(head.latex) <= _WIDE:
                return replace(column, head=head)
        return column

    def _of_difference(self, apart: Difference) -> list[Column]:
        """Return what the model says, made of what, and what is true; and their difference."""
        model, target = apart.model, apart.target
        columns = self._before(model)
        arrow = ""
        if self.squashed is not None:
            arrow = "÷ Σ" if columns and columns[0].arrow else self.squashed.by
        says = self.role(model) or ("probabilities" if self.squashed else "predictions")
        caption = f"{says}; dashed: {self.role(target) or 'targets'} {target.text()}"
        shown = self._column("model", model, caption, arrow)
        columns.append(replace(shown, target=target.evaluate(), aim=target))
        if not apart.is_all and len(columns) == 1:
            minus = f"− {target.text()}"
            columns.append(self._column("between", apart.whole, "the difference", minus))
        return columns

    def _before(self, model: Formula) -> list[Column]:
        """Return what stands between what one drags and what the model says, if anything."""
        inside = self.squashed
        if inside is None:
            return []
        if not self._is_wrt(inside.of):
            is_alike = inside.of.evaluate().shape == model.evaluate().shape
            return [self._with_meaning("between", inside.of, "logits")] if is_alike else []
        if inside.exponential is None or inside.exponent is None:
            return []
        head = Maths(f"e^{plain(inside.exponent.text())}", f"e^{{{inside.exponent.latex()}}}")
        column = self._column("between", inside.exponential, "positive", "exp")
        return [replace(column, head=head)]


def _is_one_minus(inside: Any, wrt: Symbol) -> bool:
    if not isinstance(inside, Symbol) or inside.op is None or inside.op.name != "subtract":
        return False
    one, other = inside.args
    return other is wrt and bool(np.all(getattr(one, "value", one) == 1))


def _checked(roles: Mapping[str, str] | None, names: Collection[str]) -> dict[str, str]:
    """Return the roles that were given, by letter.

    Raises
    ------
    TypeError
        If they are no mapping.
    ValueError
        If the graph has no such letter, or there is no such role.
    """
    if roles is not None and not isinstance(roles, Mapping):
        raise TypeError(
            f"explain: roles is a {type(roles).__name__}; "
            'pass what letters are, such as {"z": "logits"}'
        )
    for letter, role in (roles or {}).items():
        if letter not in names:
            known = ", ".join(sorted(names))
            raise ValueError(f"explain: roles names {letter!r}, but the graph has {known}")
        if role not in ROLES:
            raise ValueError(
                f"explain: roles says that {letter} is {role!r}; allowed are {', '.join(ROLES)}"
            )
    return dict(roles or {})

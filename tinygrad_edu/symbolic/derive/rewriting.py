"""Other ways to compute an output: its formula, rewritten by the algebra and recorded again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.definitions import named
from tinygrad_edu.symbolic.algebra.expr import Expr, Leaf, distinct, meaning_of, replace
from tinygrad_edu.symbolic.algebra.rewrite import Rewriter
from tinygrad_edu.symbolic.algebra.rules import LEVELS
from tinygrad_edu.symbolic.derive.derivation import Formula, Step, steps_of
from tinygrad_edu.symbolic.derive.work import Work, work_on
from tinygrad_edu.tensor import Tensor

__all__ = ["Rewriting", "rewritings"]

_LARGEST = 80  # parts of a formula; a longer one is not rewritten
_MOST_MOVES = 40
_LEVELS = 3  # those that only take apart, and look for no cases


@dataclass(frozen=True, eq=False)
class Rewriting:
    """An output, computed in another way.

    `start` is its formula, `steps` rewrite what that stands for, and `result` was recorded as
    `output`; `names` holds what has a name, and `used` the statements that were assumed. The
    `equations` are those of the steps, with names: the rule of each, and its two sides.
    """

    start: Formula
    steps: tuple[Step, ...]
    equations: tuple[tuple[str, Formula, Formula], ...]
    result: Formula
    output: Tensor
    names: Names
    used: tuple[str, ...]


def rewritings(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    assume: Iterable[str] | None = None,
    fused: Iterable[str] = (),
) -> list[Rewriting]:
    """Rewrite an output: logarithms apart, products and sums apart, as far as each level goes.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.naming import Names
    >>> x, w = tg.Tensor([1.0, 2.0], name="x"), tg.Tensor([3.0, 4.0], name="w")
    >>> found = rewritings(tg.sum(tg.log(tg.exp(x) * tg.exp(w))), x, Names(None, {}))
    >>> print(found[-1].result)
    Σw + Σx
    """
    work = work_on(output, wrt, names, assume, fused)
    meaning = work.meaning_of(output)
    start = _unfolded(meaning.expr, work.lowering.lower(work.symbols[wrt]))
    found: dict[Expr, Rewriting] = {}
    if start.size <= _LARGEST:
        for level in LEVELS[:_LEVELS]:
            each = _rewriting(work, start, meaning, Rewriter(level.open, work.facts))
            if each is not None and each.result.expr != meaning.expr:
                found.setdefault(each.result.expr, each)
    return list(found.values())


def _rewriting(work: Work, start: Expr, meaning: Formula, apart: Rewriter) -> Rewriting | None:
    """Take a formula apart, call what is left of it by name, and record that."""
    whole = work.symbols[work.output].name
    changed, moves = apart.close(start, limit=_MOST_MOVES)
    result, more = work.rewriter.close(changed)
    moves = (*moves, *more)
    if not moves or len(moves) >= _MOST_MOVES or _is_called(result, whole):
        return None
    steps = steps_of(moves, start, meaning.axes, work.facts)
    formula = Formula(result, meaning.axes)
    if not all(step.holds for step in steps):
        return None
    recorded = formula.tensor()
    if recorded not in depends_on(differentiable(recorded), [work.wrt]):
        return None  # it is a constant, as the sum of a softmax is
    held = [*ancestors(work.output)[:-1], *work.names.everything()]
    held += [a for node in ancestors(work.output) for a in node.args]
    known = {name: each for each in held if (name := work.names.of(each)) is not None}
    named_so = Names({**known, work.title: recorded}, {})
    call = named([d for d in work.definitions if d[0].quantity.name != whole])
    equations = []
    for step in steps:
        one, other = (Formula(call(f.expr), f.axes) for f in (step.matched, step.replaced))
        if one.expr != other.expr:
            equations.append((step.rule, one, other))
    return Rewriting(
        Formula(call(start), meaning.axes),
        tuple(steps),
        tuple(equations),
        formula,
        recorded,
        named_so,
        tuple(sorted({step.assumption for step in steps if step.assumption})),
    )


def _is_called(expr: Expr, name: str | None) -> bool:
    """Whether an expression came to be the letter of the output itself."""
    return name is not None and isinstance(expr, Leaf) and expr.quantity.name == name


def _unfolded(expr: Expr, wrt: Expr) -> Expr:
    """Put what names stand for in their places, but for what is differentiated with respect to."""
    kept = wrt.quantity if isinstance(wrt, Leaf) else None
    new: dict[Expr, Expr] = {
        each: _unfolded(meaning, wrt)
        for each in distinct(expr)
        if isinstance(each, Leaf)
        and each.quantity is not kept
        and (meaning := meaning_of(each)) is not None
    }
    return replace(expr, new) if new else expr

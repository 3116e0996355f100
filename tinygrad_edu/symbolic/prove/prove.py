"""From two recorded graphs to a proof that they are equal: both are rewritten until they meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isnan
from typing import Any

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.exact import Judge
from tinygrad_edu.symbolic.algebra.expr import (
    Expr,
    Number,
    Quantity,
    quantities_in,
    replace,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Assumption
from tinygrad_edu.symbolic.algebra.rewrite import Budget, Move, Normaliser, Path
from tinygrad_edu.symbolic.algebra.rules import LEVELS, Level, sums
from tinygrad_edu.symbolic.algebra.rules.equations import complement_of
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Rule
from tinygrad_edu.symbolic.derive.certificate import Graph
from tinygrad_edu.symbolic.derive.derivation import Formula, Step
from tinygrad_edu.symbolic.prove.agreement import (
    AGREE,
    Agreement,
    affine_agreement,
    agreement,
    apart,
    environments,
    faithful,
    simplexes,
)
from tinygrad_edu.symbolic.prove.confluence import (
    NOTHING,
    Dropped,
    closed,
    drop,
    entry_by_entry,
    join,
)
from tinygrad_edu.symbolic.prove.domain import ClaimFacts, conditions_apart, undecided
from tinygrad_edu.symbolic.prove.goal import Goal, named_in, number_of, opening
from tinygrad_edu.symbolic.prove.proof import Proof
from tinygrad_edu.tensor import Tensor

__all__ = ["prove", "prove_named"]

UP_TO = ("constant", "positive factor")


@guided
def prove(
    left: Tensor,
    right: Tensor,
    assume: Iterable[str] | None = None,
    up_to: Iterable[str] = (),
    *,
    wrt: Tensor | Iterable[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Proof:
    """Prove that two recorded graphs compute the same, by named steps from one to the other.

    Both sides are rewritten by general equations until they meet: logarithms and exponentials
    are split, sums written out, fractions put over one denominator. Every step is checked on the
    recorded numbers and on random ones, and nothing is called proved that they contradict.

    Parameters
    ----------
    left, right : Tensor
        Two computations, of one shape, from the same Tensors.
    assume : iterable of str, optional
        Printed statements that may be assumed, such as ``"f > 0"`` or ``"Σy = 1"``. None allows
        all that hold on the data, ``()`` none.
    up_to : iterable of str, optional
        ``"constant"``: an additive constant is dropped; ``"positive factor"``: so is a factor.
        Neither may depend on a Tensor of `wrt`.
    wrt : Tensor or iterable of Tensor, optional
        What may vary, where `up_to` is used; by default all Tensors.
    names : dict of str to Tensor or ndarray, optional
        Names for formulas; otherwise ``Tensor(..., name=)`` and the caller's variables.

    Returns
    -------
    Proof
        True if the sides are joined; with `.steps`, `.assumptions`, `.dropped`, `.agreement`
        and, if they are not joined, the `.furthest` forms of both.

    Raises
    ------
    ValueError
        If the shapes differ, `up_to` or `assume` names what is not there, or an array of a graph
        was changed since.
    TypeError
        If a side is no Tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z, c = tg.Tensor([1.47, -0.39, 0.22]), tg.Tensor(3.0)
    >>> proof = tg.prove(tg.softmax(z + c), tg.softmax(z))
    >>> bool(proof)
    True
    >>> for step in proof.steps:
    ...     print(f"= {step.after!s:36} {step.rule}")
    = exp(c + z)/Σexp(c + z)               definition
    = exp(c)·exp(z)/Σ(exp(c)·exp(z))       exp of a sum
    = exp(c)·exp(z)/(exp(c)·Σexp(z))       constant out of Σ
    = exp(z)/Σexp(z)                       cancel
    = softmax(z)                           definition
    """
    return prove_named(left, right, names_around(names, depth=1), assume, up_to, wrt)


def prove_named(
    left: Tensor,
    right: Tensor,
    names: Names,
    assume: Iterable[str] | None = None,
    up_to: Iterable[str] = (),
    wrt: Tensor | Iterable[Tensor] | None = None,
) -> Proof:
    """Prove as `prove` does, with names that were collected already."""
    for role, tensor in (("left", left), ("right", right)):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"prove: {role} is a {type(tensor).__name__}; compute it from Tensors, so that "
                "there is a graph to read"
            )
    if left.shape != right.shape:
        raise ValueError(
            f"prove: the left side has shape {left.shape}, the right side {right.shape}; equal "
            "things have one shape, so sum or spread one of them"
        )
    dropping = (up_to,) if isinstance(up_to, str) else tuple(up_to)
    for each in dropping:
        if each not in UP_TO:
            raise ValueError(f"prove: up_to takes {' and '.join(map(repr, UP_TO))}, not {each!r}")
    varying = [wrt] if isinstance(wrt, Tensor) else None if wrt is None else list(wrt)
    goal = Goal(left, right, names, varying)
    return _Search(goal, [assume] if isinstance(assume, str) else assume, dropping).proof()


# --- the search -----------------------------------------------------------------------------------


class _Search:
    """Try rules, the gentlest first, until both sides meet."""

    def __init__(self, goal: Goal, assume: Iterable[str] | None, up_to: tuple[str, ...]) -> None:
        self.goal, self.up_to = goal, up_to
        self.left, self.right = self._formula(goal.left), self._formula(goal.right)
        domain = {**goal.domains[0], **goal.domains[1]}
        self.facts = ClaimFacts(Environment(), assume, domain)
        self.held: dict[Quantity, str] = {}
        self.assumed: dict[Quantity, str] = {}
        for leaf, meaning in goal.computed_before():
            statement = self.facts.equal(leaf, meaning)
            if statement is not None:
                self.assumed[leaf.quantity] = statement
                leaf.quantity.definition = meaning
        for quantity in named_in([goal.left, goal.right]):
            assert quantity.definition is not None
            both = complement_of(quantity.leaf, quantity.definition)
            if both is not None and self.facts.sign(both[0]) == "positive":
                self.facts.declare_positive(both[1])
                opened = replace(both[1], {quantity.leaf: quantity.definition})
                self.facts.declare_positive(opened)
        self.varying: set[Quantity] | None = None  # if set, all else keeps its numbers in draws
        self.budget, self.capped = Budget(), False
        self.nearest = self.left, self.right
        self._drawn: dict[Any, list[Environment]] = {}

    def _formula(self, expr: Expr) -> Formula:
        return Formula(expr, self.goal.axes)

    def proof(self) -> Proof:
        """Search, check what was found, and say what it is worth."""
        hope = self._agreement()
        if self.up_to and not hope and self._hold_parameters():
            hope = self._agreement()
        if not self.up_to and not hope and hope.agrees_on_data:
            self.varying = self.goal.variables
            held = self._agreement()
            hope, self.varying = (held, self.varying) if held else (hope, None)
        found = next(filter(None, self._attempts() if hope else ()), None)
        if found is not None:
            return found
        if not hope:
            self._attempt(LEVELS[1])  # how far the sides come
        self.facts.refuse_unknown("prove")
        inside = total(form.expr for form in self.nearest)
        return Proof(
            left=self.left,
            right=self.right,
            proved=False,
            steps=[],
            assumptions=[a for a in self.facts.assumptions((), inside) if self._forbidden(a)],
            agreement=hope,
            furthest=self.nearest,
            capped=self.capped,
        )

    def _hold_parameters(self) -> bool:
        """Hold the numbers among several Tensors constant, such as σ, if that may be assumed."""
        variables = sorted(self.goal.variables, key=lambda quantity: quantity.name)
        numbers = [quantity for quantity in variables if not quantity.axes]
        if self.goal.chosen or not numbers or numbers == variables:
            return False
        for quantity in numbers:
            statement = self.facts.constant(quantity.leaf)
            if statement is not None:
                self.held[quantity] = statement
        self.goal.variables -= self.held.keys()
        return bool(self.held)

    def _forbidden(self, assumption: Assumption) -> bool:
        """Whether something could have been assumed, but was not allowed."""
        return assumption.holds and self.facts.allowed is not None

    def _agreement(self) -> Agreement:
        """Compare the numbers, with every assumption that may help."""
        if self.up_to:
            return affine_agreement(self.left, self.right, self.goal.variables, self.up_to)
        return agreement(self.left, self.right, self._environments(self.right, None))

    def _environments(self, end: Formula, assumed: list[Assumption] | None) -> list[Environment]:
        """Return the data and draws; where the constants keep their numbers, only Tensors vary."""
        exprs = [self.left.expr, end.expr]
        assumed = simplexes(exprs) if assumed is None else assumed
        said = frozenset((a.kind, a.expr) for a in assumed)
        key = end.expr, said, None if self.varying is None else frozenset(self.varying)
        if key not in self._drawn:
            drawn = environments(exprs, assumed, varying=self.varying, signed=not self.up_to)
            self._drawn[key] = drawn
        return self._drawn[key]

    def _attempts(self) -> Iterator[Proof | None]:
        if not all(map(faithful, (self.left, self.right), self.goal.values)):
            return
        for first in self._preparations():
            for level in LEVELS:
                yield self._attempt(level, first)
                if self.budget.left <= 0:
                    return
        if not self.up_to:
            for first in self._preparations():
                gently = Normaliser(LEVELS[0], self.facts, first, self.budget)
                yield self._checked(entry_by_entry(*self._paths(gently)))

    def _preparations(self) -> Iterator[tuple[Rule, ...]]:
        """Yield rules to begin with: names closed, those of one side opened, all opened."""
        left, right = (set(named_in([side.expr])) for side in (self.left, self.right))
        openings: list[tuple[Rule, ...]] = [()]
        if left ^ right:
            openings.append((opening(left & right, self.assumed),))
        if left & right:
            openings.append((opening((), self.assumed),))
        if self.varying is not None:
            openings = [(*rules, number_of(self.goal)) for rules in openings]
        yield from openings
        yield from ((*rules, sums.sums_to_one) for rules in openings)

    def _paths(self, normaliser: Normaliser) -> tuple[Path, Path]:
        left, right = (normaliser.path(side.expr) for side in (self.left, self.right))
        return left, right

    def _attempt(self, level: Level, first: tuple[Rule, ...] = ()) -> Proof | None:
        """Bring both sides into a normal form; where they meet, check the way between them."""
        normaliser = Normaliser(level, self.facts, first, self.budget)
        left, right = self._paths(normaliser)
        self.capped = self.capped or left.capped or right.capped
        if left.end.size + right.end.size < sum(form.expr.size for form in self.nearest):
            self.nearest = self._formula(left.end), self._formula(right.end)
        if not self.up_to:
            joined = join(left, right)
            if joined is None and level.fraction:
                path = closed(left, right, normaliser)
                joined = None if path is None else join(path, right)
            return self._checked(joined)
        for dropped in drop(left.end, right.end, self.up_to, self.goal.is_constant, self.facts):
            target = dropped.target(self.right.expr)
            found = self._checked(join(left, normaliser.path(target)), dropped)
            if found is not None:
                return found
        return None

    def _checked(
        self, joined: tuple[list[Move], Expr] | None, dropped: Dropped = NOTHING
    ) -> Proof | None:
        """Check every step on numbers; what does not pass is no proof."""
        if joined is None:
            return None
        moves, middle = joined
        end = self._formula(dropped.target(self.right.expr))
        used = {dropped.assumption, *(move.match.assumption for move in moves)}
        inside = quantities_in([dropped.factor, dropped.constant])
        used.update(self.held.get(quantity) for quantity in inside)
        for each, relation in self._conditions():
            reason = self.facts.demanded(each, relation, used)
            if reason is None:
                return None
            used.add(reason[1])
        statements = {statement for statement in used if statement is not None}
        assumed = [self.facts.met[statement] for statement in statements]
        envs = self._environments(end, assumed)
        judge, met = Judge([self.left.expr, end.expr]), self.facts.met
        steps = [
            Step(move, self.goal.axes, envs, judge, None if why is None else met[why])
            for move in moves
            for why in [move.match.assumption]
        ]
        agrees = agreement(self.left, end, envs)
        if not (agrees and agrees.draws and all(_is_sound(step, envs) for step in steps)):
            return None
        return Proof(
            left=self.left,
            right=self.right,
            proved=True,
            steps=steps,
            assumptions=self.facts.assumptions(_without_weaker(assumed), Number(ONE)),
            agreement=agrees,
            furthest=(self._formula(middle),) * 2,
            dropped=self._what(dropped),
            capped=False,
            graph=self._graph(end, dropped),
        )

    def _graph(self, end: Formula, dropped: Dropped) -> Graph:
        sides = dict(zip(("left", "right"), self.goal.ends, strict=True))
        beside = {
            "right": self.right,
            "end": end,
            "factor": self._formula(dropped.factor),
            "constant": self._formula(dropped.constant),
        }
        return Graph(self.goal.lowering, sides, beside=beside, varying=self.goal.variables)

    def _conditions(self) -> list[tuple[Expr, str]]:
        """Return what must hold so that one side is defined as well as the other, simple first."""
        tidy = Normaliser(LEVELS[1], self.facts)
        found = [
            condition
            for expr, relation in conditions_apart(*self.goal.domains).items()
            for condition in undecided(tidy.path(expr).end, relation)
        ]
        return sorted(found, key=lambda condition: condition[0].size)

    def _what(self, dropped: Dropped) -> dict[str, Formula]:
        tidy = Normaliser(LEVELS[1], self.facts).path(dropped.constant).end
        found = {"constant": self._formula(tidy), "positive factor": Formula(dropped.factor, ())}
        return {name: found[name] for name in self.up_to}


def _is_sound(step: Step, envs: list[Environment]) -> bool:
    """Whether numbers bear a step out; where none is finite, nothing does."""
    if not step.residual > AGREE:
        return not isnan(step.residual)
    return not any(apart(step.before, step.after, env) > AGREE for env in envs)


def _without_weaker(assumed: list[Assumption]) -> set[str]:
    """Leave out x ≠ 0 and x ≥ 0 where x > 0 is assumed too."""
    positive = {a.expr for a in assumed if a.kind == "positive"}
    weaker = {"nonzero", "nonnegative"}
    return {a.statement for a in assumed if a.kind not in weaker or a.expr not in positive}

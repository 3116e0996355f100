"""A finished derivation: its formulas, steps and checks, and how it is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tinygrad_edu.symbolic.algebra.draws import draws
from tinygrad_edu.symbolic.algebra.evaluate import ROUNDING, Environment, magnitudes
from tinygrad_edu.symbolic.algebra.exact import Exactness, Judge
from tinygrad_edu.symbolic.algebra.expr import (
    Expr,
    Index,
    Leaf,
    Opaque,
    Quantity,
    distinct,
    meaning_of,
    quantities_in,
    replace,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Assumption, Facts
from tinygrad_edu.symbolic.algebra.rewrite import Move
from tinygrad_edu.symbolic.algebra.rules.rule import place_of
from tinygrad_edu.symbolic.derive import report
from tinygrad_edu.symbolic.derive.certificate import Graph, certificate
from tinygrad_edu.symbolic.derive.faults import bound
from tinygrad_edu.symbolic.derive.jacobian import jacobian, row_of
from tinygrad_edu.symbolic.derive.recording import recorded, sources
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.symbolic.notation.javascript import JavaScript
from tinygrad_edu.symbolic.notation.python import NumPy
from tinygrad_edu.symbolic.notation.source import (
    identifiers,
    lengths_in,
    letters_in,
    source,
)
from tinygrad_edu.tensor import Tensor

__all__ = ["Contribution", "Derivation", "Formula", "Origin", "Step", "steps_of"]

Array = npt.NDArray[np.float64]

#: How formulas were written, as long as there is one: what comes back along one vertex goes on
#: from the next, so that most are written several times.
_SAID: WeakKeyDictionary[Expr, dict[Any, str]] = WeakKeyDictionary()


class Origin(NamedTuple):
    """Where a letter of a formula comes from.

    `source` is the Tensor or the array that was recorded, where there is one, `definition` what a
    letter stands for that has a name beside the graph. `key` tells two letters apart. A letter
    that `counts` is the length of an axis.
    """

    key: Any
    name: str
    value: Array
    source: Any = None
    definition: Formula | None = None
    counts: bool = False


class Formula:
    """An expression of a derivation, with the numbers it can be evaluated on.

    ``str`` writes it in Unicode, `latex` in LaTeX; `evaluate` computes it. One that is `indexed`
    is always written with indices, for it has more of them than a matrix.
    """

    def __init__(
        self, expr: Expr, axes: tuple[Index | None, ...], *, indexed: bool = False
    ) -> None:
        self.expr = expr
        self.axes = axes
        self.indexed = indexed

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<formula {self}>"

    def __add__(self, other: Formula) -> Formula:
        return Formula(total([self.expr, other.expr]), self.axes, indexed=self.indexed)

    @property
    def size(self) -> int:
        """Number of its parts."""
        return self.expr.size

    @property
    def letters(self) -> dict[str, Array]:
        """What it is written in: arrays and lengths, on the recorded data, by identifier.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> tg.derive(tg.sum_squared_error(z, y), wrt=z).result.letters
        {'z': array([1., 2.]), 'y': array([0., 1.])}
        """
        return {called: origin.value for called, origin in self.origins.items()}

    @property
    def origins(self) -> dict[str, Origin]:
        """Where its letters come from, by identifier.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> tg.derive(tg.sum_squared_error(z, y), wrt=z).result.origins["z"].source is z
        True
        """
        env = Environment()
        quantities, ranges = letters_in(self.expr), lengths_in(self.expr, self.axes)
        return {
            called: Origin(each, each.called, np.asarray(each.length), counts=True)
            if isinstance(each, Index)
            else Origin(
                each,
                each.name,
                env.array(each.leaf, each.axes),
                each.source,
                None if each.definition is None else Formula(each.definition, each.axes),
            )
            for each, called in identifiers(quantities, ranges).items()
        }

    @property
    def source(self) -> Any:
        """What was recorded that it is the letter of; None for what is more than a letter."""
        is_letter = isinstance(self.expr, Leaf) and all(a.place is None for a in self.expr.axes)
        return self.expr.quantity.source if is_letter and isinstance(self.expr, Leaf) else None

    @property
    def lengths(self) -> dict[str, int]:
        """The lengths that it speaks of, written or as those of vectors of ones, by letter.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> derivation = tg.derive(tg.mean_squared_error(z, y), wrt=z)
        >>> print(derivation.result, derivation.result.lengths)
        2·(z − y)/N {'N': 2}
        """
        return {index.called: index.length for index in lengths_in(self.expr, self.axes)}

    @property
    def whole(self) -> list[str]:
        """Names of the operations in it that are left whole: no index reaches inside them.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> a = tg.name(tg.softmax(z), "a")
        >>> found = tg.derive(tg.cross_entropy(a, y), wrt=z, fused=["softmax"])
        >>> letter, meaning = found.definitions[0]
        >>> print(letter, meaning.whole)
        a ['softmax']
        """
        return [each.op.name for each in distinct(self.expr) if isinstance(each, Opaque)]

    @property
    def definition(self) -> Formula | None:
        """What it stands for, if it names something that was computed, or entries of it."""
        meaning = meaning_of(self.expr)
        return None if meaning is None else Formula(meaning, self.axes)

    def text(self, indices: bool = False) -> str:
        """Write it in Unicode, with indices if asked for."""
        return self._said(notation.text, indices)

    def latex(self, indices: bool = False) -> str:
        """Write it in LaTeX, with indices if asked for."""
        return self._said(notation.latex, indices)

    def counters(self, indices: bool = False) -> list[tuple[str, Index]]:
        """Return the letters that count along axes where it is written, and along which."""
        return notation.counters(self.expr, indices=indices or self.indexed, axes=self.axes)

    def _said(self, write: Callable[..., str], indices: bool) -> str:
        # The serials of indices, for an index holds the Tensor that it came from.
        axes = tuple(axis and axis.serial for axis in self.axes)
        key = write, axes, indices or self.indexed
        said = _SAID.setdefault(self.expr, {})
        if key not in said:
            said[key] = write(self.expr, indices=indices or self.indexed, axes=self.axes)
        return said[key]

    def python(self) -> str:
        """Write it as one NumPy expression over its letters, to be run without this package.

        Raises
        ------
        ValueError
            If an operation of one's own has no spelling in NumPy.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> tg.derive(tg.mean_squared_error(z, y), wrt=z).result.python()
        '2 * (z - y) / N'
        """
        return source(self.expr, self.axes, NumPy)

    def javascript(self) -> str:
        """Write it as one JavaScript expression over its letters and a small runtime, `$`.

        Raises
        ------
        ValueError
            If an operation is not in the runtime.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, t = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> tg.derive(tg.mean_squared_error(z, t), wrt=z).result.javascript()
        '$.div($.mul(2, $.add(z, $.neg(y))), N)'
        """
        return source(self.expr, self.axes, JavaScript)

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def filled(self, write: Callable[[Array], tuple[str, str] | None]) -> tuple[str, str] | None:
        """Write it in Unicode and in LaTeX with numbers for its letters.

        Parameters
        ----------
        write : callable
            From an array to how it is written, in Unicode and in LaTeX; None leaves its letter.

        Returns
        -------
        (str, str) or None
            None where all letters are left.
        """
        env = Environment()
        text: dict[Quantity, str] = {}
        latex: dict[Quantity, str] = {}
        entries: dict[Expr, Expr] = {}
        for each in distinct(self.expr):
            if isinstance(each, Leaf) and (numbers := write(env.value(each)[0])) is not None:
                letter = each.quantity
                if any(axis.place is not None for axis in each.axes):  # z₀ and z₂ are two numbers
                    letter = Quantity(letter.name, letter.axes)
                    entries[each] = Leaf(letter, each.axes)
                text[letter], latex[letter] = numbers
        if not text:
            return None
        expr = replace(self.expr, entries)
        return (
            notation.text(expr, axes=self.axes, instead=text),
            notation.latex(expr, axes=self.axes, instead=latex),
        )

    def evaluate(self, values: Mapping[str, npt.ArrayLike] | None = None) -> Array:
        """Compute it on the recorded data, or on other arrays.

        Parameters
        ----------
        values : dict of str to array_like, optional
            Arrays by the names of the formula's leaves; the others keep the recorded data.
            Lengths may differ from the recorded ones if they fit each other.

        Returns
        -------
        ndarray
            Of the shape of what was differentiated with respect to.

        Raises
        ------
        ValueError
            If a name is unknown, or arrays do not fit each other.
        """
        if values is None:
            return self.on(Environment())
        quantities = {q.name: q for q in quantities_in([self.expr])}
        for name in values:
            if name not in quantities:
                known = ", ".join(sorted(quantities)) or "none"
                raise ValueError(f"evaluate: no quantity is called {name!r}; there are: {known}")
        given = {name: np.asarray(array, dtype=np.float64) for name, array in values.items()}
        lengths: dict[Index, tuple[int, str]] = {}
        # What is given decides the lengths; what keeps the recorded data must then fit.
        for name in sorted(quantities, key=lambda name: name not in values):
            array = given.setdefault(name, np.asarray(quantities[name].value))
            _fit(name, quantities[name], array, lengths)
        arrays = {quantity: given[name] for name, quantity in quantities.items()}
        return self.on(Environment(arrays, {axis: n for axis, (n, _) in lengths.items()}))

    def tensor(self) -> Tensor:
        """Record it as a graph of the Tensors it came from, to differentiate, draw or compare.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> tg.derive(tg.sum_squared_error(z, y), wrt=z).result.tensor()
        Tensor([1., 1.])
        """
        return recorded(self.expr, self.axes)

    def distance_to(self, value: npt.ArrayLike) -> float:
        """Return how far it is from what was computed, relative to the size of its terms.

        NaN where either is not finite.
        """
        array = np.asarray(value, dtype=np.float64)
        found = self.evaluate().reshape(array.shape)
        return _apart(found, array, [self.expr], Environment())

    def on(self, env: Environment) -> Array:
        """Compute it in an environment."""
        with np.errstate(all="ignore"):
            array: Array = np.array(env.array(self.expr, self.axes))
        return array.astype(np.float64) if array.dtype.kind == "b" else array  # a gate is 0 or 1


def _fit(name: str, quantity: Quantity, array: Any, lengths: dict[Index, tuple[int, str]]) -> None:
    """Enter the lengths of an array, and refuse one that does not fit those that are there."""
    if array.ndim != len(quantity.axes):
        raise ValueError(f"evaluate: {name} has {len(quantity.axes)} axes, got shape {array.shape}")
    for axis, length in zip(quantity.axes, array.shape, strict=True):
        known, whose = 1, "in the recorded graph"
        if axis is not None and axis.range.fixed:
            known, whose = axis.range.length, f"{whose}, where an index or attribute fixes it"
        elif axis is not None:
            known, whose = lengths.setdefault(axis.range, (length, f"in {name}"))
        if length != known:
            raise ValueError(
                f"evaluate: {name} has length {length} where it is {known} {whose}; give arrays "
                "that fit each other"
            )


class Step:
    """One equation, applied at one place.

    Attributes
    ----------
    rule : str
        The name of the equation.
    because : str
        Why it holds here.
    before, after : Formula
        The whole expression.
    assumption : str or None
        The statement it rests on, if any.
    is_choice : bool
        Whether it begins a lecture line: a choice of the search, and not its tidying.
    about : Assumption or None
        What that statement says, of what.
    residual : float
        The largest difference between before and after, relative to their size, over the data
        and all random draws.
    holds : bool
        Whether that is rounding.
    """

    def __init__(
        self,
        move: Move,
        axes: tuple[Index | None, ...],
        checks: Sequence[Environment],
        judge: Judge,
        about: Assumption | None = None,
    ) -> None:
        self._judge, self._equation = judge, move.rule.equation
        self._sides, self._place = (move.match.left, move.match.right), move.place
        self.rule = move.rule.name
        reason, of = move.match.because or move.rule.because, move.match.of
        self.because = reason.format(*of) if of else reason
        self.before, self.after = Formula(move.before, axes), Formula(move.after, axes)
        self.assumption, self.about = move.match.assumption, about
        self.is_choice = move.is_choice
        self.allowed = _allowed(move.before)
        residuals = [disagreement(self.before, self.after, env) for env in checks]
        known = [r for r in residuals if not np.isnan(r)]
        self.residual = max(known) if known else float("nan")
        self.on_data = not np.isnan(residuals[0])

    @property
    def holds(self) -> bool:
        """Whether the two sides differ by rounding alone."""
        return not self.residual > self.allowed

    @property
    def equation(self) -> str:
        """The equation itself, with wildcards."""
        return self._equation or f"{self.matched} = {self.replaced}"

    @cached_property
    def matched(self) -> Formula:
        """The part that changed, as it was: the left side of the equation as it applied."""
        return Formula(self._sides[0], self._axes_inside)

    @cached_property
    def replaced(self) -> Formula:
        """The part that changed, as it is now: the right side of the equation as it applied."""
        return Formula(self._sides[1], self._axes_inside)

    @cached_property
    def _axes_inside(self) -> tuple[Index | None, ...]:
        named = next((side.axes for side in self._sides if isinstance(side, Leaf)), ())
        return notation.axes_for(self._sides, (*named, *self.before.axes))

    def place_in(self, formula: Formula) -> Expr | None:
        """Return the part of a formula that it rewrites, or None where that is not there yet."""
        inside = self._place if formula.expr == self.before.expr else None
        return place_of(self.matched.expr, inside or formula.expr)

    @cached_property
    def exact(self) -> Exactness:
        """Whether both sides are equal exactly: as rational functions, or by which laws.

        Computed when it is asked for, modulo 2⁶¹ − 1 at random points, for a few sizes.
        """
        before, after = self.before, self.after
        return self._judge.exactness(before.expr, after.expr, before.axes, self.about)

    def __repr__(self) -> str:
        return f"<step {self.rule}: {self.before} = {self.after}>"


def steps_of(
    moves: Sequence[Move], start: Expr, axes: tuple[Index | None, ...], facts: Facts
) -> list[Step]:
    """Check moves: each on the data and on draws by what it assumes, and nothing more."""
    judge, data = Judge([start]), Environment()
    checks: dict[str | None, list[Environment]] = {None: [data, *draws([start], ())]}
    steps = []
    for move in moves:
        why = move.match.assumption
        about = None if why is None else facts.met[why]
        if about is not None and why not in checks:
            drawn = draws([start], [about])
            if about.kind == "nonzero":
                drawn = [env for env in drawn if np.all(env.value(about.expr)[0] != 0)]
            checks[why] = [data, *drawn]
        steps.append(Step(move, axes, checks[why], judge, about))
    return steps


def _allowed(expr: Expr) -> float:
    """Return what rounding may do to an expression, in the coarsest numbers it is made of."""
    return bound(*(quantity.value for quantity in quantities_in([expr])))


def disagreement(one: Formula, other: Formula, env: Environment) -> float:
    """Return the largest difference of two formulas, relative to the size of their terms."""
    return _apart(one.on(env), other.on(env), [one.expr, other.expr], env)


def _apart(one: Array, other: Array, exprs: Sequence[Expr], env: Environment) -> float:
    """Compare two arrays relative to their size or, where that decides, that of their terms."""
    found = residual(one, other)
    if found > ROUNDING:  # perhaps large terms cancel: what is left of them is rounding
        with np.errstate(all="ignore"):
            size = max(magnitudes(expr, env) for expr in exprs)
        found = residual(one, other, size if np.isfinite(size) else 0)
    return found


def residual(one: Array, other: Array, size: float = 0) -> float:
    """Return the largest difference, relative to the larger array and to a size of its terms.

    NaN where one of the arrays is not finite.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    size = max(size, np.max(np.abs(one), initial=0), np.max(np.abs(other), initial=0), 1e-300)
    return float(np.max(np.abs(one - other), initial=0) / size)


@dataclass(frozen=True, eq=False)
class Contribution:
    """What one vertex passes back to one of its arguments.

    `incoming` is the gradient that arrives, `local` the rule applied to a `letter` g, and
    `contribution` the rule applied to what arrived; `jacobian` is ∂of/∂to with indices. Two that
    go to the same `vertex` add up; two vertices may have one formula, such as x and −(−x).
    """

    of: Formula
    to: Formula
    op: str
    index: int
    vertex: int
    letter: Formula
    incoming: Formula
    local: Formula
    contribution: Formula
    fill: Callable[[], Formula]

    @cached_property
    def jacobian(self) -> Formula:
        """∂of/∂to with indices: the rule with δ in place of g, computed when it is asked for."""
        return self.fill()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "jacobian": self.jacobian, "fill": None}

    def __repr__(self) -> str:
        return f"<∂/∂{self.to}: {self.local} = {self.contribution}>"


@dataclass(frozen=True, eq=False)
class Derivation:
    """A gradient, derived.

    Attributes
    ----------
    title : (str, str)
        What is differentiated, and with respect to what.
    wrt, output : Formula
        The same two, as formulas.
    incoming : Formula or None
        The letter of the gradient that comes in, where the output has several entries.
    definitions : list of (Formula, Formula)
        Names, and what they stand for.
    chain : list of Contribution
        The backward pass, vertex by vertex.
    start, result : Formula
        The gradient as the backward pass leaves it, and its shortest form found.
    steps : list of Step
        The equations between the two.
    assumptions : list of Assumption
        What was assumed, and what could not be because it fails on the data.
    computed : ndarray
        The gradient as the engine computes it.
    capped : bool
        Whether the search was cut short.
    stale : tuple of str
        Names of the caller that are left out, for they were recorded from other data.
    recognised : tuple of (str, Formula)
        Arrays without a name, and what they were found to be on the data.
    faults : tuple of str
        Where the result is not the gradient that the engine computes: which operations are not
        what their definitions say.
    graph : Graph or None
        What a certificate is written from.
    drawn : dict
        What claims were tried on, for the next one.
    """

    title: tuple[str, str]
    wrt: Formula
    incoming: Formula | None
    output: Formula
    definitions: list[tuple[Formula, Formula]]
    chain: list[Contribution]
    start: Formula
    steps: list[Step]
    result: Formula
    assumptions: list[Assumption]
    computed: Array
    capped: bool
    stale: tuple[str, ...] = ()
    recognised: tuple[tuple[str, Formula], ...] = ()
    faults: tuple[str, ...] = ()
    graph: Graph | None = None
    drawn: dict[bool, Any] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "drawn": {}}

    @property
    def seed(self) -> str | None:
        """The letter of the gradient that comes in, as it is printed."""
        return None if self.incoming is None else str(self.incoming)

    def sources(self) -> dict[str, Any]:
        """Return the Tensors and arrays that the formulas are made of, by name."""
        formulas = [self.result, *(meaning for _, meaning in self.definitions)]
        return sources(formula.expr for formula in formulas)

    def certificate(self) -> dict[str, Any]:
        """Return what is claimed, for a program to check that does not trust this one.

        Returns
        -------
        dict
            Of lists, numbers and texts, as JSON holds them: the graph, the local rules, what
            letters stand for, every step with its laws, and the assumptions.
            ``python tools/verify.py FILE`` accepts or refuses it.

        Raises
        ------
        ValueError
            If the derivation was read back, or is a stage in which letters were put in.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.0, 2.0], name="z"), tg.Tensor([0.0, 1.0], name="y")
        >>> found = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
        >>> len(found.certificate()["steps"]) == len(found.steps)
        True
        """
        about = report.gradient(self)
        return certificate(about, self.graph, self.start, self.result, self.steps)

    def jacobian(self) -> Formula:
        """Return ∂output/∂wrt as a formula: the axes of the output first, then those of `wrt`.

        The result is linear in the gradient g that comes in, and g_k = δ_kj gives the row j.

        Returns
        -------
        Formula
            For an output with one entry, the result as it is.

        Raises
        ------
        ValueError
            If g stands inside an operation on whole arrays, such as a product X Xᵀ.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z = tg.Tensor([1.47, -0.39, 0.22], name="z")
        >>> a = tg.name(tg.softmax(z), "a")
        >>> jacobian = tg.derive(a, wrt=z).jacobian()
        >>> print(jacobian, "or", jacobian.text(indices=True))
        diag(a) − a aᵀ or aⱼ·δₖⱼ − aⱼ·aₖ
        """
        if self.incoming is None:
            return self.result
        letter, result = self.incoming.expr, self.result
        assert isinstance(letter, Leaf)
        row = row_of(letter)
        used = [a for a in self.assumptions if a.used]
        axes = (*(a and row[a] for a in self.incoming.axes), *result.axes)
        found = jacobian(result.expr, letter, row, Facts(Environment(), used))
        return Formula(found, axes, indexed=len(found.indices) > 2)

    @cached_property
    def residual(self) -> float:
        """Difference between the result and the gradient that the engine computes."""
        result, computed = self.result.evaluate(), np.asarray(self.computed, dtype=np.float64)
        return _apart(result, computed, [self.start.expr, self.result.expr], Environment())

    @property
    def agrees(self) -> bool:
        """Whether every step and the result hold up to rounding; what is not finite counts."""
        allowed = max(bound(self.computed), _allowed(self.start.expr))
        return not self.residual > allowed and all(step.holds for step in self.steps)

    @property
    def lines(self) -> int:
        """Number of lecture lines."""
        return len(self.lecture)

    @property
    def lecture(self) -> tuple[tuple[Step, ...], ...]:
        """The steps, line by line as a lecturer would write them.

        A line is a choice with the tidying that follows; the first may be tidying alone, and the
        same choice made again at once stays in its line.
        """
        lines: list[list[Step]] = []
        before = None
        for step in self.steps:
            again = before is not None and before.is_choice and before.rule == step.rule
            if before is None or (step.is_choice and not again):
                lines.append([])
            lines[-1].append(step)
            before = step
        return tuple(map(tuple, lines))

    def text(self, indices: bool = False, detail: str = "full") -> str:
        """Write the derivation for a terminal.

        Parameters
        ----------
        indices : bool, optional
            Write every formula with indices, such as a_j − y_j.
        detail : {"full", "lecture"}, optional
            One line per step, or one per choice with its tidying.

        Returns
        -------
        str
            Lines of Unicode text.

        Raises
        ------
        ValueError
            If `detail` is neither.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.47, -0.39, 0.22]), tg.Tensor([0.0, 1.0, 0.0])
        >>> L = tg.softmax_cross_entropy(z, y)
        >>> "softmax(z) − y" in tg.derive(L, wrt=z).text(detail="lecture")
        True
        """
        return report.text(self, indices, detail)

    def latex(self, indices: bool = False, detail: str = "full") -> str:
        """Write the derivation in LaTeX, as one aligned display; arguments as for `text`."""
        return report.latex(self, indices, detail)

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<derivation {report.gradient(self)} = {self.result}, {len(self.steps)} steps>"

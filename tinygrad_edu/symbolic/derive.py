"""From a recorded graph to a derivation: the gradient, written down and simplified step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.gradients import gradients, propagate
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.core.node import Node, slots
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Contribution, Derivation, Formula, Step
from tinygrad_edu.symbolic.draws import draws
from tinygrad_edu.symbolic.evaluate import Environment
from tinygrad_edu.symbolic.expr import (
    Expr,
    Leaf,
    Number,
    Quantity,
    Sum,
    distinct,
)
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.jacobian import filled, row_of
from tinygrad_edu.symbolic.lowering import Lowering
from tinygrad_edu.symbolic.rewrite import Rewriter
from tinygrad_edu.symbolic.rules import CHOICES, TIDYING, UNDOING
from tinygrad_edu.symbolic.rules.equations import Equation, Equations, complement_of
from tinygrad_edu.symbolic.rules.rule import Rule
from tinygrad_edu.symbolic.trace import Symbol, Trace
from tinygrad_edu.tensor import Tensor, refuse_changed

__all__ = ["Passes", "Visit", "derive", "derive_named", "passes"]


def derive(
    output: Tensor | Derivation,
    wrt: Tensor,
    assume: Iterable[str] | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
) -> Derivation:
    """Derive the gradient of a recorded graph, as a formula, step by step.

    Fused operations are opened by their definitions, the backward pass is written down by the
    rules that compute it, and named equations rewrite it until nothing shorter is found. Every
    step is checked on the recorded numbers and on random ones.

    Parameters
    ----------
    output : Tensor or Derivation
        What is differentiated. If it has several entries, the gradient is that of ⟨g, output⟩
        for a letter g of its shape: the vector-Jacobian product. Of a derivation, the result is
        differentiated again.
    wrt : Tensor
        What it is differentiated with respect to.
    assume : iterable of str, optional
        Printed statements that may be assumed, such as ``"Σy = 1"``. None allows all that hold
        on the data, ``()`` none.
    names : dict of str to Tensor or ndarray, optional
        Names for formulas; otherwise ``Tensor(..., name=)`` and the caller's variables.
    fused : iterable of str, optional
        Operations that are left whole, such as ``("softmax",)``.

    Returns
    -------
    Derivation
        With `.chain`, `.start`, `.steps`, `.result` and `.assumptions`.

    Raises
    ------
    ValueError
        If `output` does not depend on `wrt`, if an array of the graph was changed since, if the
        gradient is too long to be written down, or if an assumption or an operation is named
        that is not there.
    TypeError
        If either is no Tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> y = tg.Tensor([0.0, 1.0, 0.0])
    >>> e = tg.exp(z)
    >>> a = e / e.sum()
    >>> L = -(y * tg.log(a)).sum()
    >>> print(tg.derive(L, wrt=z).result)
    a − y

    Deriving a derivation gives second derivatives:

    >>> print(tg.derive(tg.derive(L, wrt=z), wrt=z).jacobian())
    diag(a) − a aᵀ
    """
    if not isinstance(output, Derivation):
        return derive_named(output, wrt, names_around(names, depth=1), assume, fused)
    every = Names({**output.sources(), **(names or {})}, {})
    of, by = output.title
    return _work(output.result.tensor(), wrt, every, assume, fused).derivation(f"∂{of}/∂{by}")


def derive_named(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    assume: Iterable[str] | None = None,
    fused: Iterable[str] = (),
) -> Derivation:
    """Derive as `derive` does, with names that were collected already."""
    return _work(output, wrt, names, assume, fused).derivation()


@dataclass(frozen=True, eq=False)
class Visit:
    """One rule of the backward pass: from the vertex `of` to its argument `to`.

    `incoming` is the gradient that arrives at `of`, `part` what the rule passes on. What only
    moves entries leaves no trace in formulas: it has no `contribution`.
    """

    of: Symbol
    to: Symbol
    index: int
    incoming: Symbol
    part: Symbol
    contribution: Contribution | None


@dataclass(frozen=True, eq=False)
class Passes:
    """The forward and the backward pass of a derivation, on symbols, before any algebra.

    `forward` holds every vertex of the output, arguments first; `backward` every visit, in the
    order of the pass; `letter` stands for what comes in, in a local rule; `formula` writes a
    vertex.
    """

    output: Symbol
    wrt: Symbol
    forward: list[Symbol]
    backward: list[Visit]
    letter: str
    formula: Callable[[Symbol], Formula]


def passes(output: Tensor, wrt: Tensor, names: Names, fused: Iterable[str] = ()) -> Passes:
    """Return the passes that the derivation of a gradient starts from."""
    return _work(output, wrt, names, (), fused).passes()


def _work(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    assume: Iterable[str] | None,
    fused: Iterable[str],
) -> _Work:
    for role, tensor in (("output", output), ("wrt", wrt)):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"derive: {role} is a {type(tensor).__name__}; wrap the array in Tensor(...) and "
                "compute with that, so that there is a graph"
            )
    for op in (fused := tuple(fused)):
        if op not in REGISTRY:
            raise ValueError(f"derive: fused names no operation {op!r}; see tg.ops")
    return _Work(output, wrt, assume, names, fused)


class _Work:
    """The stages of one derivation, each a method, in the order in which they run."""

    def __init__(
        self,
        output: Tensor,
        wrt: Tensor,
        assume: Iterable[str] | None,
        names: Names,
        fused: tuple[str, ...],
    ) -> None:
        self.output, self.wrt, self.names = output, wrt, names
        self.assume = [assume] if isinstance(assume, str) else assume and list(assume)
        order = ancestors(output)
        reached = depends_on(differentiable(output), [wrt])
        if output not in reached:
            raise ValueError(
                f"derive: {self._called(output, 'the output')} does not depend on "
                f"{self._called(wrt, 'wrt')}, so there is nothing to derive; check which Tensors "
                "it was computed from"
            )
        refuse_changed(order, "derive")
        self.trace = Trace(fused, names.of)
        self.symbols: dict[Node, Any] = {}
        self._replay(order)
        forward = list(self.trace.symbols)
        beside = self._replay_beside(order)
        self.letter = self.trace.unique("g")  # the gradient that comes in, where it is not known
        self.seed = self._seed()
        self.events: list[tuple[Symbol, int, Any, Any, Any, Any]] = []
        self.gradient = self._backward()
        alike = [(self.seed, self.symbols[output]), (self.gradient, self.symbols[wrt])]
        for node, index, g, part, letter, _ in self.events:
            alike += [(g, node), (letter, node), (part, node.args[index])]
        self.lowering = Lowering(self.trace, alike, forward=forward, beside=beside)
        self.start = self.lowering.lower(self.gradient)

    def _called(self, tensor: Tensor, fallback: str) -> str:
        return self.names.of(tensor) or fallback

    # --- forward and backward, on symbols ---------------------------------------------------------

    def _replay(self, nodes: Iterable[Node]) -> None:
        """Put a symbol beside every vertex."""
        trace, symbols = self.trace, self.symbols
        for node in nodes:
            assert isinstance(node, Tensor)
            if node in symbols:
                continue
            name = self.names.of(node)
            if node.op is None:
                symbols[node] = Symbol(trace, node.value, trace.unique(name or "x"))
                symbols[node].source = node
                continue
            trace.replay(node, symbols, alone=node is self.wrt)
            symbol = symbols.get(node)
            if isinstance(symbol, Symbol) and symbol.op is not None:
                symbol.value = np.asarray(node.value)  # exact, where the opened form overflows
                symbol.source = node
                if name and symbol.name is None:
                    symbol.name = trace.unique(name)

    def _replay_beside(self, order: list[Node]) -> list[Symbol]:
        """Replay what has a name and is made of the same leaves: it may name a part of a formula.

        So softmax(Z) can be called A, though the loss was computed from Z in one operation.
        """
        inside = set(order)
        leaves = {node for node in order if node.op is None}
        start = len(self.trace.symbols)
        for tensor in self.names.tensors():
            if tensor in inside or tensor.op is None:
                continue
            made_of = dict.fromkeys(ancestors(tensor))
            small = len(made_of) <= MOST_BESIDE and len(self.trace.symbols) <= start + MOST_BESIDE
            if (
                small
                and self.output not in made_of
                and leaves.issuperset(node for node in made_of if node.op is None)
            ):
                self._replay(made_of)
        return self.trace.symbols[start:]

    def _seed(self) -> Symbol:
        symbol = self.symbols[self.output]
        if self.output.size == 1:
            return self.trace.number(np.ones(symbol.shape))
        values = np.random.default_rng(0).standard_normal(symbol.shape)
        return Symbol(self.trace, values, self.letter)

    def _backward(self) -> Symbol:
        output, wrt = self.symbols[self.output], self.symbols[self.wrt]
        order = differentiable(output)
        reached = depends_on(order, [wrt])
        active = [node for node in order if node in reached]

        def watch(node: Any, index: int, g: Any, part: Any) -> None:
            # The local rule is the same rule, fed with a letter instead of what came in.
            letter = Symbol(self.trace, g.value, self.letter)
            attributes = node.attributes
            if node.op.saved is not None:
                attributes = {**attributes, "saved": node.op.saved(*node.args, **attributes)}
            local = node.op.rule_of(index)(letter, node, *node.args, **attributes)
            argument = node.args[index]
            if local.shape != argument.shape:  # the engine sums what its argument was spread over
                local = slots.sum_to(local, shape=argument.shape)
            self.events.append((node, index, g, part, letter, local))

        totals = propagate(output, self.seed, active, keep=[wrt], graph=True, watch=watch)
        result: Symbol = totals[wrt]
        return result

    # --- algebra ----------------------------------------------------------------------------------

    def derivation(self, title: str | None = None) -> Derivation:
        """Run the algebra and put the pieces together."""
        wrt = self.symbols[self.wrt]
        definitions = self._definitions()
        leaf = self.lowering.lower(wrt)
        facts = Facts(
            Environment(), self.assume, lambda x: x.quantity.definition is None and x != leaf
        )
        rules = self._rules(definitions, facts)
        longest = len(notation.text(self.start))
        found = Rewriter(rules, facts).search(
            self.start, CHOICES, accept=lambda expr: len(notation.text(expr)) <= longest
        )
        facts.refuse_unknown()
        axes = self.lowering.axes_of(self.gradient)
        used = {move.match.assumption for move in found.moves if move.match.assumption}
        checks = [Environment(), *draws([self.start], used)]
        tidy = Rewriter((*UNDOING, *TIDYING), facts)
        chain = [self._contribution(event, tidy) for event in self.events]
        seed = None if self.output.size == 1 else self.seed.value
        with np.errstate(all="ignore"):  # what is not finite is reported
            computed = gradients(self.output, self.wrt, seed=seed)
        return Derivation(
            title=(
                title or self._called(self.output, self.trace.unique("L")),
                self._wrt_in_title(leaf),
            ),
            wrt=self._formula(leaf, wrt),
            incoming=self._incoming(),
            output=self._meaning_of_output(),
            definitions=[
                (Formula(name, name.quantity.axes), Formula(meaning, name.quantity.axes))
                for name, meaning in definitions
            ],
            chain=[entry for entry in chain if entry is not None],
            start=Formula(self.start, axes),
            steps=[Step(move, axes, checks) for move in found.moves],
            result=Formula(found.expr, axes),
            assumptions=facts.assumptions(used, found.expr),
            computed=computed,
            capped=found.capped,
        )

    def passes(self) -> Passes:
        """Return both passes with their formulas."""
        tidy = Rewriter((*UNDOING, *TIDYING), Facts(Environment(), ()))
        output: Symbol = self.symbols[self.output]
        visits = [
            Visit(node, node.args[index], index, g, part, self._contribution(event, tidy))
            for event in self.events
            for node, index, g, part, _, _ in [event]
        ]
        forward: list[Symbol] = ancestors(output)  # type: ignore[assignment]  # of symbols, too
        return Passes(
            output,
            self.symbols[self.wrt],
            forward,
            visits,
            self.letter,
            lambda symbol: self._formula(self.lowering.lower(symbol), symbol),
        )

    def _wrt_in_title(self, expr: Expr) -> str:
        if isinstance(expr, Leaf):
            return expr.quantity.name
        return f"({notation.text(expr)})"

    def _incoming(self) -> Formula | None:
        if self.output.size == 1:
            return None
        return self._formula(self.lowering.lower(self.seed), self.seed)

    def _meaning_of_output(self) -> Formula:
        symbol = self.symbols[self.output]
        expr = self.lowering.lower(symbol)
        if isinstance(expr, Leaf) and expr.quantity.definition is not None:
            expr = expr.quantity.definition
        return self._formula(expr, symbol)

    def _definitions(self) -> list[tuple[Leaf, Expr]]:
        """Return every name with what it stands for: the user's, then those of opened ops."""
        lowering = self.lowering
        found: list[tuple[Leaf, Expr]] = []
        for symbol in self.trace.symbols:
            if symbol.name is not None and symbol.op is not None:
                leaf = lowering.lower(symbol)
                assert isinstance(leaf, Leaf)
                assert leaf.quantity.definition is not None
                found.append((leaf, leaf.quantity.definition))
        for opened in self.trace.opened:
            result = opened.result
            if result.name is not None or result.op is None or opened.op.name in _TRANSPARENT:
                continue
            quantity = Quantity(
                self.trace.unique(lowering.written(opened.op, opened.args, in_latex=False)),
                lowering.axes_of(result),
                opened.value,
                definition=lowering.lower(result),
                latex=lowering.written(opened.op, opened.args, in_latex=True),
                sign=opened.op.positive,
                source=lowering.call(opened),
            )
            assert quantity.definition is not None
            if quantity.definition.size > 1:
                found.append((quantity.leaf, quantity.definition))
        return found

    def _rules(self, definitions: list[tuple[Leaf, Expr]], facts: Facts) -> tuple[Rule, ...]:
        """Add the equations of this derivation to the general ones: names, then their lemmas."""
        names = Equations("name")
        lemmas, complements = Equations("lemma"), Equations("complement")
        plain = Rewriter((*UNDOING, *TIDYING), facts)
        for leaf, meaning in definitions:
            because = f"{notation.text(leaf)} = {notation.text(meaning)}"
            # A definition is put into the form that it will be met in.
            closed, _ = Rewriter((*UNDOING, names.rule(), *TIDYING), facts).close(meaning)
            for form in dict.fromkeys((closed, meaning)):
                if form.size > 1:
                    names.add(Equation(form, leaf, f"by definition {because}"))
            both = complement_of(leaf, meaning)
            if both is not None:
                if facts.sign(both[0]) == "positive":
                    facts.declare_positive(both[1])
                complements.add(Equation(*both, f"since {because}"))
            for label in sorted(leaf.labels, key=lambda label: label.order):
                total, _ = plain.close(Sum(label, meaning))
                if isinstance(total, Number):
                    lemmas.add(Equation(Sum(label, leaf), total, f"since {because}"))
        for equation in self._met_in_other_names(definitions, facts):
            names.add(equation)
        return (*UNDOING, names.rule(), complements.rule(), lemmas.rule(), *TIDYING)

    def _met_in_other_names(
        self, definitions: list[tuple[Leaf, Expr]], facts: Facts
    ) -> Iterator[Equation]:
        """Write each definition with the names of its parts, which may be folded before it is."""
        every = Equations("name", (Equation(m, leaf, "") for leaf, m in definitions if m.size > 1))
        meanings = dict(definitions)
        for leaf, meaning in definitions:

            def is_made_of_it(equation: Equation, leaf: Leaf = leaf) -> bool:
                other = equation.right
                assert isinstance(other, Leaf)
                return other == leaf or leaf in distinct(meanings[other])

            rules = (*UNDOING, every.rule(unless=is_made_of_it), *TIDYING)
            form, _ = Rewriter(rules, facts).close(meaning)
            if form.size > 1:
                because = f"by definition {notation.text(leaf)} = {notation.text(meaning)}"
                yield Equation(form, leaf, because)

    # --- the chain --------------------------------------------------------------------------------

    def _contribution(self, event: Any, tidy: Rewriter) -> Contribution | None:
        node, index, g, part, letter, local = event
        if node.op.name in _SILENT:
            return None
        lower = self.lowering.lower
        argument = node.args[index]
        rule, g_ = lower(local), lower(letter)
        assert isinstance(g_, Leaf)
        return Contribution(
            of=self._formula(lower(node), node),
            to=self._formula(lower(argument), argument),
            op=node.op.name,
            index=index,
            incoming=self._formula(lower(g), node),
            local=self._formula(rule, argument),
            contribution=self._formula(lower(part), argument),
            jacobian=self._formula(filled(rule, g_, row_of(g_), tidy), argument),
        )

    def _formula(self, expr: Expr, at: Symbol) -> Formula:
        return Formula(expr, self.lowering.axes_of(at))


#: How large a named Tensor beside the graph may be, and all of them together.
MOST_BESIDE = 64
#: Opened operations that have no letter of their own in a formula: 1/N is to be seen.
_TRANSPARENT = frozenset({"mean"})
#: Vertices that only move entries: they leave no trace in formulas.
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})

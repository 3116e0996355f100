"""The work of a derivation: both passes on symbols, then the algebra of what they leave."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients, propagate, vjp
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable, on_every_path
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.definitions import (
    Definition,
    named,
    rules_with,
    with_names_inside,
)
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Expr,
    Leaf,
    Quantity,
    distinct,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import MOST_WORK, Rewriter
from tinygrad_edu.symbolic.algebra.rules import CHOICES, TIDYING, UNDOING
from tinygrad_edu.symbolic.algebra.rules.rule import Rule
from tinygrad_edu.symbolic.derive.certificate import Graph
from tinygrad_edu.symbolic.derive.derivation import Contribution, Derivation, Formula, steps_of
from tinygrad_edu.symbolic.derive.faults import faults
from tinygrad_edu.symbolic.derive.jacobian import filled, row_of
from tinygrad_edu.symbolic.derive.loops import looped
from tinygrad_edu.symbolic.derive.lowering import Lowering
from tinygrad_edu.symbolic.derive.recognise import Known
from tinygrad_edu.symbolic.derive.trace import Symbol, Trace
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.tensor import Tensor, is_current, refuse_changed

__all__ = [
    "Leg",
    "Passes",
    "Visit",
    "Work",
    "passes",
    "refuse_without_graph",
    "work_on",
]


@dataclass(frozen=True, eq=False)
class Visit:
    """One rule of the backward pass: from the vertex `of` to its argument `to`.

    `incoming` is the gradient that arrives at `of`, `part` what the rule passes on, and `local`
    what it makes of a `letter`. What only moves entries leaves no trace in formulas: it has no
    `contribution`.
    """

    of: Symbol
    index: int
    incoming: Symbol
    part: Symbol
    letter: Symbol
    local: Any
    contribution: Contribution | None = None

    @property
    def to(self) -> Symbol:
        """The argument."""
        argument: Symbol = self.of.args[self.index]
        return argument


@dataclass(frozen=True, eq=False)
class Passes:
    """The forward and the backward pass of a derivation, on symbols, before any algebra.

    `forward` holds every vertex of the output, arguments first; `backward` every visit, in the
    order of the pass; `letter` stands for what comes in, in a local rule; `formula` writes a
    vertex, and `tidied` a formula with what it holds called by name.
    """

    output: Symbol
    wrt: Symbol
    forward: list[Symbol]
    backward: list[Visit]
    letter: str
    formula: Callable[[Symbol], Formula]
    tidied: Callable[[Formula], Formula]

    @property
    def incoming(self) -> Any:
        """The numbers that the backward pass begins with."""
        return next((v.incoming.value for v in self.backward), np.ones(self.output.shape))


def passes(output: Tensor, wrt: Tensor, names: Names, fused: Iterable[str] = ()) -> Passes:
    """Return the passes that the derivation of a gradient starts from."""
    return work_on(output, wrt, names, (), fused).passes()


def refuse_without_graph(who: str, output: Any, wrt: Any) -> None:
    """Raise where what is to be derived, or what by, is no Tensor."""
    for role, tensor in (("output", output), ("wrt", wrt)):
        if not isinstance(tensor, Tensor):
            mend = "wrap the array in Tensor(...) and compute with that, so that there is a graph"
            if isinstance(tensor, list | tuple):
                mend = f"pass one Tensor, and call {who} once for each"
            elif isinstance(tensor, str):
                mend = "pass the Tensor itself"
            elif callable(tensor):
                mend = "call it on Tensors, and pass what it returns"
            raise TypeError(f"{who}: {role} is a {type(tensor).__name__}; {mend}")


def work_on(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    assume: Iterable[str] | None = None,
    fused: Iterable[str] = (),
    *,
    staged: bool = False,
    title: str | None = None,
) -> Work:
    """Check the arguments of a derivation, and run both passes."""
    refuse_without_graph("derive", output, wrt)
    for op in (fused := tuple(fused)):
        if op not in REGISTRY:
            raise ValueError(f"derive: fused names no operation {op!r}; see tg.ops")
    return Work(output, wrt, assume, names, fused, staged, title)


@dataclass(frozen=True, eq=False)
class Leg:
    """A part of the backward pass: from one vertex, where `seed` comes in, to another."""

    output: Tensor
    wrt: Tensor
    seed: Symbol
    gradient: Symbol
    visits: list[Visit]


class Work:
    """The stages of one derivation, each a method, in the order in which they run.

    If it is `staged`, the backward pass is done in legs, from one named vertex to the next.
    """

    def __init__(
        self,
        output: Tensor,
        wrt: Tensor,
        assume: Iterable[str] | None,
        names: Names,
        fused: tuple[str, ...],
        staged: bool,
        title: str | None,
    ) -> None:
        self.output, self.wrt, self.names = output, wrt, names
        self.assume = [assume] if isinstance(assume, str) else assume and list(assume)
        order, active = ancestors(output), differentiable(output)
        reached = depends_on(active, [wrt])
        if output not in reached:
            raise ValueError(
                f"derive: {self._called(output, 'the output')} does not depend on "
                f"{self._called(wrt, 'wrt')}, so there is nothing to derive; check which Tensors "
                "it was computed from"
            )
        refuse_changed(order, "derive", names.of)
        self.symbols: dict[Node, Any] = {}
        self.trace = Trace(fused, names.of, self._known(order), names.words())
        self.stale: list[str] = []  # names beside the graph that were recorded from other data
        self.stops: list[Any] = [output, wrt]  # where a leg ends and the next begins
        if staged:
            through = on_every_path([node for node in active if node in reached])[1:-1]
            self.stops[1:1] = [node for node in through if names.in_formulas(node)]
        self.trace.looped = looped(order, self.trace.known)
        self._replay(order)
        forward = list(self.trace.symbols)
        recognised = list(dict.fromkeys(self.trace.recognised))
        beside = self._replay_beside(order)
        self.letter = self.trace.unique("g")  # the gradient that comes in, where it is not known
        self.title = title or self._called(output, self.trace.unique("L"))
        self.legs: list[Leg] = []
        self.worked = 0  # what all searches have looked at
        for leg in itertools.pairwise(self.stops):
            self.legs.append(self._backward(*leg))
        self.trace.forget_names()
        self.visits = [visit for leg in self.legs for visit in leg.visits]
        alike = []
        for each in self.legs:
            alike += [(each.seed, self.symbols[each.output])]
            alike += [(each.gradient, self.symbols[each.wrt])]
        for visit in self.visits:
            alike += [(visit.incoming, visit.of), (visit.letter, visit.of), (visit.part, visit.to)]
        self.lowering = Lowering(self.trace, alike, forward=forward, beside=beside)
        # What was recognised has a letter only to say so.
        self.recognised = [
            (self.lowering.spare_name(), self._formula(self.lowering.lower(symbol), symbol))
            for symbol in recognised
        ]

    def _called(self, tensor: Tensor, fallback: str) -> str:
        return self.names.of(tensor) or fallback

    # --- forward and backward, on symbols ---------------------------------------------------------

    def _replay(self, nodes: Iterable[Node]) -> None:
        """Put a symbol beside every vertex."""
        trace, symbols = self.trace, self.symbols
        apart = set(self.stops[1:])
        for node in nodes:
            assert isinstance(node, Tensor)
            if node in symbols:
                continue
            if node.op is None:
                self._leaf(node)
                continue
            name = self.names.in_formulas(node)
            trace.replay(node, symbols, alone=node in apart)
            symbol = symbols.get(node)
            if isinstance(symbol, Symbol) and symbol.op is not None:
                symbol.value = np.asarray(node.value)  # exact, where the opened form overflows
                symbol.source = node
                if name and symbol.name is None:
                    symbol.name = trace.unique(name)

    def _leaf(self, leaf: Tensor) -> Symbol:
        """Return the symbol of a leaf."""
        found: Symbol | None = self.symbols.get(leaf)
        if found is None:
            name = self.trace.unique(self.names.in_formulas(leaf) or "x")
            found = self.symbols[leaf] = Symbol(self.trace, leaf.value, name)
            found.source = leaf
        return found

    def _known(self, order: list[Node]) -> list[Known]:
        """Return the named arrays that others may be computed from, those of the graph first.

        What is differentiated with respect to is none: what was computed from it is constant.
        """
        found: dict[int, Known] = {}
        for each in (*order, *(a for n in order for a in n.args), *self.names.everything()):
            if isinstance(each, Tensor):
                if each.op is None and each is not self.wrt and self.names.of(each):
                    found[id(each)] = Known(partial(self._leaf, each), each.value)
            elif isinstance(each, np.ndarray) and each.ndim and self.names.of(each):
                symbol = partial(lambda array: self.trace.symbol_of(array), each)
                found[id(each)] = Known(symbol, each)
        return list(found.values())

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
                if is_current(made_of):
                    self._replay(made_of)
                else:
                    self.stale.append(self._called(tensor, ""))
        return self.trace.symbols[start:]

    def _seed(self, of: Tensor) -> Symbol:
        """Return the gradient that comes in: 1, a letter, or one for what was found before."""
        symbol = self.symbols[of]
        if self.legs:
            name = "δ" if len(self.stops) == 3 else f"δ_{self.names.in_formulas(of)}"
            return Symbol(self.trace, self.legs[-1].gradient.value, self.trace.unique(name))
        if of.size == 1:
            return self.trace.number(np.ones(symbol.shape))
        values = np.random.default_rng(0).standard_normal(symbol.shape)
        return Symbol(self.trace, values, self.letter, "the gradient that comes in")

    def _backward(self, of: Tensor, by: Tensor) -> Leg:
        output, wrt = self.symbols[of], self.symbols[by]
        order = differentiable(output)
        reached = depends_on(order, [wrt])
        active = [node for node in order if node in reached]
        visits: list[Visit] = []
        seed = self._seed(of)

        def watch(node: Any, index: int, g: Any, part: Any) -> None:
            # The local rule is the same rule, fed with a letter instead of what came in.
            letter = Symbol(self.trace, g.value, self.letter, "the gradient that comes in")
            local = vjp(node, index, letter, graph=True)
            visits.append(Visit(node, index, g, part, letter, local))

        totals = propagate(output, seed, active, keep=[wrt], graph=True, watch=watch)
        return Leg(of, by, seed, totals[wrt], visits)

    # --- algebra ----------------------------------------------------------------------------------

    def derivation(self) -> Derivation:
        """Run the algebra and put the pieces together."""
        found = self.lemma(self.legs[0])
        self.facts.refuse_unknown()
        return found

    @cached_property
    def facts(self) -> Facts:
        """What is known of the letters; nothing may be assumed of what varies."""
        varying = self._varying()
        return Facts(Environment(), self.assume, lambda x: x.quantity not in varying)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The equations of this derivation, with the general ones that make every form simpler."""
        return rules_with(self.definitions, self.facts, self.lowering.every_index())

    @cached_property
    def rewriter(self) -> Rewriter:
        """What applies these equations; it remembers from stage to stage where none does."""
        return Rewriter(self.rules, self.facts)

    @cached_property
    def meanings(self) -> list[tuple[Formula, Formula]]:
        """Every name with what it stands for, written with the names of opened operations."""
        return [
            (Formula(name, name.quantity.axes), Formula(meaning, name.quantity.axes))
            for name, meaning in with_names_inside(self.definitions)
        ]

    def lemma(self, leg: Leg) -> Derivation:
        """Derive one leg by itself, with a letter for the gradient that comes in."""
        with np.errstate(all="ignore"):  # what is not finite is reported
            seed = None if leg.seed.is_number else leg.seed.value
            computed = gradients(leg.output, leg.wrt, seed=seed)
        tidy = Rewriter((*UNDOING, *TIDYING), self.facts)
        chain = [self._contribution(visit, tidy) for visit in leg.visits]
        incoming = None
        if not leg.seed.is_number:
            incoming = self._formula(self.lowering.lower(leg.seed), leg.seed)
        return self.simplified(
            self.lowering.lower_at(self.symbols[leg.wrt], leg.gradient),
            leg,
            of=leg.output,
            computed=computed,
            incoming=incoming,
            chain=[entry for entry in chain if entry is not None],
            graph=Graph(
                self.lowering,
                {"output": self.symbols[leg.output], "wrt": self.symbols[leg.wrt]},
                leg.visits,
                leg.seed,
            ),
        )

    def simplified(
        self,
        start: Expr,
        leg: Leg,
        *,
        of: Tensor,
        computed: Any,
        incoming: Formula | None,
        chain: list[Contribution],
        graph: Graph | None = None,
        limit: int = MOST_WORK,
    ) -> Derivation:
        """Rewrite a formula of a leg's gradient until nothing shorter is found."""
        wrt = self.symbols[leg.wrt]
        leaf = self.lowering.lower(wrt)
        found = self.rewriter.search(
            start, CHOICES, accept=lambda expr: expr.size <= start.size, limit=limit
        )
        self.worked += found.work
        axes = self.lowering.axes_of(wrt)
        steps = steps_of(found.moves, start, axes, self.facts)
        used = {step.assumption for step in steps if step.assumption}
        derivation = Derivation(
            title=(self._called(of, self.title), _title_of(leaf)),
            wrt=self._formula(leaf, wrt),
            incoming=incoming,
            output=self.meaning_of(of),
            definitions=self.meanings,
            chain=chain,
            graph=graph,
            start=Formula(start, axes),
            steps=steps,
            result=Formula(found.end, axes),
            assumptions=self.facts.assumptions(used, found.end),
            computed=computed,
            capped=found.capped,
            stale=tuple(self.stale),
            recognised=tuple(self.recognised),
        )
        return derivation if derivation.agrees else replace(derivation, faults=faults(self.trace))

    def _varying(self) -> set[Quantity]:
        """Return the letters that vary with what is differentiated with respect to."""
        lower = self.lowering.lower
        wrt = lower(self.symbols[self.wrt])
        letters = [wrt, *(lower(leg.seed) for leg in self.legs)]
        varying = {letter.quantity for letter in letters if isinstance(letter, Leaf)}
        for leaf, meaning in self.definitions:
            if any(
                part == wrt or (isinstance(part, Leaf) and part.quantity in varying)
                for part in distinct(meaning)
            ):
                varying.add(leaf.quantity)
        return varying

    def passes(self) -> Passes:
        """Return both passes with their formulas."""
        tidy = Rewriter((*UNDOING, *TIDYING), Facts(Environment(), ()))
        output: Symbol = self.symbols[self.output]
        visits = [replace(v, contribution=self._contribution(v, tidy)) for v in self.visits]
        forward: list[Symbol] = ancestors(output)  # type: ignore[assignment]  # of symbols, too
        return Passes(
            output,
            self.symbols[self.wrt],
            forward,
            visits,
            self.letter,
            lambda symbol: self._formula(self.lowering.lower(symbol), symbol),
            lambda formula: Formula(self.rewriter.close(formula.expr)[0], formula.axes),
        )

    def meaning_of(self, tensor: Tensor) -> Formula:
        """Return the formula of a vertex, that of its definition where it has a name."""
        symbol = self.symbols[tensor]
        expr = self.lowering.lower(symbol)
        if isinstance(expr, Leaf) and expr.quantity.definition is not None:
            expr = expr.quantity.definition
        return self._formula(expr, symbol)

    @cached_property
    def definitions(self) -> list[Definition]:
        """Return every name with what it stands for: the user's, then those of opened ops."""
        lowering = self.lowering
        found: list[Definition] = []
        for symbol in self.trace.symbols:
            if symbol.name is not None and symbol.op is not None:
                leaf = lowering.lower(symbol)
                assert isinstance(leaf, Leaf)
                assert leaf.quantity.definition is not None
                found.append((leaf, leaf.quantity.definition))
        so_far: list[Definition] = []
        for opened in self.trace.opened:
            result = opened.result
            if result.name is not None or result.op is None or opened.op.name in _TRANSPARENT:
                continue
            quantity = lowering.name_of(opened, named(so_far))
            assert quantity.definition is not None
            if quantity.definition.size > 1:
                so_far.append((quantity.leaf, quantity.definition))
        return found + so_far

    # --- the chain --------------------------------------------------------------------------------

    def _contribution(self, visit: Visit, tidy: Rewriter) -> Contribution | None:
        node, argument = visit.of, visit.to
        assert node.op is not None
        if node.op.name in _SILENT:
            return None
        lower, lower_at = self.lowering.lower, self.lowering.lower_at
        rule, g = lower_at(argument, visit.local), lower(visit.letter)
        assert isinstance(g, Leaf)
        axes = self.lowering.axes_of(argument)
        return Contribution(
            of=self._formula(lower(node), node),
            to=self._formula(lower(argument), argument),
            op=node.op.name,
            index=visit.index,
            vertex=_without_moves(argument).serial,
            letter=Formula(g.quantity.leaf, g.quantity.axes),
            incoming=self._formula(lower_at(node, visit.incoming), node),
            local=self._formula(rule, argument),
            contribution=self._formula(lower_at(argument, visit.part), argument),
            # Without `self`, which holds every variable of the caller.
            fill=lambda: Formula(filled(rule, g, row_of(g), tidy), axes),
        )

    def _formula(self, expr: Expr, at: Symbol) -> Formula:
        return Formula(expr, self.lowering.axes_of(at))


#: How large a named Tensor beside the graph may be, and all of them together.
MOST_BESIDE = 64
#: Opened operations that have no letter of their own in a formula: 1/N is to be seen.
_TRANSPARENT = frozenset({"mean"})
#: Vertices that only move entries: they leave no trace in formulas.
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})


def _title_of(expr: Expr) -> str:
    return expr.quantity.name if isinstance(expr, Leaf) else f"({notation.text(expr)})"


def _without_moves(symbol: Symbol) -> Symbol:
    """Return the vertex that another one shows, where what lies between only moves entries."""
    while symbol.op is not None and symbol.op.name in _SILENT:
        symbol = symbol.args[0]
    return symbol

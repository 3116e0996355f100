"""What follows from the definitions of names: the equations that one derivation brings along."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Expr,
    Index,
    Leaf,
    Number,
    Opaque,
    Sum,
    distinct,
    opposite,
    parts,
    replace,
    sum_over,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Rewriter
from tinygrad_edu.symbolic.algebra.rules import TIDYING, UNDOING
from tinygrad_edu.symbolic.algebra.rules.arithmetic import distribute
from tinygrad_edu.symbolic.algebra.rules.cases import opposite_of
from tinygrad_edu.symbolic.algebra.rules.equations import Equation, Equations, complement_of
from tinygrad_edu.symbolic.algebra.rules.rule import ZERO, Rule, is_call
from tinygrad_edu.symbolic.algebra.rules.sums import sum_of_terms

__all__ = ["Definition", "named", "rules_with", "with_names_inside"]

Definition = tuple[Leaf, Expr]  # a name, and what it stands for


def rules_with(
    definitions: Sequence[Definition], facts: Facts, indices: Sequence[Index] = ()
) -> tuple[Rule, ...]:
    """Add the equations of a derivation to the general ones: names, then their lemmas.

    Where arrays have several of the `indices` of one range, what holds at one holds at the others.
    """
    names = Equations("name")
    lemmas, complements = Equations("lemma"), Equations("complement")
    plain = Rewriter((*UNDOING, *TIDYING), facts)
    definitions = [each for each in definitions if not _has_a_better_name(*each, plain)]
    shown = dict(with_names_inside(definitions))
    for leaf, meaning in definitions:
        because = f"{leaf} = {shown[leaf].written(axes=leaf.axes)}"
        # A definition is put into the form that it will be met in.
        closed, _ = Rewriter((*UNDOING, names.rule(), *TIDYING), facts).close(meaning)
        for form in dict.fromkeys((closed, meaning)):
            if form.size > 1:
                names.add(Equation(form, leaf, f"by definition {because}"))
        call = leaf.quantity.source
        if isinstance(call, Opaque) and call.op.elementwise:
            applied = Apply(call.op, call.args, call.attributes)
            names.add(Equation(applied, leaf, f"by definition {because}"))
        for equation in _complements(leaf, meaning, because, facts):
            complements.add(equation)
        for lemma in (*_sums(leaf, meaning, because, plain), *_gates(leaf, closed, because)):
            lemmas.add(lemma)
    for leaf, form, because in _met_in_other_names(definitions, shown, facts):
        names.add(Equation(form, leaf, f"by definition {because}"))
        for equation in _complements(leaf, form, because, facts):
            complements.add(equation)
    for equations in (names, complements, lemmas):
        for equation in list(equations):
            for names_of in _other_indices(equation.left, indices):
                equations.add(equation.renamed(names_of))
    return (*UNDOING, names.rule(), complements.rule(), lemmas.rule(), *TIDYING)


def _has_a_better_name(leaf: Leaf, meaning: Expr, plain: Rewriter) -> bool:
    """Whether an opened call is one of something shorter: softmax(z − c) is softmax(z)."""
    call = leaf.quantity.source
    if not isinstance(call, Opaque) or call.op.elementwise:
        return False
    closed, _ = plain.close(meaning)
    return isinstance(closed, Opaque) and closed.op is call.op and closed.size < call.size


def with_names_inside(definitions: Sequence[Definition]) -> Iterator[Definition]:
    """Yield each name with what it stands for, written with the names of opened operations."""
    opened = [each for each in definitions if isinstance(each[0].quantity.source, Opaque)]
    for leaf, meaning in definitions:
        folding = named(opened, unless=leaf)  # or √Σx² would be shown as √(‖x‖²)
        yield leaf, meaning.rebuild(tuple(map(folding, meaning.children)))


def named(
    definitions: Sequence[Definition], *, unless: Leaf | None = None
) -> Callable[[Expr], Expr]:
    """Return what puts names for what they stand for, as a whole or among factors.

    The name `unless` is left out.
    """
    known = [(leaf, meaning) for leaf, meaning in definitions if leaf != unless]
    if not known:
        return lambda expr: expr
    names = Equations("name", (Equation(meaning, leaf, "") for leaf, meaning in known))
    rewriter = Rewriter((names.rule(),), Facts(Environment(), ()))
    return lambda expr: rewriter.close(expr)[0]


def _other_indices(expr: Expr, indices: Sequence[Index]) -> Iterator[dict[Index, Index]]:
    """Yield all other ways to write an expression with indices of the same ranges."""
    own = sorted(expr.indices, key=lambda index: index.order)
    if not any(index.range.repeated for index in own):
        return
    choices = [[other for other in indices if other.range is index.range] for index in own]
    for others in itertools.product(*choices):
        if len({*others}) == len(own) and list(others) != own:
            yield dict(zip(own, others, strict=True))


def _since(because: str, left: Expr, right: Expr, assumption: str | None = None) -> Equation:
    """Return a lemma whose reason says what it is and what it follows from."""
    return Equation(left, right, f"{left} = {right}, since {because}", assumption)


def _sums(leaf: Leaf, meaning: Expr, because: str, plain: Rewriter) -> Iterator[Equation]:
    """Yield what a quantity sums to along an axis, where that is a number."""
    for index in sorted(leaf.indices, key=lambda index: index.order):
        found, moves = plain.close(sum_over((index,), meaning))
        opened = _opened(meaning, index)
        if not isinstance(found, Number) and opened != meaning:
            summed = sum_over((index,), opened)
            search = plain.search(summed, (sum_of_terms,), patience=3, limit=1000)
            found, moves = search.end, search.moves
        assumed = [move for move in moves if move.match.assumption]
        if isinstance(found, Number) and not assumed:
            yield _since(because, sum_over((index,), leaf), found)
        elif plain.facts.is_fixed(meaning):
            yield from _shares(leaf, meaning, index, because, plain)


def _shares(
    leaf: Leaf, meaning: Expr, index: Index, because: str, plain: Rewriter
) -> Iterator[Equation]:
    """Yield Σq = 1 for q = (1 − ε)·y + ε/K, and Σ_k q = x_n for q = x_n·y_k, since Σy = 1."""
    summed = sum_over((index,), meaning)
    search = plain.search(summed, (sum_of_terms, distribute), patience=3, limit=1000)
    assumed = [move for move in search.moves if move.match.assumption]
    if not assumed or not isinstance(search.end, Number | Leaf):
        return
    left, statements = sum_over((index,), leaf), {move.match.assumption for move in assumed}
    if len(statements) == 1:
        (statement,) = statements
        yield _since(f"{because} and {statement}", left, search.end, statement)
    elif plain.close(assumed[0].before)[0] == search.end:  # a step rests on one statement
        yield _since(because, left, assumed[0].before)


def _complements(leaf: Leaf, form: Expr, because: str, facts: Facts) -> Iterator[Equation]:
    """Yield u·z = c − n·z for a quantity z = c/(n + u), and enter that 1 − z is positive, if so."""
    both = complement_of(leaf, form)
    if both is not None:
        if facts.sign(both[0]) == "positive":
            facts.declare_positive(both[1])
        yield _since(because, *both)
    if is_call(form, ops.sigmoid) and not isinstance(leaf.quantity.source, Opaque):
        turned, right = ops.sigmoid(opposite(form.children[0])), 1 - leaf
        yield Equation(turned, right, f"σ(−x) = 1 − σ(x), and {because}")


def _gates(leaf: Leaf, meaning: Expr, because: str) -> Iterator[Equation]:
    """Yield what a gate does to a quantity that has it already, or the opposite one."""
    for condition, _ in parts(meaning)[1]:
        opposite = opposite_of(condition)
        if opposite is not None:
            yield _since(because, leaf * condition, leaf)
            yield _since(because, leaf * opposite, ZERO)


def _opened(meaning: Expr, index: Index) -> Expr:
    """Put in what sums along an axis are called: Σ(x − μ) is 0 because of what μ is."""
    for part in distinct(meaning):
        if not isinstance(part, Leaf) or index in part.indices or part != part.quantity.leaf:
            continue
        inside = part.quantity.definition
        if inside is not None and any(
            isinstance(each, Sum) and each.index is index for each in distinct(inside)
        ):
            # Inside a sum it meets the sum's own index.
            meaning = replace(meaning, {part: inside})
    return meaning


def _met_in_other_names(
    definitions: Sequence[Definition], shown: Mapping[Leaf, Expr], facts: Facts
) -> Iterator[tuple[Leaf, Expr, str]]:
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
            yield leaf, form, f"{leaf} = {shown[leaf].written(axes=leaf.axes)}"

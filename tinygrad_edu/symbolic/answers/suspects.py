"""What may have gone wrong with an answer, found by trying.

Each usual slip is made on the true gradient, or mended in the claim; the first one that makes the
two the same, on all numbers tried, is the suspect. What is looked for first is most specific.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Quantity,
    Sum,
    distinct,
    number,
    parts,
    power,
    product,
    rename,
    replace,
    total,
)
from tinygrad_edu.symbolic.algebra.rules.cases import opposite_of
from tinygrad_edu.symbolic.algebra.rules.rule import ONE
from tinygrad_edu.symbolic.answers.backward import Backward, Segment
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, of_tree
from tinygrad_edu.symbolic.answers.mends import mends
from tinygrad_edu.symbolic.answers.trials import Array, Trial, agree, computed, environments
from tinygrad_edu.symbolic.derive.derivation import Derivation, Formula
from tinygrad_edu.symbolic.notation.reader import Misfit
from tinygrad_edu.symbolic.notation.written import text

__all__ = ["Suspect", "suspect_of", "suspect_of_misfit"]

#: So many small changes of a claim are tried, and fewer of one with many parts.
MOST_MENDS, WORK = 600, 8000


@dataclass(frozen=True)
class Suspect:
    """A slip that reproduces the claim.

    `kind` is one word for it: "sign", "factor 2", "factor N" (or of another letter), "transpose",
    "chain factor", "diagonal", "assumption", "term", "order", "power", "variable" and so on;
    `sentence` says it of this claim.
    """

    kind: str
    sentence: str


#: A slip, and what the gradient becomes with it; None where that cannot be computed.
Slip = tuple[Suspect, Callable[[Trial], Array | None]]


def suspect_of(
    derivation: Derivation, letters: Letters, claim: Claim, trials: Sequence[Trial]
) -> Suspect | None:
    """Return the slip that reproduces a wrong claim, or None."""
    if not any(trial.claimed.any() for trial in trials):
        return None
    for tried in (trials, [trial for trial in trials if trial.where != "other sizes"]):
        found = _on_the_gradient(derivation, letters, tried)
        if found is not None:
            return found
    found = suspect_of_misfit(letters, claim) or _multiple(trials)
    return found or _of_one_hot(trials) or _on_the_gradient(derivation, letters, trials, sign=-1)


def _on_the_gradient(
    derivation: Derivation, letters: Letters, trials: Sequence[Trial], sign: int = 1
) -> Suspect | None:
    """Make every slip on the gradient, perhaps with a wrong sign as well."""
    forms = [letters.target]
    if letters.target is derivation.result:
        forms += [derivation.start, *_opened(letters.target)]
    slips = itertools.chain(
        _factors(letters),
        _transposed(),
        _summed(),
        _the_output(derivation),
        _unsummed(letters.target),
        _assumed(letters.target),
        *(_in_one_term(form, letters) for form in forms),
        _taken_for_equal(letters.target),
        _in_the_chain(derivation, letters),
        *(_left_out(form) for form in forms),
        _numbers(letters),
    )
    for suspect, made in slips:
        if _reproduces(made if sign > 0 else _negative(made), trials):
            if sign < 0:
                return Suspect("sign", f"sign, and with it {suspect.sentence}")
            return suspect
    return None


def _negative(made: Callable[[Trial], Array | None]) -> Callable[[Trial], Array | None]:
    return lambda trial: None if (array := made(trial)) is None else -array


def _opened(whole: Formula) -> Iterator[Formula]:
    """Yield a formula with what a name stands for in its place, for each of its names."""
    for leaf in distinct(whole.expr):
        if isinstance(leaf, Leaf) and leaf.quantity.definition is not None:
            moved = dict(zip(leaf.quantity.leaf.axes, leaf.axes, strict=True))
            meaning = rename(leaf.quantity.definition, moved)
            yield Formula(replace(whole.expr, {leaf: meaning}), whole.axes)


def _the_output(derivation: Derivation) -> Iterator[Slip]:
    """Yield what is differentiated, in the place of its gradient."""
    name = " ".join(derivation.title[0].split())

    def made(trial: Trial) -> Array | None:
        value = derivation.output.on(trial.env)
        return np.full(trial.truth.shape, value) if value.ndim == 0 else None

    yield Suspect("output", f"not derived: the claim is {name} itself"), made


def _reproduces(made: Callable[[Trial], Array | None], trials: Sequence[Trial]) -> bool:
    """Whether a slip gives the claim wherever both can be computed, and somewhere they can."""
    met = False
    for trial in trials:
        with np.errstate(all="ignore"):
            array = made(trial)
        if array is None:
            continue
        found = agree(trial, array)
        if found is False:
            return False
        met = met or found is True
    return met


# --- factors --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Factor:
    """What a gradient may be multiplied by: a kind of slip, its letters above and below, a size."""

    kind: str
    above: str
    below: str
    size: Callable[[Trial], float]


_SIGN = _Factor("sign", "−1", "", lambda trial: -1.0)
_TWICE = _Factor("factor 2", "2", "", lambda trial: 2.0)
_HALF = _Factor("factor 2", "", "2", lambda trial: 0.5)


def _factors(letters: Letters) -> Iterator[Slip]:
    """Yield −1, 2, N and their inverses, then two of them at once, then three."""
    lengths = [f for letter, index in letters.ranges.items() for f in _lengths(letter, index)]
    every = [_SIGN, _TWICE, _HALF, *lengths]
    for count in (1, 2, 3):
        for factors in itertools.combinations(every, count):
            written = [letter for f in factors for letter in f.above + f.below if letter.isalnum()]
            if len(set(written)) == len(written):  # 2 and 1/2 make nothing
                yield _multiplied(factors)


def _lengths(letter: str, index: Index) -> tuple[_Factor, ...]:
    kind = f"factor {letter}"
    return (
        _Factor(kind, letter, "", lambda trial: float(trial.env.length(index))),
        _Factor(kind, "", letter, lambda trial: 1 / trial.env.length(index)),
        _Factor(kind, f"{letter}²", "", lambda trial: float(trial.env.length(index)) ** 2),
    )


def _numbers(letters: Letters) -> Iterator[Slip]:
    """Yield every letter that stands for a number as a factor too many, or too few."""
    for quantity in letters.quantities.values():
        for factor in _of_a_number(quantity) if not quantity.axes else ():
            yield _multiplied((factor,))
            yield _multiplied((_SIGN, factor))


def _of_a_number(quantity: Quantity) -> Iterator[_Factor]:
    """Yield a letter that stands for a number, such as T, its square, and one over both."""
    for power_ in (1, 2):
        letter = quantity.name + ("²" if power_ == 2 else "")
        for above, below, sign in ((letter, "", power_), ("", letter, -power_)):

            def size(trial: Trial, sign: int = sign) -> float:
                return float(np.float64(trial.env.array(quantity.leaf, ())) ** sign)

            yield _Factor(f"factor {quantity.name}", above, below, size)


def _multiplied(factors: Sequence[_Factor]) -> Slip:
    names = " and ".join(dict.fromkeys(factor.kind for factor in factors))
    above = "·".join(factor.above for factor in factors if factor.above) or "1"
    below = "·".join(factor.below for factor in factors if factor.below)
    below = f"({below})" if "·" in below else below
    times = f"{above}/{below}" if below else above
    suspect = Suspect(factors[0].kind, f"{names}: the claim is {times} times the gradient")
    return suspect, lambda trial: trial.truth * math.prod(factor.size(trial) for factor in factors)


def _multiple(trials: Sequence[Trial]) -> Suspect | None:
    """Find any other number that the gradient was multiplied by."""
    first = trials[0]
    if first.truth.shape != first.claimed.shape or not first.truth.size:
        return None
    place = np.unravel_index(np.argmax(np.abs(first.truth)), first.truth.shape)
    with np.errstate(all="ignore"):
        factor = first.claimed[place] / first.truth[place]
    if not np.isfinite(factor) or not _reproduces(lambda trial: trial.truth * factor, trials):
        return None
    return Suspect("constant factor", f"a factor: the claim is {factor:.6g} times the gradient")


# --- shapes ---------------------------------------------------------------------------------------


def _transposed() -> Iterator[Slip]:
    said = "missing transpose: the claim is the transpose of the gradient"
    yield Suspect("transpose", said), lambda trial: trial.truth.T if trial.truth.ndim > 1 else None


def _summed() -> Iterator[Slip]:
    """Yield the sum and the mean of all entries in the place of each."""
    for name, total_of in (("sum", np.sum), ("mean", np.mean)):
        said = f"summed too far: the claim is the {name} of all entries of the gradient"
        yield (
            Suspect("axis", said),
            lambda trial, total_of=total_of: (  # type: ignore[misc]  # a default fixes it
                np.full(trial.truth.shape, total_of(trial.truth))
            ),
        )


def _of_one_hot(trials: Sequence[Trial]) -> Suspect | None:
    """Say that a claim is right on data that are one-hot, if it is, and not elsewhere."""
    data = trials[0]
    rows = [
        name
        for q, a in data.env.arrays.items()
        if (name := q.name)
        and np.ndim(a)
        and set(np.unique(a)) == {0.0, 1.0}
        and np.all(np.sum(a, axis=-1) == 1)
    ]
    if len(rows) == 1 and agree(data, data.truth):
        said = f"right on the data alone, where {rows[0]} is one-hot, and not for other {rows[0]}"
        return Suspect("assumption", said)
    return None


def _unsummed(result: Formula) -> Iterator[Slip]:
    """Yield every sum of the result left out, so that the claim keeps the axes it runs over."""
    kept = [axis for axis in result.axes if axis is not None]
    for place in distinct(result.expr):
        if not isinstance(place, Sum):
            continue
        indices, body = [place.index], place.body
        while isinstance(body, Sum):
            indices.append(body.index)
            body = body.body
        without = replace(result.expr, {place: body})
        summed = Suspect(
            "broadcast sum", f"missing broadcast sum: the sum in {text(place)} was left out"
        )
        entrywise = Suspect(
            "product", f"kind of product: it is right with a matrix product in {text(place)}"
        )
        multiplied = sum(place.index in base.indices for base, _ in parts(body)[1]) > 1
        every = [*kept, *indices]
        if len(set(every)) < len(every) or not without.indices <= set(every):
            continue  # the index is in use outside of the sum as well
        found = [axis for axis in every if axis in without.indices]
        for axes in {*itertools.permutations(every), *itertools.permutations(found)}:
            suspect = entrywise if multiplied and len(axes) < 3 else summed
            yield suspect, _on(Formula(without, axes))


def _on(formula: Formula) -> Callable[[Trial], Array | None]:
    return lambda trial: formula.on(trial.env)


def suspect_of_misfit(letters: Letters, claim: Claim) -> Suspect | None:
    """Find one small change that makes the claim right, or so many times the gradient."""
    scenes = [(where, env, letters.target.on(env)) for where, env in environments(letters)]
    size = 1 if claim.tree is None else sum(1 for _ in claim.tree.walk())
    second = None
    for suspect, mended in itertools.islice(_mended(letters, claim), min(MOST_MENDS, WORK // size)):
        times = _times_right(letters, mended, scenes)
        if times == 1:
            return suspect
        if times is not None and second is None:
            scaled = f"it is {times:g} times the gradient".replace("-", "−")
            second = Suspect(suspect.kind, suspect.sentence.replace("it is right", scaled))
    return second


def _times_right(
    letters: Letters, claim: Claim, there: Sequence[tuple[str, Environment, Array]]
) -> float | None:
    """Return 1 if a claim is right, 2, 1/2 or −1 if it is so many times the gradient."""
    left = [1.0, 2.0, 0.5, -1.0]
    met = False
    for where, env, truth in there:
        try:
            claimed = computed(letters, claim, env)
        except (ValueError, TypeError, IndexError, AttributeError):
            return None
        found = {t: agree(Trial(where, env, truth, claimed), t * truth) for t in left}
        left = [t for t in left if found[t] is not False and (found[t] or met)]
        agrees = any(found[t] for t in left)
        if not left or (agrees and (np.isfinite(truth) & ~np.isfinite(claimed)).any()):
            return None
        met = True
    return left[0] if left else None


def _mended(letters: Letters, claim: Claim) -> Iterator[tuple[Suspect, Claim]]:
    """Yield a claim with one small change, and what is said of it."""
    if claim.tree is not None and claim.reading is not None:
        written = claim.reading.written
        if len(claim.letters) == 2:
            said = "missing transpose: it is right with rows and columns swapped"
            turned = of_tree(claim.tree, written, letters=claim.letters[::-1])
            yield Suspect("transpose", said), turned
        axes = {typed: len(letters.quantities[name].axes) for typed, name in letters.names.items()}
        for kind, said, tree in mends(claim.tree, written, axes):
            yield Suspect(kind, said), of_tree(tree, written, letters=claim.letters)
        return
    for name, quantity in letters.quantities.items():
        if len(quantity.axes) == 2:
            said = f"missing transpose: it is right with {name} transposed"
            turned = dataclasses.replace(claim, compute=_seeing_transposed(claim, name))
            yield Suspect("transpose", said), turned


def _seeing_transposed(claim: Claim, name: str) -> Callable[[Any], Any]:
    def compute(scene: Any) -> Any:
        if name not in scene.arrays:
            raise Misfit(f"{name} is no argument")
        arrays = {**scene.arrays, name: scene.arrays[name].T}
        return claim.compute(dataclasses.replace(scene, arrays=arrays))

    return compute


# --- parts of the formula -------------------------------------------------------------------------


def _of(expr: Expr, whole: Formula) -> Callable[[Trial], Array | None]:
    """Evaluate a formula in place of the result, unless it has an index too many."""
    axes = whole.axes
    return _on(Formula(expr, axes)) if expr.indices <= set(axes) else lambda trial: None


def _assumed(whole: Formula) -> Iterator[Slip]:
    """Yield the sum of a constant taken for 1."""
    for place in distinct(whole.expr):
        if isinstance(place, Sum) and isinstance(place.body, Leaf):
            said = f"missing {text(place)}: the claim needs {text(place)} = 1, which is not assumed"
            one = replace(whole.expr, {place: number(1)})
            yield Suspect("assumption", said), _of(one, whole)


def _in_one_term(whole: Formula, letters: Letters) -> Iterator[Slip]:
    """Yield one term of a formula with another sign, or with 2 or N too often or too seldom."""
    factors: list[tuple[str, Expr]] = [("sign", number(-1)), ("factor 2", number(2))]
    factors += [(f"factor {letter}", Dimension(n)) for letter, n in letters.ranges.items()]
    for place, index, term in _terms(whole.expr):
        for (kind, factor), exponent in itertools.product(factors, (1, -1)):
            by = power(factor, exponent)
            changed = product(1, [(term, ONE), (by, ONE)])
            terms = (*place.terms[:index], changed, *place.terms[index + 1 :])
            said = f"{kind}: the claim has {text(by)} times the term {text(term)}"
            yield Suspect(kind, said), _of(replace(whole.expr, {place: total(terms)}), whole)


def _left_out(whole: Formula) -> Iterator[Slip]:
    """Yield one or two factors, or one term, of a formula left out."""
    products = [place for place in distinct(whole.expr) if isinstance(place, Mul)]
    for count, place in itertools.product((1, 2), products):
        for gone in itertools.combinations(range(len(place.factors)), count):
            kept = [f for i, f in enumerate(place.factors) if i not in gone]
            rest = replace(whole.expr, {place: product(place.coefficient, kept)})
            missing = product(1, [place.factors[i] for i in gone])
            said = f"missing chain factor: {text(missing)} was left out"
            yield Suspect("chain factor", said), _of(rest, whole)
    for terms, index, term in _terms(whole.expr):
        rest = replace(
            whole.expr, {terms: total((*terms.terms[:index], *terms.terms[index + 1 :]))}
        )
        said = f"missing term: {text(term)} was left out"
        yield Suspect("term", said), _of(rest, whole)


def _taken_for_equal(whole: Formula) -> Iterator[Slip]:
    """Yield a sum as so many times one of its terms: A x + Aᵀ x as 2 A x."""
    for place, _, term in _terms(whole.expr):
        many = product(len(place.terms), [(term, ONE)])
        said = f"terms taken for equal: the claim has {len(place.terms)} times {text(term)}"
        said += f" for {text(place, axes=whole.axes)}"
        yield Suspect("symmetry", said), _of(replace(whole.expr, {place: many}), whole)


def _terms(whole: Expr) -> Iterator[tuple[Add, int, Expr]]:
    """Yield every sum inside a formula with each of its terms.

    What is compared is passed over: a condition may stay as it is whatever is done to its sides.
    """
    conditions = {place for place in distinct(whole) if opposite_of(place) is not None}
    for place in distinct(whole, conditions):
        if isinstance(place, Add):
            for index, term in enumerate(place.terms):
                yield place, index, term


# --- the chain ------------------------------------------------------------------------------------


def _in_the_chain(derivation: Derivation, letters: Letters) -> Iterator[Slip]:
    """Yield every stage of the backward pass reduced to its diagonal, or left out."""
    with np.errstate(all="ignore"):
        backward = Backward.of(derivation, letters)
    if backward is None:
        return
    for segment in backward.segments():
        said = f"diagonal only: nothing but the diagonal of {segment.name} was kept"
        yield Suspect("diagonal", said), _stage(backward, segment, "diagonal")
    for segment in backward.segments():
        said = f"missing chain factor: {segment.name} was left out"
        yield Suspect("chain factor", said), _stage(backward, segment, "skipped")
    for name, node in backward.others():
        said = f"another variable: the claim is the gradient by {name}"
        yield Suspect("variable", said), _by(backward, node)


def _by(backward: Backward, node: Any) -> Callable[[Trial], Array | None]:
    def made(trial: Trial) -> Array | None:
        found = None if trial.where == "other sizes" else backward.by(node, trial.env)
        if found is None or trial.claimed.shape[-found.ndim or None :] != found.shape:
            return None
        return np.broadcast_to(found, trial.claimed.shape)

    return made


def _stage(backward: Backward, segment: Segment, how: str) -> Callable[[Trial], Array | None]:
    def made(trial: Trial) -> Array | None:
        # The recorded operations may hold recorded lengths.
        return None if trial.where == "other sizes" else backward.run(trial.env, segment, how)

    return made

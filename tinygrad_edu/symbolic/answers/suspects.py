"""What may have gone wrong with an answer, found by trying.

Each usual slip is made on the true gradient, or mended in the claim; the first one that makes the
two the same, on all numbers tried, is the suspect. What is looked for first is most specific.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Dimension,
    Expr,
    Leaf,
    Mul,
    Sum,
    distinct,
    meaning_of,
    number,
    parts,
    power,
    product,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.rules.cases import opposite_of
from tinygrad_edu.symbolic.algebra.rules.rule import ONE
from tinygrad_edu.symbolic.answers.backward import Backward
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, of_tree
from tinygrad_edu.symbolic.answers.mends import mends
from tinygrad_edu.symbolic.answers.trials import Array, Trial, agree, computed, environments
from tinygrad_edu.symbolic.derive.derivation import Formula
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


#: A kind of slip, what is said of it, and the gradient with it.
Slip = tuple[str, str, Formula]
Made = Callable[[Trial], Array | None]


def suspect_of(letters: Letters, claim: Claim, trials: Sequence[Trial]) -> Suspect | None:
    """Return the slip that reproduces a wrong claim, or None."""
    if not any(trial.claimed.any() for trial in trials):
        return None
    here = [trial for trial in trials if trial.where != "other sizes"]
    for tried in (trials, here):
        if (found := _on_the_gradient(letters, tried)) is not None:
            return found
    found = suspect_of_misfit(letters, claim) or _multiple(trials) or _of_one_hot(trials)
    if found is None and (found := _on_the_gradient(letters, trials, sign=-1)) is not None:
        found = Suspect("sign", f"sign, and with it {found.sentence}")
    return found


def _on_the_gradient(letters: Letters, trials: Sequence[Trial], sign: int = 1) -> Suspect | None:
    """Make every slip on the gradient, perhaps with a wrong sign as well."""
    target, derivation = letters.target, letters.derivation
    forms = [target]
    if target is derivation.result:
        forms += [derivation.start, *_opened(target)]
    before = (
        _scaled(letters),
        _shaped(target),
        _not_derived(letters),
        _unsummed(target),
        _assumed(target),
        *(_in_one_term(form, letters) for form in forms),
        _taken_for_equal(target),
    )
    after = (*map(_left_out, forms), _scaled_by_a_number(letters))
    slips = itertools.chain(
        map(_evaluated, itertools.chain(*before)),
        _in_the_chain(letters),
        map(_evaluated, itertools.chain(*after)),
    )
    return next((suspect for suspect, made in slips if _reproduces(made, trials, sign)), None)


def _evaluated(slip: Slip) -> tuple[Suspect, Made]:
    kind, sentence, formula = slip
    fits = formula.expr.indices <= set(formula.axes)  # else it has an index too many
    return Suspect(kind, sentence), lambda trial: formula.on(trial.env) if fits else None


def _reproduces(made: Made, trials: Sequence[Trial], sign: int = 1) -> bool:
    """Whether a slip gives the claim wherever both can be computed, and somewhere they can."""
    met = False
    for trial in trials:
        with np.errstate(all="ignore"):
            array = made(trial)
        if array is None:
            continue
        found = agree(trial, sign * array)
        if found is False:
            return False
        met = met or found is True
    return met


# --- the whole gradient ---------------------------------------------------------------------------


def _factors(letters: Letters) -> list[tuple[str, Expr]]:
    """Return −1, 2, N and their inverses, each with the kind of slip that it is."""
    found = [("sign", number(-1)), ("factor 2", number(2)), ("factor 2", power(number(2), -1))]
    for letter, index in letters.ranges.items():
        found += [(f"factor {letter}", power(Dimension(index), n)) for n in (1, -1, 2)]
    return found


def _scaled(letters: Letters) -> Iterator[Slip]:
    """Multiply by one factor, by two at once, by three."""
    for count in (1, 2, 3):
        for factors in itertools.combinations(_factors(letters), count):
            kinds = dict.fromkeys(kind for kind, _ in factors)
            if len(kinds) == count:  # 2 and 1/2 make nothing
                yield _times(letters.target, [*kinds], [factor for _, factor in factors])


def _scaled_by_a_number(letters: Letters) -> Iterator[Slip]:
    """Multiply or divide by a letter that stands for a number, such as T, or by its square."""
    for quantity in letters.quantities.values():
        for exponent in (1, -1, 2, -2) if not quantity.axes else ():
            kind, factor = f"factor {quantity.name}", power(quantity.leaf, exponent)
            yield _times(letters.target, [kind], [factor])
            yield _times(letters.target, ["sign", kind], [number(-1), factor])


def _times(target: Formula, kinds: Sequence[str], factors: Sequence[Expr]) -> Slip:
    times = product(1, [(factor, ONE) for factor in factors])
    said = f"{' and '.join(kinds)}: the claim is {text(times)} times the gradient"
    return kinds[0], said, Formula(product(1, [(times, ONE), (target.expr, ONE)]), target.axes)


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


def _shaped(whole: Formula) -> Iterator[Slip]:
    """Turn it, or put the sum or the mean of all entries in the place of each."""
    if len(whole.axes) > 1:
        said = "missing transpose: the claim is the transpose of the gradient"
        yield "transpose", said, Formula(whole.expr, whole.axes[::-1])
    axes = [axis for axis in whole.axes if axis is not None]
    summed = sum_over(axes, whole.expr)
    mean = product(1, [(summed, ONE), *((Dimension(axis), -ONE) for axis in axes)])
    for name, each in (("sum", summed), ("mean", mean)):
        said = f"summed too far: the claim is the {name} of all entries of the gradient"
        yield "axis", said, Formula(each, whole.axes)


def _not_derived(letters: Letters) -> Iterator[Slip]:
    """Take what is differentiated for its gradient."""
    output, title = letters.derivation.output.expr, letters.derivation.title
    if not output.indices:
        said = f"not derived: the claim is {' '.join(title[0].split())} itself"
        yield "output", said, Formula(output, letters.target.axes)


# --- parts of the formula -------------------------------------------------------------------------


def _opened(whole: Formula) -> Iterator[Formula]:
    """Yield a formula with what a name stands for in its place, for each of its names."""
    for part in distinct(whole.expr):
        if (meaning := meaning_of(part)) is not None:
            yield _with(whole, part, meaning)


def _with(whole: Formula, place: Expr, new: Expr) -> Formula:
    return Formula(replace(whole.expr, {place: new}), whole.axes)


def _unsummed(whole: Formula) -> Iterator[Slip]:
    """Leave out a sum, so that the claim keeps the axes it runs over."""
    kept = [axis for axis in whole.axes if axis is not None]
    for place in distinct(whole.expr):
        if not isinstance(place, Sum):
            continue
        indices, body = [place.index], place.body
        while isinstance(body, Sum):
            indices.append(body.index)
            body = body.body
        without = replace(whole.expr, {place: body})
        summed = f"missing broadcast sum: the sum in {text(place)} was left out"
        entrywise = f"kind of product: it is right with a matrix product in {text(place)}"
        multiplied = sum(place.index in base.indices for base, _ in parts(body)[1]) > 1
        every = [*kept, *indices]
        if len(set(every)) < len(every) or not without.indices <= set(every):
            continue  # the index is in use outside of the sum as well
        found = [axis for axis in every if axis in without.indices]
        for axes in {*itertools.permutations(every), *itertools.permutations(found)}:
            is_product = multiplied and len(axes) < 3
            kind, said = ("product", entrywise) if is_product else ("broadcast sum", summed)
            yield kind, said, Formula(without, axes)


def _assumed(whole: Formula) -> Iterator[Slip]:
    """Take the sum of a constant for 1."""
    for place in distinct(whole.expr):
        if isinstance(place, Sum) and isinstance(place.body, Leaf):
            said = f"missing {text(place)}: the claim needs {text(place)} = 1, which is not assumed"
            yield "assumption", said, _with(whole, place, number(1))


def _in_one_term(whole: Formula, letters: Letters) -> Iterator[Slip]:
    """Give one term another sign, or 2 or N too often or too seldom."""
    for place, index, term in _terms(whole.expr):
        for kind, factor in _factors(letters):
            changed = product(1, [(term, ONE), (factor, ONE)])
            terms = (*place.terms[:index], changed, *place.terms[index + 1 :])
            said = f"{kind}: the claim has {text(factor)} times the term {text(term)}"
            yield kind, said, _with(whole, place, total(terms))


def _left_out(whole: Formula) -> Iterator[Slip]:
    """Leave out one or two factors, or one term."""
    products = [place for place in distinct(whole.expr) if isinstance(place, Mul)]
    for count, place in itertools.product((1, 2), products):
        for gone in itertools.combinations(place.factors, count):
            rest = product(place.coefficient, [f for f in place.factors if f not in gone])
            said = f"missing chain factor: {text(product(1, gone))} was left out"
            yield "chain factor", said, _with(whole, place, rest)
    for terms, index, term in _terms(whole.expr):
        rest = total((*terms.terms[:index], *terms.terms[index + 1 :]))
        yield "term", f"missing term: {text(term)} was left out", _with(whole, terms, rest)


def _taken_for_equal(whole: Formula) -> Iterator[Slip]:
    """Take a sum for so many times one of its terms: A x + Aᵀ x for 2 A x."""
    for place, _, term in _terms(whole.expr):
        many = len(place.terms)
        said = f"terms taken for equal: the claim has {many} times {text(term)}"
        said += f" for {text(place, axes=whole.axes)}"
        yield "symmetry", said, _with(whole, place, product(many, [(term, ONE)]))


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


def _in_the_chain(letters: Letters) -> Iterator[tuple[Suspect, Made]]:
    """Reduce a stage of the backward pass to its diagonal, leave it out, or go on elsewhere."""
    with np.errstate(all="ignore"):
        backward = Backward.of(letters)
    if backward is None:
        return
    segments = [(backward.name(segment), segment) for segment in backward.segments()]
    for name, segment in segments:
        said = f"diagonal only: nothing but the diagonal of {name} was kept"
        yield Suspect("diagonal", said), _recorded(backward.run, segment, "diagonal")
    for name, segment in segments:
        said = f"missing chain factor: {name} was left out"
        yield Suspect("chain factor", said), _recorded(backward.run, segment, "skipped")
    for name, node in backward.others():
        said = f"another variable: the claim is the gradient by {name}"
        yield Suspect("variable", said), _recorded(backward.by, node)


def _recorded(run: Callable[..., Array | None], *what: Any) -> Made:
    """Return what the recorded operations make of other numbers, but not of other sizes."""

    def made(trial: Trial) -> Array | None:
        if trial.where == "other sizes":
            return None
        try:
            found = run(trial.env, *what)
        except ValueError:  # an operation of one's own may refuse such numbers
            return None
        if found is None or trial.claimed.shape[-found.ndim or None :] != found.shape:
            return None
        return np.broadcast_to(found, trial.claimed.shape)

    return made


# --- the claim ------------------------------------------------------------------------------------


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
        except ValueError:
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

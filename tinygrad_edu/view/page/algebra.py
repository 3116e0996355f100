"""The algebra phase: from what the backward pass leaves to the result, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from tinygrad_edu.symbolic.derive import Derivation, Step
from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.draw.recorded import derivative, name_latex
from tinygrad_edu.view.page.evolution import evolutions
from tinygrad_edu.view.page.flow import weighted
from tinygrad_edu.view.page.frames import Frame, Scene, Track
from tinygrad_edu.view.page.markup import sentence_case
from tinygrad_edu.view.page.written import (
    Maths,
    Prose,
    Written,
    check_text,
    join,
    maths,
    plugged,
    prose,
    written,
)

__all__ = ["algebra", "left_side"]

_MOST_DRAWN = 48  # vertices of a graph that shows a formula
_MANY = 3  # steps after one with the same rule
_SHORT = 22  # characters of an equation that stands in a title


def algebra(
    derivation: Derivation, route: str, track: str, drawings: dict[str, Model]
) -> list[Frame]:
    """Tell the steps of a derivation; what they show is added to the drawings."""
    told, left = Track("algebra", route, track), left_side(derivation)
    groups = list(_told_together(derivation.steps))
    shown = evolutions([derivation.start, *(group[-1].after for group in groups)])
    distinct = dict.fromkeys(evolution for evolution, _ in shown)
    prefix = "-".join(filter(None, ("algebra", route, track)))
    called = {evolution: f"{prefix}-{count}" for count, evolution in enumerate(distinct)}
    models = {name: evolution.model for evolution, name in called.items()}
    drawings |= {name: m for name, m in models.items() if len(m.vertices) <= _MOST_DRAWN}
    first = shown[0][0]
    told.add(
        prose("What the backward pass leaves"),
        join(left, "=", written(derivation.start)),
        Scene(called[first], *first.scene(0)),
        rule="chain rule",
        because=Prose((f"What has come back, written down.{_end(derivation, len(groups))}",)),
        numbers=plugged(derivation.start),
        check=check_text(derivation.start.distance_to(derivation.computed)),
    )
    for number, (step, *others) in enumerate(groups, start=1):
        evolution, place = shown[number]
        if others:
            told.add(
                prose(f"{sentence_case(step.rule)}, {len(others) + 1} times more"),
                join(left, "=", written(others[-1].after)),
                Scene(called[evolution], *evolution.scene(place)),
                because=Prose((_sentence(step.because),)),
                numbers=plugged(others[-1].after),
                start=written(step.before),
            )
            continue
        equation = join(written(step.matched), "=", written(step.replaced))
        name = sentence_case(step.rule)
        is_short = max(len(equation.vector.text), len(equation.index.text)) <= _SHORT
        is_all = step.matched.expr == step.before.expr  # then before and after say it
        told.add(
            Prose((f"{name}: ", equation) if is_short else (name,)),
            join(left, "=", written(step.after)),
            Scene(called[evolution], *evolution.step(place, step)),
            because=Prose((_sentence(step.because) + _end(derivation, len(groups) - number),)),
            local=None if is_short or is_all else equation,
            numbers=plugged(step.after),
            check=("exact" if step.exact else check_text(step.residual))
            + ("" if step.on_data else ", on random numbers alone"),
            start=written(step.before),
        )
    return told.frames


def left_side(derivation: Derivation) -> Written:
    """Write what is derived, such as ∂L/∂z."""
    of, wrt = derivation.title
    vector = Maths(*derivative(of, wrt))
    below = maths(derivation.wrt, True)
    index = rf"\frac{{\partial {name_latex(of)}}}{{\partial {below.latex}}}"
    both = vector, Maths(f"∂{of}/∂{below.text}", index if vector.latex else "")
    return Written(*(weighted(derivation.seed, each) for each in both))


def _told_together(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Take the steps one by one, but of many that apply one rule those between first and last."""
    for _, same in groupby(steps, key=lambda step: step.rule):
        first, *between = same
        yield [first]
        if len(between) >= _MANY:
            yield between[:-1]
            yield between[-1:]
        else:
            yield from ([step] for step in between)


def _end(derivation: Derivation, left: int) -> str:
    """Say after the last step what the result was compared with."""
    if left:
        return ""
    verdict = "agrees" if derivation.agrees else "DISAGREES"
    return (
        f"{'' if derivation.steps else ' Nothing is left to simplify.'} The result "
        f"{maths(derivation.result).text} {verdict} with the gradient that backward computes: "
        f"relative difference {check_text(derivation.residual)}."
    )


def _sentence(text: str) -> str:
    """Begin with a capital letter, unless a formula does, and end with a full stop."""
    first = text.split(" ")[0]
    if len(first) > 1 and first.isalpha():
        text = sentence_case(text)
    return text if text.endswith(".") else f"{text}."

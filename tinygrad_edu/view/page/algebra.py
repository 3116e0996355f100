"""The algebra phase: from what the backward pass leaves to the result, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.view.draw.evolution import Evolution, evolutions
from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.draw.recorded import derivative, name_latex
from tinygrad_edu.view.draw.written import (
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
from tinygrad_edu.view.page.flow import weighted
from tinygrad_edu.view.page.frames import Frame, Scene, Track

__all__ = ["algebra", "left_side"]

_MOST_DRAWN = 80  # vertices of a graph that shows a formula
_SHORT = 22  # characters of an equation that stands in a title


def algebra(
    derivation: Derivation, route: str, track: str, drawings: dict[str, Model]
) -> list[Frame]:
    """Tell the steps of a derivation; what they show is added to the drawings."""
    told = _Algebra(derivation, route, track, drawings)
    told.tell()
    return told.track.frames


def left_side(derivation: Derivation) -> Written:
    """Write what is derived, such as ∂L/∂z."""
    of, wrt = derivation.title
    vector = Maths(*derivative(of, wrt))
    below = derivation.wrt.latex(True)
    index = rf"\frac{{\partial {name_latex(of)}}}{{\partial {below}}}"
    both = vector, Maths(f"∂{of}/∂{derivation.wrt.text(True)}", index if vector.latex else "")
    return Written(*(weighted(derivation.seed, each) for each in both))


class _Algebra:
    def __init__(
        self, derivation: Derivation, route: str, track: str, drawings: dict[str, Model]
    ) -> None:
        self.derivation, self.drawings = derivation, drawings
        self.prefix = "-".join(part for part in ("algebra", route, track) if part)
        self.track = Track("algebra", route, track)

    def tell(self) -> None:
        derivation, left = self.derivation, left_side(self.derivation)
        shown = evolutions([derivation.start, *(step.after for step in derivation.steps)])
        names = self._drawings([evolution for evolution, _ in shown])
        self.track.add(
            prose("What the backward pass leaves"),
            join(left, "=", written(derivation.start)),
            Scene(names[0], *shown[0][0].scene(0)),
            rule="chain rule",
            because=Prose((f"What has come back, written down.{self._end(0)}",)),
            numbers=plugged(derivation.start),
            check=check_text(derivation.start.distance_to(derivation.computed)),
        )
        for number, step in enumerate(derivation.steps, start=1):
            evolution, place = shown[number]
            equation = join(written(step.matched), "=", written(step.replaced))
            name = step.rule[:1].upper() + step.rule[1:]
            is_short = max(len(equation.vector.text), len(equation.index.text)) <= _SHORT
            is_all = step.matched.expr == step.before.expr  # then before and after say it
            self.track.add(
                Prose((f"{name}: ", equation) if is_short else (name,)),
                join(left, "=", written(step.after)),
                Scene(names[number], *evolution.step(place, step)),
                because=Prose((_sentence(step.because) + self._end(number),)),
                local=None if is_short or is_all else equation,
                numbers=plugged(step.after),
                check=("exact" if step.exact else check_text(step.residual))
                + ("" if step.on_data else ", on random numbers alone"),
                start=written(step.before),
            )

    def _end(self, number: int) -> str:
        """Say after the last step what the result was compared with."""
        if number < len(self.derivation.steps):
            return ""
        verdict = "agrees" if self.derivation.agrees else "DISAGREES"
        return (
            f"{'' if number else ' Nothing is left to simplify.'} The result "
            f"{maths(self.derivation.result).text} {verdict} with "
            "the gradient that backward computes: relative difference "
            f"{check_text(self.derivation.residual)}."
        )

    def _drawings(self, evolutions: Sequence[Evolution]) -> list[str]:
        """Add the drawings of all formulas; return what each one's is called."""
        distinct = list(dict.fromkeys(evolutions))
        called = {e: f"{self.prefix}-{n}" for n, e in enumerate(distinct)}
        models = {name: evolution.model for evolution, name in called.items()}
        self.drawings |= {n: m for n, m in models.items() if len(m.vertices) <= _MOST_DRAWN}
        return [called[evolution] for evolution in evolutions]


def _sentence(text: str) -> str:
    """Begin with a capital letter, unless a formula does, and end with a full stop."""
    first = text.split(" ")[0]
    if len(first) > 1 and first.isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."

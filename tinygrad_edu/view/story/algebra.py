"""The algebra phase: from what the backward pass leaves to the result, rule by rule."""

from __future__ import annotations

from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Derivation, Step
from tinygrad_edu.view.evolution import Evolution
from tinygrad_edu.view.model import Model
from tinygrad_edu.view.recorded import derivative
from tinygrad_edu.view.story.frames import Frame, Scene, Track
from tinygrad_edu.view.written import Maths, Written, check_text, distance, join, plugged, written

__all__ = ["algebra", "left_side"]


def algebra(derivation: Derivation, track: str, drawings: dict[str, Model]) -> list[Frame]:
    """Tell the steps of a derivation; what they show is added to the drawings."""
    told = _Algebra(derivation, track, drawings)
    told.tell()
    return told.track.frames


def left_side(derivation: Derivation, indices: bool = False) -> tuple[str, str]:
    """Write what is derived, such as ∂L/∂z, as text and as LaTeX."""
    of, wrt = derivation.title
    if derivation.seed is not None:
        text, latex = derivative(of, wrt)
        inner = rf"\left\langle {notation.name_latex(derivation.seed)}, {latex} \right\rangle"
        return f"⟨{derivation.seed}, {text}⟩", inner if latex else ""
    if indices:
        w = derivation.wrt
        of_latex = notation.name_latex(of)
        latex = rf"\frac{{\partial {of_latex}}}{{\partial {w.latex(True)}}}"
        return f"∂{of}/∂{w.text(True)}", latex
    return derivative(of, wrt)


class _Algebra:
    def __init__(self, derivation: Derivation, track: str, drawings: dict[str, Model]) -> None:
        self.derivation, self.drawings, self.prefix = derivation, drawings, track
        self.track = Track("algebra", track)

    def tell(self) -> None:
        derivation = self.derivation
        left = Written(Maths(*left_side(derivation)), Maths(*left_side(derivation, indices=True)))
        steps = derivation.steps
        start = plugged(derivation.start)
        drawing = self._drawing(0, first := Evolution([derivation.start]))
        self.track.add(
            "What the backward pass leaves",
            join(left, "=", written(derivation.start)),
            Scene(drawing, *first.scene(0)),
            rule="backward pass",
            because="The contributions, written down by the chain rule.",
            numbers=start,
            check=check_text(distance(derivation.start, derivation.computed)),
        )
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            both = Evolution([step.before, step.after])
            drawing = self._drawing(number + 1, both)
            numbers = plugged(step.after)
            because = _sentence(step.because)
            if last:
                because += (
                    f" The result agrees with the gradient that backward computes: relative "
                    f"difference {check_text(derivation.residual)}."
                )
            self.track.add(
                _rule_title(step),
                join(left, "=", written(step.after)),
                Scene(drawing, *both.scene(1)),
                rule=step.rule,
                because=because,
                local=join(written(step.matched), "=", written(step.replaced)),
                numbers=numbers,
                check=check_text(step.residual)
                + ("" if step.on_data else ", on random numbers alone"),
                before=Scene(drawing, *both.marked(0, step)),
            )

    def _drawing(self, number: int, evolution: Evolution) -> str:
        for name, model in self.drawings.items():
            if model == evolution.model:  # both derivations may begin with the same steps
                return name
        name = f"{self.prefix or 'algebra'}-{number}"
        self.drawings[name] = evolution.model
        return name


def _sentence(text: str) -> str:
    """Begin with a capital letter, unless a formula does, and end with a full stop."""
    first = text.split(" ")[0]
    if len(first) > 1 and first.isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _rule_title(step: Step) -> str:
    return step.rule[:1].upper() + step.rule[1:]

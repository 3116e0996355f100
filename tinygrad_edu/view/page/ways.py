"""The ways to a gradient: as the output was recorded, and as its formula is rewritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import (
    Derivation,
    Passes,
    Rewriting,
    derive_named,
    passes,
    rewritings,
)
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.page.flow import is_silent

__all__ = ["Way", "ways"]

_MOST_VERTICES = 40  # of a graph whose output is rewritten


@dataclass(frozen=True, eq=False)
class Way:
    """One way to compute an output, what is derived from it, and how it was found."""

    output: Tensor
    wrt: Tensor
    names: Names
    fused: tuple[str, ...]
    rewriting: Rewriting | None = None

    @cached_property
    def derivation(self) -> Derivation:
        """What is derived."""
        return derive_named(self.output, self.wrt, self.names, None, self.fused)

    @cached_property
    def walk(self) -> Passes:
        """Both passes."""
        return passes(self.output, self.wrt, self.names, self.fused)

    @property
    def used(self) -> list[str]:
        """The statements that it rests on."""
        found = [a.statement for a in self.derivation.assumptions if a.used]
        rewritten = self.rewriting.used if self.rewriting is not None else ()
        return list(dict.fromkeys([*rewritten, *found]))

    @cached_property
    def length(self) -> tuple[int, int]:
        """How many steps it takes to tell it, and how large its graph is."""
        shown = [s for s in self.walk.forward if s.op is not None and not is_silent(s)]
        visits = [v for v in self.walk.backward if v.contribution is not None]
        meetings = sum(n > 1 for n in Counter(visit.to for visit in visits).values())
        told = len(shown) + len(visits) + meetings + len(self.derivation.steps)
        return told + (self.rewriting is not None), len(self.walk.forward)

    def without(self) -> Derivation | None:
        """Derive where nothing is assumed; None for a way that there is not without."""
        if self.rewriting is not None and self.rewriting.used:
            return None
        return derive_named(self.output, self.wrt, self.names, (), self.fused)


def ways(output: Tensor, wrt: Tensor, names: Names, fused: Iterable[str] = ()) -> list[Way]:
    """Return the shortest way there is, and the one that was recorded, where that is another.

    A way is as long as it takes steps to tell it: forward, backward, and in the algebra.
    """
    recorded = Way(output, wrt, names, tuple(fused))
    if output.size > 1 or len(recorded.walk.forward) > _MOST_VERTICES:
        return [recorded]
    found = [recorded]
    for each in rewritings(output, wrt, names, None, fused):
        found.append(Way(each.output, wrt, each.names, recorded.fused, each))
    best = min(found, key=lambda way: way.length)  # of equals the first, which was recorded
    return list(dict.fromkeys([best, recorded]))

"""The ways to a gradient: as the output was recorded, and as its formula is rewritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tinygrad_edu.core.graph import ancestors
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
from tinygrad_edu.view.page.flow import MANY, is_silent

__all__ = ["Way", "named_throughout", "ways"]

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


def named_throughout(output: Tensor, names: Names) -> Names:
    """Return names for all vertices of a large graph: no formula reaches further than one of them.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 2.0], name="x")
    >>> h = x
    >>> for _ in range(30):
    ...     h = tg.sin(h)
    >>> named = named_throughout(h.sum(), Names(None, {}))
    >>> named.of(h)
    'v30'
    """
    computed = [t for t in ancestors(output) if isinstance(t, Tensor) and t.op is not None]
    if len(computed) <= MANY:
        return names
    nameless = [t for t in computed if t is not output and names.in_formulas(t) is None]
    taken = names.words()
    letters = (f"v{n}" for n in range(1, len(nameless) + len(taken) + 1))
    free = (letter for letter in letters if letter not in taken)
    return names.with_more(dict(zip(free, nameless, strict=False)))

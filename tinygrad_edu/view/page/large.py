"""What a page of a large graph leaves out: formulas that nobody reads, and all that is far off."""

from __future__ import annotations

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.page.flow import ends
from tinygrad_edu.view.page.frames import Scene

__all__ = ["MANY", "named_throughout", "nearby"]

MANY = 24  # vertices that can be looked over at once
_FAR = 3  # arrows away from what a step is about


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


def nearby(model: Model, scene: Scene) -> Scene:
    """Return what a step shows of a large graph: what it is about, and what is near to that."""
    if len(model.vertices) <= MANY:
        return scene
    near = {place for place, state in scene.vertices.items() if state != "past"}
    joined = {place: ends(model.edges[place]) for place in scene.edges}
    for _ in range(_FAR):
        near |= {end for pair in joined.values() if near & set(pair) for end in pair}
    return Scene(
        scene.drawing,
        {place: state for place, state in scene.vertices.items() if place in near},
        {place: state for place, state in scene.edges.items() if near.issuperset(joined[place])},
        scene.known,
    )

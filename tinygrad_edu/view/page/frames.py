"""What a story is made of: frames, scenes and rows of a table, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.page.comparison import Comparison
from tinygrad_edu.view.page.jacobian import Heat
from tinygrad_edu.view.page.live import Live
from tinygrad_edu.view.page.written import Maths, Prose, Written

__all__ = ["Factor", "Frame", "Node", "Passing", "Phase", "Route", "Scene", "Story", "Track"]

Phase = Literal["forward", "backward", "algebra"]


@dataclass(frozen=True, slots=True)
class Scene:
    """What of a drawing a frame shows: the state of each vertex and edge, by its place there.

    What is not named is not shown. The states of a vertex are "past", "now", "source" (what it is
    made of), "matched" and "cancelled"; "gone" says in addition that the step took it away. A
    vertex in `known` shows its gradient, too.
    """

    drawing: str
    vertices: dict[int, str]
    edges: dict[int, str]
    known: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Factor:
    """One of what is multiplied: its name, its formula, its numbers where they are few, and all.

    A formula that is too long to be read is left out.
    """

    name: Written
    formula: Written | None
    numbers: Maths | None
    value: Any


@dataclass(frozen=True, slots=True)
class Passing:
    """What came in, times the local derivative, is what goes on.

    `subscripts` say how np.einsum multiplies the values; "" where the rule is no product. What is
    `added` up is multiplied first.
    """

    came: Factor
    local: Factor
    goes: Factor
    subscripts: str
    added: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the story.

    `equation` is its formula and `numbers` the same with numbers in it; `rule` says what is
    applied, `local` the same as an equation, and `because` why it holds; `python` is the line that
    made the vertex and `check` how far the two sides are apart. `route` is the way it belongs to,
    `track` names the frames that a switch exchanges. Algebra shows what a rule is applied to in
    `start`, and in the scene: what the rule matches is outlined, what it cancels struck through. A
    step of the backward pass has a `passing` for numbers, and a formula that was rewritten
    beforehand has its `lines`.
    """

    key: str
    phase: Phase
    title: Prose
    equation: Written
    scene: Scene
    rule: str = ""
    because: Prose = field(default_factory=Prose)
    local: Written | None = None
    numbers: tuple[Maths, ...] = ()
    python: str = ""
    check: str = ""
    heat: Heat | None = None
    route: str = ""
    track: str = ""
    start: Written | None = None
    lines: tuple[Prose, ...] = ()
    passing: Passing | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One row of the table of all vertices; `place` is that in the drawing, `name` its formula."""

    place: int
    called: str
    name: Written
    kind: str
    shape: str
    value: str
    gradient: str
    python: str
    made_of: tuple[int, ...]
    used_by: tuple[int, ...]
    locals: tuple[Written, ...]
    heats: tuple[Heat, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One way to the gradient: its key, which frames and drawings bear, and what it is called."""

    key: str
    title: str


@dataclass
class Story:
    """A derivation, told in one way or in several, the shortest first.

    `assumption` is the statement that the switch is for, or "", and `without` the result where it
    is not made. `nodes` are rows of a table, by the drawing that they stand in; `drawings` are what
    the frames show, by name; `sources` what can be copied as DOT text, `latex` as LaTeX.
    """

    title: Maths
    result: Maths
    assumption: str
    checked: str
    comparison: Comparison
    notes: tuple[str, ...]
    without: Maths | None = None
    routes: list[Route] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    nodes: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    drawings: dict[str, Model] = field(default_factory=dict)
    sources: dict[str, Model] = field(default_factory=dict)
    latex: dict[str, str] = field(default_factory=dict)
    program: str = ""
    live: Live = field(init=False)

    def of_route(self, key: str) -> list[Frame]:
        """Return the steps of a route, with what is assumed."""
        return [f for f in self.frames if f.route == key and f.track != "free"]


class Track:
    """The frames of one phase of a telling, in order; each has its number in its key."""

    def __init__(self, phase: Phase, route: str = "", track: str = "") -> None:
        self.frames: list[Frame] = []
        self._phase, self._route, self._track = phase, route, track

    def add(self, title: Prose, equation: Written, scene: Scene, **said: Any) -> None:
        """Add a frame; `said` are its other fields."""
        said |= {"route": self._route, "track": self._track}
        free = "free" if self._track == "free" else ""
        parts = (self._route, self._phase, free, str(len(self.frames) + 1))
        key = "-".join(part for part in parts if part)
        self.frames.append(Frame(key, self._phase, title, equation, scene, **said))

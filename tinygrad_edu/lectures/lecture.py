"""What an equation of a lecture is: a gradient to derive, or an identity to prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import (
    Derivation,
    StagedDerivation,
    derive_named,
    parse,
    staged_named,
)
from tinygrad_edu.symbolic.prove import Proof, prove_named
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_edu.view.page import Page

__all__ = [
    "IDENTITIES",
    "LECTURES",
    "Graph",
    "Identity",
    "Lecture",
    "Sides",
    "gradient",
    "identity",
    "in_order",
    "typed",
]


class Graph(NamedTuple):
    """A graph to derive: its output, what to differentiate by, and the names of its arrays."""

    output: Tensor
    wrt: Tensor
    names: Names


class Sides(NamedTuple):
    """The two sides of an identity, and the names of their arrays."""

    left: Tensor
    right: Tensor
    names: Names


@dataclass(frozen=True, slots=True)
class Lecture:
    """A gradient: what it is called, which lecture ids it shows, and how its graph is built."""

    name: str
    ids: tuple[str, ...]
    title: str
    build: Callable[[], Graph]

    def derive(self, assume: Iterable[str] | None = None) -> Derivation:
        """Derive it, assuming what `tinygrad_edu.derive` would."""
        return derive_named(*self.build(), assume)

    def staged(self, assume: Iterable[str] | None = None) -> StagedDerivation:
        """Derive it lemma by lemma."""
        return staged_named(*self.build(), assume)

    def explain(self) -> Page:
        """Explain it as a page."""
        from tinygrad_edu.view.page import Page, story

        return Page(story(*self.build()))


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity of two graphs, `up_to` what neither side is compared by."""

    name: str
    ids: tuple[str, ...]
    title: str
    up_to: tuple[str, ...]
    build: Callable[[], Sides]

    def prove(self, assume: Iterable[str] | None = None) -> Proof:
        """Prove it, assuming what `tinygrad_edu.prove` would."""
        return prove_named(*self.build(), assume, self.up_to)


def typed(formula: str, wrt: str, arrays: Mapping[str, Any]) -> Lecture:
    """Make a lecture of a formula that somebody typed, with these arrays for its letters."""
    if wrt not in arrays:
        there = ", ".join(arrays) or "none"
        raise ValueError(
            f"{wrt!r} has no numbers; the letters that have some are: {there}; "
            f"give it some by --let {wrt}=1,2 or --shape {wrt}=3"
        )

    def build() -> Graph:
        tensors = {name: Tensor(array, name=name) for name, array in arrays.items()}
        output = parse(formula, **tensors)
        return Graph(output, tensors[wrt], Names({}, {}))

    return Lecture("formula", (), formula, build)


LECTURES: dict[str, Lecture] = {}
IDENTITIES: dict[str, Identity] = {}

Pair = tuple[Tensor, Tensor]
Named = tuple[Tensor, Tensor, dict[str, Any]]


def gradient(
    key: str, ids: tuple[str, ...], title: str
) -> Callable[[Callable[[], Pair | Named]], None]:
    """Enter a gradient: the function returns the output, what to differentiate by, and names."""

    def enter(build: Callable[[], Pair | Named]) -> None:
        LECTURES[key] = Lecture(key, ids, title, lambda: Graph(*_with_names(*build())))

    return enter


def identity(
    key: str, ids: tuple[str, ...], title: str, up_to: tuple[str, ...] = ()
) -> Callable[[Callable[[], Pair | Named]], None]:
    """Enter an identity: the function returns both sides, and names."""

    def enter(build: Callable[[], Pair | Named]) -> None:
        IDENTITIES[key] = Identity(key, ids, title, up_to, lambda: Sides(*_with_names(*build())))

    return enter


def in_order(entries: dict[str, Any]) -> None:
    """Sort what was entered by lecture ids, A5 before A11."""
    ordered = sorted(entries.items(), key=lambda item: (item[1].ids[0][0], int(item[1].ids[0][1:])))
    entries.clear()
    entries.update(ordered)


def _with_names(
    one: Tensor, other: Tensor, arrays: dict[str, Any] | None = None
) -> tuple[Tensor, Tensor, Names]:
    """Collect the names of arrays; Tensors carry their own."""
    return one, other, Names(arrays, {})

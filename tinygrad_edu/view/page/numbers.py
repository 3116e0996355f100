"""The numbers of a graph as a program in JavaScript: vertices, gradients and the result."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import Formula, Origin, Symbol
from tinygrad_edu.view.page.flow import Flow

__all__ = ["Numbers", "script"]

_MOST_ENTRIES = 20_000
_LONGEST = 200_000


class Numbers:
    """Write the passes of a graph as lines of JavaScript over the runtime `$`.

    The vertices come to stand in `v` and their gradients in `g`, by place, and what each visit
    brings in `parts`; `x` holds what formulas speak of beside them, and `k` what is constant. Every
    line is the JavaScript of a recorded
    formula, so the page computes nothing in a way of its own.

    Parameters
    ----------
    flow : Flow
        The passes.

    Raises
    ------
    ValueError
        If a formula has no JavaScript, or there is too much to compute while one drags.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.lines: list[str] = []
        self._constants: list[Any] = []
        self._beside: dict[Any, str] = {}
        walk = flow.walk
        self._by_source = {id(s.source): s for s in walk.forward if s.source is not None}
        self._by_name = {s.name: s for s in walk.forward if s.name}
        if not any(s is walk.wrt for s in flow.shown):
            raise ValueError(
                f"{flow.called(walk.wrt).text} only moves the entries of something else"
            )
        if sum(s.value.size for s in flow.shown) > _MOST_ENTRIES:
            raise ValueError("its arrays are too large to be computed anew while one drags")
        for place, s in enumerate(flow.shown):
            if self._is_computed(s):
                self.lines.append(f"v[{place}] = {self.fitted(flow.meaning(s), s.shape)};")
        self._gradients()
        if sum(map(len, self.lines)) > _LONGEST:
            raise ValueError("it has too many vertices without a name")

    def _is_computed(self, s: Symbol) -> bool:
        """Whether a vertex follows from others; what one drags does not."""
        return s.op is not None and s is not self.flow.walk.wrt

    def _gradients(self) -> None:
        """Write the gradient of every vertex: what its visits bring, added up."""
        walk, place = self.flow.walk, self.flow.place
        seed = walk.incoming
        top = self.flow.shown[place[walk.output]]
        if np.size(seed) != top.value.size:
            raise ValueError("the output only spreads the entries of something else")
        self.lines.append(f"g[{place[top]}] = {self._constant(np.reshape(seed, top.shape))};")
        for visit in walk.backward:
            entry, to = visit.contribution, place[visit.to]
            if entry is None or to < 0:
                continue
            (incoming,) = entry.letter.origins.values()
            letters = {incoming.key: f"g[{place[visit.of]}]"}
            part = self.fitted(entry.local, self.flow.shown[to].shape, letters)
            self.lines.append(f"bring({to}, {part});")

    def fitted(
        self, formula: Formula, shape: tuple[int, ...], known: dict[Any, str] | None = None
    ) -> str:
        """Write a formula as the array that it stands for, of a shape.

        `known` says where leaves are that are no vertices.
        """
        arguments = {
            letter: (known or {}).get(origin.key) or self._place_of(origin)
            for letter, origin in formula.origins.items()
        }
        function = f"(({', '.join(arguments)}) => {formula.javascript()})"
        return f"fit({json.dumps(shape)}, {function}({', '.join(arguments.values())}))"

    def _place_of(self, origin: Origin) -> str:
        """Return where the page holds what a letter stands for."""
        if origin.counts:
            return str(origin.value)
        symbol = self._by_source.get(id(origin.source)) or self._by_name.get(origin.name)
        if symbol is not None and self.flow.place.get(symbol, -1) >= 0:
            return self._vertex(symbol)
        if origin.key not in self._beside:
            if origin.definition is None:
                self._beside[origin.key] = self._constant(origin.value)
            else:
                line = self.fitted(origin.definition, origin.value.shape)
                self._beside[origin.key] = f"x[{len(self._beside)}]"
                self.lines.append(f"{self._beside[origin.key]} = {line};")
        return self._beside[origin.key]

    def _vertex(self, symbol: Symbol) -> str:
        place = self.flow.place[symbol]
        if self.flow.shown[place].shape == symbol.shape:
            return f"v[{place}]"
        return f"fit({json.dumps(symbol.shape)}, v[{place}])"

    def _constant(self, value: Any) -> str:
        self._constants.append(value)
        return f"k[{len(self._constants) - 1}]"

    def text(self, columns: Sequence[str] = (), result: str = "null") -> str:
        """Return the program, an expression: leaves, and how to compute all that the page shows."""
        leaves = ("null" if self._is_computed(s) else script(s.value) for s in self.flow.shown)
        return "\n".join(
            [
                "(() => {",
                f"const k = [{', '.join(map(script, self._constants))}];",
                f"const leaves = [{', '.join(leaves)}];",
                "const compute = (data) => {",
                "const v = [...data], g = [], x = [], parts = {};",
                "const bring = (to, part) => {",
                "(parts[to] ??= []).push(part);",
                "g[to] = g[to] ? $.add(g[to], part) : part;",
                "};",
                *self.lines,
                f"return {{ v, g, parts, columns: [{', '.join(columns)}], result: {result} }};",
                "};",
                "return { leaves, compute };",
                "})()",
            ]
        )


def script(value: Any) -> str:
    """Write an array as the runtime holds it."""
    array = np.asarray(value, dtype=np.float64)
    entries = ", ".join(_number(float(entry)) for entry in array.flat)
    return f"{{shape: {json.dumps(array.shape)}, data: [{entries}]}}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

"""The gradient three times, side by side: by its formula, by the rules, and by differences."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import run
from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.values import number_text
from tinygrad_edu.view.draw.written import Maths, check_text, maths
from tinygrad_edu.view.page.bars import entry_name
from tinygrad_edu.view.page.markup import add

__all__ = ["Comparison", "comparison"]

_MOST_ROWS = 12
_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Entries of a gradient: of what, the formula, and a row of three numbers for each entry."""

    wrt: str
    result: Maths
    rows: tuple[tuple[str, tuple[float, float, float]], ...]
    left_out: int

    @property
    def apart(self) -> float:
        """The largest difference of the three, relative to the largest entry."""
        numbers = np.array([row for _, row in self.rows])
        size = max(1.0, float(np.max(np.abs(numbers[:, 0]))))
        return float(np.max(np.ptp(numbers, axis=1))) / size

    def add(self, main: ET.Element) -> None:
        """Add the table to the page."""
        section = add(main, "section", class_="comparison")
        add(section, "h2", "The same numbers in three ways")
        scroll = add(section, "div", class_="scroll", tabindex="0", role="region")
        scroll.set("aria-label", "The gradient in three ways")
        table = add(scroll, "table")
        head = add(add(table, "thead"), "tr")
        add(head, "th", "entry", scope="col")
        add(head, "th", self.result.text, scope="col")
        add(head, "th", f"{self.wrt}.grad", scope="col")
        add(head, "th", "finite differences", scope="col")
        body = add(table, "tbody")
        for name, numbers in self.rows:
            row = add(body, "tr")
            add(row, "th", name, scope="row")
            for number in numbers:
                add(row, "td", number_text(number))
        more = f"; {self.left_out} more entries are left out" if self.left_out else ""
        add(section, "p", f"Largest difference: {check_text(self.apart)}{more}.")


def comparison(output: Tensor, wrt: Tensor, found: Derivation, seed: Any) -> Comparison:
    """Compare the result of a derivation with what backward computes, and with differences.

    Parameters
    ----------
    output, wrt : Tensor
        What is differentiated, and with respect to what.
    found : Derivation
        What was derived.
    seed : array_like
        The weights of the entries of the output.
    """
    exact, computed = (np.asarray(g, float) for g in (found.result.evaluate(), found.computed))
    order = ancestors(output)
    rows = []
    for place in range(min(wrt.size, _MOST_ROWS)):
        slope = _difference(order, output, wrt, np.asarray(seed, float), place)
        numbers = (float(exact.flat[place]), float(computed.flat[place]), slope)
        rows.append((entry_name(wrt.shape, place), numbers))
    called = found.title[1]
    return Comparison(called, maths(found.result), tuple(rows), wrt.size - len(rows))


def _difference(order: list[Any], output: Tensor, wrt: Tensor, seed: Any, place: int) -> float:
    """Return (f(x + h) − f(x − h))/2h for one entry of x, where the graph is computed anew."""
    sides = []
    base = np.asarray(wrt.data, float)
    step = _STEP * max(1.0, abs(float(base.ravel()[place])))
    for sign in (1, -1):
        moved = base.copy()
        moved.flat[place] += sign * step
        sides.append(float(np.sum(seed * _computed(order, output, wrt, moved))))
    return (sides[0] - sides[1]) / (2 * step)


def _computed(order: list[Any], output: Tensor, wrt: Tensor, moved: Any) -> Any:
    """Compute a graph with other numbers for one of its vertices."""
    values = {wrt: moved}
    for node in order:
        if node is wrt or not any(a in values for a in node.args if isinstance(a, Tensor)):
            continue
        arrays = [values.get(a, a.value) if isinstance(a, Tensor) else a for a in node.args]
        with np.errstate(all="ignore"):
            value = run(node.op, arrays, node.attributes)
        values[node] = value if node.op.saved is None else value[0]
    return values[output]

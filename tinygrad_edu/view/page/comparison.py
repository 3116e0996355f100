"""The gradient three times, side by side: by its formula, by the rules, and by differences."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors, rerun
from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.values import number_text
from tinygrad_edu.view.page.bars import entry_name
from tinygrad_edu.view.page.markup import add, cells, scrolling, table
from tinygrad_edu.view.page.written import check_text, maths

__all__ = ["Comparison", "comparison"]

_MOST_ROWS = 12
_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Entries of a gradient: of what, the formula, and a row of three numbers for each entry."""

    wrt: str
    result: str
    rows: tuple[tuple[str, tuple[float, float, float]], ...]
    left_out: int

    @property
    def apart(self) -> float:
        """The largest difference of the three, relative to the largest entry."""
        numbers = np.array([row for _, row in self.rows])
        size = max(1.0, float(np.max(np.abs(numbers[:, 0]))))
        return float(np.max(np.ptp(numbers, axis=1))) / size

    def fill(self, section: ET.Element) -> None:
        """Write the table into its section of the page."""
        titles = ("entry", self.result, f"{self.wrt}.grad", "finite differences")
        rows = (cells(name, *map(number_text, numbers)) for name, numbers in self.rows)
        section.append(scrolling("The gradient in three ways", table(titles, rows)))
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
    order, weights = ancestors(output), np.asarray(seed, float)

    def weighted(moved: Any) -> float:
        return float(np.sum(weights * _computed(order, output, wrt, moved)))

    rows = []
    for place in range(min(wrt.size, _MOST_ROWS)):
        slope = _difference(weighted, np.asarray(wrt.data, float), place)
        numbers = (float(exact.flat[place]), float(computed.flat[place]), slope)
        rows.append((entry_name(wrt.shape, place), numbers))
    return Comparison(found.title[1], maths(found.result).text, tuple(rows), wrt.size - len(rows))


def _difference(f: Callable[[Any], float], x: Any, place: int) -> float:
    """Return (f(x + h) − f(x − h))/2h for one entry of x."""
    step = np.zeros(x.shape)
    step.flat[place] = _STEP * max(1.0, abs(float(x.flat[place])))
    return (f(x + step) - f(x - step)) / (2 * float(step.flat[place]))


def _computed(order: list[Any], output: Tensor, wrt: Tensor, moved: Any) -> Any:
    """Compute a graph with other numbers for one of its vertices."""
    values = {node: node.value for node in order if node.op is None} | {wrt: moved}
    with np.errstate(all="ignore"):
        rerun(order, values, lambda node, args: node.op(*args, **node.attributes))
    return values[output]

"""What an experiment is: a function with options, and a result with a table and a figure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import numpy as np

from tinygrad_edu import charts
from tinygrad_edu.charts import COLOURS, columns
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.settings import count
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "EXPERIMENTS",
    "Experiment",
    "Option",
    "Result",
    "columns",
    "descend",
    "experiment",
    "over_seeds",
    "spread",
    "summary",
]

Case = TypeVar("Case")


class Result:
    """What an experiment found.

    Parameters
    ----------
    lines : str
        The numbers, for a terminal.
    draw : callable
        Draws on as many panels as it has parameters.
    claims : mapping of str to sequence of bool
        What the experiment says, and for each seed whether it is so.
    size : (float, float), optional
        Width and height of a panel, in inches.
    **found
        Everything else that was found, as attributes.
    """

    def __init__(
        self,
        lines: str,
        draw: Callable[..., None],
        claims: Mapping[str, Sequence[bool]],
        *,
        size: tuple[float, float] = (4.6, 3.6),
        **found: Any,
    ) -> None:
        self._lines, self._draw, self._size, self.claims = lines.rstrip("\n"), draw, size, claims
        vars(self).update(found)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def table(self) -> str:
        """Write the numbers, and in how many of the seeds each claim holds."""
        seeds = max(map(len, self.claims.values()), default=1)
        said = [f"± is the standard deviation over {seeds} seeds"] if seeds > 1 else []
        for claim, held in self.claims.items():
            so = f"in {sum(held)} of {len(held)} seeds" if seeds > 1 else ("not so", "so")[held[0]]
            said.append(f"{so}: {claim}")
        return "\n".join([self._lines, "", *said])

    def figure(self) -> Figure:
        """Draw them; needs matplotlib."""
        across = len(inspect.signature(self._draw).parameters)
        figure, axes = charts.panels(across=across, width=self._size[0], height=self._size[1])
        self._draw(*axes)
        return figure

    def save(self, path: str | Path) -> Path:
        """Save the figure, as SVG or PNG by the path's ending.

        Parameters
        ----------
        path : str or Path
            Its folder is made if it is missing.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        ValueError
            If the ending is another one.
        ImportError
            If matplotlib is missing.
        """
        return charts.save(self.figure(), Path(path))


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword of an experiment: its type, its default, and what the docstring says of it."""

    name: str
    kind: Any
    default: Any
    help: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """What it is called, which lecture ids it shows, and the function that runs it."""

    name: str
    ids: tuple[str, ...]
    title: str
    run: Callable[..., Result]

    @property
    def options(self) -> tuple[Option, ...]:
        """What `run` takes: read from its signature and its docstring."""
        kinds = get_type_hints(self.run)
        help = _descriptions(inspect.getdoc(self.run) or "")
        return tuple(
            Option(name, kinds[name], parameter.default, help.get(name, ""))
            for name, parameter in inspect.signature(self.run).parameters.items()
        )


EXPERIMENTS: dict[str, Experiment] = {}

_Run = TypeVar("_Run", bound=Callable[..., Result])


def experiment(name: str, ids: tuple[str, ...], title: str) -> Callable[[_Run], _Run]:
    """Enter a function among the experiments; its keywords are the options."""

    def enter(run: _Run) -> _Run:
        EXPERIMENTS[name] = Experiment(name, ids, title, run)
        return run

    return enter


def _descriptions(doc: str) -> dict[str, str]:
    """Read what a docstring says under Parameters: name → description in one line."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n\w[^\n]*\n---|\Z)", doc, re.S | re.M)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else ():
        if line[:1].strip():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        else:
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def over_seeds(run: Callable[[int], Case], seeds: int, first: int) -> list[Case]:
    """Run an experiment once for each of so many seeds in a row."""
    seeds = count("seeds", seeds, 1)
    return [run(seed) for seed in range(first, first + seeds)]


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """Write the mean of what the seeds gave, and their standard deviation."""
    numbers = np.array([*values], float)
    mean = format(numbers.mean(), form)
    return f"{mean} ± {format(numbers.std(ddof=1), form.lstrip('+'))}" if len(numbers) > 1 else mean


def summary(
    heads: Sequence[str],
    rows: Mapping[Any, Sequence[Any]],
    numbers: Mapping[str, tuple[Callable[[Any], Any], str]],
) -> str:
    """Write a table: what a row is, then each number of its cases, by its heading and format."""
    cells = [
        (*what, *(spread(map(number, cases), form) for number, form in numbers.values()))
        for what, cases in rows.items()
    ]
    return columns((*heads, *numbers), cells)


def descend(optimizer: Optimizer, loss: Callable[[], Tensor], steps: int) -> Iterator[float]:
    """Yield the loss at the start and after each step, while the parameters are there."""
    parameters = list(optimizer.parameters.values())
    for _ in range(steps):
        value = loss()
        yield value.item()
        optimizer.step(gradients(value, parameters))
    yield loss().item()

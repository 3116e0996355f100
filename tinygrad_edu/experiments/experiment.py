"""What an experiment is: a function with options, and a result with a table and a figure."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from tinygrad_edu import charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENTS", "Experiment", "Option", "Result", "experiment"]


class Result(ABC):
    """What an experiment found: numbers as attributes of the subclass, a table, a figure."""

    @abstractmethod
    def table(self) -> str:
        """Write the numbers for a terminal."""

    @abstractmethod
    def figure(self) -> Figure:
        """Draw them; needs matplotlib."""

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

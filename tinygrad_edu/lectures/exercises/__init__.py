"""Exercises: each has a statement, hints, a judge and a worked solution.

A chapter's stand in one module, such as ``chapter_07.py``, as the tuple ``EXERCISES``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tinygrad_edu.lectures.exercises.exercise import Exercise, Mark
from tinygrad_edu.settings import look_up

__all__ = ["Exercise", "Mark", "exercise", "exercises"]


def exercises() -> dict[str, Exercise]:
    """Return all exercises by their numbers, in order.

    Examples
    --------
    >>> from tinygrad_edu.lectures.exercises import exercises
    >>> exercises()["7.1"].kind
    'predict a number'
    """
    found: dict[str, Exercise] = {}
    for module in sorted(each.name for each in iter_modules(__path__)):
        if module.startswith("chapter_"):
            chapter = import_module(f"{__name__}.{module}")
            found |= {each.number: each for each in chapter.EXERCISES}
    return found


def exercise(number: str) -> Exercise:
    """Return an exercise: a notebook shows it with hints and solution folded, print as text.

    Parameters
    ----------
    number : str
        Such as ``"7.1"``; or ``"derive-7-2"``, the one that `generate` makes for the seed 7 and
        the difficulty 2.

    Raises
    ------
    ValueError
        If there is none of that number.

    Examples
    --------
    >>> from tinygrad_edu.lectures.exercises import exercise
    >>> print(exercise("7.2").judge("y − a"))  # doctest: +ELLIPSIS
    wrong: largest disagreement: ...
    """
    from tinygrad_edu.lectures.exercises.generate import generated

    return generated(number) or look_up(number, exercises(), "exercise")

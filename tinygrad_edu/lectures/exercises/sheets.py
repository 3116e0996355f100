"""A class in a box: a sheet of its own for every student, the keys, and the marks."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from tinygrad_edu.lectures.exercises import Mark, exercise, exercises
from tinygrad_edu.lectures.exercises.generate import KINDS
from tinygrad_edu.saving import save
from tinygrad_edu.settings import look_up

__all__ = ["DEFAULT", "Marked", "grade", "write_sheets"]

#: What is on a sheet: a kind and its difficulty, or the number of an exercise for all.
DEFAULT = ("number-2", "derive-2", "blank-2", "slip-2")
#: The list of who got what, which stays with the teacher.
_LIST = "sheets.json"
_HEADINGS = {"id", "name", "student", "email", "login", "number"}
#: Seconds of computing for one answer that is a formula; a program has limits of its own.
_SECONDS = 60
#: For a student whose exercise another one has: how many further seeds, and how far apart.
_TRIES, _AGAIN = 30, 10**6

_INTRODUCTION = """Write each answer into its block, between the two lines of the fence, and hand in
this file under its name."""


def write_sheets(
    students: Path, seed: int, into: Path, asked: Sequence[str] = DEFAULT
) -> list[Path]:
    """Write a sheet and a key for every student of a list, no two of them with the same exercises.

    Parameters
    ----------
    students : Path
        A CSV file with one student a line: an id, which names the files, and perhaps a name.
    seed : int
        Another one makes other sheets.
    into : Path
        The folder: `sheets` goes to the students; `keys` and the list stay.
    asked : sequence of str, optional
        For each exercise a kind and a difficulty, such as ``"derive-2"``, which is drawn for each
        student; or the number of one that all get, such as ``"7.2"``.

    Returns
    -------
    list of Path
        The sheets.

    Raises
    ------
    ValueError
        If the list has no student, two with one id, or an id that names no file; or if there is no
        such exercise.
    """
    names = _students(students)
    fixed = exercises()
    for each in asked:
        if each not in fixed:
            look_up(each.partition("-")[0], KINDS, "sheet: exercise")
    wanted = [
        [each if each in fixed else _numbered(each, seed * 1000 + place) for each in asked]
        for place in range(len(names))
    ]
    taken: set[str] = set()
    sheets = []
    assigned: dict[str, list[str]] = {}
    for (student, name), numbers, texts in zip(names, wanted, _each(_written, wanted), strict=True):
        for place, number in enumerate(numbers):
            for _ in range(_TRIES if number not in fixed else 0):
                if texts[place][0] not in taken:
                    break
                kind, drawn, difficulty = numbers[place].split("-")
                numbers[place] = f"{kind}-{int(drawn) + _AGAIN}-{difficulty}"
                texts[place] = _written([numbers[place]])[0]
            else:
                if number not in fixed:
                    raise ValueError(
                        f"sheet: {asked[place]} has too few exercises; choose a harder one"
                    )
            taken.add(texts[place][0])
        assigned[student] = numbers
        for folder, solved in (("sheets", False), ("keys", True)):
            (into / folder).mkdir(parents=True, exist_ok=True)
            path = into / folder / f"{student}.md"
            parts = [f"# Exercises for {name or student}", "" if solved else _INTRODUCTION]
            parts += [key if solved else f"{text}\n\n```answer\n\n```" for _, text, key in texts]
            save(path, "\n\n".join(filter(None, parts)) + "\n")
        sheets.append(into / "sheets" / f"{student}.md")
    save(into / _LIST, json.dumps(assigned, ensure_ascii=False, indent=1))
    return sheets


@dataclass(frozen=True)
class Marked:
    """What a student handed in, judged: a mark for the number of each exercise; None if missing."""

    student: str
    marks: dict[str, Mark | None]

    @property
    def points(self) -> int:
        """How many answers are right."""
        return sum(map(bool, self.marks.values()))

    def feedback(self) -> str:
        """Write what is said to each answer, in markdown."""
        lines = [f"# {self.student}: {self.points} of {len(self.marks)}"]
        for number, mark in self.marks.items():
            said = "no answer" if mark is None else mark.verdict
            lines.append(f"**Exercise {number}** — {said}")
            if mark is not None and mark.says:
                lines.append(f"```text\n{mark.says}\n```")
        return "\n\n".join(lines) + "\n"


def grade(folder: Path) -> list[Marked]:
    """Judge all sheets that were handed in, and write what is said to each student.

    Parameters
    ----------
    folder : Path
        That of `write_sheets`; answers are read from its `returned`, or from `sheets` if there is
        none, and the feedback is written into its `feedback`.

    Raises
    ------
    ValueError
        If the folder has no list of who got what.
    """
    if not (folder / _LIST).is_file():
        raise ValueError(f"grade: {folder} has no {_LIST}; name the folder that sheet --into made")
    assigned = json.loads((folder / _LIST).read_text("utf-8"))
    returned = folder / ("returned" if (folder / "returned").is_dir() else "sheets")
    work = [(student, numbers, returned / f"{student}.md") for student, numbers in assigned.items()]
    found = _each(_marked, work)
    (folder / "feedback").mkdir(exist_ok=True)
    for each in found:
        save(folder / "feedback" / f"{each.student}.md", each.feedback())
    return found


# --- one student ----------------------------------------------------------------------------------


def _students(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(row)]
    if rows and rows[0][0].lower() in _HEADINGS:
        del rows[0]
    found = [(row[0], " ".join(row[1:])) for row in rows]
    ids = [student for student, _ in found]
    if not ids:
        raise ValueError(f"sheet: {path} names no student; write one a line: id, name")
    for student in ids:
        if not re.fullmatch(r"[\w@+][\w@.+ -]*", student):
            raise ValueError(f"sheet: the id {student!r} names no file; use letters and digits")
        if ids.count(student) > 1:
            raise ValueError(f"sheet: the id {student!r} stands twice in {path}")
    return found


def _numbered(asked: str, seed: int) -> str:
    kind, _, difficulty = asked.partition("-")
    return f"{kind}-{seed}-{difficulty or 2}"


def _written(numbers: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return of each exercise its statement, its face, and its face with the solution."""
    found = [exercise(number) for number in numbers]
    return [
        (e.statement + e.given(), e.markdown(hints=False, solved=False), e.markdown())
        for e in found
    ]


def _marked(work: tuple[str, list[str], Path]) -> Marked:
    student, numbers, path = work
    answers = {}
    if path.is_file():
        pieces = re.split(r"^\*\*Exercise (\S+)\. ", path.read_text("utf-8", "replace"), flags=re.M)
        for number, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            block = re.search(r"^```answer[^\n]*\n(.*?)^```", piece, re.M | re.S)
            answers[number] = block[1].strip("\n") if block else ""
    marks = {number: _mark(number, answers.get(number, "")) for number in numbers}
    return Marked(student, marks)


def _mark(number: str, answer: str) -> Mark | None:
    """Judge an answer, within limits of time; what the judge cannot bear is no one else's fault."""
    if not answer.strip():
        return None
    alarm = hasattr(signal, "setitimer")
    if alarm:
        signal.signal(signal.SIGPROF, _too_long)
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        return exercise(number).judge(answer)
    except Exception as error:
        return Mark("unreadable", f"the judge gave up: {str(error).partition(chr(10))[0]}")
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_PROF, 0)


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"it took more than {_SECONDS} seconds")


Given = TypeVar("Given")
Found = TypeVar("Found")


def _each(function: Callable[[Given], Found], work: Iterable[Given]) -> list[Found]:
    """Do it for each, on all processors."""
    every = list(work)
    workers = min(os.cpu_count() or 1, len(every))
    if workers < 2:
        return list(map(function, every))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(function, every, chunksize=4))

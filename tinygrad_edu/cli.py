"""The command line: ``python -m tinygrad_edu demo | derive | prove | draw | explain | …``."""

from __future__ import annotations

import argparse
import csv
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.completion import SHELLS, completion
from tinygrad_edu.saving import save
from tinygrad_edu.settings import did_you_mean
from tinygrad_edu.tables import columns
from tinygrad_edu.terminal import finish, output, say

if TYPE_CHECKING:
    from tinygrad_edu.lectures import Identity, Lecture

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if all went well.

    Raises
    ------
    SystemExit
        If the arguments make no command, after a line that says which there are.

    Examples
    --------
    >>> from tinygrad_edu.cli import main
    >>> main(["doctor"])  # doctest: +ELLIPSIS
    python ...
    0
    """
    parser, commands = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        parser.print_help()
        return 0
    if words[:1] == ["train"]:
        from tinygrad_edu.experiments import main as train  # each has options of its own

        return finish(lambda: train(_shielded(words[1:])))
    if not words[0].startswith("-") and words[0] not in commands.choices:
        parser.error(f"{words[0]!r} is no command; {did_you_mean(words[0], commands.choices)}")
    given, unknown = parser.parse_known_args(_shielded(words))
    own = commands.choices[given.command]
    if unknown:
        own.error(f"unrecognized arguments: {' '.join(unknown)}")

    def run() -> int:
        with output(getattr(given, "output", None), given.quiet):
            if given.command == "completion":
                print(completion(given.shell, parser, commands, _names()))
                return 0
            return _run(own, given)

    return finish(run)


def _parser() -> tuple[argparse.ArgumentParser, Any]:
    """Make the parser of the command line, and what its commands were added to."""
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog=name if name == "tinygrad-edu" else "python -m tinygrad_edu",
        description="See why the gradient is what it is.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    own = _version("tinygrad_edu") or "not installed"
    parser.add_argument("--version", action="version", version=f"tinygrad_edu {own}")
    demo = commands.add_parser("demo", help="derive ∂L/∂z = a − y on numbers and on flowers")
    _add_folder(demo, "build/demo", "the pictures and texts")
    steps = _of_lecture(commands, "derive", "print how the gradient of a lecture is derived")
    steps.add_argument(
        "--detail", choices=("full", "lecture"), help="one line per step, or one per choice"
    )
    steps.add_argument("--staged", action="store_true", help="derive lemma by lemma")
    proof = _of_lecture(commands, "prove", "print the proof of an identity of a lecture")
    for command in (steps, proof):
        command.add_argument(
            "--assume",
            nargs="*",
            metavar="STATEMENT",
            help='what may be assumed, such as "Σy = 1"; by default all that holds on the data',
        )
        command.add_argument("--indices", action="store_true", help="write formulas with indices")
        command.add_argument("--latex", action="store_true", help="print LaTeX")
        command.add_argument(
            "--certificate", type=Path, metavar="FILE", help="write what tools/verify.py checks"
        )
    picture = _of_lecture(commands, "draw", "draw the graph of a lecture, or its derivation")
    picture.add_argument("--derivation", action="store_true", help="draw the derivation")
    _add_folder(picture, "build/draw", "the picture")
    page = _of_lecture(commands, "explain", "write a page that steps through a derivation")
    page.add_argument("--open", action="store_true", help="open the page in the browser")
    _add_folder(page, "build/explain", "the page")
    answer = _of_lecture(
        commands,
        "check",
        "judge what somebody believes a gradient to be",
        "Exit status: 0 if the claim is right, 1 if it is wrong, 2 if it cannot be read.",
    )
    answer.add_argument("claim", nargs="?", help='a formula, such as "(A − Y)/N"')
    answer.add_argument(
        "--lines",
        metavar="FILE",
        help="judge a whole derivation, line by line; - is standard input",
    )
    answer.add_argument("--json", action="store_true", help="print the judgement as JSON")
    _add_exercises(commands)
    commands.add_parser("train", help="run an experiment of the lectures; --list says which")
    commands.add_parser("numpy", help="list NumPy's functions that a Tensor answers")
    commands.add_parser("doctor", help="say what is installed, and what pictures need")
    shells = commands.add_parser(
        "completion",
        help="print what makes a shell complete these commands",
        description='bash: eval "$(tinygrad-edu completion bash)" in ~/.bashrc; zsh: the same in '
        "~/.zshrc, behind compinit; fish: tinygrad-edu completion fish > "
        "~/.config/fish/completions/tinygrad-edu.fish",
    )
    shells.add_argument("shell", choices=SHELLS)
    written = [commands.choices[each] for each in ("exercise", "grade", "lint")]
    for command in (steps, proof, answer, *written):
        command.add_argument("--output", type=Path, metavar="FILE", help="write it to a file")
    for command in commands.choices.values():
        command.add_argument("--quiet", action="store_true", help="print nothing")
    return parser, commands


def _run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    if given.command == "doctor":
        return doctor()
    if given.command == "numpy":
        from tinygrad_edu.catalogue import catalogue

        print(catalogue(), end="")
        return 0
    into: Path | None = getattr(given, "into", None)
    if into is not None and into.exists() and not into.is_dir():
        parser.error(f"--into {into} is a file; name a folder")
    if given.command == "demo":
        from tinygrad_edu.demo import run  # only the demo needs the pictures

        return run(given.into)
    if given.command in _EXERCISES:
        try:
            return _EXERCISES[given.command](given)
        except ValueError as error:
            parser.error(str(error))
    return _run_on_lecture(parser, given)


def _names() -> dict[str, list[str]]:
    """Return what commands can be told by position."""
    from tinygrad_edu.experiments import EXPERIMENTS
    from tinygrad_edu.lectures import IDENTITIES, LECTURES
    from tinygrad_edu.lectures.exercises import exercises

    lectures = {command: list(LECTURES) for command in ("derive", "draw", "explain", "check")}
    return {
        **lectures,
        "prove": list(IDENTITIES),
        "train": list(EXPERIMENTS),
        "exercise": list(exercises()),
        "completion": list(SHELLS),
    }


def _add_folder(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    parser.add_argument("--into", type=Path, default=Path(default), help=f"folder for {what}")


def _of_lecture(
    commands: Any, command: str, what: str, more: str | None = None
) -> argparse.ArgumentParser:
    """Add a command that takes the name of a lecture's equation."""
    parser: argparse.ArgumentParser = commands.add_parser(command, help=what, description=more)
    typed = "" if command == "prove" else '; or with --wrt a formula, such as "sum((A x - b)**2)"'
    parser.add_argument("lecture", nargs="?", help=f"which one; --list lists them{typed}")
    parser.add_argument("--list", action="store_true", help="list which there are")
    if command != "prove":
        parser.add_argument(
            "--wrt",
            metavar="NAME",
            help="derive the formula that is typed, by the letter NAME",
        )
        parser.add_argument(
            "--let",
            action="append",
            default=[],
            metavar="NAME=NUMBERS",
            help='what a letter stands for, such as z=1.47,-0.39,0.22 or "A=1,2;3,4"',
        )
        parser.add_argument(
            "--shape",
            action="append",
            default=[],
            metavar="NAME=SHAPE",
            help="a letter for which numbers are drawn, such as W=5x3",
        )
    return parser


def _add_exercises(commands: Any) -> None:
    parser = commands.add_parser(
        "exercise",
        help="list the exercises, show one, judge an answer",
        description="Exit status of a judgement: 0 right, 1 wrong, 2 cannot be read.",
    )
    parser.add_argument("number", nargs="?", help="which one, such as 7.2; none lists all")
    parser.add_argument("answer", nargs="?", metavar="FILE", help="judge it; - is standard input")
    parser.add_argument(
        "--generate", metavar="KIND", help="make a new derive, number, lines, blank, slip or rule"
    )
    parser.add_argument("--seed", type=int, default=0, help="each makes another (default: 0)")
    parser.add_argument("--difficulty", type=int, default=2, help="of a new one (default: 2)")
    parser.add_argument("--hints", action="store_true", help="show the hints too")
    parser.add_argument("--solution", action="store_true", help="show the worked solution too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = commands.add_parser("sheet", help="write a sheet for every student, and the keys")
    parser.add_argument("--students", type=Path, required=True, metavar="CSV", help="id, name")
    parser.add_argument("--seed", type=int, default=0, help="another makes others (default: 0)")
    parser.add_argument(
        "--exercises",
        nargs="+",
        metavar="WHAT",
        help="a kind and a difficulty, such as derive-2, or a number for all, such as 7.2",
    )
    _add_folder(parser, "build/class", "sheets and keys")
    parser = commands.add_parser(
        "lint",
        help="check the displayed equations of notes in LaTeX",
        description="Exit status: 0 nothing is wrong, 1 something is, 2 no equation can be read.",
    )
    parser.add_argument("notes", metavar="FILE", help="the notes; - is standard input")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = commands.add_parser("grade", help="judge the sheets that were handed in")
    parser.add_argument("folder", type=Path, help="that of sheet --into, with returned/ID.md")
    parser.add_argument("--csv", action="store_true", help="print CSV")


def _arrays(lets: Sequence[str], shapes: Sequence[str]) -> dict[str, Any]:
    """Read --let and --shape: rows stand between semicolons, lengths beside x."""
    found: dict[str, Any] = {}
    for option, said in (*(("--let", each) for each in lets), *(("--shape", s) for s in shapes)):
        name, _, value = (part.strip() for part in said.partition("="))
        try:
            if option == "--let":
                rows = [[float(number) for number in row.split(",")] for row in value.split(";")]
                found[name] = np.squeeze(np.array(rows if ";" in value else rows[0]))
            else:
                draws = np.random.default_rng(len(found))
                found[name] = draws.normal(size=tuple(map(int, value.split("x")))).round(2)
        except ValueError:
            like = "z=1.47,-0.39,0.22" if option == "--let" else "W=5x3"
            raise ValueError(
                f"{option} {said} cannot be read; write it like {option} {like}"
            ) from None
    return found


def _run_on_lecture(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    """Run a command on the lecture it names."""
    from tinygrad_edu.lectures import IDENTITIES, LECTURES, typed
    from tinygrad_edu.settings import look_up

    known: Mapping[str, Lecture | Identity] = LECTURES
    what = "lecture"
    if given.command == "prove":
        known, what = IDENTITIES, "identity"
    if given.list:
        return list_lectures(known)
    if given.lecture is None and getattr(given, "assume", None):
        given.lecture = given.assume.pop()  # the options may come first
    if given.lecture is None:
        print(f"{given.command}: name one of these")
        return list_lectures(known)
    try:
        chosen: Any
        if getattr(given, "wrt", None) is not None:
            chosen = typed(given.lecture, given.wrt, _arrays(given.let, given.shape))
        else:
            chosen = look_up(given.lecture, known, f"{given.command}: {what}")
        return _COMMANDS[given.command](chosen, given)
    except ValueError as error:  # such as an assumption that is not there, or a slip in a formula
        parser.error(str(error))


def list_lectures(lectures: Mapping[str, Lecture | Identity]) -> int:
    """Print the name, the title and the lecture ids of every lecture."""
    width = max(map(len, lectures))
    for name, lecture in lectures.items():
        print(f"{name:<{width}}  {lecture.title}  ({', '.join(lecture.ids)})")
    return 0


def derive(lecture: Lecture, given: argparse.Namespace) -> int:
    """Print the derivation of a lecture."""
    derivation = (lecture.staged if given.staged else lecture.derive)(given.assume)
    write = derivation.latex if given.latex else derivation.text
    detail = {} if given.detail is None else {"detail": given.detail}
    say(write(indices=given.indices, **detail))
    if given.certificate is not None:
        if given.staged:
            raise ValueError("derive: a certificate is of one derivation; leave out --staged")
        _save(lecture.derive(given.assume).certificate(), given.certificate)
    return 0


def prove(identity: Identity, given: argparse.Namespace) -> int:
    """Print the proof of an identity; status 1 if there is none."""
    proof = identity.prove(given.assume)
    write = proof.latex if given.latex else proof.text
    say(write(indices=given.indices))
    if given.certificate is not None:
        _save(proof.certificate(), given.certificate)
    return 0 if proof else 1


def _save(certificate: dict[str, Any], path: Path) -> None:
    save(path, json.dumps(certificate, ensure_ascii=False, indent=1))


def draw(lecture: Lecture, given: argparse.Namespace) -> int:
    """Draw the graph of a lecture, or its derivation: as SVG, or as DOT text without a renderer."""
    from tinygrad_edu.view import RendererError, RendererNotFound
    from tinygrad_edu.view.draw import draw as draw_picture

    picture = draw_picture(lecture.derive() if given.derivation else lecture.build().output)
    path: Path = given.into / f"{lecture.name}{'-derivation' if given.derivation else ''}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        print(picture.save(path))
    except (RendererNotFound, RendererError) as error:
        print(f"saved as DOT text: {error}", file=sys.stderr)
        print(picture.save(path.with_suffix(".dot")))
    return 0


def explain(lecture: Lecture, given: argparse.Namespace) -> int:
    """Write the page of a lecture into a folder, and open it if asked to."""
    given.into.mkdir(parents=True, exist_ok=True)
    path = lecture.explain().save(given.into / f"{lecture.name}.html")
    print(path)
    if given.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


def check(lecture: Lecture, given: argparse.Namespace) -> int:
    """Print the verdict on a claim, or on lines; the status is 0 if right, and 1 if wrong."""
    from tinygrad_edu.symbolic.answers import check_answer, check_derivation

    if (given.claim is None) == (given.lines is None):
        raise ValueError(
            'check: say what the gradient is, such as "a − y", after the lecture, or give the file '
            "of a whole derivation, --lines FILE"
        )
    found: Any
    if given.lines is None:
        found, right = check_answer(lecture.derive(), given.claim), 0
    else:
        found = check_derivation(lecture.derive(), _read(given.lines))
        right = 2 if all(line.verdict == "unreadable" for line in found.lines) else 1
    say(json.dumps(found.record(), ensure_ascii=False, indent=2) if given.json else str(found))
    return 0 if found else max(right, 1)


def _read(path: str) -> str:
    """Read a file, or standard input; refuse it like an answer that cannot be read."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def exercise(given: argparse.Namespace) -> int:
    """List the exercises, show one, or judge an answer: the status is 0, 1 or 2."""
    from tinygrad_edu.lectures.exercises import exercise as find
    from tinygrad_edu.lectures.exercises import exercises

    if given.number is None and given.generate is None:
        every = exercises().values()
        if given.json:
            kinds = [{"number": e.number, "title": e.title, "kind": e.kind} for e in every]
            say(json.dumps(kinds, ensure_ascii=False, indent=2))
        else:
            print(
                columns(("number", "title", "kind"), [(e.number, e.title, e.kind) for e in every])
            )
        return 0
    if given.generate is None:
        found, path = find(given.number), given.answer
    else:
        from tinygrad_edu.lectures.exercises.generate import generate

        found = generate(given.generate, given.seed, given.difficulty)
        path = given.answer or given.number
    if path is not None:
        mark = found.judge(_read(path))
        record = {"number": found.number, "verdict": mark.verdict, "says": mark.says}
        say(json.dumps(record, ensure_ascii=False, indent=2) if given.json else str(mark))
        return mark.status
    text = found.text(hints=given.hints, solved=given.solution)
    record = {"number": found.number, "kind": found.kind, "text": text}
    say(json.dumps(record, ensure_ascii=False, indent=2) if given.json else text)
    return 0


def sheet(given: argparse.Namespace) -> int:
    """Write a sheet and a key for every student."""
    from tinygrad_edu.lectures.exercises.sheets import DEFAULT, write_sheets

    asked = given.exercises or DEFAULT
    sheets = write_sheets(given.students, given.seed, given.into, asked)
    print(f"{len(sheets)} sheets in {given.into / 'sheets'}, the keys in {given.into / 'keys'}")
    return 0


def grade(given: argparse.Namespace) -> int:
    """Print the points of all who handed in a sheet."""
    from tinygrad_edu.lectures.exercises.sheets import grade as judge

    header, rows = ["student", "points", "of"], []
    for each in judge(given.folder):
        verdicts = [
            mark.verdict if mark is not None else "no answer" for mark in each.marks.values()
        ]
        rows.append([each.student, each.points, len(each.marks), *verdicts])
        header += [f"exercise {n}" for n in range(len(header) - 2, len(verdicts) + 1)]
    if given.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([header, *rows])
    else:
        print(columns(header, rows))
        print(f"\nWhat is said to each answer: {given.folder / 'feedback'}")
    return 0


def lint(given: argparse.Namespace) -> int:
    """Print a verdict on every displayed equation; the status is 0, 1 or 2."""
    from tinygrad_edu.lectures.lint import lint as look

    found = look(_read(given.notes))
    say(json.dumps(found.record(), ensure_ascii=False, indent=2) if given.json else str(found))
    return found.status


_EXERCISES = {"exercise": exercise, "sheet": sheet, "grade": grade, "lint": lint}
_COMMANDS: dict[str, Callable[[Any, argparse.Namespace], int]] = {
    "derive": derive,
    "prove": prove,
    "draw": draw,
    "explain": explain,
    "check": check,
}


def _shielded(arguments: Sequence[str]) -> Sequence[str]:
    """Let a formula begin with a minus sign, which would be taken for an option."""
    options = ("--", "-h")
    return [
        f" {each}" if each.startswith("-") and each[1:] and not each.startswith(options) else each
        for each in arguments
    ]


def doctor() -> int:
    """Print what is found, and for what is missing the one line that mends it."""
    for name, value, mend in _findings():
        print(f"{name:<14} {value}" if value else f"{name:<14} missing: {mend}")
    return 0


def _findings() -> list[tuple[str, str | None, str]]:
    viz = 'pip install "tinygrad_edu[viz]"'
    found: list[tuple[str, str | None, str]] = [("python", platform.python_version(), "")]
    for package, mend in (
        ("tinygrad_edu", "pip install ."),
        ("numpy", "pip install numpy"),
        ("graphviz", "pip install graphviz"),
        ("ziamath", f"{viz} (formulas are drawn as plain text without it)"),
    ):
        found.append((package, _version(package), mend))
    found.append(("renderer", *_renderer(viz)))
    for package, extra, use in (
        ("matplotlib", "train", "draws curves and figures"),
        ("tqdm", "train", "shows a bar while something trains"),
        ("scikit-learn", "data", "brings the digits, wine and breast cancer data"),
        ("mpi4py", "mpi", "lets several processes train together"),
    ):
        mend = f'pip install "tinygrad_edu[{extra}]" ({use})'
        found.append((package, _version(package), mend))
    found.append(("fashion-mnist", *_fashion_mnist()))
    return found


def _fashion_mnist() -> tuple[str | None, str]:
    from tinygrad_edu.data.fashion import VARIABLE, default_folder

    folder = default_folder()
    mend = f"install Debian's dataset-fashion-mnist, or name a folder with {VARIABLE}"
    return (str(folder), "") if folder.is_dir() else (None, mend)


def _renderer(viz: str) -> tuple[str | None, str]:
    from tinygrad_edu.view import RendererNotFound, found

    try:
        renderer = found()
    except RendererNotFound as error:
        return None, str(error)
    if renderer is None:
        return None, f"{viz} (pictures are DOT text without it)"
    return f"{renderer.path} ({renderer.source}, {renderer.version()})", ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

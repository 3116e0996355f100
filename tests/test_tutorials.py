"""The chapters have one form, and what they say is true: each stops at the first false claim."""

import ast
import re
import runpy
import tomllib
from functools import cache
from pathlib import Path

import pytest

import tinygrad_edu as tg

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
INDEX = tomllib.loads((ROOT / "docs/lectures.toml").read_text(encoding="utf-8"))
HEAD = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
"""
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@cache
def cells(path: Path) -> list[tuple[str, str]]:
    """The cells of a script: the rest of the line that begins each, and what is in it."""
    parts = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def texts(path: Path) -> str:
    """What a script says beside its code, as Markdown."""
    said = [content for kind, content in cells(path) if kind == " [markdown]"]
    return re.sub(r"^# ?", "", "\n".join(said), flags=re.M)


def calls(path: Path, name: str) -> list[ast.Call]:
    """The calls of a function in a script."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name
    ]


# --- their form -----------------------------------------------------------------------------------


def test_they_are_numbered_from_one_and_the_readme_lists_them():
    assert [int(path.stem[:2]) for path in CHAPTERS] == list(range(1, len(CHAPTERS) + 1))
    titles = [re.findall(r"^# (.*)$", texts(path), flags=re.M)[0] for path in CHAPTERS]
    listed = re.findall(r"^(\d+\.) \[(.*)\]\((.*)\)$", (ROOT / "README.md").read_text(), flags=re.M)
    expected = [f"tutorials/{path.name}" for path in CHAPTERS]
    assert [(f"{number} {title}", file) for number, title, file in listed] == [
        *zip(titles, expected, strict=True)
    ]


@every_chapter
def test_a_chapter_begins_with_its_number_goal_time_and_needs(path):
    assert path.read_text(encoding="utf-8").startswith(HEAD)
    title, *head = [line for line in cells(path)[0][1].splitlines() if line != "#"]
    assert title.startswith(f"# # {int(path.stem[:2])}. ")
    said = re.findall(r"^# \*\*(\w+):\*\* ", "\n".join(head), flags=re.M)
    assert said == ["Goal", "Time", "Needs"]


@every_chapter
def test_a_chapter_is_in_percent_format(path):
    """Text in markdown cells, and every code cell with code in it."""
    for kind, content in cells(path):
        lines = [line for line in content.splitlines() if line]
        assert lines
        assert kind in ("", " [markdown]")
        assert all(line.startswith("#") for line in lines) == (kind == " [markdown]")


@every_chapter
def test_a_chapter_names_no_lecture_by_its_code(path):
    assert not re.findall(r"\b[A-D]\d{1,2}\b", texts(path))


@every_chapter
def test_a_chapter_shows_pictures_each_with_its_text(path):
    named = [call for call in calls(path, "show") if len(call.args) > 1]
    assert named
    for call in named:
        (alt,) = (each.value for each in call.keywords if each.arg == "alt")
        assert not isinstance(alt, ast.Constant) or len(alt.value) > 20


@every_chapter
def test_a_chapter_folds_its_answers_and_closes_them(path):
    text = texts(path)
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
    assert text.count("\n\n</details>") == text.count("</details>")
    assert text.count("</summary>\n\n") == text.count("</summary>")  # else it is no Markdown


# --- what they say --------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a script in an empty folder, where a warning is an error, and return what it prints."""

    def running(script: Path) -> str:
        folder = tmp_path / "empty"
        folder.mkdir()
        monkeypatch.chdir(folder)
        runpy.run_path(str(script), run_name="__main__")
        printed, complained = capsys.readouterr()
        assert complained == ""
        return printed

    return running


@pytest.mark.ci
@pytest.mark.parametrize(
    "path", [*CHAPTERS, ROOT / "tutorials/teacher.py"], ids=lambda path: path.stem
)
def test_a_tutorial_runs(path, run):
    printed = run(path)
    pictures = re.findall(r"^(?:the picture: )?(build/tutorials/[^:\s]+)", printed, flags=re.M)
    assert pictures
    assert all(Path(name).stat().st_size > 1000 for name in pictures)
    written = {p.as_posix() for p in Path().rglob("*") if p.is_file()}
    assert written == set(pictures)
    assert all(name.startswith("build/tutorials/") for name in written)


@pytest.mark.ci
def test_a_changed_claim_of_a_chapter_fails(tmp_path, run):
    (path,) = (each for each in CHAPTERS if each.stem == "07_a_minus_y")
    claim = 'assert str(derivation.result) == "a − y"'
    text = path.read_text(encoding="utf-8")
    assert claim in text
    script = tmp_path / "changed.py"
    script.write_text(text.replace(claim, claim.replace("a − y", "y − a")), encoding="utf-8")
    with pytest.raises(AssertionError):
        run(script)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("assert 1 + 1 == 3", AssertionError),
        ("import warnings; warnings.warn('old', stacklevel=1)", UserWarning),
        ("import sys; print('oh', file=sys.stderr)", AssertionError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_a_false_claim_or_a_warning_fails(line, error, tmp_path, run):
    script = tmp_path / "wrong.py"
    script.write_text(line, encoding="utf-8")
    with pytest.raises(error):
        run(script)


# --- the index of the lectures --------------------------------------------------------------------


def test_every_id_of_the_lectures_has_its_row():
    numbers = {"A": 19, "B": 6, "C": 4, "D": 14}
    assert list(INDEX) == [f"{part}{n + 1}" for part in numbers for n in range(numbers[part])]


@pytest.mark.parametrize("row", INDEX.values(), ids=list(INDEX))
def test_a_row_names_what_there_is(row):
    assert set(row) == {"what", "chapter", "section", "test", "api"}
    path, _, test = row["test"].partition("::")
    assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")
    assert row["api"]
    for name in row["api"]:
        thing = tg
        for part in name.split("."):
            thing = getattr(thing, part)
    chapter = ROOT / f"tutorials/{row['chapter']}.py"
    assert row["section"] in re.findall(r"^##+ (.+)$", texts(chapter), flags=re.M)

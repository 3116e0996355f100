"""The tutorials run, and what they say is true: each stops at the first claim that is false."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
OLD = sorted((ROOT / "tutorials").glob("old_*.py"))
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
every_tutorial = pytest.mark.parametrize("path", CHAPTERS + OLD, ids=lambda path: path.stem)


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


@every_tutorial
def test_a_tutorial_runs(path, run):
    printed = run(path)
    pictures = re.findall(r"^(?:the picture: )?(build/tutorials/[^:\s]+)", printed, flags=re.M)
    assert pictures
    assert all(Path(name).stat().st_size > 1000 for name in pictures)
    written = {p.as_posix() for p in Path().rglob("*") if p.is_file()}
    assert written == set(pictures)
    assert all(name.startswith("build/tutorials/") for name in written)


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


def test_a_changed_claim_of_a_tutorial_fails(tmp_path, run):
    text = next(path for path in OLD if "a_minus_y" in path.stem).read_text(encoding="utf-8")
    assert 'check(derivation, "a − y")' in text
    script = tmp_path / "changed.py"
    changed = text.replace('check(derivation, "a − y")', 'check(derivation, "y − a")')
    script.write_text(changed, encoding="utf-8")
    with pytest.raises(AssertionError):
        run(script)


@every_chapter
def test_a_chapter_begins_with_its_number_goal_time_and_needs(path):
    _, _, head = path.read_text(encoding="utf-8").partition("# %% [markdown]\n")
    assert head.startswith(f"# # {int(path.stem[:2])}. ")
    assert re.findall(r"^# \*\*(\w+):\*\* ", head.partition("# %%\n")[0], flags=re.M) == [
        "Goal",
        "Time",
        "Needs",
    ]


@every_tutorial
def test_it_is_in_percent_format(path):
    """Text in markdown cells, and every code cell with code in it."""
    cells = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    for kind, content in zip(cells[::2], cells[1::2], strict=True):
        lines = [line for line in content.splitlines() if line]
        assert lines
        assert kind in ("", " [markdown]")
        assert all(line.startswith("#") for line in lines) == (kind == " [markdown]")

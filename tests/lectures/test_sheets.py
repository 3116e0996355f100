"""A sheet for every student, and the marks of what they hand in."""

import csv
import io

import pytest

from tinygrad_edu import cli
from tinygrad_edu.lectures.exercises import exercise
from tinygrad_edu.lectures.exercises.sheets import grade, write_sheets


@pytest.fixture
def course(tmp_path):
    """A class of three."""
    (tmp_path / "list.csv").write_text("id,name\nada,Ada L\nemmy,Emmy N\nsonja,\n", "utf-8")
    return tmp_path


def answered(text: str, answers: dict[str, str]) -> str:
    """A sheet with these answers in its blocks."""
    for number, answer in answers.items():
        before, mark, after = text.partition(f"**Exercise {number}. ")
        after = after.replace("```answer\n\n", f"```answer\n{answer}\n", 1)
        text = before + mark + after
    return text


@pytest.mark.ci
def test_sheets_are_written_answered_and_marked(course, capsys):
    given = ["--students", str(course / "list.csv"), "--seed", "7", "--into", str(course)]
    asked = ["--exercises", "number-1", "derive-1", "7.1"]
    assert cli.main(["sheet", *given, *asked]) == 0
    assert "3 sheets" in capsys.readouterr().out
    sheets = {
        each: (course / "sheets" / f"{each}.md").read_text("utf-8") for each in ("ada", "emmy")
    }
    assert "# Exercises for Ada L" in sheets["ada"]
    assert "Solution" not in sheets["ada"]
    key = (course / "keys" / "ada.md").read_text("utf-8")
    assert exercise("number-7000-1").answer() in key
    (course / "returned").mkdir()
    right = {n: exercise(n).answer() for n in ("number-7000-1", "derive-7000-1", "7.1")}
    (course / "returned" / "ada.md").write_text(answered(sheets["ada"], right), "utf-8")
    wrong = {"number-7001-1": "1000, 1, 1", "derive-7001-1": "2·(", "number-7000-1": "1"}
    (course / "returned" / "emmy.md").write_text(answered(sheets["emmy"], wrong), "utf-8")
    assert cli.main(["grade", str(course), "--csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0][:3] == ["student", "points", "of"]
    assert rows[1] == ["ada", "3", "3", "right", "right", "right"]
    assert rows[2] == ["emmy", "0", "3", "wrong", "unreadable", "no answer"]
    assert rows[3] == ["sonja", "0", "3", *["no answer"] * 3]
    said = (course / "feedback" / "emmy.md").read_text("utf-8")
    assert said.startswith("# emmy: 0 of 3")
    assert "too large" in said or "given" in said
    assert cli.main(["grade", str(course)]) == 0
    assert "feedback" in capsys.readouterr().out


@pytest.mark.ci
def test_no_two_have_the_same_exercise(tmp_path):
    (tmp_path / "list.csv").write_text("".join(f"s{n}\n" for n in range(60)), "utf-8")
    sheets = write_sheets(tmp_path / "list.csv", 1, tmp_path, ["derive-2"])
    texts = [sheet.read_text("utf-8").partition("Let $L")[2] for sheet in sheets]
    assert len(set(texts)) == 60
    (tmp_path / "list.csv").write_text("".join(f"s{n}\n" for n in range(120)), "utf-8")
    with pytest.raises(ValueError, match="lines-1 has too few exercises"):
        write_sheets(tmp_path / "list.csv", 1, tmp_path, ["lines-1"])


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("", "names no student"),
        ("id\n../etc/passwd\n", "names no file"),
        ("ada\nada\n", "stands twice"),
    ],
)
def test_lists_that_are_refused(tmp_path, listed, said):
    (tmp_path / "list.csv").write_text(listed, "utf-8")
    with pytest.raises(ValueError, match=said):
        write_sheets(tmp_path / "list.csv", 1, tmp_path, ["derive-1"])


def test_other_calls_that_are_refused(course):
    with pytest.raises(ValueError, match="did you mean 'derive'"):
        write_sheets(course / "list.csv", 1, course, ["derve-1"])
    with pytest.raises(ValueError, match=r"has no sheets\.json"):
        grade(course)

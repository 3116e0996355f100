"""Exercises that are made: each is solved by its answer, and another for each seed."""

import json

import pytest

from tinygrad_edu import cli
from tinygrad_edu.lectures.exercises import exercise
from tinygrad_edu.lectures.exercises.generate import KINDS, generate

FORMULAS = [kind for kind in KINDS if kind != "rule"]


@pytest.mark.parametrize("difficulty", [2, 3])
@pytest.mark.parametrize("kind", FORMULAS)
def test_its_answer_is_right_and_a_slip_is_wrong(kind, difficulty):
    asked = generate(kind, difficulty, difficulty)
    assert asked.judge(asked.answer())
    wrong = f"3 + {asked.answer()}" if kind != "slip" else "7"
    if kind in {"number", "blank", "lines"}:
        wrong = asked.answer().replace(asked.answer()[-1], "9")
    assert not asked.judge(wrong)
    assert asked.title in asked.text(solved=True)


@pytest.mark.ci
@pytest.mark.parametrize("difficulty", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_many_of_all_difficulties(kind, difficulty):
    for seed in range(100, 103):
        if (kind, difficulty) == ("slip", 1):
            with pytest.raises(ValueError, match="no slip of difficulty 1"):
                generate(kind, seed, difficulty)
            return
        asked = generate(kind, seed, difficulty)
        assert asked.judge(asked.answer()), asked.number
        if kind == "rule":
            assert not asked.judge(asked.broken), asked.number


def test_the_number_says_it_all():
    asked = exercise("derive-7-3")
    assert asked.number == "derive-7-3"
    assert str(asked) == str(generate("derive", 7, 3))


@pytest.mark.ci
def test_another_for_each_seed():
    assert len({generate("number", seed).statement for seed in range(40)}) == 40
    assert len({generate("derive", seed, 3).statement for seed in range(40)}) > 37


def test_what_there_is_not():
    with pytest.raises(ValueError, match="did you mean 'derive'"):
        generate("deriv", 0)
    with pytest.raises(ValueError, match="seed = -1"):
        generate("derive", -1)
    with pytest.raises(ValueError, match="exercise: 'derive-1' is unknown"):
        exercise("derive-1")


def test_on_the_command_line(tmp_path, capsys):
    assert cli.main(["exercise"]) == 0
    assert "7.1  The gradient in numbers" in capsys.readouterr().out
    assert cli.main(["exercise", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["number"]
    assert cli.main(["exercise", "7.1", "--hints"]) == 0
    said = capsys.readouterr().out
    assert "∂L/∂z" in said
    assert "Hint: " in said
    mine = tmp_path / "mine.txt"
    for answer, status, word in (("−ln 1, 1", 1, "2 given"), ("a − (", 2, "unreadable")):
        mine.write_text(answer, "utf-8")
        assert cli.main(["exercise", "7.1", str(mine)]) == status
        assert word in capsys.readouterr().out
    mine.write_text(exercise("7.1").answer(), "utf-8")
    assert cli.main(["exercise", "7.1", str(mine), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "right"
    assert cli.main(["exercise", "--generate", "derive", "--seed", "7"]) == 0
    assert "Exercise derive-7-2" in capsys.readouterr().out
    mine.write_text(exercise("derive-7-2").answer(), "utf-8")
    assert cli.main(["exercise", "--generate", "derive", "--seed", "7", str(mine)]) == 0
    with pytest.raises(SystemExit) as left:
        cli.main(["exercise", "7.1", str(tmp_path / "none.txt")])
    assert left.value.code == 2
    assert "none.txt cannot be read: No such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["exercise", "77.7"])
    assert "exercise: '77.7' is unknown" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["exercise", "--generate", "slipp"])
    assert "derive, number, lines, blank, slip, rule" in capsys.readouterr().err

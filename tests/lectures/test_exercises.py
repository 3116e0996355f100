"""Every exercise: its solution is right, typical slips are wrong and told why, and its faces."""

from textwrap import indent

import pytest

from tinygrad_edu.lectures.exercises import exercises
from tinygrad_edu.lectures.exercises.exercise import MendRule, Number, _Code

ALL = exercises()
#: Programs take a process each; those of other chapters are run where packages are tested.
CI = [
    pytest.param(number, marks=pytest.mark.ci if isinstance(each, _Code) else ())
    for number, each in ALL.items()
]


@pytest.mark.parametrize("number", CI)
def test_the_solution_is_right_by_its_own_judge(number):
    asked = ALL[number]
    mark = asked.judge(asked.answer())
    assert mark, str(mark)
    assert mark.status == 0


@pytest.mark.parametrize("number", [n for n, each in ALL.items() if isinstance(each, Number)])
def test_what_is_no_number_is_not_near_one(number):
    places = ALL[number].answer().count(",") + 1
    for answer in ("nan", "-inf", "log(0 - 1)"):
        assert not ALL[number].judge(", ".join([answer] * places))


@pytest.mark.parametrize("number", CI)
def test_typical_wrong_answers_are_told_what_is_wrong(number):
    asked = ALL[number]
    wrong = dict(asked.wrong)
    if isinstance(asked, MendRule):
        wrong[asked.broken] = "derivative is still wrong"
    assert wrong, "name a typical wrong answer, and what should be said to it"
    for answer, words in wrong.items():
        mark = asked.judge(answer)
        assert not mark
        assert mark.status
        assert words in mark.says, str(mark)
    assert asked.judge(" ").verdict == "unreadable"


@pytest.mark.parametrize("number", ALL)
def test_its_faces(number):
    asked = ALL[number]
    assert asked.number == number
    assert asked.why or asked.kind == "explain in a sentence", "write the worked solution"
    face = asked._repr_mimebundle_()
    assert f"{asked.title} ({asked.kind})" in face["text/plain"]
    if isinstance(asked, MendRule):
        assert indent(asked.broken.strip(), "    ") in face["text/plain"]
    assert "<details><summary>Solution</summary>\n\n" in face["text/markdown"]
    assert asked.markdown().count("$") % 2 == 0
    assert "<" not in face["text/plain"].replace("<answer>", "").replace(" < ", "")
    assert asked.answer() not in str(asked) or len(asked.answer()) < 4, "the text gives it away"

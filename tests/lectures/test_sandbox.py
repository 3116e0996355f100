"""What a student's program may not do to the judge."""

import pytest

from tinygrad_edu.lectures.exercises import sandbox

PROGRAMS = {
    "while True: pass": "did not end within 1 seconds",
    "b = bytearray(4 << 30)": "takes more than",
    "import os; os._exit(0)": "ended before it was looked at",
    "import sys; sys.exit(0)": "SystemExit in line 1",
    'print(\'["right", ""]\')': "defines no gradient",
    "def gradient(Z, Y) return": "line 1",
    "1/0": "ZeroDivisionError in line 1",
}


@pytest.mark.ci
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_held(program):
    verdict, sentence = sandbox.run("7.6", program, 1)
    assert verdict != "right"
    assert PROGRAMS[program] in sentence

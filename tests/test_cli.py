"""The command line: what it finds, what is missing, and what it answers to nonsense."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import cli
from tinygrad_edu.cli import main
from tinygrad_edu.view import renderer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def program(monkeypatch, tmp_path):
    """A renderer of the test's own."""
    path = tmp_path / "a dot"
    path.write_text("#!/bin/sh\necho 'a dot 1.2' >&2\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(path))
    return path


@pytest.fixture
def no_program(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(renderer.sysconfig, "get_path", lambda *_: str(tmp_path))


def findings(capsys) -> dict[str, str]:
    """What doctor prints, line by line."""
    assert main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return dict(line.split(maxsplit=1) for line in captured.out.splitlines())


def test_doctor_names_what_is_there(capsys, program, monkeypatch):
    monkeypatch.setattr(cli, "version", lambda package: f"9.9 of {package}")
    assert findings(capsys) == {
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: f"9.9 of {name}" for name in ("tinygrad_edu", "numpy", "graphviz", "ziamath")},
        "renderer": f"{program} (TINYGRAD_EDU_DOT, a dot 1.2)",
    }


def test_doctor_reads_the_versions_that_are_installed(capsys, program):
    assert findings(capsys)["numpy"] == np.__version__


def test_doctor_mends_what_is_missing(capsys, no_program, monkeypatch):
    def version(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(cli, "version", version)
    found = findings(capsys)
    viz = 'missing: pip install "tinygrad_edu[viz]"'
    assert found.pop("python")
    assert found == {
        "tinygrad_edu": "missing: pip install .",
        "numpy": "missing: pip install numpy",
        "graphviz": "missing: pip install graphviz",
        "ziamath": f"{viz} (formulas are drawn as plain text without it)",
        "renderer": f"{viz} (pictures are DOT text without it)",
    }


def test_doctor_says_that_the_named_renderer_is_none(capsys, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "no-such-program")
    said = findings(capsys)["renderer"]
    assert said.startswith("missing: TINYGRAD_EDU_DOT is set to 'no-such-program'")
    assert "unset it" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["derrive"], "invalid choice: 'derrive'"),
        ([], "required: command"),
        (["demo", "--onto", "x"], "unrecognized arguments: --onto x"),
        (["demo", "--into"], "--into: expected one argument"),
    ],
)
def test_what_is_no_command_ends_with_status_2(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert captured.err.startswith("usage: python -m tinygrad_edu")


def test_an_unknown_command_is_told_which_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["derrive"])
    said = capsys.readouterr().err
    assert "demo" in said
    assert "doctor" in said


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in ("demo", "check", "doctor"):
        assert f"\n    {command} " in said


@pytest.mark.parametrize(
    ("claim", "status", "said"),
    [
        ("a − y", 0, "right"),
        ("-(y - a)", 0, "right"),
        ("y − a", 1, "suspect: sign"),
        ("-y/a", 1, "suspect: missing chain factor: ∂a/∂z was left out"),
    ],
)
def test_check_judges_a_claim(claim, status, said, capsys):
    assert main(["check", "softmax-ce", claim]) == status
    captured = capsys.readouterr()
    assert said in captured.out
    assert captured.err == ""


def test_check_says_what_cannot_be_read(capsys):
    assert main(["check", "softmax-ce", "a − yy"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing is called 'yy'; did you mean 'y'?" in captured.err
    assert captured.err.endswith("\n  a − yy\n      ^\n")
    assert main(["check", "softmaxx", "a − y"]) == 2
    assert "check: no 'softmaxx' here; there are: softmax-ce, " in capsys.readouterr().err


def test_check_needs_a_lecture_and_a_claim(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", "softmax-ce"])
    assert ended.value.code == 2
    assert "required: claim" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["check", "--help"])
    assert ended.value.code == 0
    assert "1 if it is wrong" in " ".join(capsys.readouterr().out.split())


def test_as_a_module():
    def start(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tinygrad_edu", *arguments],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    done = start("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("python ")
    assert start("derrive").returncode == 2

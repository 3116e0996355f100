"""The command line: what it finds, what is missing, and what it answers to nonsense."""

import contextlib
import errno
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import cli
from tinygrad_edu.cli import main
from tinygrad_edu.experiments import EXPERIMENTS
from tinygrad_edu.lectures import IDENTITIES, LECTURES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def program(monkeypatch, tmp_path):
    """A renderer of the test's own."""
    path = tmp_path / "a dot"
    path.write_text("#!/bin/sh\necho 'a dot 1.2' >&2\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(path))
    return path


def findings(capsys) -> dict[str, str]:
    """What doctor prints, line by line."""
    assert main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return dict(line.split(maxsplit=1) for line in captured.out.splitlines())


def test_doctor_names_what_is_there(capsys, program, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_EDU_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(cli, "version", lambda package: f"9.9 of {package}")
    assert findings(capsys) == {
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: f"9.9 of {name}" for name in ("tinygrad_edu", "numpy", "graphviz", "ziamath")},
        "renderer": f"{program} (TINYGRAD_EDU_DOT, a dot 1.2)",
        **{name: f"9.9 of {name}" for name in ("matplotlib", "tqdm", "scikit-learn", "mpi4py")},
        "fashion-mnist": str(tmp_path),
    }


def test_doctor_reads_the_versions_that_are_installed(capsys, program):
    assert findings(capsys)["numpy"] == np.__version__


def test_doctor_mends_what_is_missing(capsys, no_program, monkeypatch):
    def version(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(cli, "version", version)
    monkeypatch.setenv("TINYGRAD_EDU_FASHION_MNIST", "no/such/folder")
    found = findings(capsys)
    viz = 'missing: pip install "tinygrad_edu[viz]"'
    assert found.pop("python")
    assert found == {
        "tinygrad_edu": "missing: pip install .",
        "numpy": "missing: pip install numpy",
        "graphviz": "missing: pip install graphviz",
        "ziamath": f"{viz} (formulas are drawn as plain text without it)",
        "renderer": f"{viz} (pictures are DOT text without it)",
        **{
            package: f'missing: pip install "tinygrad_edu[{extra}]" ({use})'
            for package, extra, use in (
                ("matplotlib", "train", "draws curves and figures"),
                ("tqdm", "train", "shows a bar while something trains"),
                ("scikit-learn", "data", "brings the digits, wine and breast cancer data"),
                ("mpi4py", "mpi", "lets several processes train together"),
            )
        },
        "fashion-mnist": "missing: install Debian's dataset-fashion-mnist, or name a folder with "
        "TINYGRAD_EDU_FASHION_MNIST",
    }


def test_doctor_says_that_the_named_renderer_is_none(capsys, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "no-such-program")
    said = findings(capsys)["renderer"]
    assert said.startswith("missing: TINYGRAD_EDU_DOT is set to 'no-such-program'")
    assert "unset it" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["derrive"], "'derrive' is no command; did you mean 'derive'? There are: demo, derive"),
        (["demo", "--onto", "x"], "unrecognized arguments: --onto x"),
        (["demo", "--into"], "--into: expected one argument"),
        (["derive", "softmax-ce", "more"], "unrecognized arguments: more"),
        (["prove", "--stagd"], "unrecognized arguments: --stagd"),
    ],
)
def test_what_is_no_command_ends_with_status_2(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    own = "" if arguments[0] == "derrive" else f" {arguments[0]}"
    assert captured.err.startswith(f"usage: python -m tinygrad_edu{own} ")


def test_train_leads_to_the_experiments(capsys):
    assert main(["train", "--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(EXPERIMENTS)


def test_an_unknown_command_is_told_which_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["derrive"])
    said = capsys.readouterr().err
    assert "demo" in said
    assert "doctor" in said


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments, capsys):
    with contextlib.suppress(SystemExit):
        assert main(arguments) == 0
    said = capsys.readouterr().out
    for command in ("demo", "derive", "prove", "draw", "explain", "check", "doctor"):
        assert f"\n    {command} " in said


def run(capsys, *arguments) -> str:
    """What a command prints that ends well."""
    assert main(list(arguments)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_derive_prints_a_derivation(capsys):
    found = LECTURES["softmax-ce"].derive()
    assert run(capsys, "derive", "softmax-ce") == found.text() + "\n"
    given = ("derive", "softmax-ce", "--indices", "--detail", "lecture")
    assert run(capsys, *given) == found.text(indices=True, detail="lecture") + "\n"
    assert run(capsys, "derive", "softmax-ce", "--latex") == found.latex() + "\n"


def test_derive_goes_lemma_by_lemma(capsys):
    written = run(capsys, "derive", "layer-weights", "--staged")
    assert "\n3. ∂L/∂W = δ_z xᵀ\n" in written
    assert len(run(capsys, "derive", "layer-weights", "--staged", "--detail", "full")) > len(
        written
    )


def test_derive_assumes_what_it_is_told_to(capsys):
    assert "∂L/∂z = a·Σy − y\n" in run(capsys, "derive", "softmax-ce", "--assume")
    assert "∂L/∂z = a − y\n" in run(capsys, "derive", "softmax-ce", "--assume", "Σy=1")
    assert "∂L/∂z = a − y\n" in run(capsys, "derive", "--assume", "Σy = 1", "softmax-ce")
    with pytest.raises(SystemExit) as ended:
        main(["derive", "softmax-ce", "--assume", "Σz = 1"])
    assert ended.value.code == 2
    assert "nothing here rests on the assumption 'Σz = 1'" in capsys.readouterr().err


def test_prove_prints_a_proof(capsys):
    found = IDENTITIES["log-of-softmax"].prove()
    assert run(capsys, "prove", "log-of-softmax") == found.text() + "\n"
    assert run(capsys, "prove", "log-of-softmax", "--latex") == found.latex() + "\n"
    assert run(capsys, "prove", "posterior")


def test_what_is_not_proved_ends_with_status_1(capsys):
    assert main(["prove", "bernoulli-likelihood", "--assume"]) == 1
    assert "not proved" in capsys.readouterr().out


def test_draw_saves_a_picture(capsys, tmp_path):
    assert run(capsys, "draw", "mse", "--into", str(tmp_path)) == f"{tmp_path / 'mse.svg'}\n"
    assert "<svg" in (tmp_path / "mse.svg").read_text(encoding="utf-8")
    run(capsys, "draw", "mse", "--derivation", "--into", str(tmp_path / "new"))
    assert (tmp_path / "new" / "mse-derivation.svg").exists()


def test_without_a_renderer_draw_saves_dot_text(capsys, tmp_path, no_program):
    assert main(["draw", "mse", "--into", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'mse.dot'}\n"
    assert captured.err.startswith("saved as DOT text: ")
    assert (tmp_path / "mse.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize("command", ["derive", "prove", "draw", "explain", "check"])
def test_the_lectures_are_listed_and_what_is_none_of_them_refused(capsys, command):
    known = IDENTITIES if command == "prove" else LECTURES
    listed = [line.split()[0] for line in run(capsys, command, "--list").splitlines()]
    assert listed == list(known)
    what = "identity" if command == "prove" else "lecture"
    assert [line.split()[0] for line in run(capsys, command).splitlines()[1:]] == listed
    with pytest.raises(SystemExit) as ended:
        main([command, "qqq"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{what}: 'qqq' is unknown; there are: {listed[0]}" in said
    assert said.startswith(f"usage: python -m tinygrad_edu {command}")


def test_a_slip_in_the_name_of_a_lecture_is_mended(capsys):
    with pytest.raises(SystemExit):
        main(["derive", "softmax-cee"])
    said = capsys.readouterr().err
    assert "derive: lecture: 'softmax-cee' is unknown; did you mean 'softmax-ce'? There are" in said


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"tinygrad_edu {version('tinygrad_edu')}\n"


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
    for claim, said in (
        (["a − yy"], "nothing is called 'yy'; did you mean 'y'?"),
        ([], 'check: say what the gradient is, such as "a − y"'),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["check", "softmax-ce", *claim])
        assert ended.value.code == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert said in captured.err
        assert captured.err.endswith("\n  a − yy\n      ^\n") == bool(claim)


def test_check_says_what_its_status_means(capsys):
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


# --- how a command ends ---------------------------------------------------------------------------


def test_what_is_printed_can_go_to_a_file_or_nowhere(capsys, tmp_path):
    whole = run(capsys, "derive", "mse")
    assert run(capsys, "derive", "mse", "--output", str(tmp_path / "a.txt")) == ""
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == whole
    assert run(capsys, "derive", "mse", "--quiet") == ""
    assert main(["check", "softmax-ce", "y - a", "--quiet"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.svg"), 1, "a.svg: No space left"),
    ],
)
def test_a_command_that_breaks_off_says_so_in_one_line(error, status, said, capsys, monkeypatch):
    def breaks(*_):
        raise error

    monkeypatch.setattr(cli, "list_lectures", breaks)
    assert main(["derive", "--list"]) == status
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named_and_an_old_one_stays(capsys, tmp_path, monkeypatch):
    assert main(["derive", "mse", "--output", str(tmp_path / "none" / "a.txt")]) == 1
    said = capsys.readouterr().err
    assert said == f"{tmp_path / 'none' / 'a.txt'}: No such file or directory\n"
    old = tmp_path / "mse.svg"
    old.write_text("old", encoding="utf-8")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["draw", "mse", "--into", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{old}: No space left on device\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mse.svg"]
    assert old.read_text(encoding="utf-8") == "old"


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "tinygrad_edu", "numpy"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_encoding_without_the_letters_gets_others():
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "derive", "mse"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"?L/?h = 2\xb7(h ? y)/N")


def test_only_a_terminal_has_colours(capsys, monkeypatch):
    plain = run(capsys, "check", "softmax-ce", "a - y")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    tinted = run(capsys, "check", "softmax-ce", "a - y")
    assert "\x1b[32mright, proved\x1b[0m" in tinted
    assert re.sub(r"\x1b\[\d*m", "", tinted) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(capsys, "check", "softmax-ce", "a - y") == plain


FORMULA = [
    "-sum(y*log(softmax(z)))",
    "--wrt",
    "z",
    "--let",
    "z=1.47,-0.39,0.22",
    "--let",
    "y=0,1,0",
]
SQUARES = ["Σ((A x − b)²)", "--wrt", "x", "--shape", "A=4x3", "--shape", "b=4", "--shape", "x=3"]


def test_a_typed_formula_takes_the_place_of_a_lecture(capsys, tmp_path):
    assert main(["derive", *FORMULA]) == 0
    assert "= softmax(z) − y" in capsys.readouterr().out
    assert main(["derive", *SQUARES, "--indices"]) == 0
    assert main(["check", *SQUARES[:1], "2 A.T (A x - b)", *SQUARES[1:]]) == 0
    assert main(["check", *SQUARES[:1], "-A.T (A x - b)", *SQUARES[1:]]) == 1
    assert main(["draw", *FORMULA, "--into", str(tmp_path)]) == 0
    assert (tmp_path / "formula.svg").exists()
    assert main(["explain", *FORMULA, "--into", str(tmp_path)]) == 0
    matrix = ["sum(A @ A)", "--wrt", "A", "--let", "A=1,2;3,4"]
    capsys.readouterr()
    assert main(["derive", *matrix]) == 0
    assert "∂L/∂A" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--wrt", "z", "--let", "x=1"], "give it some by --let z=1,2"),
        (["x", "--wrt", "x", "--let", "x=1,b"], "--let x=1,b cannot be read"),
        (["x", "--wrt", "x", "--shape", "x=1,2"], "--shape x=1,2 cannot be read"),
        (["sum(x q)", "--wrt", "x", "--let", "x=1"], "nothing is called 'q'"),
    ],
)
def test_what_is_wrong_with_a_typed_formula(words, message, capsys):
    with pytest.raises(SystemExit):
        main(["derive", *words])
    assert message in capsys.readouterr().err


# --- completion -----------------------------------------------------------------------------------


def completed(script, *typed):
    """What bash offers behind these words."""
    words = " ".join(map(repr, typed))
    asks = f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _tinygrad_edu"
    command = ["bash", "-c", f'{script}\n{asks}; printf "%s\\n" "${{COMPREPLY[@]}}"']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_commands_options_and_names(capsys):
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert completed(script, "tinygrad-edu", "de") == ["demo", "derive"]
    assert completed(script, "tinygrad-edu", "derive", "softmax-c") == [
        name for name in LECTURES if name.startswith("softmax-c")
    ]
    assert completed(script, "tinygrad-edu", "derive", "softmax-ce", "--st") == ["--staged"]
    assert completed(script, "tinygrad-edu", "train", "fas") == ["fashion"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_all_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    words = set(re.findall(r"[\w.-]+", script.replace("-l ", "--")))
    assert {"demo", "derive", "--staged", "--certificate", "softmax-ce", *IDENTITIES} <= words
    assert {*EXPERIMENTS, "--open", "--version" if shell != "fish" else "doctor"} <= words

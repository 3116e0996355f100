"""What every experiment has, and how the command line runs one."""

import builtins
import contextlib
import signal
from typing import Literal

import pytest

from tinygrad_edu.charts import columns
from tinygrad_edu.experiments import EXPERIMENTS, Result, experiment, main
from tinygrad_edu.experiments.experiment import summary


def said_back(**options):
    def draw(axes):
        axes.plot([0, 1], label="a line")

    lines = "\n".join(f"{name}: {value!r}" for name, value in options.items())
    return Result(lines, draw, {"a claim": [True], "another": [False]}, options=options)


@pytest.fixture
def echo(monkeypatch):
    """An experiment that says what it was given."""
    monkeypatch.setitem(EXPERIMENTS, "echo", None)

    @experiment("echo", ("A1", "A10"), "say what was given")
    def run(
        *,
        rate: float = 0.5,
        hidden: tuple[int, ...] = (300, 100),
        early_stopping: bool = False,
        dropout: float | None = None,
        kind: Literal["a", "b"] = "a",
    ) -> Result:
        """Say what was given.

        Parameters
        ----------
        rate : float
            How far, in
            two lines of 100 %.
        hidden : tuple of int
            Sizes.

        Returns
        -------
        rate : Result
            Not of the option: the same was given.
        """
        if rate < 0:
            raise ValueError(f"echo: rate = {rate:g}; choose rate ≥ 0")
        return said_back(rate=rate, hidden=hidden, stop=early_stopping, p=dropout, kind=kind)

    return run


def said(capsys, *arguments, error=False):
    """What is printed to standard output, or to standard error by a command that is refused."""
    if error:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        return capsys.readouterr().err
    assert main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_it_is(name, capsys):
    entry = EXPERIMENTS[name]
    assert entry.ids
    assert entry.title
    for option in entry.options:
        assert option.help, f"{name}: {option.name} is not described"
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert entry.title in " ".join(capsys.readouterr().out.split())


def test_experiments_stand_in_the_order_of_the_lectures():
    places = [(entry.ids[0][0], int(entry.ids[0][1:])) for entry in EXPERIMENTS.values()]
    assert places == sorted(places)


def test_the_list(capsys, echo):
    for arguments in ([], ["--list"]):
        lines = said(capsys, *arguments).splitlines()
        assert len(lines) == len(EXPERIMENTS)
        assert lines[-1].split() == ["echo", "say", "what", "was", "given", "(A1,", "A10)"]


def test_options_come_from_the_signature(capsys, echo, tmp_path):
    into = ("--into", str(tmp_path))
    assert said(capsys, "echo", *into).startswith(
        "rate: 0.5\nhidden: (300, 100)\nstop: False\np: None\nkind: 'a'\n"
    )
    given = ("--rate", "2", "--hidden", "5", "7", "--early-stopping", "--dropout", "0.2")
    assert said(capsys, "echo", *given, "--kind", "b", *into).startswith(
        "rate: 2.0\nhidden: [5, 7]\nstop: True\np: 0.2\nkind: 'b'\n"
    )


def test_help_comes_from_the_docstring(capsys, echo):
    with pytest.raises(SystemExit):
        main(["echo", "--help"])
    help = " ".join(capsys.readouterr().out.split())
    assert "--rate RATE How far, in two lines of 100 %. (default: 0.5)" in help
    assert "the same was given" not in help


def test_the_figure_is_saved(capsys, echo, tmp_path):
    folder = tmp_path / "a new folder"
    assert f"figure: {folder / 'echo.svg'}" in said(capsys, "echo", "--into", str(folder))
    first = (folder / "echo.svg").read_bytes()
    assert b"<svg" in first
    said(capsys, "echo", "--into", str(folder))
    assert (folder / "echo.svg").read_bytes() == first
    said(capsys, "echo", "--into", str(folder), "--format", "png")
    assert (folder / "echo.png").read_bytes().startswith(b"\x89PNG")


def test_claims_are_told_with_the_seeds_they_hold_for():
    assert said_back(a=1).table() == "a: 1\n\nso: a claim\nnot so: another"
    several = Result("lines", None, {"a claim": [True, False, True]}, more=2)
    assert several.table().splitlines()[2:] == [
        "± is the standard deviation over 3 seeds",
        "in 2 of 3 seeds: a claim",
    ]
    assert several.more == 2


def test_a_summary_has_mean_and_standard_deviation():
    table = summary(("λ",), {("0",): [1.0, 3.0], ("1",): [2.0, 2.0]}, {"size": (abs, ".1f")})
    assert table.splitlines()[2:] == ["0  2.0 ± 1.4", "1  2.0 ± 0.0"]


def test_figures_are_svg_or_png(tmp_path):
    with pytest.raises(ValueError, match=r"a\.pdf is neither \.svg nor \.png"):
        said_back().save(tmp_path / "a.pdf")


def test_without_matplotlib_there_is_a_table(capsys, echo, tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["echo", "--into", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("rate: 0.5")
    assert "no figure: a figure needs matplotlib" in captured.err
    assert 'pip install "tinygrad_edu[train]"' in captured.err
    assert not list(tmp_path.iterdir())


def test_nonsense(capsys, echo, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for arguments, complaint in (
        (["ecko"], "no experiment is called 'ecko'; did you mean 'echo'?"),
        (["echo", "--rate", "-1"], "error: rate = -1; choose rate ≥ 0"),
        (["echo", "--rate", "fast"], "argument --rate: invalid float value: 'fast'"),
        (["echo", "--kind", "c"], "argument --kind: invalid choice: 'c'"),
        (["echo", "--ratio", "1"], "unrecognized arguments: --ratio 1"),
        (["echo", "--into", str(file)], "is a file; name a folder"),
    ):
        assert complaint in said(capsys, *arguments, error=True)


def test_a_table_is_aligned():
    text = columns(("name", "count", "share"), [("a", 5, 0.123456), ("longer", 12, "7 %")])
    assert text.splitlines() == [
        "name    count   share",
        "------  -----  ------",
        "a           5  0.1235",
        "longer     12     7 %",
    ]
    assert columns(("a", "b"), []).splitlines() == ["a  b", "-  -"]
    formatted = columns(("a", "b"), [(2, 0.5), (None, 0.125)], (".1f", ".0%"))
    assert formatted.splitlines() == ["  a    b", "---  ---", "2.0  50%", "  -  12%"]
    with pytest.raises(ValueError, match="a row of 1 under a header of 2"):
        columns(("a", "b"), [(1,)])
    with pytest.raises(ValueError, match="a row of 1 under a header of 2"):
        columns(("a", "b"), [(1, 2)], (".1f",))


def test_what_was_learnt_before_ctrl_c_is_told_and_no_figure_replaced(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setitem(EXPERIMENTS, "stopped", None)

    @experiment("stopped", ("A1",), "be interrupted")
    def run() -> Result:
        """Be interrupted, as a training is."""
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return said_back(learnt=1)

    handler = signal.getsignal(signal.SIGINT)
    figure = tmp_path / "stopped.svg"
    assert main(["stopped", "--into", str(tmp_path)]) == 130
    before = figure.read_bytes()
    figure.write_bytes(b"an older one")
    assert main(["stopped", "--into", str(tmp_path)]) == 130
    assert figure.read_bytes() == b"an older one" != before
    captured = capsys.readouterr()
    assert captured.out.count("learnt: 1") == 2
    assert captured.err.splitlines() == [
        "interrupted",
        f"interrupted; {figure} stays as it was",
    ]
    assert signal.getsignal(signal.SIGINT) is handler

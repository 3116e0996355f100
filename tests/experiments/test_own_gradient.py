"""B6: a wrong gradient trains beside the right one, and the slip shows."""

import pytest

from tinygrad_edu import cli
from tinygrad_edu.experiments import EXPERIMENTS

run = EXPERIMENTS["iris"].run


@pytest.mark.parametrize("seed", [1, 2])
def test_the_right_one_learns_and_its_negative_does_not(seed):
    result = run(gradient="y − a", epochs=1, seed=seed)
    assert not result.verdict
    assert result.verdict.suspect.kind == "sign"
    right, wrong = (result.losses[name] for name in ("a − y", "y − a"))
    assert right[-1] < 0.5 * right[0]
    assert wrong[-1] > 2 * wrong[0]
    assert result.accuracies["a − y"][-1] > 0.8
    assert "the loss rises\n" in result.table()
    assert "so: no loss ends below that of a − y" in result.table()


def test_without_the_target_nothing_is_learned():
    result = run(gradient="a", epochs=1)
    assert "−y was left out" in result.table()
    assert "hardly moves" in result.table()
    assert result.losses["a"][-1] == pytest.approx(result.losses["a"][0])


def test_another_form_of_the_right_one_trains_alike():
    result = run(gradient="a Σy − y", epochs=1)
    assert result.verdict
    assert result.losses["a Σy − y"] == pytest.approx(result.losses["a − y"])
    assert "so: no loss ends below that of a − y" in result.table()


def test_on_the_command_line(capsys, tmp_path):
    given = ["--epochs", "1", "--into", str(tmp_path)]
    assert cli.main(["train", "iris", "--gradient", "-y/a", *given]) == 0
    assert "∂a/∂z was left out" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["train", "iris", "--gradient", "a − (", *given])
    assert "the claim ends where" in capsys.readouterr().err


def test_a_formula_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"iris: z zᵀ has shape \(3, 3\), .* a vector or a number"):
        run(gradient="z zᵀ", epochs=1)

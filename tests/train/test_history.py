"""The history as arrays, as a table, as a curve."""

import subprocess
import sys

import numpy as np
import pytest

from tinygrad_edu.train import History
from tinygrad_edu.train.history import Epoch


def history(*, validation=True):
    made = History()
    for loss, held, right in ((0.9, 0.8, 0.5), (0.5, 0.6, 0.75), (0.3, 0.7, 0.7)):
        metrics = {"accuracy": right, "confusion_matrix": np.eye(2, dtype=int)}
        made.add(Epoch(loss, held if validation else None, metrics, 0.25))
    return made


def test_arrays():
    made = history()
    assert made.loss.tolist() == [0.9, 0.5, 0.3]
    assert made.validation_loss.tolist() == [0.8, 0.6, 0.7]
    assert made.metrics["accuracy"].tolist() == [0.5, 0.75, 0.7]
    assert made.metrics["confusion_matrix"].shape == (3, 2, 2)
    assert made.seconds.sum() == 0.75
    assert list(made.columns()) == ["loss", "validation loss", "accuracy"]
    assert history(validation=False).validation_loss is None


def test_the_table():
    made = history()
    made.ended, made.best_epoch, made.restored = "early stopping", 2, True
    assert made.table().splitlines() == [
        "epoch    loss  validation loss  accuracy",
        "-----  ------  ---------------  --------",
        "    1  0.9000           0.8000    0.5000",
        "    2  0.5000           0.6000    0.7500",
        "    3  0.3000           0.7000    0.7000",
        "ended after epoch 3: early stopping; best epoch 2, whose weights were restored",
    ]
    assert "validation" not in history(validation=False).table()
    assert repr(made) == "History(3 epochs, loss 0.3, validation loss 0.7, accuracy 0.7)"
    assert repr(History()) == "History(no epoch)"


def test_the_curve(tmp_path):
    made = history()
    made.best_epoch = 2
    figure = made.curve()
    losses, metrics = figure.axes
    assert [line.get_label() for line in losses.lines] == ["loss", "validation loss", "best epoch"]
    assert losses.lines[1].get_ydata().tolist() == [0.8, 0.6, 0.7]
    assert losses.lines[2].get_xdata() == [2, 2]
    assert metrics.lines[0].get_label() == "validation accuracy"
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
    one = History()
    one.add(Epoch(1.0, None, {}, 0.1))
    assert len(one.curve().axes) == 1


def test_without_matplotlib_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_edu\[train\]"'):
        history().curve()
    with pytest.raises(ValueError, match="nothing to draw"):
        History().curve()


def test_training_imports_nothing_heavy():
    code = (
        "import sys, tinygrad_edu.train, tinygrad_edu.parallel, tinygrad_edu.data\n"
        "print(*{'matplotlib', 'tqdm', 'sklearn', 'mpi4py'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("validation", [True, False])
def test_it_can_be_stored(validation):
    made, other = history(validation=validation), History()
    other.load_state_dict(made.state_dict())
    assert other.table() == made.table()
    np.testing.assert_array_equal(
        other.metrics["confusion_matrix"], made.metrics["confusion_matrix"]
    )
    assert isinstance(other.metrics["accuracy"][0].item(), float)

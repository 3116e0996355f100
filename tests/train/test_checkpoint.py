"""Checkpoints: going on as if nothing had happened, and never half a file (hard case 42)."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.train.problems import iris, network, rng, same
from tinygrad_edu import nn, optim, train
from tinygrad_edu.train.files import read_arrays, write_arrays
from tinygrad_edu.train.history import History
from tinygrad_edu.train.loop import Loop

DATA, HELD = iris()


def prepared(kind="adam", bits=np.random.PCG64):
    """A model with dropout, an optimiser with a state and a schedule, and Generators."""
    model = nn.Sequential(
        nn.Linear(4, 6, rng=rng()),
        nn.Dropout(0.3, np.random.Generator(bits(5))),
        nn.Linear(6, 3, rng=rng(1)),
        nn.head("multiclass", 3),
    )
    if kind == "adam":
        optimizer = optim.Adam(model, lr=optim.CosineDecay(0.1, steps=40))
    else:
        optimizer = optim.SGD(model, lr=lambda step: 0.5 / (1 + step), momentum=0.9)
    return model, optimizer, np.random.Generator(bits(7))


def fitted(parts, epochs, path=None, **options):
    model, optimizer, draws = parts
    return train.fit(
        model,
        DATA,
        optimizer=optimizer,
        epochs=epochs,
        rng=draws,
        validation=HELD,
        early_stopping=train.EarlyStopping(4, min_delta=0.02),
        metrics=("accuracy", "confusion_matrix"),
        checkpoint=path,
        **options,
    )


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("adam", np.random.PCG64),
        ("sgd", np.random.MT19937),
        ("sgd", np.random.Philox),
        ("adam", np.random.SFC64),
        ("adam", np.random.PCG64DXSM),
    ],
)
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, monkeypatch, kind, bits):
    whole = prepared(kind, bits)
    expected = fitted(whole, 8)
    path, broken = tmp_path / "run.npz", prepared(kind, bits)
    epoch, left = Loop._epoch, iter(range(3))

    def dies_in_the_fourth(self, bar):
        loss = epoch(self, bar)
        if next(left, None) is None:
            raise Killed
        return loss

    monkeypatch.setattr(Loop, "_epoch", dies_in_the_fourth)
    with pytest.raises(Killed):
        fitted(broken, 8, path)
    monkeypatch.undo()
    again = prepared(kind, bits)
    history = fitted(again, 8, path, resume=True)
    assert same(again[0].state_dict(), whole[0].state_dict())
    assert same(again[1].state_dict(), whole[1].state_dict())
    assert str(again[2].bit_generator.state) == str(whole[2].bit_generator.state)
    for name in ("loss", "validation_loss"):
        assert getattr(history, name).tolist() == getattr(expected, name).tolist()
    for name, values in expected.metrics.items():
        np.testing.assert_array_equal(history.metrics[name], values)
    assert (history.best_epoch, history.ended) == (expected.best_epoch, expected.ended)


def test_a_run_that_ended_early_stays_ended(tmp_path):
    path, first, again = tmp_path / "run.npz", prepared("sgd"), prepared("sgd")
    history = fitted(first, 60, path)
    assert history.ended == "early stopping"
    resumed = fitted(again, 60, path, resume=True)
    assert (len(resumed), resumed.ended) == (len(history), "early stopping")
    assert same(first[0].state_dict(), again[0].state_dict())  # the best, not the last


def test_resuming_without_a_file_begins_at_the_beginning(tmp_path):
    first, again = prepared(), prepared()
    fitted(first, 2)
    history = fitted(again, 2, tmp_path / "run.npz", resume=True)
    assert len(history) == 2
    assert same(first[0].state_dict(), again[0].state_dict())


def test_a_checkpoint_by_hand(tmp_path):
    path = tmp_path / "by hand; 50%.npz"
    parts, others = prepared(), prepared()
    history = fitted(parts, 2)
    train.save_checkpoint(str(path), parts[0], parts[1], rng=parts[2], history=history)
    found = History()
    train.load_checkpoint(path, others[0], others[1], rng=others[2], history=found)
    assert same(parts[0].state_dict(), others[0].state_dict())
    assert same(parts[1].state_dict(), others[1].state_dict())
    assert found.loss.tolist() == history.loss.tolist()
    assert list(tmp_path.iterdir()) == [path]  # no temporary file is left
    with np.load(path, allow_pickle=False) as stored:  # and numpy reads it
        assert stored["model/0.W"].shape == (4, 6)


def other_entries(**changed):
    """A checkpoint with some entries changed, or left out where the value is None."""

    def change(path):
        arrays = read_arrays(path) | {k.replace("__", "/"): v for k, v in changed.items()}
        write_arrays(path, {name: array for name, array in arrays.items() if array is not None})

    return change


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def pickled(path):
    with zipfile.ZipFile(path, "a") as archive, archive.open("evil.npy", "w") as entry:
        np.lib.format.write_array(entry, np.array([{}], dtype=object), allow_pickle=True)


def encrypted(path):
    """Set the mark in the list of contents that says so: zipfile answers with a RuntimeError."""
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def before_the_start(path):
    """Move the first entry to a place that is none: zipfile answers with an OSError."""
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)


SPOILT = {
    "marked as encrypted": (encrypted, "no whole archive"),
    "a place before the start": (before_the_start, "no whole archive"),
    "cut off": (cut, "no whole archive"),
    "damaged": (flipped, "no whole archive"),
    "empty": (lambda path: path.write_bytes(b""), "no whole archive"),
    "text": (lambda path: path.write_text("weights"), "no whole archive"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"W": 1})), "no whole archive"),
    "an object inside": (pickled, "no whole archive"),
    "another archive": (lambda path: write_arrays(path, {"W": np.ones(3)}), "no checkpoint of"),
    "another version": (other_entries(format=np.array("x 2")), "no checkpoint of"),
    "a parameter missing": (other_entries(**{"model__0.W": None}), "0.W is missing"),
    "a parameter too many": (other_entries(**{"model__9.W": np.ones(3)}), "9.W is unknown"),
    "another shape": (other_entries(**{"model__0.W": np.ones((6, 4))}), "0.W has shape (6, 4)"),
    "text for a weight": (other_entries(**{"model__2.b": np.array(["a"] * 3)}), "2.b holds <U1"),
    "no momentum": (other_entries(optimizer__steps=None), "steps is missing"),
    "NaN in the momentum": (
        other_entries(**{"optimizer__first.0.W": np.full((4, 6), np.nan)}),
        "first.0.W",
    ),
    "no Generator": (other_entries(rng=None), "no state of the Generator 'rng'"),
    "another Generator": (
        other_entries(rng=np.array('{"bit_generator": "MT19937"}')),
        "'rng' is no state of a PCG64",
    ),
    "no JSON": (other_entries(rng=np.array("import os")), "'rng' is no state of a PCG64"),
    "no history": (other_entries(history__loss=None), "history: had seconds (2,), "),
    "half a history": (other_entries(history__loss=np.ones(1)), "history: had loss (1,), "),
    "a metric too few": (
        other_entries(history__metrics__accuracy=None),
        "measure the same: loss, metrics/accuracy, ",
    ),
    "a metric too many": (
        other_entries(history__metrics__mine=np.ones(2)),
        "metrics/mine (2,)",
    ),
    "no number improved": (
        other_entries(best__improved=np.zeros(2)),
        "best: improved has shape (2,) and not ()",
    ),
    "no best": (other_entries(best__waited=None), "best: waited is missing"),
    "the best of another model": (
        other_entries(**{"best__weights__0.W": np.ones(2)}),
        "best: weights/0.W has shape (2,)",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_no_checkpoint_of_this_model_is_refused_and_nothing_is_changed(tmp_path, case):
    spoil, complaint = SPOILT[case]
    path = tmp_path / "run.npz"
    fitted(prepared(), 2, path)
    spoil(path)
    model, optimizer, draws = parts = prepared()
    before = model.state_dict(), optimizer.state_dict(), str(draws.bit_generator.state)
    masks = str(model.generators()["1.rng"].bit_generator.state)
    with pytest.raises(ValueError, match=r"run\.npz") as raised:
        fitted(parts, 4, path, resume=True)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
    assert same(model.state_dict(), before[0])
    assert same(optimizer.state_dict(), before[1])
    assert str(draws.bit_generator.state) == before[2]
    assert str(model.generators()["1.rng"].bit_generator.state) == masks


def test_the_checkpoint_of_another_optimiser_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fitted(prepared("adam"), 1, path)
    with pytest.raises(ValueError, match="another model or training: SGD"):
        fitted(prepared("sgd"), 2, path, resume=True)


def test_an_optimiser_with_the_same_state_is_another_one_all_the_same(tmp_path):
    path, model = tmp_path / "run.npz", network()
    train.save_checkpoint(path, model, optim.Adam(model, lr=0.1))
    train.load_checkpoint(path, model, optim.Adam(model, lr=0.2))
    with pytest.raises(ValueError, match="AdamW cannot go on from the state of Adam"):
        train.load_checkpoint(path, model, optim.AdamW(model, lr=0.1))
    train.save_checkpoint(path, model)
    with pytest.raises(ValueError, match="was written without an optimiser; load it without one"):
        train.load_checkpoint(path, model, optim.Adam(model, lr=0.1))


def test_loading_a_pickle_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    for name, content in (("a", Evil()), ("b", np.array([Evil()], dtype=object))):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(ValueError, match="no whole archive"):
            train.load_checkpoint(path, network())
    np.savez(tmp_path / "c.npz", format=np.array([Evil()], dtype=object))
    with pytest.raises(ValueError, match="no whole archive"):
        train.load_checkpoint(tmp_path / "c.npz", network())
    assert not (tmp_path / "ran").exists()


def test_python_objects_are_not_written(tmp_path):
    with pytest.raises(TypeError, match="'w' holds Python objects"):
        write_arrays(tmp_path / "w.npz", {"w": np.array([None])})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["fsync", "write_array"])
def test_a_save_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    path, model = tmp_path / "run.npz", network()
    train.save_checkpoint(path, model)
    old = path.read_bytes()

    def fails(*args, **options):
        raise OSError("no space left")

    monkeypatch.setattr(os if step == "fsync" else np.lib.format, step, fails)
    with pytest.raises(OSError, match="no space left"):
        train.save_checkpoint(path, network(1))
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_rights_are_the_usual_ones(tmp_path):
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    train.save_checkpoint(real, network())
    link.symlink_to(real)
    before = real.read_bytes()
    train.save_checkpoint(link, network(1))
    assert link.is_symlink()
    assert real.read_bytes() != before
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert real.stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are POSIX's")
def test_killed_at_any_moment_the_last_whole_checkpoint_loads(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.killing", tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert len(found) == 25
    assert all(len(words) == 2 for words in found)  # all weights are those of one save
    assert len({number for number, _ in found}) > 5
    assert "cut" in {when for _, when in found}  # some were killed while they wrote

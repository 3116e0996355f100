"""Data-parallel training over MPI: two processes compute what one does."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.experiments.pictures import write_pictures
from tests.together import CASES, network, recorded
from tinygrad_edu import nn, optim, parallel, train
from tinygrad_edu.experiments import fashion

ROOT = Path(__file__).resolve().parent.parent
BESIDE = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join(BESIDE))

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason="MPI is not installed: pip install mpi4py mpich",
)


def together(job, folder, processes=2):
    """Run a job of tests/together.py; a job that hangs fails by its time."""
    return launch(processes, "tests.together", job, folder)


def launch(processes, module, *arguments):
    return subprocess.run(
        [MPIEXEC, "-n", str(processes), sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.ci)])
def computed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    done = together("compute", folder, request.param)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "results.npz") as results:
        return folder, dict(results), request.param


@needs_mpi
def test_gradients_are_those_of_one_process(computed):
    _, results, processes = computed
    assert results["size"] == processes
    for name in CASES:
        gradients, losses = recorded(name)
        scale = np.abs(gradients).max()
        assert np.abs(results[f"{name}/gradients"] - gradients).max() <= 1e-12 * scale, name
        np.testing.assert_allclose(results[f"{name}/losses"], losses, rtol=1e-12, err_msg=name)


@needs_mpi
def test_an_experiment_is_run_together_and_reported_once(tmp_path):
    folder = write_pictures(tmp_path)
    options = ("train", "fashion", "--epochs", "2", "--folder", folder, "--into", tmp_path / "new")
    done = launch(2, "tinygrad_edu", *options)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^epoch \S+", done.stderr, re.M) == ["epoch 1/2:", "epoch 2/2:"]
    assert done.stdout.count("test accuracy with dropout 0") == 1
    (alone,) = fashion.run(epochs=2, folder=folder).runs
    assert abs(float(re.search(r"([\d.]+)%", done.stdout)[1]) / 100 - alone.accuracy) < 0.03
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["fashion.svg"]


@needs_mpi
def test_each_process_draws_its_own_dropout_masks(computed):
    _, results, processes = computed
    assert results["apart"] == processes


@needs_mpi
def test_only_the_first_process_writes_checkpoints_and_all_go_on_from_it(computed):
    folder, results, _ = computed
    assert [path.name for path in sorted(folder.glob("process*"))] == ["process0.npz"]
    np.testing.assert_array_equal(results["resumed"], results["whole"])


@needs_mpi
def test_dropout_is_the_same_again_with_the_same_number_of_processes(computed):
    _, results, _ = computed
    np.testing.assert_array_equal(results["again"], results["whole"])


@needs_mpi
@pytest.mark.parametrize("job", ["fail", "crash"])
def test_a_process_that_fails_ends_the_job_with_its_message(job, tmp_path):
    done = together(job, tmp_path)
    assert done.returncode != 0
    assert "process 1 of 2 failed" in done.stderr
    assert "ArithmeticError: the sky fell down" in done.stderr
    assert "process 0 of 2 failed" not in done.stderr


@needs_mpi
def test_processes_that_disagree_are_told_so(tmp_path):
    done = together("disagree", tmp_path)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said.txt").read_text(encoding="utf-8").splitlines()
    start = "parallel: process 1 does not train what process 0 trains, but has "
    assert all(line.startswith(start) for line in said)
    settings = [line.removeprefix(start).partition("; ")[0] for line in said]
    assert settings[0].startswith("optimizer SGD with {'lr': 0.2, ")
    assert settings[1].startswith("optimizer SGD with {'lr': [1.0, 0.5, ")
    assert "'momentum': 0.9" in settings[2]
    assert settings.pop().startswith("parameters 0.0.W (3, 5) float64, 0.0.b (5,) float64, ")
    assert settings[3:] == [
        "epochs 2",
        "features of shape (8, 3) that are others",
        "targets of shape (8, 2) that are others",
    ]


@needs_mpi
def test_one_process_without_mpiexec(tmp_path):
    command = [sys.executable, "-m", "tests.together", "compute", tmp_path]
    subprocess.run(command, check=True, timeout=120, cwd=ROOT)
    with np.load(tmp_path / "results.npz") as results:
        for name in CASES:
            gradients, losses = recorded(name)
            assert results[f"{name}/gradients"].tobytes() == gradients.tobytes()  # bit for bit
            assert results[f"{name}/losses"].tobytes() == losses.tobytes()


@pytest.mark.parametrize("module", ["mpi4py", "mpi4py.MPI"])
def test_without_mpi_a_sentence(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_edu\[mpi\]"'):
        parallel.world()


class Two(parallel.Alone):
    """Looks like two processes, to what comes before they talk."""

    size = 2


def test_a_loss_that_cannot_be_computed_in_parts_is_refused():
    x, t = np.random.default_rng(0).normal(size=(2, 8, 3))
    model = nn.Linear(3, 3, rng=np.random.default_rng(0))

    def loss(z, t):
        return tg.max(abs(z - t)) + tg.sum_squared_error(z, t)

    with pytest.raises(ValueError, match="neither by a sum nor by a mean"):
        train.fit(
            model,
            (x, t),
            loss,
            optim.SGD(model, lr=0.1),
            epochs=1,
            batch_size=4,
            rng=np.random.default_rng(0),
            group=Two(),
        )


def test_the_loss_of_the_first_process_decides_for_all():
    class Following(parallel.Alone):
        def share(self, array):
            return np.array(0.25) if array.shape == () else array

    x, t = np.random.default_rng(0).normal(size=(2, 8, 3))
    model = nn.Linear(3, 3, rng=np.random.default_rng(0))
    history = train.fit(
        model,
        (x, t),
        tg.mean_squared_error,
        optim.SGD(model, lr=0.1),
        epochs=2,
        batch_size=4,
        rng=np.random.default_rng(0),
        validation=(x, t),
        early_stopping=train.EarlyStopping(1),
        group=Following(),
    )
    assert history.validation_loss.tolist() == [0.25, 0.25]  # where its own would go down
    assert history.best_epoch == 1


def test_alone_nothing_changes():
    group, rows = parallel.Alone(), np.arange(5)
    model = network(dropout=0.5)
    (generator,) = model.generators().values()
    before = str(generator.bit_generator.state)
    with group as same:
        group.begin(model.named_parameters(), {})
        group.draw_apart(model.generators())
        assert same is group
        assert group.shard(rows) is rows
        assert group.share(rows) is rows
        assert group.add_up([rows], 2.5) == 2.5
    assert str(generator.bit_generator.state) == before
    with pytest.raises(KeyError), parallel.Alone():
        raise KeyError

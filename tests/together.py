"""Trainings that several processes run together: ``mpiexec -n 2 python -m tests.together``.

The same functions run in one process, too; the tests compare what both compute.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn, optim, parallel, train

# name → loss, examples, batch size, further options of `fit`. With 9 examples in batches of 4 the
# last batch has one example, and the second process none.
CASES = {
    "mean": (tg.mean_squared_error, 12, 4, {}),
    "sum": (tg.sum_squared_error, 12, 4, {}),
    "mean, uneven": (tg.mean_squared_error, 11, 4, {}),
    "sum, uneven": (tg.sum_squared_error, 11, 4, {}),
    "mean, one alone": (tg.mean_squared_error, 9, 4, {}),
    "sum, one alone": (tg.sum_squared_error, 9, 4, {}),
    "one at a time": (tg.mean_squared_error, 3, 1, {}),
    "odd batches": (tg.mean_squared_error, 10, 5, {}),
    "penalty": (tg.mean_squared_error, 9, 4, {"penalty": lambda m: nn.penalty(m, l2=0.3)}),
    "clip": (tg.sum_squared_error, 9, 4, {"clip": 0.5}),
    "no penalty": (tg.mean_squared_error, 11, 4, {}),
    "no penalty, sum": (tg.sum_squared_error, 9, 4, {}),
}


class Recording(optim.SGD):
    """Keeps every gradient that it was given."""

    def step(self, gradients=None):
        self.seen = [*getattr(self, "seen", []), np.concatenate([g.ravel() for g in gradients])]
        super().step(gradients)


def network(*, dropout=0.0, outputs=2, penalty=0.01):
    draws = np.random.default_rng(1)
    layers = [nn.Linear(3, 5, l1=penalty, l2=2 * penalty, rng=draws), nn.Tanh()]
    if dropout:
        layers.append(nn.Dropout(dropout, np.random.default_rng(2)))
    return nn.Sequential(*layers, nn.Linear(5, outputs, rng=draws))


def data(n):
    draws = np.random.default_rng(3)
    return draws.normal(size=(n, 3)), draws.normal(size=(n, 2))


def recorded(name, group=None):
    """Train, and return the gradient of every step and the losses."""
    loss, n, batch_size, options = CASES[name]
    model = network(penalty=0.0 if name.startswith("no penalty") else 0.01)
    optimizer = Recording(model, lr=0.05, momentum=0.9)
    history = train.fit(
        model,
        data(n),
        loss,
        optimizer,
        epochs=2,
        batch_size=batch_size,
        rng=np.random.default_rng(4 + (group.rank if group else 0)),  # the first one's counts
        validation=data(7),
        group=group,
        **options,
    )
    return np.array(optimizer.seen), np.array([history.loss, history.validation_loss])


def with_dropout(group, epochs, path=None, **options):
    """Train with dropout, and return the state of the model."""
    model, draws = network(dropout=0.5), np.random.default_rng(4)
    adam = optim.Adam(model, lr=0.01)
    train.fit(
        model,
        data(10),
        tg.mean_squared_error,
        adam,
        epochs=epochs,
        batch_size=4,
        rng=draws,
        checkpoint=path,
        group=group,
        **options,
    )
    return np.concatenate([array.ravel() for array in model.state_dict().values()])


def masks_differ(group):
    """Whether Dropout lets through other units in each process."""
    layer = nn.Dropout(0.5, np.random.default_rng(2))
    group.draw_apart(layer.generators())
    own = (layer(np.ones(64)) > 0).astype(float)
    return bool(np.any(own != group.share(own))) == (group.rank > 0)


def compute(folder):
    with parallel.world() as group:
        results = {"size": np.array(group.size)}
        for name in CASES:
            results[f"{name}/gradients"], results[f"{name}/losses"] = recorded(name, group)
        results["whole"] = with_dropout(group, 4)
        path = folder / f"process{group.rank}.npz"
        with_dropout(group, 2, path)
        group.share(np.zeros(1))  # wait until the first process has written
        results["resumed"] = with_dropout(group, 4, folder / "process0.npz", resume=True)
        results["again"] = with_dropout(group, 4)
        apart = np.array([float(masks_differ(group))])
        group.add_up([apart], 0.0)
        results["apart"] = apart
        if group.rank == 0:
            np.savez(folder / "results.npz", **results)


def fail(folder):
    """One process fails in the middle of the training; the others wait for its gradient."""
    with parallel.world() as group:
        calls = iter(range(10))

        def loss(outputs, targets):
            if group.rank == 1 and next(calls, None) is None:
                raise ArithmeticError("the sky fell down")
            return tg.mean_squared_error(outputs, targets)

        model = network()
        sgd = optim.SGD(model, lr=0.1)
        rng = np.random.default_rng(0)
        train.fit(model, data(40), loss, sgd, epochs=100, batch_size=4, rng=rng, group=group)


ODD = ("rate", "schedule", "momentum", "epochs", "features", "targets", "model")


def disagree(folder):
    """Each process but the first does something else; all are told so, one time after another."""
    group, said = parallel.world(), []
    for what in (
        "nothing",
        "rate",
        "schedule",
        "momentum",
        "epochs",
        "features",
        "targets",
        "model",
    ):
        odd = group.rank > 0
        model, (x, t) = network(), data(8)
        if odd and what == "model":
            model = nn.Sequential(model, nn.Linear(2, 2, rng=np.random.default_rng(0)))
        lr = 0.1 + 0.1 * (odd and what == "rate")
        rng = np.random.default_rng(0)
        try:
            train.fit(
                model,
                (x + (odd and what == "features"), t + (odd and what == "targets")),
                tg.mean_squared_error,
                optim.SGD(
                    model,
                    lr=(lambda step: 1 / (step + 1)) if odd and what == "schedule" else lr,
                    momentum=0.9 * (odd and what == "momentum"),
                ),
                epochs=1 + (odd and what == "epochs"),
                batch_size=4,
                rng=rng,
                group=Calm(group),
            )
        except ValueError as error:
            said.append(str(error))
            for each in network().parameters():  # which the first process goes on to share
                group.share(each.data)
        except Enough:
            continue
    if group.rank == 1:
        (folder / "said.txt").write_text("\n".join(said), encoding="utf-8")


class Calm(parallel.Alone):
    """Processes that compare their settings, and no more than that: so none has to end."""

    def __init__(self, group):
        self.rank, self.size, self.group = group.rank, group.size, group

    def begin(self, parameters, settings):
        self.group.begin(parameters, settings)
        raise Enough


class Enough(Exception):
    pass


def crash(folder):
    """One process fails before the training, outside of every ``with``."""
    group = parallel.world()
    if group.rank == 1:
        raise ArithmeticError("the sky fell down")
    group.share(np.zeros(1))


if __name__ == "__main__":
    jobs = {"compute": compute, "fail": fail, "disagree": disagree, "crash": crash}
    jobs[sys.argv[1]](Path(sys.argv[2]))

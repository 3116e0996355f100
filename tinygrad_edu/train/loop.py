"""The loop over epochs and batches: gradients, steps, measurements."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import REGISTRY
from tinygrad_edu.core.op import Function
from tinygrad_edu.nn.layers import Dropout
from tinygrad_edu.nn.module import Module, like_parameters, mode
from tinygrad_edu.optim.clipping import clip_by_norm
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.parallel import Alone
from tinygrad_edu.program.recorded import recorded_program
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.checkpoint import load_checkpoint, save_checkpoint
from tinygrad_edu.train.evaluate import measure
from tinygrad_edu.train.examples import Examples
from tinygrad_edu.train.history import Epoch, History
from tinygrad_edu.train.loss import BATCH, BatchLoss
from tinygrad_edu.train.metrics import Metric
from tinygrad_edu.train.progress import Progress
from tinygrad_edu.train.stopping import Best, EarlyStopping

__all__ = ["Loop", "always_computes_the_same"]

Array = NDArray[Any]

_OURS = f"{__name__.partition('.')[0]}."


@dataclass(eq=False)
class Loop:
    """One training: what `fit` was asked for, checked, and where it stands."""

    model: Module
    examples: Examples
    validation: Examples | None
    loss: BatchLoss
    optimizer: Optimizer
    batch_size: int
    rng: np.random.Generator
    metrics: dict[str, Metric]
    penalty: Callable[[Module], Any] | None
    early_stopping: EarlyStopping | None
    on_epoch: Callable[[History], bool | None] | None
    clip: float | None
    checkpoint: Path | None
    group: Alone

    def __post_init__(self) -> None:
        self.parameters = list(self.optimizer.parameters.values())
        self.in_dtype = like_parameters(self.model)
        columns = [f"metrics/{name}" for name in self.metrics]
        self.penalised, self.repeats = True, False
        #: What computes a batch, what draws the masks that it takes, and the leaves.
        self.program: tuple[Function, list[tuple[Dropout, Any]], list[Tensor]] | None = None
        self.history = History(
            [*columns, *([] if self.validation is None else ["validation_loss"])]
        )
        held = self.validation
        self.best = None if held is None else Best(self.model, self.early_stopping)
        # A metric that does not fit fails here, and not after the first epoch.
        measure(self.model, (held or self.examples).first(BATCH), self.loss, self.metrics)

    def run(self, epochs: int, *, resume: bool, progress: bool) -> History:
        """Train until all epochs are done, patience runs out, or the user interrupts."""
        if resume and self.checkpoint and self.checkpoint.exists():
            self._resume(self.checkpoint)
        self._begin_together(epochs)
        batches = -(-len(self.examples) // self.batch_size)
        bar = Progress(epochs, batches, progress and self.group.rank == 0)
        bar.advance(len(self.history) * batches)
        try:
            with mode(self.model, training=True):
                self.history.ended = self._epochs(epochs, bar)
        except KeyboardInterrupt:
            if self.group.size > 1:
                raise  # the other processes wait for this one, so all end
            self.history.ended = "interrupted"
        finally:
            bar.close()
        self._end()
        return self.history

    def _resume(self, path: Path) -> None:
        load_checkpoint(
            path,
            self.model,
            self.optimizer,
            rng=self.rng,
            history=self.history,
            best=self.best,
            batch_size=self.batch_size,
        )

    def _begin_together(self, epochs: int) -> None:
        if self.group.size == 1:
            return
        if self.loss.reduction == "other":
            raise ValueError(
                "fit: the loss joins the examples neither by a sum nor by a mean, so it cannot be "
                "computed in parts; train in one process"
            )
        held, optimizer = self.validation, self.optimizer
        moves = optimizer.settings()
        if callable(optimizer.lr):
            moves["lr"] = [optimizer.rate(step) for step in (0, 1, 10, 100, 1000)]
        settings = {
            "epochs": epochs,
            "batch_size": self.batch_size,
            "clip": self.clip,
            "early_stopping": self.early_stopping,
            "optimizer": f"{type(optimizer).__name__} with {moves}",
            "features": self.examples.features,
            "targets": self.examples.targets,
            "validation features": held and held.features,
            "validation targets": held and held.targets,
        }
        self.group.begin(self.model.named_parameters(), settings)

    def _epochs(self, epochs: int, bar: Progress) -> str:
        asked = False
        while len(self.history) < epochs:
            if self.best is not None and self.best.exhausted:
                return "early stopping"
            if asked:
                return "on_epoch"
            bar.start(len(self.history) + 1)
            start = time.perf_counter()
            loss = self._epoch(bar)
            self._measure(loss, start)
            bar.show(self.history)
            if self.checkpoint is not None and self.group.rank == 0:
                save_checkpoint(
                    self.checkpoint,
                    self.model,
                    self.optimizer,
                    rng=self.rng,
                    history=self.history,
                    best=self.best,
                    batch_size=self.batch_size,
                )
            if self.on_epoch is not None:
                asked = bool(self.on_epoch(self.history))
                asked = bool(self.group.share(np.array(float(asked))))  # one decision for all
        return "all epochs"

    def _epoch(self, bar: Progress) -> float:
        """Use every example once; return the loss per example."""
        order = self.group.share(self.rng.permutation(len(self.examples)))
        self.group.draw_apart(self.model.generators())
        self._look_at_model()
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            total += self.loss.whole(self._step(rows), len(rows))
            bar.advance()
        return total / len(order)

    def _look_at_model(self) -> None:
        """Find out what is the same in all batches of an epoch: asking each time costs time."""
        self.penalised = isinstance(self.model.penalty(), Tensor)
        self.program = None
        self.repeats = self.penalty is None and always_computes_the_same(
            self.model, self.loss.function
        )

    def _step(self, rows: Array) -> float:
        """Take one step on a batch, of which each process computes its part; return the loss."""
        value, found = self._differentiate(self.group.shard(rows), len(rows))
        value = self.group.add_up(found, value)
        if self.clip is not None:
            clip_by_norm(found, self.clip)
        self.optimizer.step(found)
        return value

    def _differentiate(self, own: Array, whole: int) -> tuple[float, list[Array]]:
        """Return the loss of the own part of a batch, and all gradients of that part."""
        features = self.in_dtype(self.examples.features.take(own, axis=0))
        targets = self.examples.targets.take(own, axis=0)
        usual = whole == self.batch_size  # so this process's part has its usual size, too
        if self.program is not None and usual:
            run, masks, leaves = self.program
            drawn = [layer.draw(shape) for layer, shape in masks]
            loss, found = run(features, targets, *drawn, *[leaf.value for leaf in leaves])
            return float(loss), found
        if not len(own):  # of the first process never: penalties count once, there
            return 0.0, [np.zeros(each.shape, each.dtype) for each in self.parameters]
        loss = self.loss(self.model(features), targets)
        if self.loss.reduction == "mean" and len(own) < whole:
            loss = loss * (len(own) / whole)  # so that the parts add up to the mean
        objective = self._penalised(loss) if self.group.rank == 0 else loss
        if self.repeats and usual:
            self._write_program(objective, loss, {"features": features, "targets": targets})
        return float(loss.value), gradients(objective, self.parameters)

    def _write_program(self, objective: Tensor, loss: Tensor, batch: dict[str, Array]) -> None:
        """Write how this batch was computed, to compute those of the same size."""
        layers = [part for part in self.model.modules() if isinstance(part, Dropout)]
        masks = [  # in the order in which they were drawn
            (layer, node.inputs[1])
            for node in sorted(ancestors(objective), key=lambda node: node.serial)
            if node.op is REGISTRY["dropout"]
            for layer in layers
            if layer.drawn is node.inputs[1]
        ]
        given = {**batch, **{f"mask{n}": mask for n, (_, mask) in enumerate(masks, start=1)}}
        found = recorded_program(objective, self.parameters, given, loss)
        if found is None:
            self.repeats = False
        else:
            shapes = [(layer, mask.shape) for layer, mask in masks]
            self.program = found[0].function(), shapes, found[1]

    def _penalised(self, loss: Any) -> Any:
        if self.penalised:
            loss = loss + self.model.penalty()
        return loss if self.penalty is None else loss + self.penalty(self.model)

    def _measure(self, loss: float, start: float) -> None:
        """Write down what the epoch gave."""
        held = None
        measured: dict[str, Any] = {}
        if self.validation is not None:
            held, measured = measure(self.model, self.validation, self.loss, self.metrics)
            held = float(self.group.share(np.array(held)))  # one loss, so one decision for all
        elif self.metrics:
            _, measured = measure(self.model, self.examples, self.loss, self.metrics)
        self.history.add(Epoch(loss, held, measured, time.perf_counter() - start))
        if self.best is not None and held is not None:
            self.best.watch(len(self.history), held)

    def _end(self) -> None:
        """Go back to the best weights where that is wanted."""
        if self.best is None:
            return
        rule = self.early_stopping
        self.history.best_epoch = self.best.epoch
        wanted = self.history.ended == "interrupted" if rule is None else rule.restore_best
        self.history.restored = wanted and self.best.restore()


def always_computes_the_same(model: Module, loss: Function) -> bool:
    """Whether the operations can depend on nothing but the shape of the input."""
    parts = model.modules()
    made_of = [type(part) for part in parts]
    replaced = any(  # a method, by a function of the object alone
        callable(getattr(type(part), name, None)) for part in parts for name in vars(part)
    )
    computed = any(  # such as W = other.W.T: a recording keeps the value of that moment
        isinstance(value, Tensor) and value.op is not None
        for part in parts
        for value in vars(part).values()
    )
    return (
        not replaced
        and not computed
        and not any(  # who draws something new
            isinstance(value, np.random.Generator)
            for part in parts
            if type(part) is not Dropout  # whose masks are drawn for each batch
            for _, value in part._members()
        )
        and all(str(getattr(each, "__module__", "")).startswith(_OURS) for each in (loss, *made_of))
    )

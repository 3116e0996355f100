"""The demo: why ∂L/∂z = a − y, on the lecture's numbers and then on real flowers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.data import load_iris
from tinygrad_edu.saving import save
from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.symbolic.derive.derive import derive
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.terminal import say
from tinygrad_edu.view import Picture, RendererError, RendererNotFound
from tinygrad_edu.view.draw import draw
from tinygrad_edu.view.page import explain

__all__ = ["run"]

Array = npt.NDArray[np.float64]


def run(into: Path) -> int:
    """Show the derivation in the terminal and leave pictures and texts in a folder.

    Parameters
    ----------
    into : Path
        The folder; made if it is not there.

    Returns
    -------
    int
        The exit status, 0.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.

    Examples
    --------
    >>> import contextlib, io, pathlib, tempfile
    >>> from tinygrad_edu.demo import run
    >>> with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
    ...     status = run(pathlib.Path(folder))
    >>> status
    0
    """
    into.mkdir(parents=True, exist_ok=True)
    files = [*_lecture(into), *_iris(into)]
    _title("Files")
    for path in files:
        print(f"  {path}")
    print(f"\nOpen {files[0]}: the derivation, step by step.")
    return 0


# --- one example: the numbers of the lecture -----------------------------------------------------


def _lecture(into: Path) -> list[Path]:
    _title("One example: softmax and cross-entropy, out of exp, sum, division and log")
    z = Tensor([1.47, -0.39, 0.22], name="z")
    y = np.array([0.0, 1.0, 0.0])
    e = ops.exp(z)
    s = ops.sum(e)
    a = e / s
    L = -ops.sum(y * ops.log(a))
    unfused = draw(L)
    L.backward()
    names = ("class 1", "class 2", "class 3")
    _table(names, {"logits z": z.data, "activations a": a.data, "targets y": y})
    print(f"\n  loss L = −Σ y log a = {L.item():.4f}\n")
    derivation = derive(L, wrt=z)
    say(_indented(derivation.text()))
    print("\n  The same with indices:\n")
    print(_indented(derivation.result.text(indices=True), 4))
    without = derive(L, wrt=z, assume=())
    print(f"\n  Without the assumption it ends at {without.result}.\n")

    def loss(z: Array) -> Any:
        return ops.softmax_cross_entropy(z, y)

    assert z.grad is not None
    differences = _finite_differences(loss, z.data)
    _table(
        names,
        {
            "a − y": a.data - y,
            "z.grad": z.grad,
            "finite differences": differences,
        },
    )
    fused = ops.softmax_cross_entropy(z, y)
    files = [
        *_save(into, "lecture-forward", unfused),
        *_save(into, "lecture-gradients", draw(L)),
        *_save(into, "lecture-expanded", draw(fused, expand=True, names={"L": fused})),
        *_save(into, "lecture-backward", draw(L, backward=True)),
    ]
    page = explain(L, wrt=z)
    with contextlib.suppress(RendererError):  # said already
        files.append(page.save(into / "lecture-why.svg"))
    shown = page.save(into / "lecture.html")
    return [shown, *files, *_save_derivation(into, "lecture", derivation)]


# --- a mini-batch: real flowers ------------------------------------------------------------------


def _iris(into: Path) -> list[Path]:
    iris = load_iris()
    _title("Iris: 150 flowers, one softmax layer, a few steps of gradient descent")
    features = (iris.features - iris.features.mean(0)) / iris.features.std(0)
    targets = np.eye(3)[iris.labels]
    rng = np.random.default_rng(0)
    W = Tensor(0.1 * rng.standard_normal((4, 3)), name="W")
    b = Tensor(np.zeros(3), name="b")

    def logits(X: Array) -> Any:
        return X @ W + b

    def report(step: int) -> None:
        predicted = logits(features).data
        loss = float(ops.softmax_cross_entropy(predicted, targets))
        correct = np.mean(predicted.argmax(1) == iris.labels)
        print(f"  after {step:>2} steps: loss {loss:.3f}, {correct:.0%} of the flowers right")

    rate = 0.5
    for step in range(20):
        if step in (0, 5):
            report(step)
        batch = rng.choice(150, 16, replace=False)
        loss = ops.softmax_cross_entropy(logits(features[batch]), targets[batch])
        for parameter, gradient in zip((W, b), gradients(loss, [W, b]), strict=True):
            parameter.data = parameter.data - rate * gradient
    report(20)

    batch = rng.choice(150, 16, replace=False)
    X, Y = features[batch], targets[batch]
    Z = X @ W + b
    A = ops.softmax(Z)
    L = ops.softmax_cross_entropy(Z, Y)
    L.backward()
    print(f"\n  One mini-batch of {len(X)} flowers, L = {L.item():.4f}\n")
    derivation = derive(L, wrt=Z)
    say(_indented(derivation.text()))
    for parameter in (W, b):
        found = derive(L, wrt=parameter)
        print(f"\n  and ∂L/∂{parameter.name} = {found.result}", end="")
    print("\n\n  The first flowers of the batch, in units of 1/N:\n")
    _flowers(A.data, Y, gradients(L, Z), Z.data, [iris.class_names[k] for k in iris.labels[batch]])
    pictures = [
        *_save(into, "iris-forward", draw(L)),
        *_save(into, "iris-expanded", draw(L, expand=True)),
        *_save(into, "iris-backward", draw(L, backward=True)),
    ]
    return pictures + _save_derivation(into, "iris", derivation)


def _flowers(A: Array, Y: Array, gradient: Array, Z: Array, species: list[str]) -> None:
    n = len(Z)
    differences = _finite_differences(lambda z: ops.softmax_cross_entropy(z, Y), Z)
    for i in range(4):
        print(f"  {species[i]}")
        _table(
            ("setosa", "versicolor", "virginica"),
            {
                "a − y": (A - Y)[i],
                "N · Z gradient": n * gradient[i],
                "finite differences": n * differences[i],
            },
        )


def _finite_differences(f: Callable[[Array], Any], x: Array, step: float = 1e-6) -> Array:
    """Differentiate numerically: (f(x + h) − f(x − h))/2h, entry by entry."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = step
        found[place] = (float(f(x + nudge)) - float(f(x - nudge))) / (2 * step)
    return found


# --- printing and saving -------------------------------------------------------------------------


def _title(text: str) -> None:
    print(f"\n{text}\n{'─' * len(text)}\n")


def _table(columns: Iterable[str], rows: dict[str, Array]) -> None:
    width = max(len(name) for name in rows)
    print(f"    {'':{width}}" + "".join(f"{column:>12}" for column in columns))
    for name, values in rows.items():
        print(f"    {name:{width}}" + "".join(f"{_signed(value):>12}" for value in values))


def _signed(value: float) -> str:
    return f"{value:.6f}".replace("-", "−")


def _indented(text: str, by: int = 2) -> str:
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


def _save(into: Path, name: str, picture: Picture) -> list[Path]:
    """Save a picture as SVG, or, where nothing can render it, as DOT text."""
    try:
        return [picture.save(into / f"{name}.svg")]
    except (RendererNotFound, RendererError) as error:
        if name == "lecture-forward":  # it would be the same for all
            print(f"  The pictures are saved as DOT text: {error}\n")
        return [picture.save(into / f"{name}.dot")]


def _save_derivation(into: Path, name: str, derivation: Derivation) -> list[Path]:
    saved = _save(into, f"{name}-derivation", draw(derivation))
    for suffix, content in (
        (".txt", derivation.text() + "\n\n" + derivation.text(indices=True) + "\n"),
        (".tex", derivation.latex() + "\n\n" + derivation.latex(indices=True) + "\n"),
    ):
        path = into / f"{name}-derivation{suffix}"
        saved.append(save(path, content))
    return saved

"""D13: the natural gradient of a Bernoulli variable, written with p, with the logit, and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.experiments.experiment import Result, columns, descend, experiment
from tinygrad_edu.tensor import Tensor

__all__ = ["WRITINGS", "run"]

Array = NDArray[np.float64]

#: Ways to write the probability: to p, and from p.
WRITINGS: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {
    "p": (lambda x: x, lambda p: p),
    "3p + 1": (lambda x: (x - 1) / 3, lambda p: 3 * p + 1),
    "logit": (ops.sigmoid, lambda p: float(np.log(p / (1 - p)))),
    "2·logit − 1": (
        lambda x: ops.sigmoid((x + 1) / 2),
        lambda p: 2 * float(np.log(p / (1 - p))) - 1,
    ),
}


@experiment("natural-gradient", ("D13",), "natural gradients do not depend on how p is written")
def run(
    *, p: float = 0.5, mean: float = 0.9, rate: float = 0.3, steps: int = 8, halvings: int = 6
) -> Result:
    """Fit a Bernoulli variable to the mean of data, with several ways to write its parameter.

    Parameters
    ----------
    p : float, optional
        The probability to start with.
    mean : float, optional
        The mean of the data.
    rate : float, optional
        The length of a step.
    steps : int, optional
        How many.
    halvings : int, optional
        How often the rate is halved, for the limit of small steps.

    Returns
    -------
    Result
        `natural` and `plain`, for each of `WRITINGS` p after 0, 1, 2, … steps; `rates`, smaller
        and smaller, and `gaps`, how far p and logit then are from one another at the same time,
        rate × steps.

    Raises
    ------
    ValueError
        If a probability is not between 0 and 1, or a path leaves this interval.

    Examples
    --------
    >>> from tinygrad_edu.experiments import natural_gradient
    >>> found = natural_gradient.run(halvings=1)
    >>> print(round(found.natural["p"][1], 4), round(found.natural["logit"][1], 4))
    0.62 0.6177
    """
    for what, value in (("p", p), ("mean", mean)):
        if not 0 < value < 1:
            raise ValueError(f"natural-gradient: {what} = {value:g}; choose 0 < {what} < 1")
    rates = rate / 2.0 ** np.arange(halvings + 1)
    gaps = np.array(
        [
            np.abs(one - other).max()
            for k, smaller in enumerate(rates)
            for one, other in [
                [_natural(w, p, mean, smaller, steps * 2**k) for w in ("p", "logit")]
            ]
        ]
    )
    natural = {name: _natural(name, p, mean, rate, steps) for name in WRITINGS}
    plain = {name: _plain(name, p, mean, rate, steps) for name in WRITINGS}
    header = ("written as", "natural: 1 step", f"{steps} steps", "plain: 1 step", f"{steps} steps")
    paths = columns(
        header,
        [
            (name, *(_shown(ways[name][step]) for ways in (natural, plain) for step in (1, steps)))
            for name in WRITINGS
        ],
    )
    limit = columns(
        ("rate", "largest gap of p and logit", "gap / rate"),
        zip(rates, gaps, gaps / rates, strict=True),
        ("g", ".2e", ".4f"),
    )
    lines = (
        f"p after steps of {rate:g} from {p:g} to the data's mean {mean:g}\n\n"
        f"{paths}\n\nthe same time in smaller steps\n\n{limit}\n"
    )

    def draw(left: Any, middle: Any, right: Any) -> None:
        lowest = min(np.nanmin(path) for path in (*natural.values(), *plain.values()))
        for axes, ways, title in ((left, natural, "natural"), (middle, plain, "plain")):
            for (name, path), style in zip(ways.items(), ("o-", "x--", "s-", "+--"), strict=True):
                axes.plot(path, style, markersize=5, label=name)
            axes.axhline(mean, color="black", linewidth=0.8, linestyle=":")
            axes.set(title=f"{title} gradient", xlabel="step", ylabel="p", ylim=(0.95 * lowest, 1))
        left.legend(title="written as", loc="lower right")
        right.loglog(rates, gaps, "o-")
        right.set(title="p against logit, natural gradient", xlabel="rate", ylabel="largest gap")

    claims = {
        "a linear change of the parameter leaves every natural step as it is": [
            np.allclose(natural["p"], natural["3p + 1"], rtol=1e-9)
            and np.allclose(natural["logit"], natural["2·logit − 1"], rtol=1e-9)
        ],
        "p and logit come together as the steps become small": [bool((np.diff(gaps) < 0).all())],
    }
    return Result(
        lines, draw, claims, size=(3.7, 3.4), natural=natural, plain=plain, rates=rates, gaps=gaps
    )


def _shown(p: float) -> str:
    return "leaves (0, 1)" if np.isnan(p) else f"{p:.4f}"


def _natural(name: str, p: float, mean: float, rate: float, steps: int) -> Array:
    """P after each natural step."""
    to_p, from_p = WRITINGS[name]
    solution = optim.natural_gradient(
        lambda x: ops.binary_cross_entropy(to_p(x), mean),
        from_p(p),
        lambda x, y: ops.binary_cross_entropy(to_p(y), to_p(x)),
        rate=rate,
        steps=steps,
        tolerance=0.0,
    )
    if solution.steps < steps:
        raise ValueError(f"natural-gradient: written as {name}, {solution.reason}")
    return np.asarray(to_p(solution.path[:, 0]))


def _plain(name: str, p: float, mean: float, rate: float, steps: int) -> Array:
    """P after each plain step; NaN once it has left (0, 1)."""
    to_p, from_p = WRITINGS[name]
    x, path = Tensor(from_p(p)), np.full(steps + 1, np.nan)

    def loss() -> Any:
        return ops.binary_cross_entropy(to_p(x), mean) if 0 < to_p(x.data) < 1 else x * np.nan

    for step, value in enumerate(descend(optim.SGD([x], rate), loss, steps)):
        if np.isnan(value):
            break
        path[step] = to_p(x.data)
    return path

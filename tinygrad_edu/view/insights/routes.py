"""`routes`: ways to compute softmax with cross-entropy, side by side, and where each breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import Names
from tinygrad_edu.ops.targets import distributions, refuse_no_distribution
from tinygrad_edu.symbolic.derive import Derivation, derive_named
from tinygrad_edu.tables import columns
from tinygrad_edu.tensor import Tensor, name

__all__ = ["Break", "Route", "Routes", "routes"]

Array = npt.NDArray[np.float64]
Recorded = tuple[Tensor, Tensor, dict[str, Any]]  # the loss, what it is derived by, names

MOST_ENTRIES = 10_000
LARGEST = 1e4
#: The scales that are tried, one after the other; what breaks is then looked for more closely.
LADDER = (*(digit * 10.0**power for power in range(4) for digit in (1, 2, 5)), LARGEST)
#: How far from the exact number still counts as computed, relative to it and to 1.
TOLERANCE = 1e-6


@guided
def routes(z: npt.ArrayLike | Tensor, y: npt.ArrayLike | Tensor) -> Routes:
    """Compare the ways to compute softmax with cross-entropy, for logits and targets.

    Parameters
    ----------
    z : array_like or Tensor
        Logits: ``(K,)``, or ``(N, K)`` for a mini-batch, of which the mean is taken.
    y : array_like or Tensor
        Targets: distributions of the shape of `z`, or class labels.

    Returns
    -------
    Routes
        One `Route` for each way: the number of vertices forward and backward, the derivation,
        value and gradient, and the scale of the logits from which either is wrong. ``str`` and a
        notebook show the table.

    Raises
    ------
    ValueError
        If the shapes do not fit, a row of `y` is no distribution, or there are too many entries.

    Notes
    -----
    Where a route breaks is found by trying: z is multiplied so that its largest magnitude runs
    up to 10⁴, and value and gradient are compared with the same formula in 50 digits. For K = 2
    the sigmoid of z₁ − z₀ is a route of its own.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> found = tg.routes([1.47, -0.39, 0.22], [0.0, 1.0, 0.0])
    >>> found.agree
    True
    >>> [(route.name, len(route.derivation.steps)) for route in found][-1]
    ('fused', 2)
    """
    case = _Case(*_read(z, y))
    recipes = _RECIPES if case.logits.shape[-1] == 2 else _RECIPES[:-1]
    return Routes(tuple(_route(case, *recipe) for recipe in recipes), case.logits.shape)


# --- what is compared -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """The scale of the logits from which a number is wrong, what comes out, and what should."""

    scale: float
    got: float
    expected: float

    def __str__(self) -> str:
        return f"{self.scale:.3g}: {self.got:.6g}, not {self.expected:.6g}"


@dataclass(frozen=True, eq=False)
class Route:
    """One way from logits to the loss.

    Attributes
    ----------
    name, code : str
        What it is called, and its Python.
    forward, backward : int
        How many operations are recorded, and how many more compute the gradient.
    derivation : Derivation
        Of the loss, with respect to the logits; for the sigmoid, to their difference.
    value : float
        The loss.
    gradient : ndarray
        Its gradient with respect to the logits.
    value_breaks, gradient_breaks : Break or None
        From which scale on they are wrong; None if they are right up to 10⁴.
    """

    name: str
    code: str
    forward: int
    backward: int
    derivation: Derivation
    value: float
    gradient: Array
    value_breaks: Break | None
    gradient_breaks: Break | None

    def __repr__(self) -> str:
        return f"<route {self.name}: {self.derivation!r}>"


@dataclass(frozen=True, eq=False)
class Routes:
    """The routes, as a table that ``str`` and a notebook show."""

    routes: tuple[Route, ...]
    shape: tuple[int, ...]

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def __len__(self) -> int:
        return len(self.routes)

    def __getitem__(self, key: str) -> Route:
        for route in self.routes:
            if route.name == key:
                return route
        known = ", ".join(repr(route.name) for route in self.routes)
        raise KeyError(f"no route is called {key!r}; there are: {known}")

    @property
    def difference(self) -> float:
        """The largest difference between values or gradients of any two routes."""
        numbers = np.array([[r.value, *r.gradient.ravel()] for r in self.routes])
        return float(np.max(numbers.max(axis=0) - numbers.min(axis=0)))

    @property
    def agree(self) -> bool:
        """Whether all routes give one value and one gradient, up to rounding."""
        return self.difference <= 1e-12

    def text(self) -> str:
        """Write the table for a terminal.

        Returns
        -------
        str
            Lines of Unicode text.
        """
        head = ("route", "forward", "backward", "derived", "steps")
        rows = []
        for route in self.routes:
            found = route.derivation
            of, wrt = found.title
            steps = f"{len(found.steps)} in {found.lines}"
            breaks = (str(b or "never") for b in (route.value_breaks, route.gradient_breaks))
            result = f"∂{of}/∂{wrt} = {found.result}"
            rows.append((route.code, route.forward, route.backward, result, steps, *breaks))
        agree = "All routes give one value and one gradient" if self.agree else "They differ"
        return "\n".join(
            [
                f"Routes from logits of shape {self.shape} to softmax with cross-entropy",
                "",
                columns((*head, "value breaks at |z|", "gradient breaks at |z|"), rows),
                "",
                f"{agree}: the largest difference is {self.difference:.0e}.",
                "forward, backward: operations recorded; steps: equations, in lecture lines.",
                f"breaks: z is scaled up to |z| = {LARGEST:g}; from there on a number is wrong.",
            ]
        )

    __str__ = __repr__ = text


# --- the ways -------------------------------------------------------------------------------------


def _letter(letter: str, z: Tensor) -> str:
    """Write what has a row for each example with a capital letter."""
    return letter.upper() if z.ndim == 2 else letter


def _cross_entropy(y: Array, logarithms: Any) -> Tensor:
    each = -ops.sum(y * logarithms, axis=-1)
    loss: Tensor = name(each if each.ndim == 0 else ops.mean(each), "L")
    return loss


def _written_out(z: Tensor, y: Array) -> Recorded:
    e = name(ops.exp(z), _letter("e", z))
    s = name(ops.sum(e, axis=-1, keepdims=True), _letter("s", z))
    a = name(e / s, _letter("a", z))
    return _cross_entropy(y, ops.log(a)), z, {}


def _log_of_softmax(z: Tensor, y: Array) -> Recorded:
    a = name(ops.softmax(z), _letter("a", z))
    return _cross_entropy(y, ops.log(a)), z, {}


def _log_softmax(z: Tensor, y: Array) -> Recorded:
    return _cross_entropy(y, ops.log_softmax(z)), z, {_letter("a", z): ops.softmax(z)}


def _fused(z: Tensor, y: Array) -> Recorded:
    loss = name(ops.softmax_cross_entropy(z, y), "L")
    return loss, z, {_letter("a", z): ops.softmax(z)}


def _sigmoid(z: Tensor, y: Array) -> Recorded:
    s = name(z[..., 1] - z[..., 0], "s")
    t = y[..., 1]
    loss = name(ops.sigmoid_cross_entropy(s, t, reduction="mean"), "L")
    return loss, s, {"t": t}


Record = Callable[[Tensor, Array], Recorded]
_RECIPES: list[tuple[str, str, Record]] = [
    ("written out", "log(exp(z)/sum(exp(z)))", _written_out),
    ("log of softmax", "log(softmax(z))", _log_of_softmax),
    ("log-softmax", "log_softmax(z)", _log_softmax),
    ("fused", "softmax_cross_entropy(z, y)", _fused),
    ("sigmoid", "sigmoid_cross_entropy(z[1] - z[0], y[1])", _sigmoid),
]


@dataclass(frozen=True, eq=False)
class _Case:
    """Logits and targets, and the exact numbers of the logits at other scales."""

    logits: Array
    targets: Array
    _known: dict[float, tuple[float, Array]] = field(default_factory=dict)

    def at(self, scale: float) -> Array:
        """Return the logits with this for their largest magnitude."""
        return self.logits / (np.max(np.abs(self.logits)) or 1.0) * scale

    def exact(self, scale: float) -> tuple[float, Array]:
        """Return loss and gradient there, exactly."""
        if scale not in self._known:
            self._known[scale] = _exact(self.at(scale), self.targets)
        return self._known[scale]


def _route(case: _Case, label: str, code: str, record: Record) -> Route:
    z = Tensor(case.logits, name="Z" if case.logits.ndim == 2 else "z")
    loss, wrt, names = record(z, case.targets)
    names = {_letter("y", z): case.targets, **names}
    gradient = gradients(loss, z, graph=True)
    recorded = _operations(loss)
    return Route(
        label,
        code,
        forward=len(recorded),
        backward=len(_operations(gradient) - recorded),
        derivation=derive_named(loss, wrt, Names(names, {})),
        value=loss.item(),
        gradient=np.array(gradient.data),
        value_breaks=_breaks(case, record, 0),
        gradient_breaks=_breaks(case, record, 1),
    )


def _operations(tensor: Tensor) -> set[Any]:
    return {node for node in ancestors(tensor) if node.op is not None}


# --- where they break -----------------------------------------------------------------------------


def _breaks(case: _Case, record: Record, part: int) -> Break | None:
    """Find from which scale on the value (part 0) or the gradient (part 1) is wrong."""
    right, found = 0.0, None
    for scale in LADDER:
        if (found := _wrong(case, record, part, scale)) is not None:
            break
        right = scale
    while found is not None and found.scale - right > 1e-3 * right:
        middle = (right + found.scale) / 2
        if (closer := _wrong(case, record, part, middle)) is not None:
            found = closer
        else:
            right = middle
    return found


def _wrong(case: _Case, record: Record, part: int, scale: float) -> Break | None:
    """Return the entry that is farthest off, or None if all are right."""
    z = Tensor(case.at(scale))
    with np.errstate(all="ignore"):
        loss, _, _ = record(z, case.targets)
        got = np.ravel(loss.data if part == 0 else gradients(loss, z))
        expected = np.ravel(case.exact(scale)[part])
        off = np.abs(got - expected) / (1 + np.abs(expected))
    off = np.where(np.isfinite(off), off, np.inf)
    place = off.argmax()
    if off[place] <= TOLERANCE:
        return None
    return Break(scale, float(got[place]), float(expected[place]))


def _exact(logits: Array, targets: Array) -> tuple[float, Array]:
    """Compute loss and gradient as they are written, in 50 digits, where nothing overflows."""
    rows = np.atleast_2d(logits)
    loss, gradient = Decimal(0), []
    with localcontext(prec=50):
        for row, target in zip(rows.tolist(), np.atleast_2d(targets).tolist(), strict=True):
            z, y = [*map(Decimal, row)], [*map(Decimal, target)]
            least = max(z) - 120  # e^-120 of the largest has no digit among the 50
            e = [x.exp() if x > least else Decimal(0) for x in z]
            total, weight = sum(e, Decimal(0)), sum(y, Decimal(0))
            log_total = total.ln()  # log(e^x/total) is x − log(total)
            loss -= sum((t * (x - log_total) for t, x in zip(y, z, strict=True)), Decimal(0))
            gradient += [x / total * weight - t for t, x in zip(y, e, strict=True)]
        count = len(rows)
        each = [float(entry / count) for entry in gradient]
        return float(loss / count), np.array(each).reshape(logits.shape)


# --- what is given --------------------------------------------------------------------------------


def _read(z: Any, y: Any) -> tuple[Array, Array]:
    """Return logits, and targets as distributions; refuse what is no example and no mini-batch."""
    logits, given = (np.asarray(x.data if isinstance(x, Tensor) else x) for x in (z, y))
    logits = np.array(logits, dtype=np.float64)
    if logits.ndim not in (1, 2) or logits.shape[-1] < 2 or not np.isfinite(logits).all():
        raise ValueError(
            f"routes: z of shape {logits.shape} must be finite logits of K ≥ 2 classes; pass (K,), "
            "or (N, K) for a mini-batch"
        )
    if not 0 < logits.size <= MOST_ENTRIES:
        raise ValueError(
            f"routes: z has {logits.size} entries; pass between 1 and {MOST_ENTRIES}, such as "
            "some rows of it"
        )
    targets = np.array(distributions(given, logits, "routes"), dtype=np.float64)
    refuse_no_distribution(targets, "routes")
    return logits, targets

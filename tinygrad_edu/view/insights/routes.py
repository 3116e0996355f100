"""`routes`: ways to compute softmax with cross-entropy, side by side, and where each breaks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import Derivation, derive_named
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
    logits = _array(z)
    targets = _targets(logits, y)
    direction = logits / (np.max(np.abs(logits), initial=0) or 1.0)

    @cache
    def exact(scale: float) -> tuple[float, Array]:
        return _exact(direction * scale, targets)

    found = [
        _route(label, code, record, logits, targets, direction, exact)
        for label, code, record in _RECIPES
        if record is not _sigmoid or logits.shape[-1] == 2
    ]
    return Routes(tuple(found), logits.shape)


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

    @property
    def forms(self) -> list[str]:
        """The different formulas of the gradient, with indices."""
        return list(dict.fromkeys(r.derivation.result.text(indices=True) for r in self.routes))

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table: a heading, and a row for each route."""
        head = ("route", "forward", "backward", "derived", "steps")
        rows: list[tuple[str, ...]] = [(*head, "value breaks at |z|", "gradient breaks at |z|")]
        for route in self.routes:
            of, wrt = route.derivation.title
            steps = f"{len(route.derivation.steps)} in {route.derivation.lines}"
            breaks = (str(b or "never") for b in (route.value_breaks, route.gradient_breaks))
            counts = str(route.forward), str(route.backward)
            result = f"∂{of}/∂{wrt} = {route.derivation.result}"
            rows.append((route.code, *counts, result, steps, *breaks))
        return rows

    def text(self) -> str:
        """Write the table for a terminal.

        Returns
        -------
        str
            Lines of Unicode text.
        """
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([self._caption(), "", *lines, "", *self._notes()])

    def _caption(self) -> str:
        return f"Routes from logits of shape {self.shape} to softmax with cross-entropy"

    def _notes(self) -> list[str]:
        agree = "All routes give one value and one gradient" if self.agree else "They differ"
        return [
            f"{agree}: the largest difference is {self.difference:.0e}.",
            "forward, backward: operations recorded; steps: equations, in lecture lines.",
            f"breaks: z is scaled up to |z| = {LARGEST:g}; from there on a number is wrong.",
        ]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Routes: {', '.join(route.name for route in self.routes)}>"

    def _repr_html_(self) -> str:
        table = ET.Element("table")
        ET.SubElement(table, "caption").text = self._caption()
        head, *body = self.rows()
        top = ET.SubElement(ET.SubElement(table, "thead"), "tr")
        for cell in head:
            ET.SubElement(top, "th", scope="col").text = cell
        inside = ET.SubElement(table, "tbody")
        for row in body:
            line = ET.SubElement(inside, "tr")
            ET.SubElement(ET.SubElement(line, "th", scope="row"), "code").text = row[0]
            for cell in row[1:]:
                ET.SubElement(line, "td").text = cell
        foot = ET.SubElement(ET.SubElement(ET.SubElement(table, "tfoot"), "tr"), "td")
        foot.set("colspan", str(len(head)))
        foot.text = " ".join(self._notes())
        return ET.tostring(table, encoding="unicode", method="html")


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


def _route(
    label: str,
    code: str,
    record: Record,
    logits: Array,
    targets: Array,
    direction: Array,
    exact: Callable[[float], tuple[float, Array]],
) -> Route:
    z = Tensor(logits, name="Z" if logits.ndim == 2 else "z")
    loss, wrt, names = record(z, targets)
    derivation = derive_named(loss, wrt, Names({_letter("y", z): targets, **names}, {}))
    gradient = gradients(loss, z, graph=True)
    recorded = set(_operations(loss))
    breaks = [_breaks(record, targets, direction, exact, part) for part in (0, 1)]
    return Route(
        label,
        code,
        forward=len(recorded),
        backward=len(set(_operations(gradient)) - recorded),
        derivation=derivation,
        value=loss.item(),
        gradient=np.array(gradient.data),
        value_breaks=breaks[0],
        gradient_breaks=breaks[1],
    )


def _operations(tensor: Tensor) -> list[Any]:
    return [node for node in ancestors(tensor) if node.op is not None]


# --- where they break -----------------------------------------------------------------------------


def _breaks(
    record: Record,
    targets: Array,
    direction: Array,
    exact: Callable[[float], tuple[float, Array]],
    part: int,
) -> Break | None:
    """Find from which scale on the value (part 0) or the gradient (part 1) is wrong."""

    def wrong(scale: float) -> Break | None:
        """Return the entry that is farthest off, or None if all are right."""
        z = Tensor(direction * scale)
        with np.errstate(all="ignore"):
            loss, _, _ = record(z, targets)
            got = np.ravel(loss.data if part == 0 else gradients(loss, z))
            expected = np.ravel(exact(scale)[part])
            off = np.abs(got - expected) / (1 + np.abs(expected))
        off = np.where(np.isfinite(off), off, np.inf)
        place = off.argmax()
        if off[place] <= TOLERANCE:
            return None
        return Break(scale, float(got[place]), float(expected[place]))

    right, found = 0.0, None
    for scale in LADDER:
        if (found := wrong(scale)) is not None:
            break
        right = scale
    while found is not None and found.scale - right > 1e-3 * right:
        middle = (right + found.scale) / 2
        if (closer := wrong(middle)) is not None:
            found = closer
        else:
            right = middle
    return found


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


def _array(x: Any) -> Array:
    return np.array(x.data if isinstance(x, Tensor) else x, dtype=np.float64)


def _targets(logits: Array, y: Any) -> Array:
    """Return the targets as distributions; refuse what is no example and no mini-batch."""
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
    given = np.asarray(y.data if isinstance(y, Tensor) else y)
    if given.shape == logits.shape[:-1]:
        given = ops.one_hot(given, classes=logits.shape[-1])
    targets = np.array(given, dtype=np.float64)
    if targets.shape != logits.shape:
        raise ValueError(
            f"routes: y of shape {targets.shape} does not fit z of shape {logits.shape}; pass "
            f"class labels of shape {logits.shape[:-1]} or distributions of shape {logits.shape}"
        )
    sums = targets.sum(axis=-1)
    if (targets < 0).any() or not np.allclose(sums, 1, rtol=0, atol=1e-6):
        raise ValueError(
            f"routes: a row of y is no distribution (it sums to {np.ravel(sums)[0]:g}); its "
            "entries must not be negative and sum to 1, or two classes are no sigmoid"
        )
    return targets

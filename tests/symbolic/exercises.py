"""The derivations that the tests look at: how each graph is built, and what it should end in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tests.symbolic.forms import Form, Letters

LOGITS = [1.47, -0.39, 0.22]
ROWS = np.array([[0.3, -1.2, 0.5], [1.4, 0.1, -0.6], [-0.2, 0.9, 0.4], [0.7, 0.6, -1.5]])
LABELS = np.array([0, 1, 2, 1])
ONE_HOT = np.eye(3)[LABELS]
HALF = Fraction(1, 2)
SOFT = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.0, 0.4, 0.6]])


@dataclass(frozen=True)
class Exercise:
    """A graph to derive: `build` gives the output and what to differentiate with respect to."""

    name: str
    build: Callable[[], tuple[tg.Tensor, tg.Tensor]]
    form: Callable[[Letters], Form]
    text: str
    indices: str
    steps: int
    lines: int
    assume: tuple[str, ...] | None = None
    assumed: tuple[str, ...] = ()

    def derive(self):
        return _derived(self)

    def __str__(self) -> str:
        return self.name


@functools.cache  # which many tests look at, and none changes
def _derived(exercise: Exercise):
    output, wrt = exercise.build()
    return tg.derive(output, wrt=wrt, assume=exercise.assume)


def named(name: str, data: Any) -> tg.Tensor:
    return tg.Tensor(data, name=name)


def distribution(rng: np.random.Generator, *shape: int) -> Any:
    weights = rng.uniform(0.5, 2.0, shape)
    return weights / weights.sum(-1, keepdims=True)


# --- graphs ---------------------------------------------------------------------------------------


def composed(targets=(0.0, 1.0, 0.0)):
    z, y = named("z", LOGITS), named("y", targets)
    e = tg.name(tg.exp(z), "e")
    s = tg.name(e.sum(), "s")
    a = tg.name(e / s, "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


def composed_batch():
    Z, Y = named("Z", ROWS), named("Y", ONE_HOT)
    E = tg.name(tg.exp(Z), "E")
    S = tg.name(E.sum(axis=1, keepdims=True), "S")
    A = tg.name(E / S, "A")
    return tg.name(-(Y * tg.log(A)).sum(axis=1).mean(), "L"), Z


def through_softmax(targets=ONE_HOT):
    Z = named("Z", ROWS)
    A = tg.name(tg.softmax(Z), "A")
    return tg.name(tg.cross_entropy(A, named("Y", targets)), "L"), Z


def through_log_softmax():
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    return tg.name(-(y * tg.log_softmax(z)).sum(), "L"), z


def fused(targets=ONE_HOT):
    Z = named("Z", ROWS)
    targets = targets if targets is LABELS else named("Y", targets)
    return tg.name(tg.softmax_cross_entropy(Z, targets), "L"), Z


def fused_example():
    z = named("z", LOGITS)
    return tg.name(tg.softmax_cross_entropy(z, named("y", [0.0, 1.0, 0.0])), "L"), z


def shifted():
    """Targets that are a formula of their own."""
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    return tg.name(-((y + 1) * tg.log_softmax(z)).sum(), "L"), z


def composed_sigmoid():
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [0.0, 1.0, 1.0])
    z = tg.name(1 / (1 + tg.exp(-s)), "z")
    return tg.name(-(t * tg.log(z) + (1 - t) * tg.log(1 - z)).sum(), "L"), s


def binary():
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [0.0, 1.0, 1.0])
    z = tg.name(tg.sigmoid(s), "z")
    return tg.name(tg.binary_cross_entropy(z, t, reduction="sum"), "L"), s


def fused_binary():
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [0.0, 1.0, 1.0])
    return tg.name(tg.sigmoid_cross_entropy(s, t, reduction="sum"), "L"), s


def squared():
    z, t = named("z", [0.3, -1.0]), named("t", [0.0, 1.0])
    return tg.name(tg.sum_squared_error(z, t), "L"), z


def decay():
    w = named("w", [[0.3, -1.0], [2.0, 0.5]])
    return tg.name(tg.weight_decay(w, named("λ", 0.1)), "R"), w


def softmax_itself():
    z = named("z", LOGITS)
    return tg.name(tg.softmax(z), "a"), z


def layer(wrt="W"):
    X = named("X", np.random.default_rng(0).normal(size=(4, 5)))
    W = named("W", np.random.default_rng(1).normal(size=(5, 3)))
    b = named("b", np.zeros(3))
    Z = tg.name(X @ W + b, "Z")
    A = tg.name(tg.softmax(Z), "A")
    L = tg.name(tg.cross_entropy(A, named("Y", ONE_HOT)), "L")
    return L, {"W": W, "b": b}[wrt]


def binary_of_probabilities():
    z, t = named("z", [0.2, 0.5, 0.7]), named("t", [0.0, 1.0, 1.0])
    return tg.name(tg.binary_cross_entropy(z, t, reduction="sum"), "E"), z


def norm_of_any_order():
    z, p = named("z", [0.5, -2.0, 1.0]), named("p", 3.0)
    return tg.name(tg.sum(tg.abs(z) ** p) ** (1 / p), "L"), z


def norm_of_order(p):
    z = named("z", [0.5, -2.0, 1.0])
    return tg.name(tg.norm(z, p), "L"), z


def smoothed():
    z, y, epsilon = named("z", LOGITS), named("y", [0.0, 1.0, 0.0]), named("ε", 0.1)
    soft = tg.name((1 - epsilon) * y + epsilon / 3, "y′")
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(soft * tg.log(a)).sum(), "L"), z


def smoothed_in_place():
    z, y, epsilon = named("z", LOGITS), named("y", [0.0, 1.0, 0.0]), named("ε", 0.1)
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(((1 - epsilon) * y + epsilon / 3) * tg.log(a)).sum(), "L"), z


def log_cosh():
    x = named("x", [0.5, -2.0])
    return tg.name(tg.log((tg.exp(x) + tg.exp(-x)) / 2).sum(), "L"), x


def log_cosh_by_softplus():
    x = named("x", [0.5, -2.0])
    return tg.name((x + tg.softplus(-2 * x) - np.log(2)).sum(), "L"), x


def logistic_of_margins():
    """Each example by −log of its share: σ(m) of the ones, σ(−m) of the others."""
    m = named("m", [0.5, -2.0])
    return tg.name(-tg.log(tg.sigmoid(-m)).sum(), "L"), m


def symmetric_logistic():
    m = named("m", [0.5, -2.0])
    return tg.name((tg.softplus(m) + tg.softplus(-m)).sum(), "L"), m


def huber():
    r, delta = named("r", [0.3, -2.0, 1.7]), named("δ", 1.0)
    near = tg.abs(r) <= delta
    loss = tg.where(near, r**2 / 2, delta * (tg.abs(r) - delta / 2)).sum()
    return tg.name(loss, "L"), r


def layer_norm():
    x = named("x", [0.5, -2.0, 1.0, 0.3])
    mean = tg.name(x.mean(), "μ")
    deviation = tg.name(tg.sqrt(((x - mean) ** 2).mean() + 1e-5), "σ")
    return tg.name((x - mean) / deviation, "x̂"), x


def hessian_times_vector():
    z, y, v = named("z", LOGITS), named("y", [0.0, 1.0, 0.0]), named("v", [0.3, -1.0, 2.0])
    a = tg.name(tg.softmax(z), "a")
    return tg.name(((a - y) * v).sum(), "s"), z


# --- what they should end in ----------------------------------------------------------------------


def batch_form(f: Letters) -> Form:
    return (f("A") - f("Y")) / f.N


EXERCISES = [
    Exercise(
        "composed",
        composed,
        lambda f: f("a") - f("y"),
        "a − y",
        "aⱼ − yⱼ",
        8,
        3,
        assumed=("Σy = 1",),
    ),
    Exercise(
        "composed-assuming-by-name",
        composed,
        lambda f: f("a") - f("y"),
        "a − y",
        "aⱼ − yⱼ",
        8,
        3,
        assume=("Σy=1",),
        assumed=("Σy = 1",),
    ),
    Exercise(
        "composed-assuming-nothing",
        composed,
        lambda f: f("a") * f.sum("k", f("y")) - f("y"),
        "a·Σy − y",
        "aⱼ·Σₖ yₖ − yⱼ",
        8,
        3,
        assume=(),
    ),
    Exercise(
        "targets-of-another-sum",
        lambda: composed([0.5, 1.0, 0.0]),
        lambda f: f("a") * f.sum("k", f("y")) - f("y"),
        "a·Σy − y",
        "aⱼ·Σₖ yₖ − yⱼ",
        8,
        3,
    ),
    Exercise(
        "composed-batch",
        composed_batch,
        batch_form,
        "(A − Y)/N",
        "(Aₙⱼ − Yₙⱼ)/N",
        9,
        3,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "softmax",
        through_softmax,
        batch_form,
        "(A − Y)/N",
        "(Aₙⱼ − Yₙⱼ)/N",
        9,
        3,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "softmax-of-distributions",
        lambda: through_softmax(SOFT),
        batch_form,
        "(A − Y)/N",
        "(Aₙⱼ − Yₙⱼ)/N",
        9,
        3,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "log-softmax",
        through_log_softmax,
        lambda f: f("softmax(z)") - f("y"),
        "softmax(z) − y",
        "softmax(z)ⱼ − yⱼ",
        3,
        1,
        assumed=("Σy = 1",),
    ),
    Exercise(
        "fused-example",
        fused_example,
        lambda f: f("softmax(z)") - f("y"),
        "softmax(z) − y",
        "softmax(z)ⱼ − yⱼ",
        5,
        2,
        assumed=("Σy = 1",),
    ),
    Exercise(
        "fused",
        fused,
        lambda f: (f("softmax(Z)") - f("Y")) / f.N,
        "(softmax(Z) − Y)/N",
        "(softmax(Z)ₙⱼ − Yₙⱼ)/N",
        5,
        2,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "fused-assuming-nothing",
        fused,
        lambda f: (f("softmax(Z)") * f.sum("k", f("Y")) - f("Y")) / f.N,
        "(softmax(Z) ⊙ Σₖ Y − Y)/N",
        "(softmax(Z)ₙⱼ·Σₖ Yₙₖ − Yₙⱼ)/N",
        5,
        2,
        assume=(),
    ),
    Exercise(
        "shifted",
        shifted,
        lambda f: f("softmax(z)") * (f.K + 1) - (f("y") + 1),
        "softmax(z)·(1 + K) − (1 + y)",
        "softmax(z)ⱼ·(1 + K) − (1 + yⱼ)",
        5,
        2,
        assumed=("Σy = 1",),
    ),
    Exercise("sigmoid", composed_sigmoid, lambda f: f("z") - f("t"), "z − t", "zⱼ − tⱼ", 8, 3),
    Exercise("binary", binary, lambda f: f("z") - f("t"), "z − t", "zⱼ − tⱼ", 8, 3),
    Exercise(
        "fused-binary", fused_binary, lambda f: f("σ(s)") - f("t"), "σ(s) − t", "σ(sⱼ) − tⱼ", 2, 1
    ),
    Exercise("squared", squared, lambda f: f("z") - f("t"), "z − t", "zⱼ − tⱼ", 2, 1),
    Exercise("decay", decay, lambda f: f("λ") * f("w"), "λ·w", "λ·wₙⱼ", 2, 1),
    Exercise(
        "softmax-itself",
        softmax_itself,
        lambda f: f("a") * (f("g") - f.sum("k", f("a") * f("g"))),
        "a ⊙ (g − Σ(a ⊙ g))",
        "aⱼ·(gⱼ − Σₖ(aₖ·gₖ))",
        4,
        2,
    ),
    Exercise(
        "weights",
        layer,
        lambda f: f.sum("n", f("X") * (f("A") - f("Y"))) / f.N,
        "Xᵀ(A − Y)/N",
        "Σₙ(Xₙᵢ·(Aₙⱼ − Yₙⱼ))/N",
        10,
        4,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "bias",
        lambda: layer("b"),
        lambda f: f.sum("n", f("A") - f("Y")) / f.N,
        "Σₙ(A − Y)/N",
        "Σₙ(Aₙⱼ − Yₙⱼ)/N",
        10,
        4,
        assumed=("Σₖ Y = 1",),
    ),
    Exercise(
        "binary-of-probabilities",
        binary_of_probabilities,
        lambda f: (f("z") - f("t")) / (f("z") * (1 - f("z"))),
        "(z − t)/(z ⊙ (1 − z))",
        "(zⱼ − tⱼ)/(zⱼ·(1 − zⱼ))",
        4,
        2,
        assumed=("z ⊙ (1 − z) ≠ 0",),
    ),
    Exercise(
        "norm-of-any-order",
        norm_of_any_order,
        lambda f: (
            f.apply("sign", "z") * f.apply("abs", "z") ** (f("p") - 1) * f("L") ** (1 - f("p"))
        ),
        "sign(z) ⊙ |z|^(p − 1)/L^(p − 1)",
        "sign(zⱼ)·|zⱼ|^(p − 1)/L^(p − 1)",
        6,
        2,
        assumed=("p ≠ 0",),
    ),
    Exercise(
        "norm-of-order-3",
        lambda: norm_of_order(3),
        lambda f: f("z") * f.apply("abs", "z") / f("L") ** 2,
        "z ⊙ |z|/L²",
        "zⱼ·|zⱼ|/L²",
        2,
        1,
    ),
    Exercise(
        "norm-of-order-3/2",
        lambda: norm_of_order(1.5),
        lambda f: f.apply("sign", "z") * f.apply("abs", "z") ** HALF / f("L") ** HALF,
        "√|z| ⊙ sign(z)/√L",
        "√|zⱼ|·sign(zⱼ)/√L",
        1,
        1,
    ),
    Exercise(
        "label-smoothing",
        smoothed,
        lambda f: f("a") - f("y′"),
        "a − y′",
        "aⱼ − y′ⱼ",
        6,
        2,
        assumed=("Σy′ = 1",),
    ),
    Exercise(
        "label-smoothing-in-place",
        smoothed_in_place,
        lambda f: f("a") - (f("ε") / 3 + f("y") * (1 - f("ε"))),
        "a − (ε/3 + y·(1 − ε))",
        "aⱼ − (ε/3 + yⱼ·(1 − ε))",
        6,
        3,
        assumed=("Σ(ε/3 + y·(1 − ε)) = 1",),
    ),
    Exercise("log-cosh", log_cosh, lambda f: f.apply("tanh", "x"), "tanh(x)", "tanh(xⱼ)", 2, 1),
    Exercise(
        "log-cosh-by-softplus",
        log_cosh_by_softplus,
        lambda f: f.apply("tanh", "x"),
        "tanh(x)",
        "tanh(xⱼ)",
        4,
        1,
    ),
    Exercise(
        "logistic-of-margins",
        logistic_of_margins,
        lambda f: f.apply("sigmoid", "m"),
        "σ(m)",
        "σ(mⱼ)",
        4,
        1,
    ),
    Exercise(
        "symmetric-logistic",
        symmetric_logistic,
        lambda f: f.apply("tanh", f("m") / 2),
        "tanh(m/2)",
        "tanh(mⱼ/2)",
        9,
        2,
    ),
    Exercise(
        "huber",
        huber,
        lambda f: f.apply("clip", "r", -f("δ"), f("δ")),
        "clip(r, −δ, δ)",
        "clip(rⱼ, −δ, δ)",
        4,
        2,
        assumed=("δ ≥ 0",),
    ),
    Exercise(
        "layer-normalisation",
        layer_norm,
        lambda f: (
            (f("g") - (f("x̂") * f.sum("n", f("g") * f("x̂")) + f.sum("n", f("g"))) / f.N) / f("σ")
        ),
        "(g − (x̂·Σ(g ⊙ x̂) + Σg)/N)/σ",
        "(gₙ − (x̂ₙ·Σᵢ(gᵢ·x̂ᵢ) + Σᵢ gᵢ)/N)/σ",
        12,
        5,
    ),
    Exercise(
        "hessian-times-vector",
        hessian_times_vector,
        lambda f: f("a") * (f("v") - f.sum("k", f("a") * f("v"))),
        "a ⊙ (v − Σ(a ⊙ v))",
        "aⱼ·(vⱼ − Σₖ(aₖ·vₖ))",
        4,
        2,
    ),
]

"""The exercises of chapter 1: derivatives on a graph."""

from __future__ import annotations

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import Derivative, Explain, Lines, Number
from tinygrad_edu.lectures.lecture import Graph, Lecture
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name
from tinygrad_edu.transforms import grad

__all__ = ["EXERCISES"]


def _product() -> list[float]:
    return [
        grad(lambda x: (x + 3.0) * (x * 3.0))(2.0),
        grad(lambda y: (2.0 + y) * (2.0 * y))(3.0),
    ]


def _sigmoid() -> Graph:
    z = Tensor(0.7, name="z")
    return Graph(name(ops.sigmoid(z), "a"), z, Names(None, {}))


def _tanh_unit() -> Graph:
    x, y = np.array(3.0), np.array(1.0)
    w, b = Tensor(0.5, name="w"), Tensor(-1.0, name="b")
    z = name(w * x + b, "z")
    a = name(ops.tanh(z), "a")
    return Graph(name((a - y) ** 2 / 2, "L"), w, Names({"x": x, "y": y}, {}))


EXERCISES = (
    Number(
        "1.1",
        "Two inputs, four paths",
        statement=r"""Let $u = x + y$, $v = x\,y$ and $f = u\,v$, at $x = 2$ and $y = 3$. Draw the graph, write the local
derivative at each arrow, and give $\partial f/\partial x$ and $\partial f/\partial y$.""",
        hints=(
            "Two paths lead from $x$ to $f$: one through $u$, one through $v$.",
            "The arrow from $u$ to $f$ has the local derivative $v = 6$.",
        ),
        value=_product,
        decimals=0,
        slips={
            "these are the paths through u alone": lambda: [6.0, 6.0],
            "these are the paths through v alone": lambda: [15.0, 10.0],
        },
        why=r"""Here $u = 5$ and $v = 6$. From $x$: through $u$ it is $1 \cdot v = 6$, through $v$ it is
$y \cdot u = 15$, together 21. From $y$: $1 \cdot v = 6$ and $x \cdot u = 10$, together 16.""",
        wrong={"6, 6": "through u alone", "15, 10": "through v alone", "16, 21": "too small"},
    ),
    Number(
        "1.2",
        "Paths and arrows",
        statement="""An input goes into three nodes, each of these goes into each of four nodes, and these four go
into one output. How many paths lead from the input to the output, and how many arrows are there?""",
        hints=("A path chooses one of three nodes, and then one of four.",),
        value=lambda: [3 * 4, 3 + 3 * 4 + 4],
        decimals=0,
        slips={"these are exchanged": lambda: [19, 12]},
        why=r"""$3 \cdot 4 = 12$ paths over $3 + 12 + 4 = 19$ arrows. With one more layer of four nodes there are four
times as many paths, and 16 arrows more: paths multiply, arrows add.""",
        wrong={"19, 12": "exchanged", "12": "the number of numbers", "7, 19": "too small"},
    ),
    Lines(
        "1.3",
        "The slope of the sigmoid",
        statement=r"""Let $a = \frac{1}{1 + e^{-z}}$. Differentiate it, and get to $a\,(1 - a)$ in two lines or more, one
equation each. You may use $a$ as a letter wherever it helps.""",
        hints=(
            r"The first line is $\frac{e^{-z}}{(1 + e^{-z})^2}$. Where did the two minus signs go?",
            r"Write the fraction as a product of two, and find $1 - a = \frac{e^{-z}}{1 + e^{-z}}$ in it.",
        ),
        of=Lecture("", (), "the slope of the sigmoid", _sigmoid),
        solution="""∂a/∂z = e^{-z}/(1 + e^{-z})^2
= 1/(1 + e^{-z}) · e^{-z}/(1 + e^{-z})
= a (1 − a)""",
        why=r"""$1/s$ has the derivative $-1/s^2$, and $e^{-z}$ has $-e^{-z}$: the signs cancel. One factor is $a$, the other
$\frac{e^{-z}}{1 + e^{-z}} = 1 - \frac{1}{1 + e^{-z}} = 1 - a$.""",
        wrong={
            "∂a/∂z = −e^{-z}/(1 + e^{-z})^2\n= −a (1 − a)": "1. wrong",
            "a (1 − a)": "2 lines at least",
        },
    ),
    Derivative(
        "1.4",
        "A unit with tanh",
        statement=r"""A unit with another activation: $z = w x + b$, $a = \tanh z$, $L = \tfrac12 (a - y)^2$. All are numbers, and
$\tanh' z = 1 - \tanh^2 z$. Write $\partial L/\partial w$ in terms of $a$, $x$ and $y$.""",
        hints=(
            "Multiply along the path from $L$ through $a$ and $z$ to $w$: three local derivatives.",
        ),
        of=Lecture("", (), "a unit with tanh", _tanh_unit),
        why=r"""$\frac{\partial L}{\partial a} = a - y$, then $\frac{\partial a}{\partial z} = 1 - a^2$, then
$\frac{\partial z}{\partial w} = x$.""",
        wrong={
            "(a − y) x": "chain factor",
            "∂L/∂a · ∂a/∂z · ∂z/∂w": "it remains to put in",
            "(y − a)(1 − a^2) x": "sign",
            "(a − y) a (1 − a) x": "disagreement",
        },
    ),
    Explain(
        "1.5",
        "Why backward",
        statement="""A network has a million weights and one loss. Why does one start at the loss and go back, and not
at the weights and go forward?""",
        hints=("What does one sweep give, in each direction?",),
        ideas={
            "how many sweeps it takes": r"sweep|pass|walk|once|time|again|each weight|every weight",
            "the one loss, or the many weights": r"one (loss|output|number)|million|many|all (the )?weights|per weight",
        },
        solution="""One sweep back gives the rate at which the one loss moves with every weight. A sweep forward gives
the rates for one weight only, so it would take a million of them.""",
        wrong={"Because that is how it is done.": "how many sweeps"},
    ),
)

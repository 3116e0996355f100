"""The exercises of chapter 2: build the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Explain, Implement, MendRule, expect

__all__ = ["EXERCISES"]


def _division(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for shape in ((), (3,), (2, 4)):
        u, v, g = rng.normal(size=shape), rng.uniform(0.5, 2, size=shape), rng.normal(size=shape)
        out, by_u, by_v = student(u, v)
        expect("the value of divide(u, v)", out, u / v)
        expect("the rule for u, at g,", by_u(g), g / v)
        expect("the rule for v, at g,", by_v(g), -g * u / v**2)


def _backward(student: Callable[..., Any]) -> None:
    expect("for the output alone, backward([[]])", student([[]]), [1.0])
    chain = [[], [(0, 3.0)], [(1, 5.0)]]
    expect("for a chain with the rates 3 and 5, backward", student(chain), [15.0, 5.0, 1.0])
    both = [[], [(0, 2.0)], [(1, 6.0), (1, 6.0)], [(1, 1.0), (2, 1.0)]]
    expect("for f = u + u·u with u = 2x = 6, backward", student(both), [26.0, 13.0, 1.0, 1.0])
    unused = [[], [], [(0, 4.0)]]
    expect("where node 1 leads nowhere, backward", student(unused), [4.0, 0.0, 1.0])
    doubling = [[], *([(n, 1.0), (n, 1.0)] for n in range(60))]
    expect("after 60 doublings, backward(…)[0]", student(doubling)[0], 2.0**60)
    long = [[], *([(n, 1.0)] for n in range(5000))]
    expect("along a chain of 5000, backward(…)[0]", student(long)[0], 1.0)


def _largest(student: Callable[..., Any]) -> None:
    for u in ([3.0, 7.0, -1.0], [[1.0, 2.0], [5.0, -9.0]]):
        array = np.array(u)
        wanted = np.where(array == array.max(), 2.5, 0.0)
        expect(f"for u = {u} and g = 2.5, largest_rule", student(np.array(2.5), array), wanted)


EXERCISES = (
    Implement(
        "2.1",
        "A division and its rules",
        statement=r"""Write `divide(u, v)` for arrays of one shape. It returns three things: the quotient, the rule for `u`
and the rule for `v`. A rule is a function of the gradient `g` of the quotient.""",
        hints=(
            "`return out, lambda g: …, lambda g: …`",
            "Along the arrow from $v$ the local derivative is $-u/v^2$.",
        ),
        function="divide",
        test=_division,
        solution="""
def divide(u, v):
    out = u / v
    return out, lambda g: g / v, lambda g: -g * out / v
""",
        why="$-u/v^2 = -(u/v)/v$, and $u/v$ is there already.",
        wrong={
            "def divide(u, v):\n    return u / v, lambda g: g / v, lambda g: g * u / v**2\n": "rule for v",
            "def divide(u, v):\n    return u / v, lambda g: 1 / v, lambda g: -u / v**2\n": "rule for u",
        },
    ),
    Implement(
        "2.2",
        "The backward pass",
        statement="""A graph is given as a list: `arrows[n]` holds the arrows into node `n`, as pairs `(start, local)` of
the node an arrow comes from and its local derivative. Nodes are numbered as they were made, so a start is always smaller
than `n`; the last node is the output. Write `backward(arrows)`, which returns the list of the gradients of the output by
each node.""",
        hints=(
            "Begin with a list of zeros, and 1 at the output.",
            "Which order of the nodes makes sure that a node has got all its parts before it hands them on?",
        ),
        function="backward",
        seconds=5.0,
        test=_backward,
        solution="""
def backward(arrows):
    gradients = [0.0] * len(arrows)
    gradients[-1] = 1.0
    for n in reversed(range(len(arrows))):
        for start, local in arrows[n]:
            gradients[start] += gradients[n] * local
    return gradients
""",
        why="""From the last to the first: what uses a node is younger, so it has handed on its part before. `+=`,
because paths meet.""",
        wrong={
            """def backward(arrows):
    gradients = [0.0] * len(arrows)
    gradients[-1] = 1.0
    for n in reversed(range(len(arrows))):
        for start, local in arrows[n]:
            gradients[start] = gradients[n] * local
    return gradients
""": "for f = u + u·u",
            """def backward(arrows):
    gradients = [0.0] * len(arrows)
    def send(n, g):
        gradients[n] += g
        for start, local in arrows[n]:
            send(start, g * local)
    send(len(arrows) - 1, 1.0)
    return gradients
""": "did not end",
        },
    ),
    Implement(
        "2.3",
        "The largest entry",
        statement=r"""The operation $m = \max_k u_k$ picks the largest entry of an array (suppose there is no tie). Write its
rule `largest_rule(g, u)`: what arrives at `u` if the gradient of $m$ is the number `g`?""",
        hints=("Nudge an entry that is not the largest. Does $m$ move?",),
        function="largest_rule",
        test=_largest,
        solution="""
def largest_rule(g, u):
    return g * (u == u.max())
""",
        why="""The result moves with the largest entry at the rate 1, and not at all with the others. All of `g` goes to
the winner.""",
        wrong={
            "import numpy as np\ndef largest_rule(g, u):\n    return g * np.ones(u.shape)\n": "[2.5, 2.5",
            "def largest_rule(g, u):\n    return g * u.max()\n": "is expected",
        },
    ),
    MendRule(
        "2.4",
        "A rule with a slip",
        statement=r"""In the library, `tg.op` declares an operation: the function below it computes the result, and `rules` holds a rule
for each argument, with the gradient `g`, the result `out` and the arguments. This one computes $u\,v^2$. Its results are
right, and one of its gradients is not. Mend it.""",
        hints=("Which of the two local derivatives is wrong?",),
        function="times_square",
        at=([0.5, -1.0], [2.0, 3.0]),
        broken="""
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, u, v: g * v**2, lambda g, out, u, v: g * u * v))
def times_square(u, v):
    return u * v**2
""",
        solution="""
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, u, v: g * v**2, lambda g, out, u, v: 2 * g * u * v))
def times_square(u, v):
    return u * v**2
""",
        why=r"$\partial(u v^2)/\partial v = 2uv$: the 2 was lost.",
    ),
    Explain(
        "2.5",
        "Plus and equals",
        statement="`backward` says `start.grad += …`. What goes wrong with `=`, and for which graphs does nothing go wrong?",
        hints=("What if a value is used twice?",),
        ideas={
            "values that are used more than once": r"twice|\btwo\b|more than once|several|two (paths|arrows|uses)|paths meet|many",
            "what is lost": r"last|overwr|lost|forg|replac|only one|drop|add|sum",
        },
        solution="""If a value is used more than once, each use brings a part of its gradient. With `=` the last part replaces
the others. Nothing goes wrong where every value is used once.""",
        wrong={"It does not work with `=`.": "used more than once"},
    ),
)

"""The exercises of chapter 6: cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import (
    Derivative,
    Explain,
    Implement,
    Lines,
    MendRule,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import typed

__all__ = ["EXERCISES"]

_GIVEN = np.array([0.5, 0.8, 0.1])
_P, _Q = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.6, 0.3])


def _labels(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, k in ((1, 2), (5, 3)):
        A, labels = rng.dirichlet(np.ones(k), size=n), rng.integers(k, size=n)
        loss, gradient = student(A, labels)
        truth = A[np.arange(n), labels]
        expect(f"for {n} examples, the loss", loss, -np.log(truth).mean())
        wanted = np.zeros((n, k))
        wanted[np.arange(n), labels] = -1 / (n * truth)
        expect(f"for {n} examples, the gradient", gradient, wanted)


EXERCISES = (
    Number(
        "6.1",
        "Three surprises",
        statement="""For three examples a network gave the probabilities 0.5, 0.8 and 0.1 to the truth. Give the likelihood to two
decimals, and the mean loss to two decimals.""",
        hints=(
            "The likelihood is a product. The loss is minus the mean of the natural logarithms.",
        ),
        value=lambda: [_GIVEN.prod(), -np.log(_GIVEN).mean()],
        slips={
            "the loss is a sum here, not a mean": lambda: [_GIVEN.prod(), -np.log(_GIVEN).sum()],
            "the likelihood is a product, not a mean": lambda: [
                _GIVEN.mean(),
                -np.log(_GIVEN).mean(),
            ],
            "take natural logarithms": lambda: [_GIVEN.prod(), -np.log10(_GIVEN).mean()],
        },
        why=r"$0.5 \cdot 0.8 \cdot 0.1 = 0.04$, and $-\frac13 \log 0.04 \approx 1.07$. The third example alone brings most of it.",
        wrong={
            "0.04, 3.22": "not a mean",
            "0.47, 1.07": "not a mean",
            "0.04, 0.47": "natural logarithms",
        },
    ),
    Derivative(
        "6.2",
        "A softer maximum",
        statement=r"""$L = \tfrac13 \log \sum_i e^{3 z_i}$ lies close above the largest $z_i$. Write $\partial L/\partial z$.""",
        hints=("Go in from the outside: the ⅓, the logarithm, the sum, the power, the 3.",),
        of=typed("log(sum(exp(3*z)))/3", "z", {"z": np.array([1.47, -0.39, 0.22])}),
        why=r"""$\tfrac13 \cdot \frac{1}{\sum_i e^{3z_i}} \cdot e^{3z_j} \cdot 3$: the softmax of $3\mathbf z$. For the maximum itself it would be 1
at the largest entry and 0 elsewhere.""",
        wrong={"3 softmax(3 z)": "chain factor", "softmax(z)": "disagreement"},
    ),
    Lines(
        "6.3",
        "The divergence",
        statement=r"""Let $L = \mathrm{KL}(\mathbf p \,\|\, \mathbf q) = \sum_k p_k \log \frac{p_k}{q_k}$. Find $\partial L/\partial q_j$ in two lines or more.""",
        hints=(
            r"Split the logarithm first: which part has $\mathbf q$ in it?",
            r"$\partial \log q_k/\partial q_j = \frac{1}{q_k}\, \delta_{kj}$.",
        ),
        of=typed("sum(p*log(p/q))", "q", {"p": _P, "q": _Q}),
        solution="""∂L/∂q_j = −Σ_k (p_k/q_k) δ_kj
= −p_j/q_j""",
        why=r"""$p_k \log \frac{p_k}{q_k} = p_k \log p_k - p_k \log q_k$, and only the second part moves with $\mathbf q$. It is the gradient
of the cross-entropy: the two losses differ by the entropy, which does not depend on $\mathbf q$.""",
        wrong={
            "∂L/∂q_j = Σ_k (p_k/q_k) δ_kj\n= p_j/q_j": "sign",
            "−p_j/q_j": "2 lines at least",
        },
    ),
    MendRule(
        "6.4",
        "The rule of log-softmax",
        statement=r"""Somebody declared $\log \operatorname{softmax}(\mathbf z)$ with a rule of their own. Its results are right and its gradient is not.
Mend the rule.""",
        hints=(
            r"$\sum_k g_k\, (\delta_{kj} - a_j)$: what becomes of each of the two parts?",
            "$a_j$ does not depend on $k$, but it is multiplied by every $g_k$.",
        ),
        function="my_log_softmax",
        at=([0.3, -1.2, 0.8],),
        broken="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, z: g - tg.exp(out) * g,))
def my_log_softmax(z):
    shifted = z - np.max(z)
    return shifted - np.log(np.sum(np.exp(shifted)))
""",
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, z: g - tg.exp(out) * tg.sum(g),))
def my_log_softmax(z):
    shifted = z - np.max(z)
    return shifted - np.log(np.sum(np.exp(shifted)))
""",
        why=r"$\sum_k g_k(\delta_{kj} - a_j) = g_j - a_j \sum_k g_k$. The rule kept $g_j$ where the sum belongs.",
    ),
    Implement(
        "6.5",
        "Loss and gradient",
        statement=r"""Write `loss_and_gradient(A, labels)` with NumPy: for probabilities `A` of shape $(N, K)$ and the true classes `labels`,
counted from 0, the mean cross-entropy and its gradient by `A`.""",
        hints=(
            "`A[np.arange(N), labels]` picks one probability in each row.",
            "The gradient is zero but for one entry in each row.",
        ),
        function="loss_and_gradient",
        test=_labels,
        solution="""
import numpy as np


def loss_and_gradient(A, labels):
    rows = np.arange(len(A))
    truth = A[rows, labels]
    gradient = np.zeros(A.shape)
    gradient[rows, labels] = -1 / (len(A) * truth)
    return -np.log(truth).mean(), gradient
""",
        why=r"$-Y_{nk}/(N A_{nk})$, and $Y_{nk}$ is 1 at the label and 0 elsewhere.",
        wrong={
            """import numpy as np
def loss_and_gradient(A, labels):
    rows = np.arange(len(A))
    gradient = np.zeros(A.shape)
    gradient[rows, labels] = -1 / A[rows, labels]
    return -np.log(A[rows, labels]).mean(), gradient
""": "for 5 examples, the gradient",
        },
    ),
    Explain(
        "6.6",
        "A loss that does not go to zero",
        statement="""For each picture the target is how ten people voted, such as (0, 0.7, 0.3). The mean cross-entropy falls to 0.61 and stays
there. Is the network too small? How could you find out?""",
        hints=("What is the least value that the cross-entropy can have with these targets?",),
        ideas={
            "the entropy of the targets": r"entropy of|H\(|disagree|least (value|loss)|lower bound|not be 0|minimum",
            "comparing, or the divergence": r"compare|KL|diverg|subtract|difference|compute the entropy|equal",
        },
        solution="""Not necessarily: where people disagree, the cross-entropy cannot fall below the entropy H(p) of the targets. Compute the
mean entropy of the targets and subtract it; what is left is the divergence, which a perfect network brings to 0.""",
        wrong={"Yes, take more hidden units.": "the entropy"},
    ),
)

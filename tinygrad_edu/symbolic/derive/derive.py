"""From a recorded graph to a derivation: the gradient, written down and simplified step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, overload

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.derive.recording import recorded, recorded_again
from tinygrad_edu.symbolic.derive.staged import StagedDerivation, stages_of
from tinygrad_edu.symbolic.derive.work import work_on
from tinygrad_edu.tensor import Tensor

__all__ = ["derive", "derive_named", "staged_named"]


@overload
def derive(
    output: Tensor | Derivation,
    wrt: Tensor,
    assume: Iterable[str] | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
    staged: Literal[False] = False,
) -> Derivation: ...
@overload
def derive(
    output: Tensor | Derivation,
    wrt: Tensor,
    assume: Iterable[str] | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
    staged: Literal[True],
) -> StagedDerivation: ...
@guided
def derive(
    output: Tensor | Derivation,
    wrt: Tensor,
    assume: Iterable[str] | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
    staged: bool = False,
) -> Derivation | StagedDerivation:
    """Derive the gradient of a recorded graph, as a formula, step by step.

    Fused operations are opened by their definitions, the backward pass is written down by the
    rules that compute it, and named equations rewrite it until nothing shorter is found. Every
    step is checked on the recorded numbers and on random ones.

    Parameters
    ----------
    output : Tensor or Derivation
        What is differentiated. If it has several entries, the gradient is that of ⟨g, output⟩
        for a letter g of its shape: the vector-Jacobian product. Of a derivation, the result is
        differentiated again.
    wrt : Tensor
        What it is differentiated with respect to.
    assume : iterable of str, optional
        Printed statements that may be assumed, such as ``"Σy = 1"``. None allows all that hold
        on the data, ``()`` none.
    names : dict of str to Tensor or ndarray, optional
        Names for formulas; otherwise ``Tensor(..., name=)`` and the caller's variables.
    fused : iterable of str, optional
        Operations that are left whole, such as ``("softmax",)``.
    staged : bool, optional
        Derive lemma by lemma: by each named intermediate that every path goes through, one after
        the other, with a letter δ for the gradient that was found before.

    Returns
    -------
    Derivation or StagedDerivation
        With `.chain`, `.start`, `.steps`, `.result` and `.assumptions`; in stages, with a
        derivation for each of `.stages`.

    Raises
    ------
    ValueError
        If `output` does not depend on `wrt`, if an array of the graph was changed since, if the
        gradient is too long to be written down, or if an assumption or an operation is named
        that is not there.
    TypeError
        If either is no Tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> y = tg.Tensor([0.0, 1.0, 0.0])
    >>> e = tg.exp(z)
    >>> a = e / e.sum()
    >>> L = -(y * tg.log(a)).sum()
    >>> print(tg.derive(L, wrt=z).result)
    a − y

    Deriving a derivation gives second derivatives:

    >>> print(tg.derive(tg.derive(L, wrt=z), wrt=z).jacobian())
    diag(a) − a aᵀ
    """
    around, title = names_around(names, depth=1), None
    if isinstance(output, Derivation):
        title = "∂{}/∂{}".format(*output.title)
        output, sources = _of_vertices(output, wrt)
        around = Names({**sources, **(names or {})}, {})
    work = work_on(output, wrt, around, assume, fused, staged=staged, title=title)
    return stages_of(work) if staged else work.derivation()


def _of_vertices(found: Derivation, wrt: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """Record a result, and what it is made of, with vertices in the place of constant arrays.

    NumPy would compute Σy of an array y at once, and the formula would lose it. Labels and masks
    stay arrays.
    """
    sources, again = found.sources(), {id(wrt): wrt}
    for name, each in sources.items():
        if isinstance(each, np.ndarray) and each.dtype.kind == "f":
            again[id(each)] = Tensor(each, name)
    graph = [each for each in sources.values() if isinstance(each, Tensor)]
    again = recorded_again(graph, again)
    output = recorded(found.result.expr, found.result.axes, again)
    return output, {name: again.get(id(each), each) for name, each in sources.items()}


def derive_named(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    assume: Iterable[str] | None = None,
    fused: Iterable[str] = (),
) -> Derivation:
    """Derive as `derive` does, with names that were collected already."""
    return work_on(output, wrt, names, assume, fused).derivation()


def staged_named(
    output: Tensor, wrt: Tensor, names: Names, assume: Iterable[str] | None = None
) -> StagedDerivation:
    """Derive lemma by lemma, with names that were collected already."""
    return stages_of(work_on(output, wrt, names, assume, staged=True))

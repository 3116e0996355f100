"""Print docs/judged.md: how steps and certificates are judged, and what is not reached."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from tinygrad_edu.symbolic.algebra.exact import (
    LAWS,
    LAWS_OF_LOGARITHMS,
    MORE_POINTS,
    POINTS,
)

__all__ = ["judged"]

_TEXT = """\
# What is judged, on what, and what is not reached

<!-- Written by `make docs` from the tables of laws and operations; a test compares. -->

## A step of a derivation or a proof

| judged | on what | says |
|---|---|---|
| both sides, as numbers | the data, and three random draws of other sizes | `step.residual`, "to 1e-14" |
| both sides, exactly | the integers modulo 2⁶¹ − 1, at {points} random points, {more} where signs decide, half of \
these with ties and zeros; lengths from 2 to 4, but for those that an index or an attribute fixes | \
`step.exact`, "exact" |

A function is a letter: a random number, the same for the same argument. A comparison, `sign`, `abs`, `maximum` and
`clip` go by the sign of a number, which is random, and opposite for opposite numbers. A name is what it stands for. Where
Σy = 1 is assumed, y is drawn so. Where this is not enough, laws write functions in simpler ones, where both sides are
defined, and the step says which it needed:

{laws}

Where a side holds an operation on whole arrays (a slice, a stack, a cumulative sum), a proof may end in one step, *entries*:
no equation joins the two, but all their entries are equal exactly, without any law, for the sizes drawn, and the step says so.

Every step of every lecture is exact; a test asks each. Not exact, and checked on numbers alone: numbers that a float rounds
(ε/3, log 6, 150/49), numbers computed from the data ("N = 4"), and what is 0/0 at every point.

## A certificate

`derivation.certificate()`, `proof.certificate()` and `--certificate FILE` write what is claimed; `python tools/verify.py
FILE` accepts or refuses it, with the standard library alone. It compares, at points of its own and three sizes per length
from 2 to 7:

1. what each vertex computes with the operation that it names, for {known};
2. each local rule with the derivative of that operation, and the start with the chain rule by these rules (a derivation),
   or both sides with what their graphs compute (a proof);
3. before and after of each step, by the laws that it names, of these: {verified};
4. each form with the next, and the last with the end.

Other operations and their rules are taken as given, and so are the lengths that are fixed, masks, and assumptions that
are neither a sum of 1 nor a symmetry; the verdict lists them. A certificate is refused where a step is not exact, or needs a law that is not known there.
Of a thousand certificates with a slip (a sign, a coefficient, an exponent, an index, a term, an operation, a rule, a step, an
assumption, a definition), none is accepted.

## Not reached

- Equality is shown for the sizes that were drawn, not for all.
- The definitions of fused operations (softmax, losses) are those of the package: the graph is the opened one.
- That a letter is the array that somebody meant, and that the graph is the program that somebody wrote.
- Conditions such as x > 0 are listed, and not derived.
- How a formula is spelled: a certificate holds trees, not text.
"""


def judged() -> str:
    """Return the page as Markdown."""
    verify = _verify()
    laws = "\n".join(f"- {law.name}: {law.equation}" for law in (*LAWS_OF_LOGARITHMS, *LAWS))
    known = sorted({*verify.ENTRY, *verify.SLOPES, *verify.MOVES, "softmax", "power"})
    return _TEXT.format(
        points=POINTS,
        more=MORE_POINTS,
        laws=laws,
        known=", ".join(f"`{name}`" for name in known),
        verified=", ".join(verify.LAWS),
    )


def _verify() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify", Path(__file__).with_name("verify.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(judged(), end="")

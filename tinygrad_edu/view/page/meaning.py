"""What a local derivative means, in one plain sentence, by the kind of thing that it is.

No operation has a sentence of its own: log and 2/x, exp and any other function that is its own
slope, are told in the same words.
"""

from __future__ import annotations

import re

from tinygrad_edu.symbolic.derive import Slope
from tinygrad_edu.view.page.markup import sentence_case
from tinygrad_edu.view.page.written import Maths, Prose, Written, prose, written

__all__ = ["meaning"]

_ALONE = {
    "same": "{to} counts in {of} as it is, and so does its push",
    "number": "{of} changes {slope} times as much as {to}, so {slope} times the push goes on",
    "output": "the slope of {op} is {op} itself: where {of} is large, the push grows",
    "reciprocal": "the slope of {op} is {slope}: a small {to} makes a large push",
    "partner": "each factor gets the push times the other: here, times {about}",
    "divisor": "{to} is divided by {about}, and so is its push: a large {about} makes a small one",
    "quotient": "the slope by what divides is {slope}: a larger {to} makes {of} smaller",
    "gate": "{about} is a gate: where it is 1 the push goes on, where it is 0 none does",
    "power": "the slope of {op} is {slope}: a large {to} makes a large push",
    "read off": "the slope of {op} is {slope}, which is read off the result {of} itself",
    "other": "{of} changes {slope} times as much as {to}, so {slope} times the push goes on",
}
_SPREAD = {
    "same": "every entry of a sum gets the same push, and {to} has the entries",
    "number": "every entry of {to} gets the same share of the push, {slope}",
    "other": "one push comes in, and each entry of {to} gets it times its own slope, {slope}",
}
_MIXED = {
    "partner": "{to} acts through {about}; the push comes back through {about}, too, and adds up",
    "other": "each entry of {to} acts on several of {of}; what they push, times {slope}, adds up",
}
_GATHERED = "; {to} acts on every entry of {of}, so what they push adds up"
_TURNED = "; the sign turns"
_AGAINST = "{of} changes against {to}, as much: the sign of the push turns"


def meaning(slope: Slope, op: str, of: Maths, to: Maths) -> Prose:
    """Say what a local derivative does to what comes back.

    Parameters
    ----------
    slope : Slope
        The local derivative.
    op : str
        What the operation is called.
    of, to : Maths
        The names of its result and of its argument.
    """
    kind, about = slope.kind, slope.about
    if slope.flow == "mixed":
        template = _MIXED.get(kind, _MIXED["other"])
    elif slope.flow == "spread":
        template = _SPREAD.get(kind) or _ALONE.get(kind, _SPREAD["other"])
    else:
        template = _ALONE[kind]
    if slope.flow == "each" and kind == "same" and slope.is_negative:
        template = _AGAINST
    elif slope.is_negative and kind in {"same", "partner", "divisor", "output", "gate"}:
        template += _TURNED
    if slope.flow == "gathered":
        template += _GATHERED
    words: dict[str, Maths | Written] = {"of": of, "to": to, "slope": written(slope.factor)}
    if about is not None:
        words["about"] = written(about)
    template = template.replace("{op}", op)
    names = re.findall(r"{(\w+)}", template)
    said = prose(re.sub(r"{\w+}", "{}", template), *(words[name] for name in names))
    first, *rest = said.parts
    if isinstance(first, str):
        first = sentence_case(first)
    return Prose((first, *rest, "."))

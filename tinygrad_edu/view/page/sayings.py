"""The sentence below the bars: what the gradient does to what one drags, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.view.draw.values import short_text

__all__ = ["WORDS", "sentence"]

#: Every wording of the sentence. The page's script fills the same slots.
WORDS = {
    "true": "{m} − 1 = {w} {moves}; {others}; they add to {sum}.",
    "soft": "{m} − {t} = {w} {moves}, {n} − {u} = {x} {others}; they add to {sum}.",
    "own": "{m} − {t} = {w} {moves}; each {one} has a target of its own.",
    "residual": "{m} − {t} = {w} is the largest residual; its gradient {d} {moves}.",
    "other": "{entry} does most to {output}: raise it by 0.01, and {output} {goes} by about {by}.",
    "nothing": "No entry moves {output}: the gradient is 0.",
    "undefined": "{output} has no gradient at these numbers.",
    "scaled": " The gradient is {scale} times that.",
    "broken": " For these numbers {assumption} does not hold, so the gradient is not {result}.",
    "down": "pushes {what} down",
    "up": "pulls {what} up",
    "down many": "push {what} down",
    "up many": "pull {what} up",
    "row": "Row {row}: ",
}
_MOST_OTHERS = 4


def sentence(kind: str, one: str, output: str, names: list[str], arrays: dict[str, Any]) -> str:
    """Say what the gradient does.

    Parameters
    ----------
    kind : str
        "softmax", "sigmoid", "residual" or "other".
    one : str
        What an entry of what one drags is called, such as "logit".
    output : str
        What is differentiated.
    names : list of str
        What the entries are called, such as "1".
    arrays : dict of str to ndarray
        The gradient, and where there are targets, the model's numbers and the targets.
    """
    gradient = np.asarray(arrays["gradient"], float)
    if not np.all(np.isfinite(gradient)):
        return WORDS["undefined"].format(output=output)
    if not np.any(gradient):
        return WORDS["nothing"].format(output=output)
    if kind == "other":
        at = int(np.argmax(np.abs(gradient)))
        d = float(gradient.flat[at])
        return WORDS["other"].format(
            entry=f"{one} {names[at]}".strip(),
            output=output,
            goes="falls" if d < 0 else "grows",
            by=short_text(abs(d) / 100),
        )
    model, target = (np.asarray(arrays[key], float) for key in ("model", "target"))
    return _of_difference(kind, one, names, model, target, gradient)


def _of_difference(
    kind: str, one: str, names: list[str], model: Any, target: Any, gradient: Any
) -> str:
    apart = model - target
    at = int(np.argmax(np.abs(apart)))
    lead = ""
    if kind == "softmax":
        length = model.shape[-1]
        row = at // length
        if model.ndim > 1:
            lead = WORDS["row"].format(row=row + 1)
        here = slice(row * length, (row + 1) * length)
        model, target, apart, gradient = (x.ravel()[here] for x in (model, target, apart, gradient))
        names, at = names[here], int(np.argmax(np.abs(apart)))
        is_true = sorted(target)[:-1] == [0] * (length - 1) and max(target) == 1
        if is_true:
            said = _true(one, int(np.argmax(target)), model, apart, gradient)
            return lead + said + _scaled(apart, gradient, int(np.argmax(target)))
        return (
            lead + _soft(one, names, model, target, apart, gradient) + _scaled(apart, gradient, at)
        )
    m, t, w, d = (float(x.flat[at]) for x in (model, target, apart, gradient))
    said = WORDS["own" if kind == "sigmoid" else "residual"].format(
        m=short_text(m),
        t=_signed(t),
        w=short_text(w),
        d=short_text(d),
        one=one,
        moves=_moves(d, f"{one} {names[at]}".strip()),
    )
    return said + (_scaled(apart, gradient, at) if kind == "sigmoid" else "")


def _true(one: str, true: int, model: Any, apart: Any, gradient: Any) -> str:
    rest = [k for k in range(len(model)) if k != true]
    listed = [short_text(model[k]) for k in rest]
    numbers = " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
    if len(rest) > _MOST_OTHERS:
        numbers = f"{short_text(sum(model[k] for k in rest))} in all"
    others = f"the other{'s' * (len(rest) > 1)}"
    many = len(rest) > 1
    return WORDS["true"].format(
        m=short_text(model[true]),
        w=short_text(apart[true]),
        moves=_moves(gradient[true], f"the true {one}"),
        others=f"{numbers} {_moves(-gradient[true], others, many)}",
        sum=_sum(apart),
    )


def _soft(one: str, names: list[str], model: Any, target: Any, apart: Any, gradient: Any) -> str:
    high, low = int(np.argmax(apart)), int(np.argmin(apart))
    return WORDS["soft"].format(
        m=short_text(model[high]),
        t=_signed(target[high]),
        w=short_text(apart[high]),
        moves=_moves(gradient[high], f"{one} {names[high]}"),
        n=short_text(model[low]),
        u=_signed(target[low]),
        x=short_text(apart[low]),
        others=_moves(gradient[low], f"{one} {names[low]}"),
        sum=_sum(apart),
    )


def _moves(gradient: float, what: str, many: bool = False) -> str:
    return WORDS[("up" if gradient < 0 else "down") + " many" * many].format(what=what)


def _signed(value: float) -> str:
    """Write what is subtracted: a negative number in parentheses."""
    return f"({short_text(value)})" if value < 0 else short_text(value)


def _sum(values: Any) -> str:
    total = float(np.sum(values))
    return short_text(0.0 if abs(total) < 1e-9 else total)


def _scaled(apart: Any, gradient: Any, at: int) -> str:
    scale = float(gradient.flat[at] / apart.flat[at]) if apart.flat[at] else 1.0
    return "" if abs(scale - 1) < 1e-9 else WORDS["scaled"].format(scale=short_text(scale))

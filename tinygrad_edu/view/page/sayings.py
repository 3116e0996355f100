"""The sentence below the bars: what the gradient does to what one drags, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.view.draw.values import number_text, short_text

__all__ = ["WORDS", "Speaker"]

#: Every wording of the sentence. The page's script fills the same slots.
WORDS = {
    "true": "{m} − 1 = {w} {moves}; {others}; they add to {sum}.",
    "soft": "{m} − {t} = {w} {moves}, {n} − {u} = {x} {others}; they add to {sum}.",
    "own": "{m} − {t} = {w} {moves}; each {one}{of} has a target of its own.",
    "residual": "{m} − {t} = {w} is the largest residual; its gradient {d} {moves}.",
    "other": "{output} depends most on {entry}: raise it by 0.01, and it {goes} by about {by}.",
    "nothing": "No entry moves {output}: the gradient is 0.",
    "undefined": "At these numbers {output} has no gradient.",
    "scaled": " The gradient is {scale} times that.",
    "broken": " For these numbers {assumption} does not hold, so the gradient is not {result}.",
    "down": "pushes {what} down",
    "up": "pulls {what} up",
    "down many": "push {what} down",
    "up many": "pull {what} up",
    "row": "Row {row}: ",
}
_MOST_OTHERS = 4


@dataclass(frozen=True)
class Speaker:
    """Say what a gradient does, in the words of `kind`.

    Parameters
    ----------
    kind : str
        "softmax", "sigmoid", "residual" or "other".
    one, of : str
        What an entry is called of what one drags: "logit" and "", or "entry" and " of z".
    output : str
        What is differentiated.
    """

    kind: str
    one: str
    of: str
    output: str

    def sentence(self, names: list[str], arrays: dict[str, Any]) -> str:
        """Return the sentence.

        Parameters
        ----------
        names : list of str
            What the entries are called, such as "1".
        arrays : dict of str to ndarray
            The output, the gradient, and where there are targets, the model's numbers and these.
        """
        output, gradient = (np.asarray(arrays[key], float) for key in ("output", "gradient"))
        if not (np.all(np.isfinite(gradient)) and np.all(np.isfinite(output))):
            return self._fill("undefined")
        if not np.any(gradient):
            return self._fill("nothing")
        if self.kind == "other":
            at = int(np.argmax(np.abs(gradient)))
            goes, by = "falls" if gradient.flat[at] < 0 else "grows", abs(gradient.flat[at]) / 100
            entry = self._entry(names[at])
            return self._fill("other", entry=entry, goes=goes, by=number_text(by))
        model, target = (np.asarray(arrays[key], float) for key in ("model", "target"))
        at = int(np.argmax(np.abs(model - target)))
        if self.kind != "softmax":
            return self._alone(names[at], *(float(x.flat[at]) for x in (model, target, gradient)))
        length = model.shape[-1]
        row = at // length
        lead = self._fill("row", row=row + 1) if model.ndim > 1 else ""
        here = slice(row * length, (row + 1) * length)
        return lead + self._row(names[here], *(x.ravel()[here] for x in (model, target, gradient)))

    def _fill(self, key: str, **slots: Any) -> str:
        return WORDS[key].format(one=self.one, of=self.of, output=self.output, **slots)

    def _entry(self, name: str) -> str:
        return f"{self.one} {name}{self.of}" if name else self.of.removeprefix(" of ") or self.one

    def _alone(self, name: str, model: float, target: float, gradient: float) -> str:
        is_own = self.kind == "sigmoid"
        slots = {
            **_difference("mtw", model, target),
            "d": short_text(gradient),
            "moves": _moves(gradient, self._entry(name)),
        }
        said = self._fill("own" if is_own else "residual", **slots)
        return said + _scaled(model - target, gradient) * is_own

    def _row(self, names: list[str], model: Any, target: Any, gradient: Any) -> str:
        apart = model - target
        if sorted(target) == [0] * (len(target) - 1) + [1]:
            at = int(np.argmax(target))
            said = self._true(at, model, apart, gradient)
        else:
            at = int(np.argmax(np.abs(apart)))
            said = self._soft(names, model, target, apart, gradient)
        return said + _scaled(apart[at], gradient[at])

    def _true(self, true: int, model: Any, apart: Any, gradient: Any) -> str:
        rest = [float(v) for k, v in enumerate(model) if k != true]
        *some, last = map(short_text, rest)
        numbers = f"{', '.join(some)} and {last}" if some else last
        if len(rest) > _MOST_OTHERS:
            numbers = f"{short_text(sum(rest))} in all"
        many = len(rest) > 1
        others = _moves(-gradient[true], "the other" + "s" * many, many)
        return self._fill(
            "true",
            **_difference("m w", model[true], 1),
            moves=_moves(gradient[true], f"the true {self.one}{self.of}"),
            others=f"{numbers} {others}",
            sum=_sum(apart),
        )

    def _soft(self, names: list[str], model: Any, target: Any, apart: Any, gradient: Any) -> str:
        high, low = int(np.argmax(apart)), int(np.argmin(apart))
        moves, others = (_moves(gradient[at], self._entry(names[at])) for at in (high, low))
        slots = {
            **_difference("mtw", model[high], target[high]),
            **_difference("nux", model[low], target[low]),
        }
        return self._fill("soft", **slots, moves=moves, others=others, sum=_sum(apart))


def _difference(slots: str, model: float, target: float) -> dict[str, str]:
    """Write what a model says, what is true, and their difference, for three slots."""
    taken = f"({short_text(target)})" if target < 0 else short_text(target)
    return dict(zip(slots, (short_text(model), taken, short_text(model - target)), strict=True))


def _moves(gradient: float, what: str, many: bool = False) -> str:
    return WORDS[("up" if gradient < 0 else "down") + " many" * many].format(what=what)


def _sum(values: Any) -> str:
    total = float(np.sum(values))
    return short_text(0.0 if abs(total) < 1e-9 else total)


def _scaled(apart: float, gradient: float) -> str:
    """Say by what a gradient differs from what is said of it, if by anything."""
    scale = float(f"{gradient / apart:.12g}") if apart else 1.0
    return "" if scale == 1 else WORDS["scaled"].format(scale=short_text(scale))

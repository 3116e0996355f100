"""Whole derivations in three notations, on longer and shorter routes, half with a planted slip."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lectures import LECTURES
from tinygrad_edu.lectures.exercises.generate import _drawn
from tinygrad_edu.lectures.exercises.slips import slips

NOTATIONS = {
    "text": lambda formula: formula.text(),
    "indices": lambda formula: formula.text(indices=True),
    "LaTeX": lambda formula: formula.latex(),
}


def generated(seed: int):
    """The derivation of a random loss."""
    rng = np.random.default_rng(seed)
    while True:
        found = _drawn(rng, seed % 4 + 1, entrywise=False).derivation()
        if found is not None and found.steps:
            return found


def routes(found) -> list[list]:
    """The lines of a derivation: all steps, and one for each choice."""
    long = [found.start, *(step.after for step in found.steps)]
    short = [found.start, *(line[-1].after for line in found.lecture)]
    return [long[:2] + long[-3:] if len(long) > 5 else long, short[-4:]]


def judged(sources, choose: random.Random, say=lambda _: None) -> Counter:
    """How many right and planted derivations are judged as they are."""
    count: Counter = Counter()
    for name, found in sources:
        for notation, write in NOTATIONS.items():
            for route in routes(found):
                lines = list(dict.fromkeys(map(write, route)))
                count["right"] += 1
                judgement = tg.check_derivation(found, lines)
                if not judgement:
                    say(f"REFUSED {name} {notation}\n{judgement}")
                count["accepted"] += bool(judgement)
                place = choose.randrange(len(lines))
                planted = slipped(found, lines[place], choose)
                if planted is None:
                    count["none to plant"] += 1
                    continue
                kind, wrong = planted
                lines[place] = wrong
                count["planted"] += 1
                first = tg.check_derivation(found, lines).first_wrong
                count["found"] += first == place
                if first is None:
                    say(f"ACCEPTED {name} {notation} {kind}: {wrong}")
                elif first != place:
                    say(f"ELSEWHERE {name} {notation} {kind}: line {first}, not {place}: {wrong}")
                count["false accepts"] += first is None
    return count


def slipped(found, line: str, choose: random.Random) -> tuple[str, str] | None:
    """A line with a slip that changes its numbers on the data, by another way than the judge's."""
    every = list(slips(found, line))
    choose.shuffle(every)
    arrays = {**found.result.letters, **found.start.letters}
    for kind, wrong in every:
        try:
            value = tg.parse(wrong, **arrays).data
        except (ValueError, TypeError):
            continue  # judged by itself: it cannot be read without knowing the gradient's axes
        if value.shape == np.shape(found.computed) and not np.allclose(value, found.computed):
            return kind, wrong
    return every[0] if every else None


@pytest.mark.deep
def test_planted_slips_are_found_and_right_derivations_accepted(record_property):
    choose = random.Random(0)
    sources = [(name, lecture.derive()) for name, lecture in LECTURES.items()]
    sources += [(f"loss {seed}", generated(seed)) for seed in range(60)]
    count = judged([each for each in sources if each[1].steps], choose, print)
    record_property("figures", [f"{what}: {number}" for what, number in count.items()])
    assert count["right"] + count["planted"] >= 500
    assert count["false accepts"] == 0
    assert count["found"] >= 0.98 * count["planted"]
    assert count["accepted"] == count["right"]


@pytest.mark.ci
def test_a_part_of_them():
    sources = [(name, LECTURES[name].derive()) for name in ("softmax-ce", "sigmoid-ce")]
    count = judged([*sources, ("loss 3", generated(3))], random.Random(1))
    assert count["accepted"] == count["right"] == 18
    assert count["found"] == count["planted"]

"""The first card: bars that one drags, and everything that moves with them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import Derivation, runtime
from tinygrad_edu.view.page.bars import Bars, entry_name
from tinygrad_edu.view.page.columns import ROLES, Column, Columns
from tinygrad_edu.view.page.flow import Flow
from tinygrad_edu.view.page.markup import asset, card, element
from tinygrad_edu.view.page.numbers import Numbers
from tinygrad_edu.view.page.sayings import WORDS, Speaker
from tinygrad_edu.view.page.written import Written

__all__ = ["Live", "live"]

_MOST_ENTRIES = 12


@dataclass(frozen=True)
class Live:
    """The first card, ready to be drawn.

    `places` says which entries of each column are shown. `program` is the JavaScript that computes
    all numbers of the page, "" where there is none, and `static` says why.
    """

    title: str
    columns: list[Column]
    places: list[list[int]]
    sentence: str
    program: str
    static: str

    @property
    def script(self) -> str:
        """The script of the card: the runtime, the program, and what moves the bars."""
        if not self.program:
            return ""
        parts = (runtime(), asset("values.js"), self.program, asset("live.js"))
        return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"

    def card(self) -> ET.Element:
        """Write the card."""
        head = self.columns[-1].head
        shown = element("div", class_=f"columns of{len(self.columns)}")
        shown.extend(self._column(*pair) for pair in enumerate(self.columns))
        last = element("p", f"The bars stand still: {self.static}.", class_="note")
        if self.program:
            last = ET.fromstring(asset("doings.html"))
        return card(
            "answer",
            "answer",
            self.title,
            Written(head, head),
            "graph",
            element("h2", self.title),
            shown,
            element("p", self.sentence, class_="say"),
            last,
        )

    def _column(self, index: int, column: Column) -> ET.Element:
        places, size = self.places[index], np.size(column.value)
        few = "" if len(places) == size else f"the {len(places)} largest of {size} entries"
        drag, arrow = None, element("span", "→", aria_hidden="true")
        if index == 0 and self.program:
            text = "drag the " if column.caption else "drag; " if few else "drag"
            drag = element("span", text, class_="scripted")
        return element(
            "section",
            element("p", element("span", column.arrow), arrow, class_="leads") if index else None,
            element("p", column.head, class_="head"),
            element("p", drag, "; ".join(filter(None, (column.caption, few))), class_="caption"),
            Bars(column, places).svg(index),
            class_=f"column {column.part}",
        )


def live(flows: Sequence[Flow], found: Derivation, roles: Mapping[str, str] | None = None) -> Live:
    """Make the first card of a derivation; of its flows, the last is as it was recorded.

    Raises
    ------
    ValueError
        If `roles` names what the graph has not, or no role.
    """
    flow = flows[-1]
    chosen = Columns(flow, found, roles)
    model = next((c for c in chosen.shown if c.aim is not None), None)
    aim = _leaf_of(flow, model)
    output = flow.of if found.seed is None else f"⟨{found.seed}, {flow.of}⟩"
    name, role = flow.called(flow.walk.wrt).text, ROLES.get(chosen.role(chosen.shown[0].formula))
    speaker = Speaker(chosen.kind, role or "entry", "" if role else f" of {name}", output)
    gradient = np.asarray(chosen.shown[-1].value, float)
    arrays = {"output": flow.walk.output.value, "gradient": gradient}
    if model is not None:
        arrays |= {"model": model.value, "target": model.target}
    settings = {
        "wrt": flow.place[flow.walk.wrt],
        "aim": aim,
        "top": flow.place[flow.walk.output],
        **asdict(speaker),
        "scalar": flow.walk.output.value.size == 1,
        "assumption": ", ".join(a.statement for a in found.assumptions if a.used),
        "result": found.result.text(),
        "names": {"given": name, "aim": flow.called(flow.shown[aim]).text if aim >= 0 else ""},
        "graphs": [_graph(each, flow) for each in flows],
        "words": WORDS,
    }
    program, static = "", ""
    try:
        program = _program(flows, found, chosen, settings)
    except ValueError as error:
        static = str(error)
    entries = [entry_name(gradient.shape, place) for place in range(gradient.size)]
    return Live(
        chosen.title,
        chosen.shown,
        [_places(column, gradient) for column in chosen.shown],
        speaker.sentence(entries, arrays),
        program,
        static,
    )


def _graph(flow: Flow, recorded: Flow) -> dict[str, Any]:
    """Say of a graph where it is drawn, and which of its leaves are those of the recorded one."""
    places = {id(s.source): n for n, s in enumerate(recorded.shown) if s.source is not None}
    return {
        "drawing": flow.drawing,
        "same": [places.get(id(s.source), -1) for s in flow.shown],
        "bools": [n for n, s in enumerate(flow.shown) if s.value.dtype.kind == "b"],
    }


def _program(
    flows: Sequence[Flow], found: Derivation, chosen: Columns, settings: dict[str, Any]
) -> str:
    *others, numbers = map(Numbers, flows)
    pairs = []
    for column in chosen.shown:
        value = f"g[{settings['wrt']}]"
        if column.formula is not None:
            value = numbers.fitted(column.formula, np.shape(column.value))
        aim = "null"
        if column.aim is not None:
            aim = numbers.fitted(column.aim, np.shape(column.target))
        pairs.append(f"[{value}, {aim}]")
    result = numbers.fitted(found.result, numbers.flow.walk.wrt.shape)
    programs = [*(each.text() for each in others), numbers.text(pairs, result)]
    told = json.dumps(settings, ensure_ascii=False).replace("<", "\\u003c")
    return f"const programs = [{', '.join(programs)}];\nconst settings = {told};"


def _leaf_of(flow: Flow, model: Column | None) -> int:
    """Return the place of the targets where they are a leaf that one may type, else -1."""
    source = None if model is None or model.aim is None else model.aim.source
    leaves = (n for n, s in enumerate(flow.shown) if s.op is None and s.source is source)
    return -1 if source is None else next(leaves, -1)


def _places(column: Column, gradient: Any) -> list[int]:
    """Return which entries are shown: those where the gradient is largest, if there are many."""
    size = np.size(column.value)
    if size <= _MOST_ENTRIES:
        return list(range(size))
    weight = gradient if np.shape(column.value) == gradient.shape else column.value
    order = np.argsort(-np.abs(np.asarray(weight, float)).ravel(), kind="stable")
    return sorted(int(place) for place in order[:_MOST_ENTRIES])

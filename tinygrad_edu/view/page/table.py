"""The table of all nodes, which says in words and numbers what the graphs show."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.page.frames import Node
from tinygrad_edu.view.page.heat import heat_map
from tinygrad_edu.view.page.markup import add, both

__all__ = ["table_of_nodes"]


def table_of_nodes(main: ET.Element, nodes: Mapping[str, Sequence[Node]]) -> None:
    """Add the table, folded away: the nodes of each drawing."""
    details = add(main, "details", class_="nodes")
    add(details, "summary", "All nodes of the graph")
    scroll = add(
        details,
        "div",
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="Table of all nodes",
    )
    table = add(scroll, "table")
    add(table, "caption", "Every node with its value, gradient and local derivative")
    row = add(add(table, "thead"), "tr")
    for title in (
        "Node",
        "Formula",
        "Operation",
        "Shape",
        "Value",
        "Gradient",
        "Local derivative",
        "Made of",
        "Used by",
        "Python",
    ):
        add(row, "th", title, scope="col")
    for drawing, listed in nodes.items():
        body = add(table, "tbody")
        for node in listed:
            _node(body, f"node-{drawing}-{node.place}", node, listed)


def _node(body: ET.Element, key: str, node: Node, nodes: Sequence[Node]) -> None:
    row = add(body, "tr", id=key)
    add(row, "th", node.called, scope="row")
    both(add(row, "td", data_title="Formula"), node.name)
    for title, text in (
        ("Operation", node.kind),
        ("Shape", node.shape),
        ("Value", node.value),
        ("Gradient", node.gradient),
    ):
        add(row, "td", text, data_title=title)
    cell = add(row, "td", data_title="Local derivative")
    for local in node.locals:
        both(add(cell, "div"), local)
    for heat in node.heats:
        heat_map(cell, heat)
    for title, places in (("Made of", node.made_of), ("Used by", node.used_by)):
        cell = add(row, "td", data_title=title)
        cell.text = clean(", ".join(nodes[place].called for place in places) or "—")
    cell = add(row, "td", data_title="Python")
    add(cell, "code", node.python)

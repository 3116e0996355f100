"""The style sheet of a picture: its colours, on a light ground and on a dark one."""

from __future__ import annotations

from .dot import BACKWARD, FORWARD
from .formula import TEXT_SIZES

__all__ = ["DARK", "STYLE", "colour"]

_LIGHT = {"forward": FORWARD, "backward": BACKWARD, "matched": "#7A3E9D", "cancelled": "#C0182B"}
DARK = {"forward": "#56B4E9", "backward": "#F0A060", "matched": "#C9A0F0", "cancelled": "#FF8080"}


def colour(rule: str, role: str) -> str:
    """Write a colour twice: a page's own (or the dark one), and one for viewers without var()."""
    return f"{rule}:{_LIGHT[role]};{rule}:var(--tg-{role},{_LIGHT[role]})"


# A rule for svg:root counts only where the SVG is a document of its own (a file, an <img>): there
# it follows the reader's light or dark theme. Within an HTML page it takes the page's text colour.
# It has no ground of its own, so that it can lie on a slide.
STYLE = "".join(
    (
        "svg.tg:root{color-scheme:light dark;color:#1a1a1a}",
        "@media(prefers-color-scheme:dark){svg.tg:root{color:#e6e6e6;",
        ";".join(f"--tg-{role}:{colour}" for role, colour in DARK.items()),
        "}}",
        ".tg text{fill:currentColor;white-space:pre;",
        'font:10px "Helvetica Neue",Helvetica,Arial,sans-serif}',
        *(f".tg .tg-{role}{{font-size:{size:g}px}}" for role, size in TEXT_SIZES.items()),
        ".tg .tg-title,.tg .tg-caption{font-weight:bold}",
        ".tg .tg-line,.tg .tg-note,.tg .tg-legend{fill-opacity:.75}",
        ".tg .tg-sign{font-weight:bold}",
        f".tg .tg-gradient{{{colour('fill', 'backward')}}}",
        ".tg-shape{stroke:currentColor;fill:none}",
        f".tg-op>.tg-shape,.tg-part>.tg-shape{{fill:{FORWARD};fill-opacity:.1}}",
        ".tg-inner{stroke:currentColor;stroke-opacity:.4;fill:none}",
        ".tg-parameter>.tg-shape{fill:#E69F00;fill-opacity:.15}",
        f".tg-gradients>.tg-shape{{fill:{BACKWARD};fill-opacity:.09}}",
        f".tg-gradient-op>.tg-shape{{fill:{BACKWARD};fill-opacity:.05;stroke-dasharray:4 2.5}}",
        f".tg-gradient-op>.tg-shape{{{colour('stroke', 'backward')}}}",
        ".tg-cluster>.tg-shape{stroke-opacity:.45;fill:currentColor;fill-opacity:.03}",
        ".tg-rule{stroke:currentColor;stroke-opacity:.25}",
        f".tg-forward{{{colour('color', 'forward')}}}",
        f".tg-backward{{{colour('color', 'backward')}}}",
        ".tg-path{fill:none;stroke:currentColor;stroke-width:1.3}",
        ".tg-backward>.tg-path{stroke-dasharray:5 3}",
        ".tg-head{fill:currentColor}",
        ".tg-matched>.tg-path{stroke-width:3}",
        f".tg-outline{{fill:none;stroke-width:2.2;{colour('stroke', 'matched')}}}",
        ".tg-faded{opacity:.5}",
        f".tg-strike{{stroke-width:1.8;stroke-linecap:round;{colour('stroke', 'cancelled')}}}",
    )
)

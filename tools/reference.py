"""Write the reference of the book: the API, the two tables, and a page per equation."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from html import escape
from pathlib import Path
from types import ModuleType

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.lectures import IDENTITIES, LECTURES
from tinygrad_edu.symbolic.algebra.rules import CHOICES, EAGER, LEVELS

__all__ = ["drawn", "write"]

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {
    re.sub(r"\W+", "-", title.lower()): (title, names.split())
    for title, names in tg._SHOWN.items()
    if title != "Training"
}
MODULES = {
    "nn": "Layers and heads",
    "optim": "Optimisers",
    "data": "Data sets",
    "train": "Training",
}


def write(source: Path, pictures: Path) -> None:
    """Write all pages below `source`; pictures and live pages are in `pictures` already."""
    pages = {
        **{f"api/{name}.rst": page for name, page in _api()},
        "calculus.md": _calculus(),
        "laws.md": _laws(),
        "lectures.md": _lectures(),
        "equations/index.md": _equations(),
        **{f"equations/{key}.md": _gradient(key) for key in LECTURES},
        **{f"equations/{key}.md": _identity(key) for key in IDENTITIES},
    }
    for name, page in pages.items():
        path = source / "reference" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    for picture in pictures.glob("*.svg"):
        (source / "reference/equations" / picture.name).write_bytes(picture.read_bytes())


# --- the API --------------------------------------------------------------------------------------


def _api() -> Iterator[tuple[str, str]]:
    for key, (title, names) in GROUPS.items():
        things = {name: getattr(tg, name) for name in names}
        yield key, _listed(title, "tinygrad_edu", things)
    for module, title in MODULES.items():
        inside = getattr(tg, module)
        things = {name: getattr(inside, name) for name in inside.__all__}
        about = inspect.cleandoc(inside.__doc__ or "").partition("\n\n")[0]
        yield module, _listed(title, f"tinygrad_edu.{module}", things, about)
    listed = "\n".join(f"   {key}" for key in [*GROUPS, *MODULES])
    yield (
        "index",
        (
            "The names\n=========\n\nBy what they are for; ``help(tg.softmax)`` shows the same.\n\n"
            f".. toctree::\n   :maxdepth: 2\n\n{listed}\n"
        ),
    )


def _listed(title: str, module: str, things: dict[str, object], about: str = "") -> str:
    lines = [title, "=" * len(title), "", about, ""]
    for name, thing in things.items():
        if isinstance(thing, type):
            lines += [f".. autoclass:: {module}.{name}", "   :members:", ""]
        elif callable(thing) and not isinstance(thing, ModuleType) and thing.__doc__:
            lines += [f".. autofunction:: {module}.{name}", ""]
    return "\n".join(lines)


# --- the tables -----------------------------------------------------------------------------------


def _calculus() -> str:
    """One row for each operation: what it is, and the rules for its arguments."""
    parts = [
        (
            "# The calculus table\n\nEvery operation is declared once: what it computes, and one "
            "rule for each argument. Here g is the gradient that comes in. The table is written "
            "from the declarations, by feeding the rules with words.\n"
        )
    ]
    modules: dict[str, list[str]] = {}
    for name, op in sorted(REGISTRY.items()):
        if not hasattr(tg, name) or not op.__module__.startswith("tinygrad_edu.ops"):
            continue
        notes = (op.__doc__ or "").partition("Notes\n-----\n")[2].partition("\n\nExamples")[0]
        forward = re.findall(r"^Forward (.*)\.$", notes, flags=re.M)
        rules = re.findall(r"^Gradient of (.*?): (.*)\.$", notes, flags=re.M)
        shown = "<br>".join(f"{_code(f'∂/∂{letter}')}: {_code(rule)}" for letter, rule in rules)
        row = f"| {_code(name)} | {', '.join(map(_code, forward))} | {shown or 'none'} |"
        modules.setdefault(op.__module__, []).append(row)
    for module, rows in modules.items():
        title = (sys.modules[module].__doc__ or "").partition("\n")[0].partition(". ")[0]
        head = "| operation | what it is | gradients |\n|---|---|---|"
        parts.append(f"## {title.rstrip('.')}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _laws() -> str:
    """One row for each law, by what the search does with it."""
    proofs = {law.name: law for level in LEVELS for law in level.rules}
    known = {law.name for law in (*EAGER, *CHOICES)}
    tables = {
        "Used at once": ("Each makes a form simpler, whatever comes next.", EAGER),
        "Tried": (
            "Each may lead to a shorter form or away from it; the search decides.",
            CHOICES,
        ),
        "Used in proofs only": (
            "Proofs take both sides apart until they are the same.",
            [law for name, law in proofs.items() if name not in known],
        ),
    }
    parts = [
        (
            "# The table of laws\n\nA step of a derivation or of a proof is one law at one place. "
            "No law knows an exercise, and each step is checked: exactly, and on numbers "
            "([what is judged](../docs/judged.md)). The table is written from the declarations.\n"
        )
    ]
    for title, (about, laws) in tables.items():
        rows = [f"| {law.name} | {_code(law.equation)} | {_cell(law.because)} |" for law in laws]
        head = "| law | equation | why it holds |\n|---|---|---|"
        parts.append(f"## {title}\n\n{about}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


# --- the equations of the lectures ----------------------------------------------------------------


def drawn(key: str, folder: Path) -> None:
    """Save the picture and the live page of a gradient."""
    page = LECTURES[key].explain()
    page.save(folder / f"{key}.svg")
    page.save(folder / f"{key}.html")


def draw_all(folder: Path) -> None:
    """Save the pictures and live pages of all gradients, on all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(drawn, LECTURES, [folder] * len(LECTURES)):
            pass


def _equations() -> str:
    keys = [*LECTURES, *IDENTITIES]
    titles = "\n".join(f"| [{each.title}]({each.name}.md) |" for each in LECTURES.values())
    proofs = "\n".join(f"| [{each.title}]({each.name}.md) |" for each in IDENTITIES.values())
    return (
        "# The equations\n\nEvery gradient is derived from a recorded graph, and every identity "
        "proved; nothing below was typed in. `python -m tinygrad_edu derive NAME` writes the same "
        "in a terminal.\n\n## Gradients\n\n| |\n|---|\n"
        f"{titles}\n\n## Identities\n\n| |\n|---|\n{proofs}\n\n"
        "```{toctree}\n:hidden:\n" + "\n".join(keys) + "\n```\n"
    )


def _gradient(key: str) -> str:
    lecture = LECTURES[key]
    derivation = lecture.derive()
    left = re.findall(r"\\begin\{align\*\}\n(.*?) &", derivation.latex())[0]
    where = [f"$$\n{n.latex()} = {f.latex()}\n$$\n" for n, f in derivation.definitions]
    return "\n".join(
        [
            f"# {_capital(lecture.title)}\n",
            f"$$\n{left} = {derivation.result.latex()}\n$$\n",
            f"![Bars of the numbers, the graph, and the result](./{key}.svg)\n",
            (
                f'<p><a href="../../live/{key}.html">Step through it</a>: a page with every step, '
                "whose numbers you can change.</p>\n"
            ),
            "## What is computed\n" if where else "",
            *where,
            "## The derivation\n",
            f"{derivation.latex()}\n",
            *_assumed(derivation.assumptions),
            "## With indices\n",
            f"{derivation.latex(indices=True)}\n",
            "## As text\n",
            f"```text\n{derivation.text()}\n```\n",
            f"`python -m tinygrad_edu derive {key}`\n",
        ]
    )


def _identity(key: str) -> str:
    identity = IDENTITIES[key]
    proof = identity.prove()
    return "\n".join(
        [
            f"# {_capital(identity.title)}\n",
            f"{proof.latex()}\n",
            *_assumed(proof.assumptions),
            "## As text\n",
            f"```text\n{proof.text()}\n```\n",
            f"`python -m tinygrad_edu prove {key}`\n",
        ]
    )


def _assumed(assumptions: Iterable[object]) -> list[str]:
    lines = [f"- {each.statement}" for each in assumptions if each.used]
    return (
        ["It assumes, and the data were tested for it:\n", "\n".join(lines) + "\n"] if lines else []
    )


def _capital(title: str) -> str:
    return escape(title[0].upper() + title[1:], quote=False)


# --- the index of the lectures --------------------------------------------------------------------


def _lectures() -> str:
    index = tomllib.loads((ROOT / "docs/lectures.toml").read_text(encoding="utf-8"))
    rows: list[str] = []
    served: dict[str, list[str]] = {}
    for key, row in index.items():
        equations = [
            f"[{each.name}](equations/{each.name}.md)"
            for each in (*LECTURES.values(), *IDENTITIES.values())
            if key in each.ids
        ]
        names = ", ".join(f"`tg.{name}`" for name in row["api"])
        rows.append(
            f"| {key} | {'; '.join([_cell(row['what']), *equations])} "
            f"| {_chapter(row['chapter'], row['section'])} "
            f"| {names} | {_code(row['test'].partition('::')[2])} |"
        )
        served.setdefault(row["chapter"], []).append(key)
    chapters = (f"| {_chapter(name)} | {', '.join(served[name])} |" for name in sorted(served))
    return "\n".join(
        [
            (
                "# Where the lectures are taught\n\nThe ids are those of the lectures: A, slides "
                "on softmax, cross-entropy and regularisation; B, a note on softmax and the "
                "cross-entropy loss; C, a note on softmax; D, slides on variations of "
                "backpropagation.\n"
            ),
            "| id | what | section | names | test |\n|---|---|---|---|---|",
            *rows,
            "\n## By chapter\n\n| chapter | ids |\n|---|---|",
            *chapters,
            "",
        ]
    )


def _chapter(name: str, section: str = "") -> str:
    """Link to a chapter, or to one of its sections."""
    text = (ROOT / f"tutorials/{name}.py").read_text(encoding="utf-8")
    title = re.findall(r"^# # (.*)$", text, flags=re.M)[0]
    anchor = "#" + re.sub(r"[^\w\- ]", "", section.lower()).replace(" ", "-") if section else ""
    return f"[{section or title}](../tutorials/{name}.ipynb{anchor})"

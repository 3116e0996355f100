"""What the texts claim: their programs print what they show, and what they name is there."""

import contextlib
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tests import samples
from tests.ops import test_table as table
from tinygrad_edu.core.op import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs/guide").glob("*.md"))
TEXTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
every_text = pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.M | re.S)


def printed(program: str, variables: dict) -> str:
    """What a program prints, run in one namespace with those before it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "README.md", "exec"), variables)
    return out.getvalue()


def anchors(path: Path) -> set[str]:
    """The anchors of a text's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [README, *GUIDES], ids=lambda p: p.stem)
def test_the_programs_print_what_is_shown(path):
    """Each text runs from its beginning to its end."""
    found = blocks(path.read_text(encoding="utf-8"))
    variables: dict = {"__name__": "readme"}
    programs = 0
    try:
        for (language, program), (following, shown) in pairwise(found):
            if language == "python":
                assert following == "text", "a program is followed by its output"
                assert printed(program, variables) == shown
                programs += 1
    finally:
        for name in ("softsign", "swish"):
            REGISTRY.pop(name, None)
    assert programs == [language for language, _ in found].count("python")
    assert programs or path.stem in {"installing", "coming-from"}


@every_text
def test_make_targets_exist(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.M))
    text = path.read_text(encoding="utf-8")
    code = [*re.findall(r"`([^`\n]+)`", text), *(block for _, block in blocks(text))]
    named = {
        target
        for piece in code
        for target in re.findall(r"^make (?:[A-Z]+=\S+ )?([a-z-]+)", piece, flags=re.M)
    }
    assert named <= targets
    assert {"demo", "test"} <= named or path != README


@every_text
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("https://"):
            continue
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@every_text
def test_named_files_and_folders_exist(path):
    """Everything in backticks that looks like a path of the project."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for name in re.findall(r"`((?:tinygrad_edu|tutorials|tests|docs)/[^`\s<…]*)`", text):
        assert (ROOT / name).exists(), name
        assert (ROOT / name).is_dir() == name.endswith("/"), name


def test_the_map_names_every_folder():
    text = (ROOT / "docs/guide/inside.md").read_text(encoding="utf-8")
    for folder in (ROOT / "tinygrad_edu").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"`tinygrad_edu/{folder.name}/`" in text


def test_the_right_column_names_what_there_is():
    """The table for those who come from elsewhere: every `tg.name` in the texts exists."""
    for path in TEXTS:
        for name in re.findall(r"\btg\.([A-Za-z_]\w*)", path.read_text(encoding="utf-8")):
            assert hasattr(tg, name) or name == "softsign", f"{path.name}: tg.{name}"


@every_text
def test_installing_names_extras_that_exist(path):
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for extras in re.findall(r"\.\[(\w+(?:,\w+)*)\]", path.read_text(encoding="utf-8")):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} =$", setup, flags=re.M), extra


def test_what_is_refused_is_refused_with_its_mend():
    t = tg.Tensor([1.0], name="w")
    with pytest.raises(TypeError, match="requires_grad"):
        tg.Tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"w\.data = w\.data - "):
        t -= 1.0
    with pytest.raises(TypeError, match=r"\.data"):
        np.asarray(t)
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 2.0
    with pytest.raises(ValueError, match="softmax_cross_entropy"):
        tg.cross_entropy([1.47, -0.39, 0.22], [0.0, 1.0, 0.0])


def test_the_recipe_of_contributing_works():
    """Declare the operation of the recipe, add its row, and run the tests made from it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("<!-- add-an-op: begin -->")[2].partition("<!-- add-an-op: end -->")[0]
    declaration, row = (content for language, content in blocks(recipe) if language == "python")
    before = len(samples.CASES)
    variables = {**vars(tg.ops.elementwise), "__name__": "tinygrad_edu.ops.elementwise"}
    try:
        exec(declaration, variables)
        softsign = variables["softsign"]
        rows = {**vars(samples), "softsign": softsign}
        exec(row.replace("tg.softsign", "softsign"), rows)
        cases = samples.CASES[before:]
        assert {case.name for case in cases} == {"softsign"}
        assert len(cases) == 4
        for case in cases:
            table.test_a_case(case)
        table.test_notation_renders("softsign")
        for section in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
            assert f"\n{section}\n" in softsign.__doc__
    finally:
        for name in ("softsign", "swish"):
            REGISTRY.pop(name, None)
        del samples.CASES[before:]

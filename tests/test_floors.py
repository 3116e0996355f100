"""The house: imports go down only.

Every module of the package stands on a floor. The test reads the imports of every file, those
inside functions and those for type checkers too, and fails on one that goes up.
"""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "tinygrad_edu"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

# The first name below the package → its floor. `tinygrad_edu/__init__.py` is the front door: it
# may import anything, and nobody inside the house goes out and comes in again through it.
FLOORS = {
    "core": 0,
    "elsewhere": 0,
    "settings": 0,
    "saving": 0,
    "tables": 0,
    "ops": 1,
    "tensor": 2,
    "transforms": 2,
    "check": 2,
    "program": 3,
    "naming": 2,
    "numpy_functions": 2,
    "symbolic": 2,
    "view": 3,
    "nn": 3,
    "optim": 3,
    "data": 4,
    "interop": 4,
    "train": 4,
    "parallel": 4,
    "lectures": 4,
    "experiments": 4,
    "charts": 4,
    "catalogue": 4,
    "demo": 5,
    "terminal": 5,
    "completion": 5,
    "cli": 5,
    "__main__": 5,
}

# Neighbours on one floor that do not know each other.
STRANGERS = {("view", "nn"), ("view", "optim")}

# The rooms inside a floor, lowest first; the folder itself, "", is one of them.
ROOMS = {
    "symbolic": ("algebra", "notation", "derive", "prove", "answers"),
    "view": ("draw", "insights", "page"),
}

# The rooms inside `symbolic` have doors: others import what these name, and no module behind them.
DOORS = {f"symbolic.{each}" for each in ("derive", "prove", "answers")}

# Who looks behind a door still, at which module; shrinks as the list above does.
WINDOWS = {
    ("demo.py", "symbolic.derive.derive"),  # which takes names from around its caller
    ("view/draw/recorded.py", "symbolic.notation.written"),  # a name in LaTeX
    # Draws the tree of a formula.
    ("view/draw/steps.py", "symbolic.algebra.expr"),
    ("view/draw/steps.py", "symbolic.notation.form"),
    ("view/draw/steps.py", "symbolic.notation.written"),
}

# The tests look behind the doors in one file, and in those whose subject is the module itself.
SUBJECTS = {
    "symbolic/test_grammar.py": {"symbolic.notation.grammar"},
    "symbolic/test_notation.py": {"symbolic.notation.names", "symbolic.notation.written"},
}

# What costs time to import, and is imported where it is used.
HEAVY = (
    *("graphviz", "ziamath", "ziafont", "sympy", "matplotlib", "sklearn", "IPython"),
    *("tqdm", "mpi4py", "torch"),
)


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package under its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache  # several tests ask the same of some hundred files
def written(source: str) -> list[tuple[int, int | None, str, tuple[str, ...]]]:
    """Line, level, module and names of every import; one of whole modules has no level."""
    found: list[tuple[int, int | None, str, tuple[str, ...]]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.append((node.lineno, None, "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            found.append((node.lineno, node.level, node.module or "", names))
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            called = getattr(function, "attr", None) or getattr(function, "id", None)
            argument = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(argument, ast.Constant):
                found.append((node.lineno, None, "", (str(argument.value),)))
    return found


def imports(path: Path, name: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that the file imports.

    ``from a import b`` is an import of ``a.b`` where that is a module, else of ``a``.
    """
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for line, level, module, names in written(path.read_text(encoding="utf-8")):
        above = package[: len(package) - level + 1] if level else []
        source = ".".join([*above, *([module] if module else [])])
        for each in names:
            whole = each if level is None else f"{source}.{each}"
            yield line, whole if level is None or whole in known else source


def room(name: str) -> str:
    """``"tinygrad_edu.core.op"`` → ``"core"``; the front door is the empty string."""
    return name.partition(".")[2].partition(".")[0]


def violations(root: Path) -> list[str]:
    """One sentence for each import that the house forbids."""
    found = []
    known = modules(root)
    for name, path in known.items():
        where = path.relative_to(root.parent).as_posix()
        here = room(name)
        if not here:
            continue
        if here not in FLOORS:
            found.append(f"{where}: no floor is assigned to {here!r}, see FLOORS")
            continue
        for line, target in imports(path, name, set(known)):
            top = target.partition(".")[0]
            there = room(target)
            at = f"{where}:{line}"
            if top == "tests":
                found.append(f"{at}: the package imports the tests")
            elif top != root.name:
                if here == "core" and top != "numpy" and top not in sys.stdlib_module_names:
                    found.append(f"{at}: core may import NumPy only, not {top!r}")
            elif not there:
                found.append(f"{at}: imports the front door, name the module instead")
            elif there not in FLOORS:
                found.append(f"{at}: no floor is assigned to {there!r}, see FLOORS")
            elif FLOORS[there] > FLOORS[here]:
                found.append(
                    f"{at}: {here} (floor {FLOORS[here]}) imports {there} (floor {FLOORS[there]})"
                )
            elif (here, there) in STRANGERS:
                found.append(f"{at}: {here} knows nothing of {there}")
    return found


def climbs(root: Path) -> set[tuple[str, str]]:
    """The imports that go up from one room of a floor to another: file and module."""
    found = set()
    known = modules(root)
    for name, path in known.items():
        file = path.relative_to(root)
        if room(name) not in ROOMS or name.count(".") == 1:  # a floor's own door may name it all
            continue
        for _, target in imports(path, name, set(known)):
            on_this_floor = target in known and room(target) == room(name)
            if on_this_floor and height(known[target].relative_to(root)) > height(file):
                found.add((file.as_posix(), target.partition(".")[2]))
    return found


def height(file: Path) -> int:
    """How high inside its floor a file stands; one that is in no folder is in the room ""."""
    floor, *folders = file.parent.parts
    return ROOMS[floor].index(folders[0] if folders else "")


def test_imports_go_down_inside_a_floor_too():
    assert climbs(ROOT) == set()


def peeks(folder: Path, known: dict[str, Path]) -> set[tuple[str, str]]:
    """The imports from behind the doors of `symbolic`: file and module."""
    found = set()
    for path in folder.rglob("*.py"):
        file = path.relative_to(folder)
        name = ".".join([folder.name, *file.with_suffix("").parts])
        inside = room(name) == "symbolic" and folder.name == PACKAGE
        if inside or file.as_posix() == "__init__.py":  # the front door may name everything
            continue
        for _, target in imports(path, name, set(known)):
            module = target.partition(".")[2]
            if target in known and room(target) == "symbolic" and module not in DOORS:
                found.add((file.as_posix(), module))
    return found


def test_others_come_in_by_the_doors_of_symbolic():
    assert peeks(ROOT, modules(ROOT)) == WINDOWS


def test_the_tests_know_the_inside_of_symbolic_by_one_file():
    seen = peeks(Path(__file__).parent, modules(ROOT))
    assert {file for file, _ in seen} == {"symbolic/inside.py", *SUBJECTS}
    for file, subject in SUBJECTS.items():
        assert {module for other, module in seen if other == file} == subject


def test_imports_go_down_only():
    assert len(modules(ROOT)) > 1
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "code", "complaint"),
    [
        ("core/op.py", "import numpy as np\nfrom typing import Any", None),
        ("core/op.py", "import scipy", "core/op.py:1: core may import NumPy only, not 'scipy'"),
        ("core/op.py", "from tinygrad_edu.ops import exp", "core (floor 0) imports ops (floor 1)"),
        ("core/op.py", "from ..ops.elementwise import exp", "core (floor 0) imports ops (floor 1)"),
        ("core/op.py", "from .. import ops", "core (floor 0) imports ops (floor 1)"),
        ("core/op.py", "from . import node", None),
        ("core/__init__.py", "from .op import Op", None),
        ("core/__init__.py", "from ..tensor import Tensor", "imports tensor (floor 2)"),
        ("ops/__init__.py", "from tinygrad_edu.core.op import Op", None),
        ("ops/__init__.py", "import tinygrad_edu.tensor", "ops (floor 1) imports tensor (floor 2)"),
        ("tensor.py", "def f():\n    from .view import draw", "tensor.py:2: tensor (floor 2)"),
        ("tensor.py", "if TYPE_CHECKING:\n    from .nn import Module", "imports nn (floor 3)"),
        ("tensor.py", "import_module('tinygrad_edu.view')", "imports view (floor 3)"),
        ("tensor.py", "importlib.import_module('tinygrad_edu.view')", "imports view (floor 3)"),
        ("tensor.py", "from .symbolic import derive", None),
        ("view/draw/dot.py", "from ...nn import Module", "view knows nothing of nn"),
        ("view/draw/dot.py", "import graphviz", None),
        ("view/draw/dot.py", "import tinygrad_edu as tg", "imports the front door"),
        ("view/draw/dot.py", "from tinygrad_edu import Tensor", "imports the front door"),
        ("view/draw/dot.py", "from tinygrad_edu import tensor", None),
        ("view/draw/dot.py", "from ... import Tensor", "imports the front door"),
        ("optim/sgd.py", "from tests.samples import ROWS", "the package imports the tests"),
        ("cli.py", "from . import demo", None),
        ("attic.py", "", "no floor is assigned to 'attic'"),
        ("cli.py", "from .attic import box", "no floor is assigned to 'attic'"),
        ("__init__.py", "from .cli import main", None),
    ],
)
def test_the_reader_of_imports_itself(tmp_path, file, code, complaint):
    root = tmp_path / PACKAGE
    for present in ("__init__.py", "core/node.py", "ops/__init__.py", "tensor.py", "demo.py", file):
        path = root / present
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / file).write_text(code, encoding="utf-8")
    found = violations(root)
    if complaint is None:
        assert found == []
    else:
        assert len(found) == 1
        assert complaint in found[0]


@pytest.mark.parametrize(
    ("file", "code", "module"),
    [
        ("symbolic/algebra/expr.py", "from ...symbolic.prove import goal", "symbolic.prove.goal"),
        (
            "symbolic/algebra/rules/sums.py",
            "import tinygrad_edu.symbolic.prove.goal",
            "symbolic.prove.goal",
        ),
        ("symbolic/prove/goal.py", "from ..algebra.expr import Expr", None),
        ("symbolic/prove/goal.py", "from . import confluence", None),
        ("symbolic/__init__.py", "from .prove.goal import Goal", None),
        ("view/draw/dot.py", "def f():\n    from ..page import Page", "view.page"),
        ("view/page/__init__.py", "from ..draw import draw", None),
        ("view/draw/dot.py", "from ...symbolic.prove.goal import Goal", None),
    ],
)
def test_the_reader_of_rooms_itself(tmp_path, file, code, module):
    root = tmp_path / PACKAGE
    rooms = ("algebra/expr.py", "algebra/rules/sums.py", "prove/__init__.py", "prove/goal.py")
    present = [f"symbolic/{each}" for each in ("__init__.py", *rooms)]
    for each in (
        *present,
        "view/__init__.py",
        "view/draw/__init__.py",
        "view/page/__init__.py",
        file,
    ):
        path = root / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / file).write_text(code, encoding="utf-8")
    assert climbs(root) == (set() if module is None else {(file, module)})


def loaded_by(statement: str) -> set[str]:
    """Those of `HEAVY` that are loaded after the statement, in a Python of its own."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    return set(json.loads(run.stdout)).intersection(HEAVY)


def test_the_front_door_imports_nothing_heavy():
    assert loaded_by("import graphviz") == {"graphviz"}
    assert loaded_by(f"import {PACKAGE}") == set()

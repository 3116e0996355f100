"""Build the book into build/book/: run the chapters, collect the pages, call Sphinx."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import reference
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "build/notebooks"  # with their outputs; kept, so that what has not changed is not run
SOURCE = ROOT / "build/book-source"
BOOK = ROOT / "build/book"
LIVE = ROOT / "build/live"
CHAPTERS = sorted([*ROOT.glob("tutorials/[0-9]*.py"), *ROOT.glob("tutorials/teacher.py")])


def state_of_the_package() -> str:
    """A digest of all that a chapter's output depends on beside its own text."""
    digest = hashlib.sha256(f"{sys.version} {version('numpy')} {version('matplotlib')}".encode())
    for path in sorted((ROOT / "tinygrad_edu").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def run(script: Path, state: str) -> Path:
    """Run a chapter as a notebook, in an empty folder, unless it was run as it is; return where."""
    text = script.read_text(encoding="utf-8")
    key = hashlib.sha256((state + text).encode()).hexdigest()
    target = RUN / f"{script.stem}.ipynb"
    if target.exists() and nbformat.read(target, as_version=4).metadata.get("made_from") == key:
        return target
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=300,
            startup_timeout=180,
            kernel_name="python3",
            extra_arguments=["--log-level=40"],  # errors
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{script.name} complains: {output.text}")
    notebook.metadata["made_from"] = key
    nbformat.write(notebook, target)
    print(f"  {script.name}", flush=True)
    return target


def failure(script: Path, state: str) -> str:
    """Run a chapter, and return what went wrong, if anything."""
    try:
        run(script, state)
    except Exception as error:
        return f"{script.name}: {error}"
    return ""


def chapters() -> None:
    """Put every chapter, with its outputs and with links to itself, among the sources."""
    for script in CHAPTERS:
        notebook: Any = nbformat.read(RUN / f"{script.stem}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = to_pages(cell.source)
        notebook.cells[0].source += (
            f'\n\n<p class="files"><a href="{script.stem}.ipynb" download>notebook</a> · '
            f'<a href="{script.name}" download>script</a></p>'
        )
        nbformat.write(notebook, SOURCE / "tutorials" / f"{script.stem}.ipynb")


def to_pages(text: str) -> str:
    """Let links to chapters' scripts lead to their pages."""
    return re.sub(r"(\]\([^)\s]*\b(?:\d\d_\w+|teacher))\.py\b", r"\1.ipynb", text)


def collect() -> None:
    """Collect the sources of the site: docs/, the texts beside the chapters, and the chapters."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    not_pages = shutil.ignore_patterns("conf.py", "_static", "index.md")
    shutil.copytree(ROOT / "docs", SOURCE / "docs", ignore=not_pages)
    shutil.copy(ROOT / "docs/index.md", SOURCE)
    (SOURCE / "tutorials").mkdir()
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "tutorials/notation.md", "tutorials/micro.py"):
        shutil.copy(ROOT / name, SOURCE / name)
    for path in SOURCE.rglob("*.md"):
        path.write_text(to_pages(path.read_text(encoding="utf-8")), encoding="utf-8")
    with (SOURCE / "docs/decisions/README.md").open("a", encoding="utf-8") as file:
        file.write("\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n")
    chapters()
    reference.write(SOURCE, LIVE)


def draw(state: str) -> None:
    """Draw the equations and make their live pages, unless they are there."""
    made_from = LIVE / "made_from"
    if not made_from.exists() or made_from.read_text() != state:
        reference.draw_all(LIVE)
        made_from.write_text(state)


def main() -> int:
    """Build it; the exit status is 0 when all chapters ran and Sphinx warned of nothing."""
    RUN.mkdir(parents=True, exist_ok=True)
    # One thread of linear algebra per kernel: there are as many kernels as cores.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONHASHSEED="0")
    state = state_of_the_package()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [line for line in pool.map(lambda each: failure(each, state), CHAPTERS) if line]
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    draw(state)
    collect()
    shutil.rmtree(BOOK, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "auto"]
    folders = ["-c", ROOT / "docs", "-d", ROOT / "build/doctrees", SOURCE, BOOK]
    built = subprocess.run([*command, *folders], check=False)
    if built.returncode:
        return built.returncode
    for script in CHAPTERS:
        for path in (script, RUN / f"{script.stem}.ipynb"):
            shutil.copy(path, BOOK / "tutorials")
    shutil.copytree(LIVE, BOOK / "live", ignore=shutil.ignore_patterns("*.svg", "made_from"))
    print(f"the book: {(BOOK / 'index.html').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

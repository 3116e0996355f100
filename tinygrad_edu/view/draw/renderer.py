"""The program that lays out graphs: where it is looked for, and how it is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Renderer", "RendererError", "RendererNotFound", "find_renderer", "found", "png"]
__all__ += ["use_renderer"]

VARIABLE = "TINYGRAD_EDU_DOT"
MEND = 'pip install "tinygrad_edu[viz]"'


class RendererError(RuntimeError):
    """The renderer was found but did not draw."""


class RendererNotFound(RendererError):
    """No program on this machine lays out graphs; the message says how to get one."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """What lays out graphs: a program that understands ``-Tsvg``, and how it was found.

    In the place of a program, `function` gets DOT text and the name of a format.

    Examples
    --------
    >>> Renderer("/usr/bin/dot", "system").path
    '/usr/bin/dot'
    """

    path: str
    source: str
    function: Callable[[str, str], bytes] | None = None

    def version(self) -> str:
        """Return what the program says of itself, or "" if it cannot be run."""
        if self.function is not None:
            return "a function"
        try:
            done = subprocess.run([self.path, "-V"], capture_output=True, check=False)
        except OSError:
            return ""
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        return said.partition("\n")[0]

    def run(self, source: str, form: str = "svg") -> bytes:
        """Render DOT text into one of the formats it knows.

        Raises
        ------
        RendererError
            If the program cannot be run, or refuses the text or the format.
        """
        if self.function is not None:
            return self.function(source, form)
        try:
            # A list of arguments and no shell: nothing in a path or a text is ever a command.
            done = subprocess.run(
                [self.path, "-Kdot", f"-T{form}"],
                input=source.encode(),
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise RendererError(f"The renderer {self.path} cannot be run: {error}.") from error
        if done.returncode != 0 or not done.stdout:
            said = done.stderr.decode("utf-8", "replace").strip() or "it gave no output"
            raise RendererError(f"The renderer {self.path} made no {form}: {said}")
        return done.stdout


_handed_in: list[Renderer] = []  # by `use_renderer`, one at most


def use_renderer(function: Callable[[str, str], bytes] | None) -> None:
    """Lay out pictures by a function instead of a program, as in a browser, which runs none.

    Parameters
    ----------
    function : callable or None
        Gets DOT text and the name of a format, "svg" or "pdf", and returns what Graphviz's ``dot``
        writes for them, as bytes. None goes back to looking for a program.

    Raises
    ------
    TypeError
        If it cannot be called.

    Examples
    --------
    >>> import subprocess
    >>> from tinygrad_edu import view
    >>> def dot(source, form):
    ...     done = subprocess.run(["dot", f"-T{form}"], input=source.encode(), capture_output=True)
    ...     return done.stdout
    >>> view.use_renderer(dot)
    >>> view.found().source
    'use_renderer'
    >>> view.use_renderer(None)
    """
    if function is not None and not callable(function):
        raise TypeError(
            f"use_renderer: a {type(function).__name__} cannot be called; pass a function of DOT "
            "text and the name of a format, or None"
        )
    name = getattr(function, "__name__", "a function")
    _handed_in[:] = [] if function is None else [Renderer(name, "use_renderer", function)]


def found() -> Renderer | None:
    """Return the renderer that would be used, or None.

    Looked for in this order: what `use_renderer` was given, the program that the environment
    variable ``TINYGRAD_EDU_DOT`` names, the system's ``dot``, and ``graphviz-pure`` beside the
    running interpreter.

    Raises
    ------
    RendererNotFound
        If the environment variable names no program: what was asked for explicitly is not
        silently replaced.
    """
    if _handed_in:
        return _handed_in[0]
    if sys.platform == "emscripten":  # a browser, where no program runs
        return None
    wanted = os.environ.get(VARIABLE)
    if wanted:
        path = shutil.which(wanted)
        if path is None:
            raise RendererNotFound(
                f"{VARIABLE} is set to {wanted!r}, which is no program; correct it or unset it."
            )
        return Renderer(path, VARIABLE)
    path = shutil.which("dot")
    if path is not None:
        return Renderer(path, "system")
    folders = [str(Path(sys.executable).parent), *_script_folders()]
    folders += [folder] if (folder := os.environ.get("PATH")) else []
    path = shutil.which("graphviz-pure", path=os.pathsep.join(folders))
    return None if path is None else Renderer(path, "graphviz-pure")


def _script_folders() -> list[str]:
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    return [sysconfig.get_path("scripts", scheme) for scheme in schemes]


def find_renderer() -> Renderer:
    """Return the renderer, or raise.

    Raises
    ------
    RendererNotFound
        With the line that mends it.
    """
    renderer = found()
    if renderer is None:
        raise RendererNotFound(
            f"No program to lay out the picture was found; run: {MEND}, or hand in a function with "
            "tinygrad_edu.view.use_renderer"
        )
    return renderer


def png(svg: str) -> bytes:
    """Paint an SVG document, on a light ground's colours, in twice its size.

    Raises
    ------
    RendererNotFound
        If the package that paints is not there.
    """
    try:
        import resvg_py
        import ziafont
    except ModuleNotFoundError as error:
        raise RendererNotFound(f"A PNG needs {error.name}; run: {MEND}, or save as .svg") from None
    plain = re.sub(r"[\w-]+:var\([^;}]*;?", "", svg)  # the colour before it stays
    font = Path(ziafont.__file__).parent / "fonts" / "DejaVuSans.ttf"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=plain,
            zoom=2,
            skip_system_fonts=True,  # the same picture on every machine
            font_files=[str(font)],
            sans_serif_family="DejaVu Sans",
        )
    )

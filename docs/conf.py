"""How Sphinx builds the book; `tools/book.py` collects its sources and calls it."""

import re
import sys

import tinygrad_edu
from tinygrad_edu.view.draw.style import DARK

project = author = "tinygrad_edu"
release = tinygrad_edu.__version__
html_title = "tinygrad_edu"
copyright = "the tinygrad_edu authors"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
napoleon_use_ivar = True
autodoc_typehints = "none"  # the docstrings say more
nb_execution_mode = "off"  # the notebooks come with their outputs
nb_merge_streams = True  # what one cell prints is one block
nb_render_markdown_format = "myst"  # so that exercises have their formulas set
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]  # a notebook's other faces of the same thing
default_role = "code"


def for_sphinx(app, what, name, obj, options, lines):
    """Let |x| be a magnitude, and let every docstring count its sources by itself."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith(">>>") and "`" not in line:
            line = line.replace("|", r"\|")
        own = rf"\1[{name.rpartition('.')[2]}-\2]\3"
        lines[number] = re.sub(r"(^\.\. |(?<=\w ))\[(\d)\]( |_)", own, line)


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", for_sphinx, priority=900)  # after napoleon


html_theme = "furo"
html_static_path = ["_static", f"{sys.prefix}/mathjax"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = False
html_show_search_summary = False  # it is fetched, which a page read from a file cannot do
mathjax_path = "tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}
html_theme_options = {
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
    "dark_css_variables": {f"tg-{role}": colour for role, colour in DARK.items()},
}

"""How Sphinx builds the book; `tools/book.py` collects its sources and calls it."""

import sys

import tinygrad_edu

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
nb_execution_mode = "off"  # the notebooks come with their outputs
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]  # a notebook's other faces of the same thing
default_role = "code"

html_theme = "furo"
html_static_path = ["_static", f"{sys.prefix}/mathjax"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_search_summary = False  # it is fetched, which a page read from a file cannot do
mathjax_path = "tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}
html_theme_options = {
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
}

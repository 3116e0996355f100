"""The book, as `make book` built it: no dead link, no request, a text for each picture, axe."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.ci

ROOT = Path(__file__).resolve().parent.parent.parent
BOOK = ROOT / "build/book"
LOOKED_AT = [
    "index.html",
    "tutorials/07_a_minus_y.html",
    "tutorials/08_checking_gradients.html",
    "tutorials/10_stability.html",
    "reference/equations/softmax-ce.html",
    "reference/laws.html",
    "reference/api/probabilities.html",
    "reference/lectures.html",
]
VERBATIM = {"pre", "code", "script", "style"}


class Read(HTMLParser):
    """What a page links to, its anchors, and its pictures without a text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.anchors, self.silent = [], set(), []
        self.drawings = 0  # how deep inside a drawing
        self.raw, self.verbatim = [], 0  # formulas that are not set, outside of code
        self.feed(path.read_text(encoding="utf-8"))

    def handle_endtag(self, tag):
        self.verbatim -= tag in VERBATIM

    def handle_data(self, data):
        verbatim = self.verbatim or data.lstrip().startswith(("\\(", "\\["))  # a formula, set
        self.raw += [] if verbatim else re.findall(r"\$[^$]+\$", data)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.verbatim += tag in VERBATIM
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "img" and not (given.get("alt") or "").strip():
            self.silent.append(given.get("src", "")[:80])
        if tag == "iframe" and not given.get("title"):
            self.silent.append("iframe")
        if (
            tag == "svg"
            and not ({"aria-label", "aria-hidden"} & given.keys())
            and self.outside(given)
        ):
            self.silent.append(f"svg {given}")

    def outside(self, given):
        """Whether a drawing is a picture, and no icon of the theme."""
        return "tg" in (given.get("class") or "").split()


@cache
def read(path: Path) -> Read:
    return Read(path)


@pytest.fixture(scope="module")
def pages():
    assert (BOOK / "index.html").exists(), "there is no book to look at; run make book"
    return sorted(path for path in BOOK.rglob("*.html") if "live" not in path.parts)


def test_no_link_is_dead(pages):
    dead = []
    for page in pages:
        for link in read(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            there = there / "index.html" if there.is_dir() else there
            known = there.suffix != ".html" or not parts.fragment or "live" in there.parts
            if not there.exists() or not (known or unquote(parts.fragment) in read(there).anchors):
                dead.append(f"{page.relative_to(BOOK)}: {link}")
    assert not dead


def test_every_picture_has_a_text(pages):
    assert not [(page.name, read(page).silent) for page in pages if read(page).silent]


def test_every_formula_is_set(pages):
    assert not [(page.name, read(page).raw) for page in pages if read(page).raw]


def test_notebooks_and_scripts_lie_beside_the_chapters():
    for script in (ROOT / "tutorials").glob("[0-9]*.py"):
        for ending in (".html", ".ipynb", ".py"):
            assert (BOOK / "tutorials" / f"{script.stem}{ending}").exists()


@pytest.mark.parametrize("name", LOOKED_AT)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_a_page_in_a_browser(browser, pages, name, scheme, width):
    import axe_playwright_python

    context = browser.new_context(
        viewport={"width": width, "height": 720}, color_scheme=scheme, reduced_motion="reduce"
    )
    page, noise = context.new_page(), []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("requestfailed", lambda request: noise.append(request.url))
    page.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:")) else noise.append(r.url)
    )
    page.goto((BOOK / name).as_uri())
    page.wait_for_function("!window.MathJax || MathJax.startup.promise.then(() => true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.evaluate("for (const each of document.querySelectorAll('iframe')) each.remove()")
    source = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page.evaluate(source.read_text(encoding="utf-8"))
    report = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    found = [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])})"
        for v in report["violations"]
    ]
    context.close()
    assert found == []
    assert noise == []


def test_the_search_finds_a_page_without_a_request(browser, pages):
    page = browser.new_page()
    page.goto((BOOK / "search.html").as_uri() + "?q=temperature")
    page.wait_for_selector(".search li a")
    assert page.locator(".search li a").count() >= 1
    page.close()

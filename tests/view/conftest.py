"""A real browser for the page: Debian's Chromium, driven by Playwright."""

import importlib.util
import os
import shutil

import pytest

from tinygrad_edu.lectures import LECTURES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = next(
    (
        f"{what} is missing: {mend}"
        for what, there, mend in (
            ("Chromium", CHROMIUM, "apt-get install chromium"),
            ("Playwright", importlib.util.find_spec("playwright"), "pip install playwright"),
            (
                "axe-core",
                importlib.util.find_spec("axe_playwright_python"),
                "pip install axe-playwright-python",
            ),
        )
        if not there
    ),
    "",
)


@pytest.fixture(scope="session")
def browser():
    if MISSING and os.environ.get("CI"):
        pytest.fail(f"the page cannot be tested in a browser: {MISSING}")
    if MISSING:
        pytest.skip(f"the page is not tested in a browser: {MISSING}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def told():
    return LECTURES["softmax-ce"].explain()


@pytest.fixture(scope="session")
def path(told, tmp_path_factory):
    return told.save(tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="session")
def usual_page(browser):
    """One page for all visits that differ in what can be set on a page that is there."""
    return browser.new_context().new_page()


#: Without motion, unless it is looked at: Chromium would draw every frame of it.
USUAL = {
    "viewport": {"width": 1440, "height": 900},
    "reduced_motion": "reduce",
    "color_scheme": "light",
    "forced_colors": "none",
}


@pytest.fixture
def visit(browser, path, request):
    """Open the page by itself; it must stay silent and fetch nothing."""
    visited, contexts, noise = [], [], []
    heard = {
        "console": lambda message: noise.append(f"console: {message.text}"),
        "pageerror": lambda error: noise.append(f"error: {error}"),
        "request": lambda request: noise.append(f"request: {request.url}"),
    }

    def opened(options):
        if visited or not options.keys() <= USUAL.keys():
            contexts.append(browser.new_context(**{**USUAL, **options}))
            return contexts[-1].new_page()
        page = request.getfixturevalue("usual_page")
        media = {**USUAL, **options}
        page.set_viewport_size(media.pop("viewport"))
        page.emulate_media(media="null", **media)
        return page

    def go(fragment="", at=path, **options):
        page = opened(options)
        visited.append(page)
        for event, hear in heard.items():
            page.on(event, hear)
        page.goto(at.as_uri() + fragment)
        return page

    yield go
    for page in visited:
        for event, hear in heard.items():
            page.remove_listener(event, hear)
        page.goto("about:blank")
        page.mouse.move(0, 0)
    for context in contexts:
        context.close()
    assert [line for line in noise if not line.startswith("request: file:")] == []
    assert len(set(noise)) == len(visited)  # the page itself, perhaps again


@pytest.fixture
def current():
    """Return the key of the step that is shown, which must be one."""
    visible = """[...document.querySelectorAll('.step')]
      .filter(step => step.checkVisibility({visibilityProperty: true})).map(step => step.id)"""

    def key(page):
        (shown,) = page.evaluate(visible)  # one call: the locator's take ten times as long
        return shown

    return key


@pytest.fixture
def keys(told):
    """Return the keys of the first card, and of a way and a track: as the loss was written."""

    def listed(track="assumed", route=""):
        frames = [f for f in told.story.frames if f.route == route]
        return ["answer"] + [f.key for f in frames if f.track in {"", track}]

    return listed

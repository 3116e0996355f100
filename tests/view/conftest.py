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


@pytest.fixture
def visit(browser, path):
    """Open the page in a context of its own; it must stay silent and fetch nothing."""
    contexts, noise = [], []

    def go(fragment="", at=path, **options):
        # Without motion, unless it is looked at: Chromium would draw every frame of it.
        usual = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.append(f"request: {request.url}"))
        page.goto(at.as_uri() + fragment)
        return page

    yield go
    for context in contexts:
        context.close()
    assert [line for line in noise if not line.startswith("request: file:")] == []
    assert len(set(noise)) == len(contexts)  # the page itself, perhaps again


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
    """Return the keys of the first card and of the steps of a track, in order."""

    def listed(track="assumed"):
        return ["answer"] + [f.key for f in told.story.frames if f.track in {"", track}]

    return listed

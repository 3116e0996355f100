"""Settings of the whole run: Hypothesis, and an order of one's own choosing."""

import os
import random
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

# No deadline: a busy machine is not a wrong result. In CI the draws are fixed, so that a failure
# comes from the change and not from the draw.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in a random order")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[list[str]]:
    """Lines to print at the end of the run, whether the test passes or not."""
    lines: list[str] = []
    yield lines
    record_property("figures", lines)  # which a worker process hands on with its report


@pytest.fixture
def untraced() -> Iterator[None]:
    """Time a test without the tracer of the coverage, which slows Python several times."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = (r for kind in ("passed", "failed", "") for r in terminalreporter.getreports(kind))
    given = (value for r in reports for key, value in r.user_properties if key == "figures")
    lines = list(dict.fromkeys(line for value in given for line in value))
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("--shuffle")
    if seed is not None:
        random.Random(seed).shuffle(items)

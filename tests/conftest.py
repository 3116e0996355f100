"""Settings of the whole run: Hypothesis, the collector, and an order of one's own choosing."""

import gc
import importlib.util
import os
import pkgutil
import random
import sys
import sysconfig
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from types import ModuleType

import pytest
from hypothesis import settings

# As many processes as cores: threads of the linear algebra would only wait for each other.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # read when NumPy is imported

# No deadline: a busy machine is not a wrong result. In CI the draws are fixed, so that a failure
# comes from the change and not from the draw.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in a random order")


@pytest.fixture(scope="session")
def scikit() -> ModuleType:
    """Return scikit-learn, whose import takes a second of the process that compares with it."""
    import sklearn.datasets
    import sklearn.metrics

    return sklearn


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[list[str]]:
    """Lines to print at the end of the run, whether the test passes or not."""
    lines: list[str] = []
    yield lines
    record_property("figures", lines)  # which a worker process hands on with its report


@pytest.fixture
def untraced() -> Iterator[None]:
    """Run a test without the tracer of the coverage, which slows Python several times."""
    tracer, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    threading.settrace(of_threads)
    sys.settrace(tracer)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = (r for kind in ("passed", "failed", "") for r in terminalreporter.getreports(kind))
    given = (value for r in reports for key, value in r.user_properties if key == "figures")
    lines = list(dict.fromkeys(line for value in given for line in value))
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


#: A test with more parameters than this is traced for one in seven of them.
MANY = 100


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # The modules of the package are imported with the tracer, and the tests collected without it.
    tracer = sys.gettrace()
    if tracer is not None:
        import tinygrad_edu  # here, where the tracer of a worker process has begun

        for module in pkgutil.walk_packages(tinygrad_edu.__path__, "tinygrad_edu."):
            importlib.import_module(module.name)
        sys.settrace(None)
    # Modules and tests stay to the end: the collector need not go through them again and again.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 100)
        gc.enable()
        sys.settrace(tracer)


@pytest.hookimpl(trylast=True)  # when those that are not asked for are gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The tracer takes as long as the tests themselves, and in a large grid one parameter after
    # another, as one random example after another, reaches the same lines: it sees some of them.
    functions = [item.nodeid.partition("[")[0] for item in items]
    if importlib.util.find_spec("torch") is None:
        absent = pytest.mark.skip(reason="PyTorch, of which the examples are, is not installed")
        for item in items:
            if item.path.name == "interop.py":
                item.add_marker(absent)
    parameters, seen = Counter(functions), Counter[str]()
    for item, function in zip(items, functions, strict=True):
        drawn = item.get_closest_marker("hypothesis") is not None
        passed = parameters[function] > MANY and seen[function] % 7 > 0
        if isinstance(item, pytest.Function) and (drawn or passed):
            # Before other fixtures, which take time too; the list is that of all parameters.
            item.fixturenames = ["untraced", *item.fixturenames]
        seen[function] += 1
    seed = config.getoption("--shuffle")
    if seed is not None:
        random.Random(seed).shuffle(items)


@pytest.fixture
def no_program(monkeypatch, tmp_path):
    """A machine without a program that lays out graphs."""
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path))

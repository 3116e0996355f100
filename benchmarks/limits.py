"""What must not take long: each is measured, printed beside its limit, and an error above it.

Times are of the processor, so that a busy machine breaks no limit. The graphs are those of the
tests, which look at what comes out of them.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import tinygrad_edu as tg
from tests.symbolic.exercises import composed, composed_batch, layer
from tests.symbolic.test_other_expressions import hundred_vertices
from tests.symbolic.test_random_graphs import derivations, random_graph
from tests.test_graphs import chain, fan, ladder, pairs
from tests.view.conftest import CHROMIUM, MISSING
from tests.view.test_draw import network, recurrent
from tinygrad_edu import optim
from tinygrad_edu.lectures import IDENTITIES, LECTURES
from tinygrad_edu.view import draw
from tinygrad_edu.view.page import Page, story

#: What is measured, how, its limit and the unit of both.
Limit = tuple[str, Callable[[], float], float, str]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


# --- graphs ---------------------------------------------------------------------------------------


def release(build: Callable) -> float:
    """The last reference to a graph goes: a step per vertex, and no recursion."""
    output, _ = build(tg.Tensor([1.0]), 100_000)
    output.backward()
    held = [output]
    del output
    return seconds(held.clear)


def fan_out(width: int) -> float:
    x = tg.Tensor(1.0)
    total = x * 0.0
    for i in range(1, width):
        total = total + x * float(i)
    return seconds(lambda: tg.gradients(total, x))


def join(operation: Callable, width: int) -> float:
    parts = [tg.Tensor([float(i)]) for i in range(width)]
    out = operation(parts)
    seed = np.arange(width).reshape(out.shape)
    return seconds(lambda: tg.gradients(out, parts, seed))


def growth(measure: Callable[[int], float]) -> float:
    """How many times as long ten times as much takes."""
    measure(100)
    small, large = (min(measure(size) for _ in range(3)) for size in (1_000, 10_000))
    return large / small


def step() -> float:
    """One SGD step of 784-300-100-10, as a multiple of the same by hand."""
    rng = np.random.default_rng(0)
    shapes = [(784, 300), (300,), (300, 100), (100,), (100, 10), (10,)]
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    sgd = optim.SGD([tg.Tensor(array) for array in arrays], lr=0.01)

    def by_hand(given: list) -> None:
        for i, g in enumerate(given):
            arrays[i] = arrays[i] - 0.01 * g

    times = []
    for work in (sgd.step, by_hand) * 60:
        given = [np.ones(shape, np.float32) for shape in shapes]
        times.append(seconds(partial(work, given)))
    return min(times[::2]) / min(times[1::2])


def of_graphs() -> Iterator[Limit]:
    for build in (chain, fan, ladder, pairs):
        yield f"release 100,000 vertices: {build.__name__}", partial(release, build), 1, "s"
    yield "gradients of a tenfold fan-out", partial(growth, fan_out), 40, "times"
    for operation in (tg.stack, tg.concatenate):
        what = f"gradients of a tenfold {operation.__name__}"
        yield what, partial(growth, partial(join, operation)), 40, "times"
    yield "a step of SGD", step, 1.3, "times by hand"


# --- formulas and pictures ------------------------------------------------------------------------


def derive(build: Callable) -> float:
    output, wrt = build()
    tg.derive(output, wrt=wrt)
    return seconds(lambda: tg.derive(output, wrt=wrt))


def random_graphs() -> float:
    """The slowest of sixty."""
    times = []
    with np.errstate(all="ignore"):
        for seed in range(60):
            graph = random_graph(seed)
            times.append(seconds(lambda graph=graph: list(derivations(*graph))))
    return max(times)


def lectures() -> None:
    for lecture in LECTURES.values():
        lecture.derive()
    for identity in IDENTITIES.values():
        identity.prove()


def hundred(activation: Callable) -> float:
    loss, wrt = hundred_vertices(activation)
    return seconds(lambda: tg.derive(loss, wrt=wrt, names={}))


def picture(graph: tg.Tensor, gradients: bool) -> float:
    return statistics.median(
        seconds(lambda: draw(graph, gradients=gradients, fold=False).svg()) for _ in range(3)
    )


def process(*arguments: str) -> float:
    """Return the processor's seconds of a run of Python, the least of five."""
    times = []
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(5):
        before = getrusage(RUSAGE_CHILDREN)
        run = [sys.executable, *arguments]
        subprocess.run(run, cwd=ROOT, env=kept, capture_output=True, check=True)
        after = getrusage(RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(times)


def explain() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return process("-m", "tinygrad_edu", "explain", "softmax-ce", "--into", folder)


def imports() -> float:
    return process("-c", "import tinygrad_edu") / process("-c", "import numpy")


def of_formulas() -> Iterator[Limit]:
    for build in (composed, composed_batch, layer):
        yield (
            f"derive the demonstration's graph: {build.__name__}",
            partial(derive, build),
            0.5,
            "s",
        )
    yield "derive and prove all lectures", partial(seconds, lectures), 20, "s"
    yield "derive a random graph by each leaf", random_graphs, 10, "s"
    for activation in (tg.tanh, tg.relu):
        what = f"derive through a hundred vertices: {activation.__name__}"
        yield what, partial(hundred, activation), 10, "s"
    for name, graph in (("network", network(100)), ("recurrent", recurrent(165))):
        for gradients in (False, True):
            what = f"draw five hundred nodes: {name}{', gradients' * gradients}"
            yield what, partial(picture, graph, gradients), 3, "s"
    yield "import, beside that of NumPy", imports, 1.25, "×"
    command = ("-m", "tinygrad_edu", "derive", "softmax-ce")
    yield "derive softmax-ce from the command line", partial(process, *command), 0.3, "s"
    yield "explain softmax-ce from the command line", explain, 3, "s"


# --- the page -------------------------------------------------------------------------------------

FRAME = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def of_the_page(browser, folder: str) -> Iterator[Limit]:
    path = Page(story(*LECTURES["softmax-ce"].build())).save(Path(folder) / "page.html")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(path.as_uri())  # which returns when the page has loaded
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # of the page alone

    def spent(name: str, work: Callable[[], object]) -> float:
        def read() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return 1000 * next(m["value"] for m in metrics if m["name"] == name)

        start = read()
        work()
        return read() - start

    def key() -> float:
        def work() -> None:
            page.keyboard.press("ArrowRight")
            page.evaluate(FRAME)

        return spent("TaskDuration", work)

    def slowest() -> float:
        click = "document.querySelector('[data-action=next]').click()"
        page.keyboard.press("Home")
        times = []
        while page.evaluate("!document.querySelector('[data-action=next]').disabled"):
            times.append(spent("ScriptDuration", lambda: page.evaluate(click)))
        assert min(times) > 0, "the clock of the page stands still"
        return max(times)

    yield "a key is answered, right after the load", key, 200, "ms"
    yield "the script of a step", slowest, 16, "ms"


def main() -> None:
    broken = []

    def report(limits: Iterator[Limit]) -> None:
        for what, measure, limit, unit in limits:
            found = measure()
            print(f"{what:60} {found:8.3f} of {limit:5} {unit}", flush=True)
            if not found < limit:
                broken.append(what)

    report(of_graphs())
    report(of_formulas())
    if MISSING:
        print(f"the page is not measured: {MISSING}")
        broken += [MISSING] * bool(os.environ.get("CI"))
    else:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            report(of_the_page(browser, folder))
            browser.close()
    if broken:
        sys.exit(f"too slow: {'; '.join(broken)}")


if __name__ == "__main__":
    main()

"""The package in a browser's Python, where there are no processes, no threads and no programs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import graphviz
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = os.environ.get("TINYGRAD_EDU_PYODIDE")

SESSION = """
import re
import numpy as np
import tinygrad_edu as tg
from tinygrad_edu import nn, optim, train, view

def in_a_row(source, form):
    places = dict.fromkeys(re.findall(r"id=([a-z]+[0-9]+)", source))
    items = [
        f'<g id="{name}" class="{"edge" if name[0] == "e" else "node"}">'
        f'<polygon fill="black" points="{x},0 {x + 9},0 {x + 9},9 {x},9"/>'
        f'<path d="M{x},4C{x},4 {x},4 {x},4"/></g>'
        for x, name in enumerate(places)
    ]
    head = '<svg viewBox="0 0 99 9" xmlns="http://www.w3.org/2000/svg">'
    return f"{head}<g>{''.join(items)}</g></svg>".encode()

z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
L = tg.cross_entropy(tg.softmax(z), y)
derivation = tg.derive(L, wrt=z)
assert tg.check_answer(derivation, "softmax(z) - y")
assert tg.gradcheck(tg.softmax, z.data)
page = tg.explain(L, wrt=z)
try:
    tg.draw(L).svg()
except Exception as error:
    assert "use_renderer" in str(error), error
else:
    raise AssertionError("there is nothing that could draw")
view.use_renderer(in_a_row)
assert "softmax" in tg.draw(L).svg()
assert "softmax" in page.html()
assert len(str(derivation.certificate())) > 100

rng = np.random.default_rng(0)
X, labels = rng.normal(size=(30, 4)), rng.integers(3, size=30)
model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
adam = optim.Adam(model.parameters(), 0.01)
history = train.fit(
    model, (X, labels), optimizer=adam, epochs=2, batch_size=10, rng=rng, progress=False
)
assert len(history.loss) == 2
assert train.accuracy(model.predict(X), labels) >= 0
step = tg.compile(tg.grad(lambda z: tg.softmax_cross_entropy(z, y)))
np.testing.assert_allclose(step(z.data), tg.softmax(z.data) - y, rtol=1e-12)
print(derivation.result)
"""

#: What CPython must lack to be like Python in a browser.
WITHOUT = """
import subprocess, sys, sysconfig, threading
sysconfig.get_config_vars()  # while the platform is what it is
sys.platform = "emscripten"

def refuse(*_, **__):
    raise OSError(138, "emscripten does not support processes")

def no_thread(self):
    raise RuntimeError("can't start new thread")

def no_scheme(key):
    raise ValueError(f"invalid scheme {key!r}: posix_user")

subprocess.Popen.__init__ = refuse
threading.Thread.start = no_thread
sysconfig.get_preferred_scheme = no_scheme
"""

NODE = """
import { pathToFileURL } from "node:url";
const [folder, root, graphviz, session] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide({ indexURL: `${folder}/`, stdout: () => {} });
await pyodide.loadPackage("numpy", { messageCallback: () => {} });
for (const [name, host] of [["root", root], ["graphviz_home", graphviz]]) {
  pyodide.FS.mkdir(`/${name}`);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: host }, `/${name}`);
}
pyodide.runPython("import sys; sys.path += ['/root', '/graphviz_home']");
pyodide.setStdout({ batched: (line) => console.log(line) });
pyodide.runPython(session);
"""


def test_a_session_without_processes_and_threads():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + SESSION],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("softmax(z) − y\n", "")


@pytest.mark.ci
@pytest.mark.skipif(not FOLDER, reason="TINYGRAD_EDU_PYODIDE names no folder of Pyodide")
def test_a_session_in_pyodide(tmp_path):
    """The folder holds the npm package pyodide and the NumPy wheel that its lock file names."""
    folder = Path(FOLDER)
    wheel = json.loads((folder / "pyodide-lock.json").read_text())["packages"]["numpy"]["file_name"]
    assert (folder / wheel).is_file(), f"put {wheel} into {folder}"
    package = tmp_path / "graphviz_home"
    shutil.copytree(Path(graphviz.__file__).parent, package / "graphviz")
    script = tmp_path / "session.mjs"
    script.write_text(NODE, encoding="utf-8")
    done = subprocess.run(
        ["node", str(script), str(folder), str(ROOT), str(package), SESSION],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("softmax(z) − y\n", 0), done.stderr

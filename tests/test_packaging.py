"""What is built from the tree: a wheel with data and without tests, a complete source archive."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.ci

ROOT = Path(__file__).resolve().parent.parent
FILES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "Makefile", "LICENSE")
TEXTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff")
FOLDERS = ("tinygrad_edu", "tests", "tutorials")
HERE_ONLY = shutil.ignore_patterns("__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from that archive."""
    tree = tmp_path_factory.mktemp("tree")
    for name in FILES + TEXTS:
        shutil.copy(ROOT / name, tree)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=HERE_ONLY)
    target = tmp_path_factory.mktemp("dist")
    # Without isolation: the build system is in the environment already, so no network is needed.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, tree],
        check=True,
        capture_output=True,
        text=True,
    )
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_carries_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tinygrad_edu").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert {"tinygrad_edu/data/iris.csv", "tinygrad_edu/py.typed"} <= packed
    assert packed == expected


def test_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert metadata["Name"] == "tinygrad_edu"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    required = metadata.get_all("Requires-Dist")
    assert {line for line in required if "extra ==" not in line} == {"numpy>=2", "graphviz>=0.20"}
    viz = {line.partition(">")[0] for line in required if 'extra == "viz"' in line}
    assert viz == {"graphviz-pure", "resvg_py", "ziamath"}


def test_the_command_and_the_citation(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        entry_points = archive.read(name).decode()
    assert "tinygrad-edu = tinygrad_edu.cli:main" in entry_points
    version = wheel.name.split("-")[1]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_source_archive_can_be_tested_and_built(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {*FILES, *TEXTS, "tests/test_packaging.py", "tests/conftest.py"} <= packed


def test_what_is_installed_from_the_wheel_finds_its_data(wheel, tmp_path):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run(
        [*install, "--no-index", "--no-deps", "--no-compile", "--target", site, wheel], check=True
    )
    code = (
        "import tinygrad_edu, tinygrad_edu.data as data;"
        "print(tinygrad_edu.__file__);"
        "print(data.load_iris().features.shape)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    file, shape = run.stdout.splitlines()
    assert Path(file).is_relative_to(site)
    assert shape == "(150, 4)"

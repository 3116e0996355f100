"""Fashion-MNIST from IDX files: small ones of our own, and Debian's where they are."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.data.idx_files import idx
from tinygrad_edu.data import load_fashion_mnist
from tinygrad_edu.data.fashion import DEBIAN, VARIABLE

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def images(n):
    return np.arange(n * 28 * 28).reshape(n, 28, 28) % 256


@pytest.fixture
def folder(tmp_path):
    """A whole, small data set: 12 pictures for training (packed), 5 for the test (plain)."""
    for part, n in (("train", 12), ("t10k", 5)):
        for name, array in (("images-idx3", images(n)), ("labels-idx1", np.arange(n) % 10)):
            content = idx(array)
            path = tmp_path / f"{part}-{name}-ubyte"
            if part == "train":
                path.with_suffix(".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
    return tmp_path


def test_packed_and_plain_files(folder):
    train, test = load_fashion_mnist(folder)
    assert (train.features.shape, train.features.dtype) == ((12, 784), np.float32)
    assert (test.labels.shape, test.labels.dtype) == ((5,), np.int64)
    np.testing.assert_array_equal(
        train.features, images(12).reshape(12, 784).astype(np.float32) / np.float32(255)
    )
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert train.class_names[9] == "ankle boot"
    assert train.feature_names[29] == "row 1 column 1"
    assert not train.features.flags.writeable


def test_the_environment_variable_names_the_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(folder))
    assert len(load_fashion_mnist()[1]) == 5
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        load_fashion_mnist(tmp_path / "elsewhere")  # what is asked for counts first


def test_a_missing_file_says_how_to_get_it(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as complaint:
        load_fashion_mnist(folder)
    for word in ("t10k-labels-idx1-ubyte", str(folder), "dataset-fashion-mnist", VARIABLE):
        assert word in str(complaint.value)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (IMAGES, idx(images(12))[:-1], "promises 9408 entries and 9407 are there; it was cut off"),
        (IMAGES, idx(images(12))[:9], "ends within its header"),
        (IMAGES, gzip.compress(idx(images(12)))[:-20], "cannot be unpacked"),
        (IMAGES, b"\x1f\x8b no gzip", "cannot be unpacked"),
        (IMAGES, idx(images(12)) + b"\0", "goes on behind the 9408 entries"),
        (IMAGES, b"", "no IDX file, it begins with nothing"),
        (IMAGES, b"\x89PNG and so on", "no IDX file, it begins with 89 50 4e 47"),
        (IMAGES, b"\0\0\x0d\x03" + bytes(100), "type 0x0d; unsigned bytes"),
        (IMAGES, idx(np.arange(12)), "1 axes where 3 are expected"),
        (LABELS, idx(images(12)), "3 axes where 1 are expected"),
        (IMAGES, idx(images(12)[:, :14]), "pictures of 14 × 28 pixels"),
        (IMAGES, idx(images(12)[:0]), "holds no pictures"),
        (IMAGES, idx(images(11)), "12 labels for the 11 pictures"),
        (LABELS, idx(np.arange(12)), "label 11 is no class; they run from 0 to 9"),
    ],
)
def test_a_spoilt_file_is_refused_by_name(folder, name, content, complaint):
    (folder / f"{name}.gz").write_bytes(content)  # plain content too: the name does not matter
    with pytest.raises(ValueError, match="ubyte") as raised:
        load_fashion_mnist(folder)
    assert complaint in str(raised.value)
    assert name in str(raised.value) or "labels for" in complaint


def test_a_header_that_promises_too_much_costs_no_memory(folder):
    (folder / f"{IMAGES}.gz").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**10, 28))
    with pytest.raises(ValueError, match="and 0 are there"):
        load_fashion_mnist(folder)


@pytest.mark.skipif(not Path(DEBIAN).is_dir(), reason="Debian's dataset-fashion-mnist is not here")
def test_the_real_data(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    train, test = load_fashion_mnist()
    assert (train.features.shape, test.features.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert (train.features.min(), train.features.max()) == (0, 1)
    # The mean and deviation of the pixels that everybody normalises with.
    assert train.features.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert train.features.std(dtype=np.float64) == pytest.approx(0.3530, abs=5e-5)

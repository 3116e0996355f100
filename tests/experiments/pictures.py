"""Pictures in the files of Fashion-MNIST, few and easy: a bright row tells the class."""

import gzip

import numpy as np

from tests.data.idx_files import idx


def write_pictures(folder):
    """Write 300 pictures for training and 100 for the test; return the folder."""
    for part, n in (("train", 300), ("t10k", 100)):
        labels = np.arange(n) % 10
        images = np.zeros((n, 28, 28))
        images[np.arange(n), 2 * labels] = 255
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder

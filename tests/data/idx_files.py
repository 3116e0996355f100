"""The bytes of IDX files, for data sets of our own."""

import struct

import numpy as np


def idx(array):
    """An array of unsigned bytes with its header, as MNIST's files hold it."""
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()

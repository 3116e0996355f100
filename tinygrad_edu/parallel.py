"""Data-parallel training: several processes, each with its own part of every batch, over MPI.

Every process has the whole model and all data. It computes the gradient on its own examples; one
Allreduce adds the gradients up, and all take the same step. Started as

    mpiexec -n 2 python script.py

where the script says ``train.fit(…, group=parallel.world())``.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = ["Alone", "Group", "launched", "world"]

Array = NDArray[Any]

# What MPICH, Open MPI and other launchers tell the processes that they start.
_MARKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
_PASSED_ON = 0.3  # seconds that a launcher may take to pass a message on; ending the job drops it


class Alone:
    """One process, which needs no other and no MPI."""

    rank = 0
    size = 1

    def __enter__(self) -> Alone:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let an error pass."""

    def shard(self, rows: Array) -> Array:
        """Return the rows of a batch that are this process's own.

        Parameters
        ----------
        rows : ndarray
            The numbers of the examples of one batch.

        Returns
        -------
        ndarray
            A part of it, which is empty where a batch has fewer examples than there are
            processes. The first process is never left empty-handed.
        """
        return rows

    def share(self, array: Array) -> Array:
        """Return what the first process passed.

        Parameters
        ----------
        array : ndarray
            Of the same shape and dtype in every process.

        Returns
        -------
        ndarray
            The first process's array.
        """
        return array

    def add_up(self, arrays: Sequence[Array], number: float) -> float:
        """Add up the arrays of all processes, in place, and a number.

        Parameters
        ----------
        arrays : sequence of ndarray
            Of the same shapes in every process; each then holds the sum.
        number : float
            One number of each process.

        Returns
        -------
        float
            The sum of the numbers.
        """
        return number

    def begin(self, parameters: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
        """Give every process the parameters of the first one.

        Parameters
        ----------
        parameters : mapping of str to Tensor
            The parameters by name.
        settings : mapping of str to object
            What else must be the same in every process, by name: arrays, and what prints as it is.

        Raises
        ------
        ValueError
            If this process has other parameters, or another setting, than the first one.
        """

    def draw_apart(self, generators: Mapping[str, np.random.Generator]) -> None:
        """Let the Generators of each process, such as those of Dropout, draw numbers of its own.

        Parameters
        ----------
        generators : mapping of str to numpy.random.Generator
            By name. Those of the first process only draw the seed of the others.
        """


class Group(Alone):
    """The processes of an MPI communicator; see `world`.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm
        All its processes make a Group of it and call the same methods in the same order.

    Attributes
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        How many there are.

    Notes
    -----
    An error that nobody catches, within `fit` or outside of it, ends the whole job with its
    message, so that the others do not wait for ever; so does one that leaves ``with world() as
    group:``.

    `Dropout` and all else that draws has a Generator of its own in each process, begun anew in
    every epoch from the first process's: the same seeds and the same number of processes give
    the same weights, bit for bit, and another number gives other masks.
    """

    def __init__(self, communicator: MPI.Comm) -> None:
        self._communicator = communicator
        self.rank = communicator.Get_rank()
        self.size = communicator.Get_size()
        self._buffer = np.empty(0)
        if self.size > 1:
            sys.excepthook = self.__exit__

    def __enter__(self) -> Group:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes, with the message, where this one failed."""
        if error is None or self.size == 1 or (isinstance(error, SystemExit) and not error.code):
            return
        lines = traceback.format_exception(kind, error, trace)
        sys.stderr.write(f"process {self.rank} of {self.size} failed:\n{''.join(lines)}")
        sys.stderr.flush()
        time.sleep(_PASSED_ON)
        self._communicator.Abort(1)

    def shard(self, rows: Array) -> Array:
        """Return the rows of a batch that are this process's own."""
        own: Array = np.array_split(rows, self.size)[self.rank]
        return own

    def share(self, array: Array) -> Array:
        """Return what the first process passed."""
        shared = np.array(array, order="C")
        self._communicator.Bcast(shared)
        return shared

    def add_up(self, arrays: Sequence[Array], number: float) -> float:
        """Add up the arrays of all processes, in place, and a number: one Allreduce."""
        from mpi4py import MPI

        length = sum(array.size for array in arrays) + 1
        kind = np.result_type(*arrays, np.float32)  # MPI adds no float16
        if self._buffer.size != length or self._buffer.dtype != kind:
            self._buffer = np.empty(length, kind)
        flat, start = self._buffer, 0
        for array in arrays:
            flat[start : start + array.size] = array.ravel()
            start += array.size
        flat[-1] = number
        self._communicator.Allreduce(MPI.IN_PLACE, flat)
        start = 0
        for array in arrays:
            array[...] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
        return float(flat[-1])

    def begin(self, parameters: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
        """Give every process the parameters of the first one."""
        named = [f"{name} {each.shape} {each.dtype}" for name, each in parameters.items()]
        own = {**settings, "parameters": ", ".join(named)}
        digests = np.array([_digest(each) for each in own.values()])
        differ = np.any(self.share(digests) != digests, axis=1)
        wrong = [f"{k} {_words(v)}" for (k, v), d in zip(own.items(), differ, strict=True) if d]
        if wrong:
            raise ValueError(
                f"parallel: process {self.rank} does not train what process 0 trains, but has "
                f"{' and '.join(wrong)}; give every process the same model, data and settings"
            )
        for tensor in parameters.values():
            tensor.data = self.share(tensor.data)

    def draw_apart(self, generators: Mapping[str, np.random.Generator]) -> None:
        """Let the Generators of each process draw numbers of its own."""
        for generator in generators.values():
            seed = self.share(generator.integers(2**63, size=2))
            if self.rank:
                own = np.random.SeedSequence([*seed.tolist(), self.rank])
                bits = generator.bit_generator
                bits.state = type(bits)(own).state


def _digest(value: Any) -> list[int]:
    """Return a few numbers that differ where arrays, or what prints, differ."""
    array = value if isinstance(value, np.ndarray) else np.array(str(value))
    content = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16)
    content.update(f"{array.shape} {array.dtype}".encode())
    return list(content.digest())


def _words(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"of shape {value.shape} that are others"
    return str(value)


def world() -> Group:
    """Return all processes that ``mpiexec`` started; without it, this one alone.

    Returns
    -------
    Group
        To be passed to `tinygrad_edu.train.fit`.

    Raises
    ------
    ImportError
        If mpi4py or an MPI library is not installed.

    Notes
    -----
    Set ``OMP_NUM_THREADS=1`` before Python starts: the processes share the machine's cores, and
    each would otherwise use all of them for its products.

    Examples
    --------
    A script ``script.py``, started with ``mpiexec -n 2 python script.py``::

        with parallel.world() as group:
            history = train.fit(model, data, optimizer=sgd, epochs=3, rng=rng, group=group)
            if group.rank == 0:
                print(history.table())
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # mpi4py, or the library that it loads
        raise ImportError(
            f"parallel: several processes talk over MPI, which is not installed ({error}); "
            'run: pip install "tinygrad_edu[mpi]"'
        ) from error
    return Group(MPI.COMM_WORLD)


def launched() -> Alone:
    """Return all processes where ``mpiexec`` started this one, else this one alone.

    Returns
    -------
    Alone or Group
        As `world`, but MPI is neither needed nor loaded where nobody asked for it.

    Raises
    ------
    ImportError
        If a launcher started this process, and mpi4py or an MPI library is not installed.

    Notes
    -----
    A launcher is known by the variables it sets in the environment.

    Examples
    --------
    >>> from tinygrad_edu import parallel
    >>> parallel.launched().size
    1
    """
    return world() if any(mark in os.environ for mark in _MARKS) else Alone()

"""Data sets that come with the package (sources and licences: ``SOURCES.md``)."""

from tinygrad_edu.data.iris import Iris, load_iris

__all__ = ["Iris", "load_iris"]

"""The derivations of the lectures, each made once, for the many tests that look at them."""

import functools

from tinygrad_edu.lectures import LECTURES


@functools.cache
def derived(key):
    """Return the derivation of a lecture, which no test changes."""
    return LECTURES[key].derive()

"""Where the arrays of a fit are stored: in memory, or on disk where its table is a memory-mapped file."""

import numpy as np


class Memory:
    """Arrays in memory: there are no pages to release."""

    in_memory = True

    def new(self, shape, dtype):
        """An array to fill."""
        return np.empty(shape, dtype)

    def release_pages(self, *arrays):
        """Free the memory that holds what was read of files."""


MEMORY = Memory()


def storage_of(*arrays):
    """The storage of arrays derived from some others (`None` is ignored): on disk where one of these is."""
    if not any(map(is_mapped, arrays)):
        return MEMORY
    from sklearn_ncf.storage._disk import Disk

    return Disk()


def is_mapped(array):
    """Whether an array is stored in a memory-mapped file."""
    while isinstance(array, np.ndarray):
        array = array.base
    return type(array).__module__ == "mmap"

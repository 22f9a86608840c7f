"""Disk: arrays in memory-mapped files, for tables larger than memory."""

import mmap
import os
import tempfile

import numpy as np


class Disk:
    """Arrays in temporary files; the methods are those of `Memory`."""

    in_memory = False

    def new(self, shape, dtype):
        """An array to fill, in a file of the folder for temporary ones that is deleted when nothing refers to it.

        Raises `OSError` if the disk is full.
        """
        with tempfile.TemporaryFile(prefix="sklearn_ncf-") as file:
            n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if hasattr(os, "posix_fallocate"):  # or a full disk would end the process where the array is filled
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype, "w+", shape=shape).view(_Scratch)

    def release_pages(self, *arrays):
        """Free the memory that holds what was read of mapped files; `None` and other arrays are ignored.

        What was written stays, unless it was written to a copy (``mode="c"``): those are ignored, too.
        """
        for array in arrays:
            *views, mapping = _owners(array)
            is_read_only = not any(view.flags.writeable for view in views)
            if (
                isinstance(mapping, mmap.mmap)
                and hasattr(mapping, "madvise")
                and (isinstance(array, _Scratch) or is_read_only)
            ):
                mapping.madvise(mmap.MADV_DONTNEED)


class _Scratch(np.memmap):
    """An array of our own in a file: nothing is lost where its pages leave the memory."""


def _owners(array):
    """An array, those that it is a view of, and at last what owns their memory."""
    while isinstance(array, np.ndarray):
        yield array
        array = array.base
    yield array

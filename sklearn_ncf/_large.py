"""Many rows: gone through part by part, mixed in blocks, on disk where they came from there."""

import mmap
import os
import tempfile

import numpy as np

ROWS_AT_ONCE = 500_000  # of a table: bounds what codes and hash tables take beside it
LARGE = 2**22  # rows, from which on an epoch is shuffled block by block, not as a whole
BLOCK = 2**20  # rows


def is_large(n_rows):
    """Whether so many rows are to be mixed and read in blocks."""
    return n_rows >= LARGE


def parts_of(n_rows, size=None):
    """Slices that cover `n_rows` rows, of `size` (`ROWS_AT_ONCE`) rows each but for the last one."""
    size = size or ROWS_AT_ONCE
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def blocks_of(n_rows):
    """Slices of the rows that are read, and shuffled, together."""
    return list(parts_of(n_rows, BLOCK if is_large(n_rows) else n_rows))


def is_mapped(array):
    """Whether an array lies in a file that is mapped into memory."""
    return _mapping_of(array) is not None


def let_go(*arrays):
    """Give back the memory that holds what was read of mapped files; `None` and other arrays are left alone.

    What was written stays, unless it was written to a copy (``mode="c"``): those are left alone, too.
    """
    for array in arrays:
        mapping = _mapping_of(array)
        if (
            mapping is not None
            and hasattr(mapping, "madvise")
            and (isinstance(array, _Scratch) or _is_read_only(array))
        ):
            mapping.madvise(mmap.MADV_DONTNEED)


def new_array(shape, dtype, *, on_disk):
    """An array to fill, in memory, or in a file of the folder for temporary ones that goes when nobody refers to it.

    Raises `OSError` where the disk is too full for it.
    """
    if not on_disk:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="sklearn_ncf-") as file:
        n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if hasattr(os, "posix_fallocate"):  # or a full disk would end the process where the array is filled
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        return np.memmap(file, dtype, "w+", shape=shape).view(_Scratch)


def mixed(parts, n_rows, n_columns, *, weighted, on_disk):
    """Rows in blocks, each row in a block of its own draw: codes as int32, ratings and weights as float32.

    `parts` yields codes, ratings and weights of a part of the rows. Whoever reads blocks in random order, and shuffles
    each, has shuffled the rows, though they may be sorted by user or time. The draw is the same every time.
    """
    codes = new_array((n_rows, n_columns), np.int32, on_disk=on_disk)
    columns = [codes, new_array(n_rows, np.float32, on_disk=on_disk)]
    if weighted:
        columns.append(new_array(n_rows, np.float32, on_disk=on_disk))
    draws = [_drawn(n_rows) for _ in range(2)]
    ends = sum(np.bincount(blocks, minlength=_n_blocks(n_rows)) for blocks in draws[0]).cumsum()
    free = np.append(0, ends[:-1])  # the next place of each block
    for part, blocks in zip(parts, draws[1], strict=True):
        order = np.argsort(blocks, kind="stable")
        counts = np.bincount(blocks, minlength=len(free))
        places = np.arange(len(blocks)) + np.repeat(free - (counts.cumsum() - counts), counts)
        for column, values in zip(columns, part, strict=False):  # no weights, no column
            column[places] = values[order]
        free += counts
        let_go(*columns)
    return (*columns, None)[:3]


class _Scratch(np.memmap):
    """An array of our own in a file: nothing is lost where its pages leave the memory."""


def _drawn(n_rows):
    """The block of each row, part by part."""
    rng = np.random.RandomState(0)
    for rows in parts_of(n_rows):
        yield rng.randint(_n_blocks(n_rows), size=rows.stop - rows.start, dtype=np.uint16)


def _n_blocks(n_rows):
    return -(-n_rows // BLOCK)


def _mapping_of(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, mmap.mmap) else None


def _is_read_only(array):
    """Whether nothing of the array can have been changed: `array` or one that it is a view of may be written."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return True

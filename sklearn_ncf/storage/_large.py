"""Tables of many rows: processed part by part, and shuffled in blocks."""

import numpy as np

ROWS_CHUNK_SIZE = 500_000  # of a table: bounds what codes and hash tables take in addition
LARGE = 2**22  # rows, from which on an epoch is shuffled block by block, not as a whole
BLOCK = 2**20  # rows


def is_large(n_rows):
    """Whether so many rows are to be shuffled and read in blocks."""
    return n_rows >= LARGE


def parts_of(n_rows, size=None):
    """Slices that cover `n_rows` rows, of `size` (`ROWS_CHUNK_SIZE`) rows each but for the last one."""
    size = size or ROWS_CHUNK_SIZE
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def blocks_of(n_rows):
    """Slices of the rows that are read, and shuffled, together."""
    return list(parts_of(n_rows, BLOCK if is_large(n_rows) else n_rows))


def shuffle_blocks(parts, n_rows, n_columns, *, weighted, storage):
    """Rows in blocks, each row in a random one of them: codes as int32, targets and weights as float32.

    `parts` yields codes, targets and weights of a part of the rows. Whoever reads blocks in random order, and shuffles
    each, has shuffled the rows, though they may be sorted by user or time. The draw is the same every time.
    """
    codes = storage.new((n_rows, n_columns), np.int32)
    columns = [codes, storage.new(n_rows, np.float32)]
    if weighted:
        columns.append(storage.new(n_rows, np.float32))
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
        storage.release_pages(*columns)
    return (*columns, None)[:3]


def _drawn(n_rows):
    """The block of each row, part by part."""
    rng = np.random.RandomState(0)
    for rows in parts_of(n_rows):
        yield rng.randint(_n_blocks(n_rows), size=rows.stop - rows.start, dtype=np.uint16)


def _n_blocks(n_rows):
    return -(-n_rows // BLOCK)

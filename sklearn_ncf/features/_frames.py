"""Features as data frames: read from any table, one row per id, and packed as plain values."""

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import as_local, as_objects, take_columns, take_rows, with_columns

NUMBERS = "biuf"  # kinds of dtypes


def feature_frame(X, columns, names, rows=None):
    """Some columns of any table as a data frame with these names, in all rows or in some."""
    X = take_columns(as_local(X, "X"), columns)
    frame = with_columns(X if rows is None else take_rows(X, rows), [], [])
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def updated_frame(frame, last_rows, further):
    """One row per id: that of `further` at the place `last_rows`, or, where that is -1, the one of `frame`.

    Ids beyond those of the `frame`, which may be None, have come since; they have values if they have a last row. What
    comes back is what saving and loading gives.
    """
    places = last_rows
    if frame is not None:
        places = np.where(last_rows >= 0, last_rows + len(frame), np.arange(len(last_rows)))
        further = pd.concat([frame, unpack_frame(pack_frame(further))], ignore_index=True)
    return unpack_frame(pack_frame(further.take(places)))


def pack_frame(frame):
    """A data frame as arrays of numbers and lists of values, by column."""
    return {
        name: column.to_numpy() if isinstance(column.dtype, np.dtype) and column.dtype.kind in NUMBERS else [*column]
        for name, column in frame.items()
    }


def unpack_frame(packed):
    """The data frame of `pack_frame`."""
    return pd.DataFrame(
        {name: values if isinstance(values, np.ndarray) else _from_list(values) for name, values in packed.items()}
    )


def _from_list(values):
    return pd.Series(as_objects(values)).infer_objects()

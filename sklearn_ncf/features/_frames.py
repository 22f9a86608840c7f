"""Features as data frames: read from any table, one row per id, and packed as plain values."""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import (
    KEPT,
    as_local,
    as_objects,
    pack_ids,
    take_columns,
    take_rows,
    unpack_ids,
    with_columns,
)
from sklearn_ncf.features._kinds import is_collection

NUMBERS = "biufmM"  # kinds of dtypes, of times too


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
    """A data frame as arrays of numbers and plain values, by column."""
    return {
        name: column.to_numpy()
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in NUMBERS
        else pack_ids(as_objects([_plain(cell) for cell in column]))
        for name, column in frame.items()
    }


def unpack_frame(packed):
    """The data frame of `pack_frame`."""
    return pd.DataFrame({name: _unpacked(values) for name, values in packed.items()})


def _plain(cell):
    """A cell of a type that `pack_ids` keeps: any collection becomes a list, a tuple or a frozenset."""
    if isinstance(cell, np.ndarray) and cell.ndim:
        return cell
    if is_collection(cell) and not isinstance(cell, Mapping):
        if isinstance(cell, Set):
            return frozenset(cell)
        needs_packing = any(type(member) not in KEPT for member in cell)
        return tuple(cell) if needs_packing or isinstance(cell, tuple) else list(cell)
    return cell if is_collection(cell) or not pd.isna(cell) else None


def _unpacked(values):
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values
    return pd.Series(unpack_ids(values)).infer_objects()

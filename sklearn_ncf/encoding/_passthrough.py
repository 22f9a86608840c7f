"""Columns of a table that are not ids: found by name or index, and returned as they came."""

from numbers import Integral

import numpy as np
import pandas as pd

from sklearn_ncf._sklearn_compat import InvalidParameterError
from sklearn_ncf.encoding._columns import as_frame, as_table_name, without_mask

# What pandas calls objects that are all numbers, with missing ones or without, and those without missing ones alone.
FLOATS, INTEGERS = {"floating", "mixed-integer-float", "empty"}, {"integer", "boolean"}


def find_columns(columns, header, parameter):
    """Indices of the columns that a parameter names, in its order; `header` is that of `read_table`.

    Names are strings, indices integers; one column may stand without a list, and ``None`` is none.
    """
    if columns is None:
        return []
    names, n_columns = _names_of(header), header.shape[1]
    selected = [columns] if isinstance(columns, str | Integral) else list(columns)
    indices = [_index_of(column, names, n_columns, parameter) for column in selected]
    repeated = next((j for i, j in enumerate(indices) if j in indices[:i]), None)
    if repeated is not None:
        raise ValueError(f"{parameter} names {as_table_name(names, repeated)} more than once; name each column once.")
    return indices


def columns_without(columns, header, parameter):
    """Indices of the columns that a parameter does not name, of which there must be one."""
    named = find_columns(columns, header, parameter)
    others = [j for j in range(header.shape[1]) if j not in named]
    if not others:
        raise ValueError(f"{parameter} names all columns of X (n_features={len(named)}); leave at least one to encode.")
    return others


def with_columns(X, indices, columns):
    """A table as a data frame in which `columns` take the places with these indices; the others are as they came.

    Columns of pandas keep their dtype; of other tables, numbers have a dtype of numbers, unless integers or booleans
    are missing. Names that are not all strings become numbers, and an index of pandas is kept.
    """
    X = without_mask(X)
    frame = as_frame(X)
    if frame is None:
        array = np.asarray(X, dtype=None if hasattr(X, "__array__") else object)
        names, n_rows, read_values = None, array.shape[0], lambda j: (array[:, j], None)
        n_columns = array.shape[1]
    else:
        names, n_rows, read_values = frame
        n_columns = len(names)
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(n_rows)
    given = dict(zip(indices, columns, strict=True))
    values = [given[j] if j in given else _as_series(*read_values(j)) for j in range(n_columns)]
    table = pd.DataFrame({j: pd.Series(column).set_axis(index) for j, column in enumerate(values)}, index=index)
    if _are_strings(names):
        table.columns = names
    return table


def _index_of(column, names, n_columns, parameter):
    if isinstance(column, Integral) and not isinstance(column, bool | np.bool_):
        if not 0 <= column < n_columns:
            raise ValueError(
                f"{parameter} holds the index {column}, which is not a column of X (n_features={n_columns}); "
                f"expected 0 to {n_columns - 1}."
            )
        return int(column)
    if not isinstance(column, str):
        raise InvalidParameterError(
            f"{parameter} must hold names (strings) or indices (integers) of columns of X; got {column!r}."
        )
    if names is None:
        raise ValueError(
            f"{parameter} holds the name {column!r}, but the columns of X have no names; give the index of the column, "
            "or pass X as a data frame."
        )
    if column not in names:
        raise ValueError(
            f"{parameter} holds {column!r}, which is not a column of X; its columns are {', '.join(map(repr, names))}."
        )
    return names.index(column)


def _names_of(header):
    names = list(getattr(header, "columns", ()))
    return names if _are_strings(names) else None


def _are_strings(names):
    return bool(names) and all(isinstance(name, str) for name in names)


def _as_series(values, missing):
    """A column as a Series, without hashing; values and rows that are missing are those of `as_frame`."""
    if missing is not None and missing.any():
        present = values
        values = np.full(len(missing), *((np.nan, present.dtype) if present.dtype.kind == "f" else (None, object)))
        values[~missing] = present
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return pd.Series(values)
    series = pd.Series(values, dtype=object)
    kind = pd.api.types.infer_dtype(values)
    return series.infer_objects() if kind in FLOATS or (kind in INTEGERS and not series.isna().any()) else series

"""Ids on their way in: what a caller gives as an argument, in any form, as distinct ids."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING, as_local, as_objects, narwhals_frame, narwhals_series, read_column

ONE = (str, bytes, bytearray, memoryview)  # what can be iterated over, and is one id (or none) all the same
ROWS = (list, tuple, np.ndarray)
PANDAS = (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)


class FittedIds(NamedTuple):
    """What tells, of something that can be iterated over, whether it is one id or a collection of ids.

    types : function that returns the types of the ids of `fit`, a tuple, empty where they are numbers of one type.
    include : function that tells whether an id was seen in `fit`.
    """

    types: Callable
    include: Callable

    def hold(self, value):
        """Whether something is one id: of a type of the ids, and no collection of them unless it is known itself."""
        types = self.types() if isinstance(value, Hashable) else ()
        if not isinstance(value, types):
            return False
        return not all(isinstance(member, types) for member in value) or self.include(value)


def plain(values, name):
    """An argument without what differs in form alone: a table, a column, a numpy array, or what Python has itself."""
    for method in ("compute", "collect"):
        if hasattr(values, method):
            raise TypeError(f"{name} is a lazy {type(values).__name__}; pass {name}.{method}().")
    if hasattr(values, "tocsr"):
        raise TypeError(f"{name} is a sparse matrix; pass a list or an array of ids.")
    if hasattr(values, "as_py"):  # a scalar of pyarrow
        return values.as_py()
    if isinstance(values, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(values), None, values.data)
    if isinstance(values, PANDAS):
        return values
    if hasattr(values, "__arrow_c_stream__"):
        values = as_local(values, name)
    elif hasattr(values, "__arrow_c_array__"):  # an array that is no column
        import pyarrow as pa

        return pa.chunked_array([pa.array(values)])
    if narwhals_frame(values) is not None or narwhals_series(values) is not None:
        return values
    return np.asarray(values) if hasattr(values, "__array__") and not isinstance(values, type) else values


def names_of(values):
    """The names of the columns of a data frame, None where an argument is none."""
    if isinstance(values, type):
        return None
    names = getattr(values, "column_names", getattr(values, "columns", None))
    return None if names is None else list(names)


def is_table(values, fitted):
    """Whether a plain argument has two dimensions: names of columns, or rows of more than one id."""
    if names_of(values) is not None:
        return True
    if isinstance(values, pd.MultiIndex):
        return len(values) > 0 and not fitted.hold(values[0])
    if isinstance(values, np.ndarray):
        return values.ndim > 1 and values.shape[1] != 1
    if not isinstance(values, list | tuple) or fitted.hold(values):
        return False
    return _are_rows(values, fitted) and any(len(row) != 1 for row in values)


def distinct_ids(values, name, *, fitted, columns, j, has_names):
    """Distinct ids of column `j` of `columns`, in the order given, ``None`` where one is missing.

    `values`, plain, is one id or a collection of ids, of any kind but a mapping. A table must have the column by name,
    or no other column where `fit` saw no names.
    """
    if names_of(values) is not None:
        values = _named_column(values, name, columns, j) if has_names else _only_column(values, name)
    column = read_ids(_as_vector(values, name, fitted), name)
    return take_ids(column, pd.unique(column.positions))


def distinct_rows(values, name, columns):
    """Distinct rows, in the order given, of a table that has certain columns: an array of ids for each."""
    if isinstance(values, pd.MultiIndex):
        values = list(values) if None in values.names else values.to_frame(index=False)
    names = names_of(values)
    if names is not None:
        absent = [column for column in columns if column not in names]
        if absent:
            raise ValueError(f"{name}, as a table, must have the columns {columns}; {absent[0]!r} is not there.")
        parts = [values[column] for column in columns]
    else:
        shape = values.shape if isinstance(values, np.ndarray) else _shape_of(values)
        if len(shape) != 2 or shape[1] != len(columns):
            raise ValueError(f"{name}, as a table, must have {len(columns)} columns, {columns}; got shape {shape}.")
        parts = parts_of_rows(values, name)
    read = [read_ids(part, name) for part in parts]
    distinct = pd.DataFrame({j: column.positions for j, column in enumerate(read)}).drop_duplicates()
    return [take_ids(column, distinct[j].to_numpy()) for j, column in enumerate(read)]


def parts_of_rows(values, name):
    """The columns of a plain table, in their order, whether they have names or not."""
    names = names_of(values)
    if names is not None:
        return [values[column] for column in names]
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return list(values.T)
    if (
        not isinstance(values, list | tuple)
        or not values
        or not all(isinstance(row, ROWS) and len(row) == len(values[0]) for row in values)
    ):
        raise ValueError(
            f"{name} must be a table, a row per pair of a user and an item; got a {type(values).__name__}."
        )
    return [as_objects(list(part)) for part in zip(*values, strict=True)]


def as_list(values, name):
    """What holds one value for each id, in their order, as a list."""
    values = plain(values, name)
    if isinstance(values, set | frozenset):
        raise TypeError(f"{name} must not be a set, which has no order; pass a mapping, a Series or a list.")
    if names_of(values) is not None:
        values = _only_column(values, name)
    if hasattr(values, "to_pylist"):
        return values.to_pylist()
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values.ravel()
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise ValueError(f"{name} must hold one value for each id; got shape {values.shape}.")
    return list(values)


def read_ids(vector, name):
    """A column, a numpy array or one of any library, as a `Column`."""
    if not len(vector):
        raise ValueError(f"{name} is empty; give at least one id.")
    try:
        return read_column(vector)
    except TypeError as error:
        raise TypeError(f"{name} holds something that cannot be an id: {error}") from error


def take_ids(column, positions):
    """Ids of a `Column`, ``None`` where a position is -1."""
    if (positions != MISSING).all():
        return column.ids[positions]
    return as_objects([*column.ids.tolist(), None])[positions]


def _as_vector(values, name, fitted):
    """A plain argument as one column: a numpy array of one dimension, or a column of another library."""
    if isinstance(values, Mapping):
        raise TypeError(
            f"{name} is a {type(values).__name__}, so that it is not clear which ids are meant; pass its keys, "
            f"list({name}), or its values, list({name}.values())."
        )
    if isinstance(values, np.ndarray):
        return _raveled(values, name)
    if isinstance(values, ONE) or not isinstance(values, Iterable):
        return as_objects([values])
    if isinstance(values, PANDAS) and not isinstance(values, pd.MultiIndex):
        return pd.Series(values, dtype=values.dtype).reset_index(drop=True)
    if narwhals_series(values) is not None:
        return values
    if fitted.hold(values):
        return as_objects([values])
    values = _in_order(values) if isinstance(values, set | frozenset) else list(values)
    if _are_rows(values, fitted):
        shape = _shape_of(values)
        if shape[1] != 1:
            raise ValueError(f"{name} must have one column of ids; got shape {shape}. Pass a list of ids.")
        values = [row[0] for row in values]
    return as_objects(values)


def _raveled(array, name):
    """An array of one id or one column as a vector."""
    if array.dtype.names is not None:
        raise TypeError(f"{name} is a structured array; pass one of its fields, {name}[{array.dtype.names[0]!r}].")
    if array.ndim > 2 or (array.ndim == 2 and array.shape[1] != 1):
        raise ValueError(f"{name} must have one column of ids; got shape {array.shape}. Pass an array of ids.")
    return array.ravel()


def _in_order(ids):
    """A set as a list, which is the same each time: sorted, by types and representations where that cannot be."""
    missing = [id_ for id_ in ids if id_ is None or id_ is pd.NA or id_ is pd.NaT or id_ != id_]
    present = [id_ for id_ in ids if all(id_ is not other for other in missing)]
    try:
        return sorted(present) + missing
    except TypeError:
        return sorted(present, key=lambda id_: (type(id_).__name__, repr(id_))) + missing


def _are_rows(values, fitted):
    """Whether the members of a list are rows, and not ids."""
    return bool(len(values)) and all(isinstance(row, ROWS) and not fitted.hold(row) for row in values)


def _shape_of(rows):
    """The shape of a list of rows, with the least and the largest length where these differ."""
    lengths = sorted(set(map(len, rows)))
    return len(rows), lengths[0] if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"


def column_of(table, column, name):
    """A column of a data frame, the argument `name`, by its name."""
    if column not in names_of(table):
        raise ValueError(f"{name}, as a table, must have the column {column!r}; got {names_of(table)}.")
    return table[column]


def _only_column(table, name):
    """The column of a data frame that has one."""
    names = names_of(table)
    if len(names) != 1:
        raise TypeError(f"{name} is a table of {len(names)} columns; pass one of them.")
    return table[names[0]]


def _named_column(table, name, columns, j):
    """Column `j` of a data frame, by its name in `columns`."""
    names = names_of(table)
    if columns[j] not in names:
        raise ValueError(
            f"{name}, as a table, must have the column {columns[j]!r}; got {names}. Pass the column of ids alone, such "
            f"as {name}[{names[0] if names else columns[j]!r}]."
        )
    others = [column for column in columns[:2] if column in names and column != columns[j]]
    if others:
        raise ValueError(
            f"{name} holds the column {others[0]!r} too, but the same ids are meant for all; pass "
            f"{name}[{columns[j]!r}]."
        )
    return table[columns[j]]

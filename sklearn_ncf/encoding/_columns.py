"""Reads any table into columns of distinct ids.

A column is hashed once, by pandas; whatever has to be decided about ids (their type, their order, whether they are
known) is then decided on the distinct ones only.
"""

from collections import Counter
from datetime import datetime, timedelta
from numbers import Number
from typing import NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from sklearn.utils import check_array

from sklearn_ncf.encoding._containers import as_local, narwhals_frame, narwhals_series

NUMBER = "number"  # a kind of ids
MISSING = -1  # the position of a missing id, and the code of an unknown one
NO_STRING = np.array([object()])  # see `factorize`


class Column(NamedTuple):
    """The distinct ids of one column, and where each row stands among them.

    ids : ndarray of shape (n_distinct,), int64, uint64, float64, bool or object; in order of appearance, but for whole
        numbers that lie close together, which are sorted.
    positions : ndarray of shape (n_rows,), intp; -1 where the id is missing.
    """

    ids: np.ndarray
    positions: np.ndarray


def read_table(X, *, estimator, min_columns=1, only=None):
    """Split a table into its header and its columns.

    Returns the header, an object with the column names (if there are any) and the shape of `X` as scikit-learn's
    `validate_data` reads them, and an iterator over the columns, each a `Column`. With `only`, a sequence of indices,
    it yields those columns alone, in this order: the others may hold what cannot be hashed.
    """
    X = without_mask(as_local(X, "X"))
    frame = as_frame(X)
    if frame is None:
        # Lists of mixed rows must not become arrays of strings, where 1 and "1" are the same id.
        array = check_array(
            X,
            dtype=None if hasattr(X, "__array__") else object,
            ensure_all_finite=False,
            ensure_min_features=min_columns,
            estimator=estimator,
        )
        return array, _read_columns(None, _indices(only, array.shape[1]), lambda j: _hashed(array[:, j]))

    names, n_rows, read_values = frame
    if n_rows == 0 or len(names) < min_columns:
        # scikit-learn's own words for an empty table.
        empty = np.empty((n_rows, len(names)), dtype=np.int8)
        check_array(empty, ensure_min_features=min_columns, estimator=estimator)
    repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if repeated is not None:
        raise ValueError(f"X has more than one column named {repeated!r}; give each column a name of its own.")
    return pd.DataFrame(columns=names), _read_columns(
        names, _indices(only, len(names)), lambda j: _hashed(*read_values(j))
    )


def read_column(values):
    """A column by itself, an array of numpy, a Series of pandas or a column of another library, as a `Column`."""
    series = narwhals_series(values)
    return _hashed(values) if series is None else _hashed(*_values_of(series))


def kinds_of(ids):
    """The kind of each distinct id, as a word: two columns can share ids only where they share kinds."""
    if _are_numbers(ids):
        return np.full(len(ids), NUMBER, dtype=object)
    kinds = {type_: _kind(type_) for type_ in set(map(type, ids))}
    return as_objects([kinds[type(id_)] for id_ in ids])


def count_kinds(ids):
    """The number of distinct ids of each kind."""
    return Counter({NUMBER: len(ids)} if _are_numbers(ids) else kinds_of(ids))


def _are_numbers(ids):
    return ids.dtype.kind in "iufb"


def factorize(values):
    """Positions of values among the distinct ones, -1 where missing, and the distinct ones in order of appearance.

    Before version 3.1, pandas hashes an array that holds nothing but strings as C strings, which merges strings that
    differ after a null character, and lone surrogates with their repr: hence one more value that is no string.
    """
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return pd.factorize(values)
    positions, distinct = pd.factorize(np.append(values, NO_STRING))
    return positions[:-1], distinct[:-1]


def as_table_name(names, j):
    """How a message names column `j`."""
    return f"column {j}" if names is None else f"column {names[j]!r}"


def as_frame(X):
    """Column names, number of rows and a reader of columns where `X` is a data frame, else None.

    The reader returns a column's values, a pandas Series of pandas' own tables, and which rows are missing where these
    are not among the values, else None.
    """
    if isinstance(X, pd.DataFrame):
        return list(X.columns), len(X), lambda j: (X.iloc[:, j], None)
    frame = narwhals_frame(X)
    return None if frame is None else (frame.columns, len(frame), lambda j: _values_of(frame[:, j]))


def without_mask(X):
    """A masked array as one of objects, ``None`` where it is masked; all else as it is."""
    return np.where(np.ma.getmaskarray(X), None, X.data) if isinstance(X, np.ma.MaskedArray) else X


def _indices(only, n_columns):
    return range(n_columns) if only is None else only


def _read_columns(names, indices, read_column):
    for j in indices:
        try:
            yield read_column(j)
        except TypeError as error:
            raise TypeError(
                f"{as_table_name(names, j)} holds ids that cannot be hashed ({error}): an id given as an argument must "
                "be a string or a number, or anything else that Python can hash."
            ) from error


def _kind(type_):
    if issubclass(type_, str):
        return "string"
    if issubclass(type_, bytes):
        return "bytes"
    if issubclass(type_, (Number, np.bool_)):
        return NUMBER
    if issubclass(type_, datetime):
        return "datetime"
    if issubclass(type_, timedelta):
        return "timedelta"
    return type_.__name__


def _from_pandas(series):
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        used, positions = _occurring(codes[codes >= 0], len(dtype.categories))
        ids, places = _from_pandas(dtype.categories[used].to_series())
        return Column(ids, _with_missing(places[positions], codes < 0))
    if isinstance(dtype, pd.ArrowDtype):
        return _hashed(*_values_of_arrow(series.array.__arrow_array__()))
    if isinstance(dtype, np.dtype):
        return _hashed(series.to_numpy())
    if hasattr(dtype, "numpy_dtype"):  # nullable numbers
        missing = series.isna().to_numpy()
        return _hashed(series.array[~missing].to_numpy(dtype=dtype.numpy_dtype), missing)
    if isinstance(dtype, pd.StringDtype) and dtype.storage == "python":
        return _hashed(series.to_numpy(dtype=object))
    return _hashed(series.array)


def _values_of(series):
    """Values of a column of narwhals, and which of its rows are missing, as `as_frame` describes them."""
    if series.implementation.is_pyarrow():
        return _values_of_arrow(series.to_native())
    dtype = series.dtype
    if (dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128)) or dtype.is_float() or dtype == nw.Boolean:
        return series.drop_nulls().to_numpy(), series.is_null().to_numpy()
    if dtype == nw.Datetime and dtype.time_zone is not None:  # Python's datetime has no nanoseconds
        in_utc = pd.DatetimeIndex(series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy())
        return in_utc.tz_localize("UTC").tz_convert(dtype.time_zone).array, None
    if dtype in (nw.Duration, nw.Datetime):
        return series.to_numpy(), None
    if dtype == nw.Time:
        _check_resolution((series.cast(nw.Int64) % 1000 == 0).all(), "times of day", "microseconds")
    return as_objects(series.to_list()), None  # numpy has no strings or dates of this kind


def _values_of_arrow(column):
    """Values of a column, and which of its rows are missing, as `as_frame` describes them."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type):
        values, missing = column.drop_null(), column.is_null()
        return values.to_numpy(zero_copy_only=False), missing.to_numpy(zero_copy_only=False)
    if types.is_time(column.type) and column.type.unit == "ns":
        nanoseconds = column.cast("int64").drop_null().to_numpy(zero_copy_only=False)
        _check_resolution((nanoseconds % 1000 == 0).all(), "times of day", "microseconds")
        column = column.cast("time64[us]")
    if types.is_string(column.type) or types.is_large_string(column.type) or types.is_temporal(column.type):
        return pd.arrays.ArrowExtensionArray(column), None
    return as_objects(column.to_pylist()), None


def _hashed(values, missing=None):
    """Hash ids into a `Column`; `missing` marks rows that are not among the `values`."""
    if isinstance(values, pd.Series):
        return _from_pandas(values)
    if isinstance(values, np.ndarray):
        values = _as_hashable(values)
    if isinstance(values, np.ndarray) and _are_close_together(values):
        low = values.min()
        ids, positions = _occurring((values - low).astype(np.intp, copy=False), int(values.max()) - int(low) + 1)
        ids = ids.astype(values.dtype) + low
    else:
        positions, ids = factorize(values)
    ids, positions = _as_ids(ids, positions)
    return Column(ids, positions if missing is None else _with_missing(positions, missing))


def _occurring(codes, n_codes):
    """Which of the integers below `n_codes` occur, and where each row stands among them: no hashing, no sorting."""
    occurs = np.zeros(n_codes, dtype=bool)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def _with_missing(positions, missing):
    """Positions of all rows, from those of the rows that are not missing."""
    if not missing.any():
        return positions
    with_missing = np.full(len(missing), MISSING, dtype=np.intp)
    with_missing[~missing] = positions
    return with_missing


def _are_close_together(values):
    """Whether values are whole numbers in a range so short that a table of it is smaller than a hash table."""
    return values.dtype.kind in "iu" and len(values) and int(values.max()) - int(values.min()) < 2 * len(values)


def _as_hashable(values):
    """An array of the dtypes of `Column`, or of times, which pandas hashes."""
    kind = values.dtype.kind
    if kind == "c":
        raise ValueError("Complex data not supported")  # scikit-learn's own words
    if kind in "iu":
        return values.astype(np.uint64 if values.dtype == np.uint64 else np.int64, copy=False)
    if kind == "f":
        floats = values.astype(np.float64, copy=False)
        exact = values.itemsize <= floats.itemsize or np.array_equal(floats, values, equal_nan=True)
        return floats if exact else values.astype(object)
    if kind in "mM":
        return _as_times(values)
    return values if kind == "b" else values.astype(object, copy=False)


def _as_times(values):
    """Times of numpy in a unit that pandas has, exactly."""
    unit, _ = np.datetime_data(values.dtype)
    if unit not in ("ps", "fs", "as"):
        return values
    times = values.astype(f"{values.dtype.kind}8[ns]")
    _check_resolution(np.array_equal(times.astype(values.dtype), values, equal_nan=True), "times", "nanoseconds")
    return times


def _check_resolution(exact, what, unit):
    if not exact:
        raise ValueError(f"X holds {what} finer than {unit}, which cannot be told apart; convert them to integers.")


def _as_ids(distinct, positions):
    """Distinct values as an array of one of the dtypes that `Column` names, and where each row stands among them."""
    if not isinstance(distinct, np.ndarray):
        distinct = distinct.to_numpy()
    if distinct.dtype.kind in "mM":
        distinct = pd.Series(distinct).astype(object).to_numpy()  # Timestamp, Timedelta: numpy's own lose their unit
    if distinct.dtype == np.uint64 and not np.any(distinct > np.iinfo(np.int64).max):
        return distinct.astype(np.int64), positions
    if distinct.dtype != object:
        return distinct, positions
    if any(issubclass(type_, np.generic) for type_ in set(map(type, distinct))):
        places, distinct = factorize(as_objects(map(_as_python, distinct), len(distinct)))  # some may be equal now
        positions = np.append(places, MISSING)[positions]
    return _numbers_where_all_are(distinct), positions


def _as_python(id_):
    """An id of one of numpy's scalar types as Python's or pandas' own: numpy's do not compare with large numbers."""
    if isinstance(id_, np.datetime64 | np.timedelta64):
        (time,) = pd.Series(_as_times(np.array([id_]))).astype(object)
        return time
    return id_.item() if isinstance(id_, np.generic) else id_


def _numbers_where_all_are(ids):
    """Integers or floats held as objects become arrays of numbers, where they fit into one."""
    types = set(map(type, ids))
    if types not in ({int}, {float}):
        return ids
    try:
        return ids.astype(np.int64 if types == {int} else np.float64)
    except OverflowError:
        return ids


def as_objects(ids, n_ids=None):
    """A sequence, or an iterator of known length, as an array of objects, however its members could be read."""
    return np.fromiter(ids, dtype=object, count=len(ids) if n_ids is None else n_ids)

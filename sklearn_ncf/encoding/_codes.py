"""From the ids of a column to their codes, and back."""

from numbers import Integral

import numpy as np

from sklearn_ncf._sklearn_compat import InvalidParameterError
from sklearn_ncf.encoding._columns import MISSING
from sklearn_ncf.encoding._unknown_ids import UnknownIds


def encode_column(column, vocabulary):
    """Codes of a `Column`, and what is unknown in it."""
    codes = vocabulary.codes(column.ids)
    unknown = codes == MISSING
    if unknown.any():
        unknown[unknown] = ~vocabulary.accounts_for(column.ids[unknown])
    found = UnknownIds.in_column(column, np.flatnonzero(unknown))
    return np.append(codes, MISSING)[column.positions], found  # a missing id, at position -1, takes the last


def decode_column(codes, ids, name):
    """The ids that codes stand for, of the column called `name`: objects, where one is missing."""
    if np.any((codes < MISSING) | (codes >= len(ids)) | (codes != np.floor(codes))):
        last = len(ids) - 1
        raise ValueError(f"{name} holds numbers that are no codes: expected integers from -1 to {last}.")
    codes = codes.astype(np.intp)
    known = codes != MISSING
    if known.all():
        return ids[codes]
    decoded = np.full(len(codes), None, dtype=object)
    decoded[known] = ids[codes[known]]
    return decoded


def join_columns(columns, dtype=None):
    """Columns as one array, of `dtype`, or of the dtype that they share, else of objects."""
    dtypes = {column.dtype for column in columns} if dtype is None else {dtype}
    array = np.empty((len(columns[0]), len(columns)), dtype=dtypes.pop() if len(dtypes) == 1 else object)
    for j, column in enumerate(columns):
        array[:, j] = column
    return array


def least_count(min_frequency, n_rows):
    """In how many of so many rows an id must occur to get a code."""
    if min_frequency is None:
        return 1
    if isinstance(min_frequency, Integral):
        return int(min_frequency)
    share = float(min_frequency)
    count = int(share * n_rows)
    return count if count / n_rows >= share else count + 1  # 0.07 * 100 is more than 7


def check_dtype_of_codes(dtype, n_ids):
    """Raise where `dtype`, a parameter of IdEncoder, cannot hold the codes of so many ids."""
    try:
        type_ = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        type_ = None
    if type_ is None or type_.kind not in "if":
        raise InvalidParameterError(
            f"The 'dtype' parameter of IdEncoder must be a signed integer or float type, which holds -1. Got {dtype!r}."
        )
    largest = np.iinfo(type_).max if type_.kind == "i" else 2 ** (np.finfo(type_).nmant + 1)
    if n_ids - 1 > largest:
        raise ValueError(f"dtype={type_} cannot hold the codes of {n_ids} ids; use a larger one, such as np.int64.")

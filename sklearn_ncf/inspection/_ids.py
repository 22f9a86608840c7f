"""What a caller says of each id to draw."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING, Vocabulary, as_objects
from sklearn_ncf.lists import ONE, as_list, names_of, read_ids


def values_of_ids(values, ids, name):
    """What a mapping, a Series or an array says of each id, as a Series in the order of the ids."""
    is_collection = isinstance(values, Iterable) or names_of(values) is not None
    if isinstance(values, ONE) or not is_collection or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a mapping, a Series or an array of one for each id; got {values!r}.")
    if isinstance(values, pd.DataFrame):
        if values.shape[1] != 1:
            raise TypeError(f"{name} is a table of {values.shape[1]} columns; pass one of them.")
        values = values.iloc[:, 0]
    if not isinstance(values, Mapping | pd.Series):
        values = as_list(values, name)
        if len(values) != len(ids):
            raise ValueError(f"{name} must hold one for each of the {len(ids)} ids; got {len(values)}.")
        return pd.Series(as_objects(values), dtype=object)
    if isinstance(values, Mapping):
        keys, values = as_objects(list(values)), pd.Series(as_objects(list(values.values())), dtype=object)
    else:
        keys = values.index
        if not keys.is_unique:
            repeated = keys[keys.duplicated()].tolist()[0]
            raise ValueError(
                f"{name}, a Series, must hold each id once in its index; {repeated!r} is there more often."
            )
        keys = as_objects(list(keys)) if isinstance(keys, pd.MultiIndex) else pd.Series(keys, dtype=keys.dtype)
    rows = _rows_of(ids, keys, name)
    found = rows != MISSING
    if not values.iloc[rows[found]].notna().any():
        raise ValueError(
            f"{name} knows none of the {len(ids)} ids, such as {ids.tolist()[0]!r}: its keys, of a Series its index, "
            "must be raw ids."
        )
    if found.all():
        return values.iloc[rows].reset_index(drop=True)
    objects = np.full(len(ids), None, dtype=object)  # numbers would become floats where one is missing
    objects[found] = as_objects(values.iloc[rows[found]].tolist())
    return pd.Series(objects, dtype=object)


def _rows_of(ids, keys, name):
    """The rows of distinct ids among keys, -1 where one is not there."""
    if not len(keys):
        return np.full(len(ids), MISSING)
    column = read_ids(keys, name)
    rows = np.empty(len(column.ids) + 1, dtype=np.intp)
    rows[column.positions] = np.arange(len(keys))
    rows[-1] = MISSING  # of missing keys, and of ids that are not there
    return rows[Vocabulary(column.ids).codes(ids)]

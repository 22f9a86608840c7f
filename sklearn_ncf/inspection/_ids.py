"""Which ids to draw, and what a caller says of each of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sklearn_ncf._raw_ids import as_series


def ids_and_codes(raw_ids, column, ids):
    """Raw ids to draw, and their codes in the estimator."""
    if ids is None:
        codes = np.arange(len(raw_ids.estimator.encoder_.categories_[column]))
        raw = raw_ids.raw(column, codes)
        named = raw.notna().to_numpy()
        return raw[named], codes[named]
    ids = as_series(ids, "ids").drop_duplicates()
    codes = raw_ids.codes({column: ids}, warns=False)[:, column]
    if (codes < 0).any():
        unknown = ids[codes < 0]
        shown = ", ".join(map(repr, unknown[:5].tolist())) + (", ..." if len(unknown) > 5 else "")
        raise ValueError(f"ids holds {len(unknown)} ids that were not seen in fit, so that they lie nowhere: {shown}.")
    return ids, codes


def values_of_ids(values, ids, name):
    """What a mapping, a Series or an array says of each id, as a Series in the order of the ids."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(f"{name} must be a mapping, a Series or an array of one for each id; got {values!r}.")
    if not isinstance(values, Mapping | pd.Series):
        if len(values) != len(ids):
            raise ValueError(f"{name} must hold one for each of the {len(ids)} ids; got {len(values)}.")
        return pd.Series(as_series(values, name).tolist())
    if isinstance(values, pd.Series):
        if not values.index.is_unique:
            repeated = values.index[values.index.duplicated()].tolist()[0]
            raise ValueError(
                f"{name}, a Series, must hold each id once in its index; {repeated!r} is there more often."
            )
        found = values.reindex(ids)
    else:
        found = pd.Series([values.get(id_) for id_ in ids.tolist()])
    if found.isna().all():
        raise ValueError(
            f"{name} knows none of the {len(ids)} ids, such as {ids.tolist()[0]!r}: its keys, of a Series its index, "
            "must be raw ids."
        )
    return found.reset_index(drop=True)

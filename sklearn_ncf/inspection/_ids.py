"""What a caller says of each id to draw."""

from collections.abc import Mapping

import pandas as pd

from sklearn_ncf._raw_ids import as_series


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

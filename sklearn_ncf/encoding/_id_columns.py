"""Ids on their way out: as the columns of a table that hold each of them exactly."""

import numpy as np
import pandas as pd


def as_series(ids):
    """Ids, ``None`` where one is missing, as a Series of the dtype that holds each of them, value and type.

    That is the dtype of numbers and booleans; `datetime64` and `timedelta64` of the same unit and time zone for pandas'
    times; pandas' default for strings. Integers among which one is missing and all other ids are objects: pandas would
    make floats of the first, and may take the second for what they are not.
    """
    if ids.dtype != object:
        return pd.Series(ids)
    missing = is_missing(ids)
    types = set(map(type, ids[~missing]))
    if types == {str} and _can_be_encoded(ids[~missing]):
        return pd.Series(ids.tolist())
    if types == {float} or (len(ids) and not types):
        return pd.Series(ids.astype(np.float64))
    if types in ({pd.Timestamp}, {pd.Timedelta}):
        return _as_times(ids, missing)
    return pd.Series(ids, dtype=object)


def take_as_series(ids, rows):
    """The given rows of ids as a Series; only the ids that occur are looked at, of which there may be few."""
    used, places = np.unique(rows, return_inverse=True) if len(rows) else (slice(None), rows)
    return as_series(ids[used]).take(places).reset_index(drop=True)


def is_missing(ids):
    """Which ids of an array are missing: ``None``."""
    if ids.dtype != object:
        return np.zeros(len(ids), dtype=bool)
    return np.fromiter((id_ is None for id_ in ids), dtype=bool, count=len(ids))


def _can_be_encoded(strings):
    """Whether UTF-8, in which pandas keeps its strings, can hold all of them: it cannot hold lone surrogates."""
    try:
        "".join(strings).encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_times(ids, missing):
    """Timestamps or Timedeltas as times of one dtype, as objects where their units or time zones differ."""
    objects = pd.Series(ids, dtype=object)
    first = ids[~missing][0]
    zone = getattr(first, "tz", None)
    kind = "timedelta64" if isinstance(first, pd.Timedelta) else "datetime64"
    dtype = pd.DatetimeTZDtype(first.unit, zone) if zone is not None else f"{kind}[{first.unit}]"
    if {(time.unit, str(getattr(time, "tz", None))) for time in ids[~missing]} != {(first.unit, str(zone))}:
        return objects
    times = objects.astype(dtype)
    return times if (times.astype(object)[~missing] == objects[~missing]).all() else objects

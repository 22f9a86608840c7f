"""Ids as plain values, which every file format keeps exactly: some versions of skops change times and decimals."""

import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from sklearn_ncf.encoding._columns import as_objects

KEPT = {str, int, float, bool, bytes}  # types that need no packing


def pack_ids(ids):
    """Ids as they are saved: strings as one array of their bytes and one of their lengths, other objects as tuples."""
    if ids.dtype != object or not len(ids):
        return ids
    types = set(map(type, ids))
    if types == {str}:
        encoded = [id_.encode("utf-8", "surrogatepass") for id_ in ids]
        lengths = np.array([len(string) for string in encoded])
        return {"text": np.frombuffer(b"".join(encoded), dtype=np.uint8), "lengths": lengths}
    return ids if types <= KEPT else {"packed": [_packed(id_) for id_ in ids]}


def unpack_ids(packed):
    """Ids from `pack_ids`."""
    if not isinstance(packed, dict):
        return packed
    if "packed" in packed:
        return as_objects([_unpacked(id_) for id_ in packed["packed"]])
    text, ends = packed["text"].tobytes(), np.cumsum(packed["lengths"]).tolist()
    return as_objects([text[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise([0, *ends])])


def _packed(id_):
    """An id as a tuple of the name of its type and plain values, or of None and the id itself."""
    name = type(id_).__name__
    if name in WAYS and WAYS[name][0] is type(id_):
        return (name, *WAYS[name][1](id_))
    return (None, id_)


def _unpacked(packed):
    name, *values = packed
    return values[0] if name is None else WAYS[name][2](*values)


def _from_timestamp(time):
    return int(time.asm8.astype(np.int64)), time.unit, _from_zone(time.tzinfo)


def _to_timestamp(value, unit, zone):
    time = pd.Timestamp(np.datetime64(value, unit))
    return time if zone is None else time.tz_localize("UTC").tz_convert(_to_zone(zone))


def _from_datetime(time):
    return time.replace(tzinfo=None).isoformat(), time.fold, _from_zone(time.tzinfo), bool(time.dst())


def _to_datetime(text, fold, zone, is_summer):
    time, zone = datetime.datetime.fromisoformat(text).replace(fold=fold), _to_zone(zone)
    if hasattr(zone, "localize"):  # pytz
        return zone.localize(time, is_dst=is_summer)
    return time.replace(tzinfo=zone)


def _from_zone(zone):
    """A time zone as plain values: the package it is from and its name, or seconds from UTC; others as they are."""
    package = type(zone).__module__.partition(".")[0]
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        return ("zoneinfo", zone.key)
    if package == "pytz" and getattr(zone, "zone", None):
        return ("pytz", zone.zone)
    if isinstance(zone, datetime.timezone) or package == "pytz":
        return ("timezone", zone.utcoffset(None).total_seconds(), zone.tzname(None))
    return zone


def _to_zone(zone):
    if not isinstance(zone, tuple):
        return zone
    package, name, *label = zone
    if package == "zoneinfo":
        return ZoneInfo(name)
    if package == "pytz":
        import pytz

        return pytz.timezone(name)
    offset = datetime.timedelta(seconds=name)
    unnamed = datetime.timezone(offset)
    return unnamed if label in ([None], [unnamed.tzname(None)]) else datetime.timezone(offset, *label)


def _from_members(members):
    return [_packed(member) for member in members]


# The name of a type: the type, how it becomes plain values, and how it comes back.
WAYS = {
    "Timestamp": (pd.Timestamp, _from_timestamp, _to_timestamp),
    "Timedelta": (
        pd.Timedelta,
        lambda time: (int(time.asm8.astype(np.int64)), time.unit),
        lambda value, unit: pd.Timedelta(np.timedelta64(value, unit)),
    ),
    "datetime": (datetime.datetime, _from_datetime, _to_datetime),
    "date": (datetime.date, lambda date: (date.toordinal(),), datetime.date.fromordinal),
    "time": (
        datetime.time,
        lambda time: (time.replace(tzinfo=None).isoformat(), time.fold, _from_zone(time.tzinfo)),
        lambda text, fold, zone: datetime.time.fromisoformat(text).replace(fold=fold, tzinfo=_to_zone(zone)),
    ),
    "timedelta": (
        datetime.timedelta,
        lambda time: (time.days, time.seconds, time.microseconds),
        datetime.timedelta,
    ),
    "Period": (
        pd.Period,
        lambda period: (period.ordinal, period.freqstr),
        lambda ordinal, freq: pd.Period(ordinal=ordinal, freq=freq),
    ),
    "Interval": (
        pd.Interval,
        lambda interval: (_packed(interval.left), _packed(interval.right), interval.closed),
        lambda left, right, closed: pd.Interval(_unpacked(left), _unpacked(right), closed),
    ),
    "Decimal": (Decimal, lambda number: (str(number),), Decimal),
    "Fraction": (Fraction, lambda number: number.as_integer_ratio(), Fraction),
    "UUID": (UUID, lambda id_: (id_.hex,), UUID),
    "tuple": (tuple, _from_members, lambda *members: tuple(map(_unpacked, members))),
    "frozenset": (
        frozenset,
        lambda members: sorted(_from_members(members), key=repr),  # sets have another order in every process
        lambda *members: frozenset(map(_unpacked, members)),
    ),
}

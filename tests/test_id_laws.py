"""Laws of ids: distinct in, distinct codes; what comes out went in; a type is judged by the column, not by one row."""

import datetime
import enum
import os
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_ncf import IdEncoder, NCFRegressor, recommend
from sklearn_ncf.encoding._plain_ids import pack_ids, unpack_ids
from sklearn_ncf.storage import _large


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def as_column(ids):
    column = np.empty((len(ids), 1), dtype=object)
    column[:, 0] = np.fromiter(ids, dtype=object, count=len(ids))
    return column


anything = st.characters(exclude_categories=())  # null characters and lone surrogates too
strings = st.text(anything, max_size=3)
timestamps = st.builds(
    lambda value, zone: pd.Timestamp(value, tz=zone),
    st.integers(-(2**61), 2**61),
    st.sampled_from([None, "UTC", "Europe/Paris", "Asia/Kolkata"]),
)
PLAIN_IDS = {
    "integers": st.integers(),
    "integers beyond the floats": st.integers(2**60, 2**60 + 5),
    "floats": st.floats(allow_nan=False),
    "booleans": st.booleans(),
    "strings": strings,
    "strings alike": st.sampled_from(["a\0b", "a\0c", "a", "\ud800", repr("\ud800"), os.fsdecode(b"caf\xe9.mp3")]),
    "bytes": st.binary(max_size=3),
    "decimals": st.decimals(allow_nan=False),
    "fractions": st.fractions(),
    "uuids": st.uuids(),
    "dates": st.dates(),
    "times": st.times(),
    "time spans": st.timedeltas(),
    "datetimes": st.datetimes(),
    "datetimes with zones": st.datetimes(timezones=st.sampled_from([datetime.UTC, pd.Timestamp(0, tz="UTC").tz])),
    "timestamps": timestamps,
    "timedeltas": st.builds(pd.Timedelta, st.integers(-(2**61), 2**61)),
    "periods": st.builds(pd.Period, st.dates(datetime.date(1900, 1, 1)), freq=st.sampled_from(["D", "M"])),
    "intervals": st.builds(lambda left: pd.Interval(left, left + 1), st.integers(-5, 5)),
    "tuples": st.tuples(st.integers(0, 3), strings),
    "sets": st.frozensets(strings, max_size=2),
}
IDS = {**PLAIN_IDS, "members of an enum": st.sampled_from(Color)}
lists_of_ids = st.one_of([st.lists(ids, min_size=1) for ids in IDS.values()]) | st.lists(
    st.one_of([ids for name, ids in IDS.items() if name != "floats"]), min_size=1
)


@given(lists_of_ids)
def test_distinct_ids_have_distinct_codes_and_come_back_by_value_and_type(ids):
    ids = list(dict.fromkeys(ids))  # 1, 1.0 and True are one id
    encoder = IdEncoder().fit(as_column(ids))
    codes = encoder.transform(as_column(ids))
    assert sorted(codes[:, 0]) == list(range(len(ids)))
    decoded = encoder.inverse_transform(codes)[:, 0].tolist()
    assert decoded == ids
    assert [type(id_) for id_ in decoded] == [type(id_) for id_ in ids]


@given(st.sampled_from(sorted(IDS)).flatmap(lambda kind: st.tuples(*[st.lists(IDS[kind], min_size=1)] * 2)))
def test_ids_learned_in_two_steps_and_infrequent_ones_stay_distinct(two_lists):
    first, second = two_lists
    n_distinct = len(dict.fromkeys([*first, *second]))
    encoder = IdEncoder().fit(as_column(first * (len(second) + 1))).partial_fit(as_column([*first, *second]))
    assert len(encoder.categories_[0]) == n_distinct
    rare = IdEncoder(min_frequency=10**6).fit(as_column(first)).partial_fit(as_column([*first, *second]))
    assert len(rare.set_params(min_frequency=1).partial_fit(as_column([*first, *second])).categories_[0]) == n_distinct


class Incomparable:
    def __lt__(self, other):
        raise RuntimeError("no order")


def test_ids_whose_comparison_raises_anything_stay_in_order_of_appearance():
    ids = [Incomparable(), Incomparable()]
    assert IdEncoder().fit(as_column(ids)).categories_[0].tolist() == ids


STRINGS = ["a\0b", "a\0c", "a"]
TICKS = [1, 2, 1003]  # nanoseconds


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"id": pd.Series(STRINGS, dtype="string[python]")}),
        pd.DataFrame({"id": pd.Series(STRINGS)}),
        pd.DataFrame({"id": pd.Series(STRINGS, dtype="string[pyarrow]")}),
        pl.DataFrame({"id": STRINGS}),
        pa.table({"id": STRINGS}),
        np.array(STRINGS)[:, None],
        (1 + np.longdouble(2) ** -60 * np.arange(3))[:, None],
        np.array(TICKS, dtype="M8[ns]")[:, None],
        np.array([1000 * tick for tick in TICKS], dtype="M8[ps]")[:, None],
        as_column([np.datetime64(tick, "ns") for tick in TICKS]),
        as_column([np.timedelta64(tick, "ns") for tick in TICKS]),
        pl.DataFrame({"id": pl.Series(TICKS).cast(pl.Datetime("ns"))}),
        pl.DataFrame({"id": pl.Series(TICKS).cast(pl.Datetime("ns", "Europe/Paris"))}),
        pl.DataFrame({"id": pl.Series(TICKS).cast(pl.Duration("ns"))}),
        pa.table({"id": pa.array(TICKS).cast(pa.timestamp("ns", "Europe/Paris"))}),
        pa.table({"id": pa.array(TICKS).cast(pa.duration("ns"))}),
    ],
    ids=lambda X: f"{type(X).__module__} {getattr(X, 'dtypes', getattr(X, 'dtype', getattr(X, 'schema', '')))}",
)
def test_no_type_of_column_merges_ids(X):
    if np.finfo(np.longdouble).nmant > np.finfo(float).nmant or getattr(X, "dtype", None) != np.longdouble:
        assert sorted(IdEncoder().fit_transform(X)[:, 0]) == [0, 1, 2]


def test_numpy_times_in_a_column_of_objects_are_the_times_that_they_say():
    instant, same = np.datetime64("2020-01-01T00:00:00.000000001"), pd.Timestamp("2020-01-01 00:00:00.000000001")
    encoder = IdEncoder().fit(as_column([instant, np.datetime64("2020-01-01", "s"), np.datetime64("2020-01-01", "ms")]))
    assert encoder.categories_[0].tolist() == [pd.Timestamp("2020-01-01"), same]
    assert encoder.transform(as_column([same, instant])).ravel().tolist() == [1, 1]


@pytest.mark.parametrize(
    "X",
    [
        np.array(TICKS, dtype="M8[fs]")[:, None],
        as_column([np.timedelta64(1, "as")]),
        pl.DataFrame({"id": pl.Series(TICKS).cast(pl.Time)}),
        pa.table({"id": pa.array(TICKS).cast(pa.time64("ns"))}),
    ],
    ids=lambda X: str(getattr(X, "dtypes", getattr(X, "dtype", getattr(X, "schema", "")))),
)
def test_times_finer_than_what_can_be_told_apart_are_refused(X):
    with pytest.raises(ValueError, match=r"finer than \w+, which cannot be told apart; convert them to integers"):
        IdEncoder().fit(X)


# Files


@given(st.one_of([st.lists(ids, min_size=1) for ids in PLAIN_IDS.values()]))
def test_ids_survive_every_file_format(ids):
    ids = as_column(list(dict.fromkeys(ids)))[:, 0]
    packed = skops.io.loads(skops.io.dumps(pack_ids(ids)), trusted=[])  # nothing in it is of a type to be trusted
    for unpacked in (unpack_ids(packed), unpack_ids(pickle.loads(pickle.dumps(pack_ids(ids))))):
        assert unpacked.tolist() == ids.tolist()
        assert list(map(type, unpacked)) == list(map(type, ids))
        zones = [[getattr(id_, "tzinfo", None) for id_ in array] for array in (unpacked, ids)]
        assert list(map(str, zones[0])) == list(map(str, zones[1]))


# Types of ids


def mixed_column(n_numbers, n_rows=100):
    """A column of strings with some numbers, which stand in its first rows."""
    return as_column([*range(n_numbers), *(f"u{i % 50}" for i in range(n_rows - n_numbers))])


@pytest.mark.filterwarnings("ignore:.*% of the rows:UserWarning")
@pytest.mark.parametrize("n_numbers", [1, 3, 30])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_fold_may_lack_a_type_of_ids_that_a_column_has(n_numbers, shuffle):
    users = mixed_column(n_numbers)
    X = np.hstack([users, as_column([i % 5 for i in range(100)]), users[::-1]])  # user, item and context
    folds = KFold(5, shuffle=shuffle, random_state=0 if shuffle else None)
    for train, test in folds.split(X):
        encoder = IdEncoder().fit(X[train])
        assert (encoder.transform(X[test]) >= -1).all()
        encoder.partial_fit(X[test])
    if n_numbers == 1:
        model = make_pipeline(IdEncoder(), NCFRegressor(embedding_dim=2, max_epochs=1, random_state=0, device="cpu"))
        for of_raw_ids in (model, model[-1]):
            assert np.isfinite(cross_val_predict(of_raw_ids, X, np.arange(100.0), cv=folds)).all()


@pytest.mark.parametrize("n_numbers", [0, 1, 3])
def test_a_column_of_another_type_is_refused_although_fit_has_seen_an_exception(n_numbers):
    encoder = IdEncoder().fit(mixed_column(n_numbers))
    asked = as_column([100 + i for i in range(50)])
    expected = "column 0 holds ids of type number, but in fit its ids were of type string: none"
    for method in (encoder.transform, encoder.partial_fit):
        with pytest.raises(ValueError, match=expected):
            method(asked)
    if n_numbers:
        assert encoder.transform(asked[:1]).tolist() == [[-1]]  # one more exception
        assert len(encoder.partial_fit(asked[:1]).categories_[0]) == 50 + n_numbers + 1


def test_a_type_is_judged_by_all_rows_of_a_table_however_it_is_read(monkeypatch, quick):
    X = np.hstack([mixed_column(0, 60), mixed_column(0, 60)])
    model = quick().fit(X, np.arange(60.0))
    monkeypatch.setattr(_large, "ROWS_CHUNK_SIZE", 10)
    asked = X.copy()
    asked[:25, 0] = range(25)  # all rows of the first parts
    assert np.isfinite(model.predict(asked)).all()
    asked[:35, 0] = range(35)
    with pytest.raises(ValueError, match="holds ids of type number, but in fit its ids were of type string"):
        model.predict(asked)


# Warnings


@pytest.mark.parametrize("n_rows", [1, 20])
def test_one_new_user_is_no_mistake_to_warn_of(n_rows, quick):
    X = np.stack([np.arange(40) % 8, np.arange(40) % 5], axis=1)
    model = quick().fit(X, np.arange(40.0))
    asked = np.stack([np.full(n_rows, 99), np.arange(n_rows) % 5], axis=1)
    assert np.isfinite(model.predict(asked)).all()
    assert IdEncoder().fit(X).transform(asked)[:, 0].tolist() == [-1] * n_rows
    with pytest.warns(UserWarning, match="100% of the rows of column 0"):
        model.predict(np.vstack([asked, asked + np.array([1, 0])]))


def test_a_warning_points_at_the_caller_through_pipelines_and_scikit_learn(quick):
    X = pd.DataFrame({"user": np.arange(40) % 8, "item": np.arange(40) % 5})
    y = np.arange(40.0)
    asked = X + 100
    pipe = make_pipeline(IdEncoder().set_output(transform="pandas"), quick()).fit(X, y)
    bare = quick().fit(X, y)
    calls = [
        lambda: pipe.predict(asked),
        lambda: pipe.score(asked, y),
        lambda: pipe[0].transform(asked),
        lambda: bare.predict(asked),
        lambda: quick(early_stopping=True).fit(X, y, X_val=asked, y_val=y),
        lambda: cross_val_predict(bare, X.assign(user=np.arange(40) // 5), y, cv=KFold(4)),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            call()
        assert record
        assert {warning.filename for warning in record} == {__file__}


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def test_members_of_an_enum_of_integers_stay_members():
    decoded = IdEncoder().fit(as_column(list(Level))).inverse_transform([[0], [1]])[:, 0].tolist()
    assert [type(id_) for id_ in decoded] == [Level, Level]


def test_zones_of_times_survive_files_whatever_package_they_are_of():
    zones = [datetime.timezone(datetime.timedelta(hours=1), "X"), datetime.timezone(datetime.timedelta(hours=2))]
    times = [datetime.datetime(2020, 7, 1, tzinfo=zone) for zone in zones]
    localized = pd.to_datetime(["2020-01-01", "2020-07-01"]).tz_localize("Europe/Berlin")  # pytz before pandas 3
    times += [*localized, *(time.to_pydatetime() for time in localized + pd.Timedelta(1, "h"))]
    ids = as_column(times)[:, 0]
    unpacked = unpack_ids(skops.io.loads(skops.io.dumps(pack_ids(ids)), trusted=[]))
    assert unpacked.tolist() == times
    assert [str(time) for time in unpacked] == [str(time) for time in times]
    assert [time.tzname() for time in unpacked] == [time.tzname() for time in times]


def test_an_argument_that_holds_an_id_of_another_type_is_refused(quick):
    X = pd.DataFrame({"user": np.arange(40) % 8, "item": np.arange(40) % 5, "device": np.arange(40) % 3})
    model = quick().fit(X.astype({"device": str}), np.arange(40.0))
    for users in ((1, "x"), [1, "x"], [(1, "x"), 2]):
        with pytest.raises(ValueError, match=r"ids of type \w+, but in fit"):
            recommend(model, users, n_items=2)

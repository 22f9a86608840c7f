"""IdEncoder: whatever the table, equal ids get equal codes, unknown ones -1, and no code ever moves."""

import contextlib
import copy
import datetime
import pickle
import tracemalloc
import uuid
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ncf import IdEncoder

BIG = 2**53  # from here on, float64 cannot tell an integer from the next
NAN = float("nan")
DAY = datetime.datetime(2024, 5, 1)
NIGHT = datetime.datetime(2024, 5, 2, 3, 4, 5)

# Tables with and without names in one test.
other_names = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
law = settings(derandomize=True, database=None, deadline=None, max_examples=100)


def rows(*ids):
    """A table of one column of anything."""
    table = np.empty((len(ids), 1), dtype=object)
    table[:, 0] = np.fromiter(ids, dtype=object, count=len(ids))
    return table


def frame(values, dtype=None):
    return pd.DataFrame({"id": pd.Series(values, dtype=dtype)})


def arrow_frame(values, type_=None):
    return pa.table({"id": pa.array(values, type=type_)}).to_pandas(types_mapper=pd.ArrowDtype)


def codes_of(encoder, X):
    return encoder.transform(X)[:, 0].tolist()


def ids_of(encoder):
    return encoder.categories_[0].tolist()


# Input types

TEXTS = ["bob", None, "ann", "bob", "äöü"]
TABLES_OF_TEXTS = {
    "pandas default": frame(TEXTS),
    "pandas object": frame(TEXTS, object),
    "pandas string": frame(TEXTS, "string"),
    "pandas string[pyarrow]": frame(TEXTS, "string[pyarrow]"),
    "pandas string[python]": frame(TEXTS, "string[python]"),
    "pandas categorical": frame(pd.Categorical(TEXTS, categories=["zoe", "bob", "ann", "äöü"])),
    "pandas categorical of strings": frame(pd.Series(TEXTS, dtype="string").astype("category")),
    "pandas arrow string": arrow_frame(TEXTS),
    "pandas arrow large_string": arrow_frame(TEXTS, pa.large_string()),
    "pandas arrow dictionary": arrow_frame(TEXTS, pa.dictionary(pa.int8(), pa.string())),
    "polars string": pl.DataFrame({"id": TEXTS}),
    "polars categorical": pl.DataFrame({"id": pl.Series(TEXTS, dtype=pl.Categorical)}),
    "polars enum": pl.DataFrame({"id": pl.Series(TEXTS, dtype=pl.Enum(["zoe", "bob", "äöü", "ann"]))}),
    "polars object": pl.DataFrame({"id": pl.Series(TEXTS, dtype=pl.Object)}),
    "pyarrow string": pa.table({"id": TEXTS}),
    "pyarrow large_string": pa.table({"id": pa.array(TEXTS, pa.large_string())}),
    "pyarrow string_view": pa.table({"id": pa.array(TEXTS, pa.string_view())}),
    "pyarrow dictionary": pa.table({"id": pa.array(TEXTS).dictionary_encode()}),
    "pyarrow chunks": pa.table({"id": pa.chunked_array([TEXTS[:2], TEXTS[2:]])}),
    "pyarrow batch": pa.record_batch({"id": pa.array(TEXTS)}),
    "numpy object": rows(*TEXTS),
    "numpy str_": rows(*(text and np.str_(text) for text in TEXTS)),
    "list of rows": [[text] for text in TEXTS],
    "tuple of arrays": tuple(np.array([text], dtype=object) for text in TEXTS),
}

INTEGERS = [BIG + 1, None, 3, BIG, 3]
TABLES_OF_INTEGERS = {
    "pandas Int64": frame(INTEGERS, "Int64"),
    "pandas UInt64": frame(INTEGERS, "UInt64"),
    "pandas object": frame(INTEGERS, object),
    "pandas categorical": frame(pd.Series(INTEGERS, dtype="Int64").astype("category")),
    "pandas categorical of objects": frame(pd.Series(INTEGERS, dtype=object).astype("category")),
    "pandas arrow": arrow_frame(INTEGERS),
    "pandas arrow decimal": arrow_frame([value and Decimal(value) for value in INTEGERS]),
    "polars Int64": pl.DataFrame({"id": INTEGERS}),
    "polars UInt64": pl.DataFrame({"id": pl.Series(INTEGERS, dtype=pl.UInt64)}),
    "polars Int128": pl.DataFrame({"id": pl.Series(INTEGERS, dtype=pl.Int128)}),
    "pyarrow": pa.table({"id": INTEGERS}),
    "pyarrow uint64": pa.table({"id": pa.array(INTEGERS, pa.uint64())}),
    "pyarrow dictionary": pa.table({"id": pa.array(INTEGERS).dictionary_encode()}),
    "pyarrow chunks": pa.table({"id": pa.chunked_array([INTEGERS[:3], INTEGERS[3:]])}),
    "numpy object": rows(*INTEGERS),
    "numpy object of numpy integers": rows(*(value and np.int64(value) for value in INTEGERS)),
    "list of rows": [[value] for value in INTEGERS],
}

SMALL = [2, 0, 1, 2]
TABLES_OF_SMALL_NUMBERS = {
    **{f"numpy {dtype}": np.array(SMALL, dtype=dtype)[:, None] for dtype in ("i1", "i4", "i8", "u1", "u4", "u8")},
    **{f"numpy {dtype}": np.array(SMALL, dtype=dtype)[:, None] for dtype in ("f2", "f4", "f8", "g")},
    **{f"pandas {dtype}": frame(SMALL, dtype) for dtype in ("int8", "uint64", "float32", "Int8", "Float32", "object")},
    **{f"pandas {dtype}": frame(SMALL, dtype) for dtype in ("int64[pyarrow]", "float[pyarrow]", "category")},
    "pandas sparse": frame(pd.arrays.SparseArray(SMALL)),
    "numpy other byte order": np.array(SMALL, dtype=">i4")[:, None],
    "numpy decimals": rows(*map(Decimal, SMALL)),
    "numpy fractions": rows(*map(Fraction, SMALL)),
    "polars": pl.DataFrame({"id": SMALL}),
    "polars float": pl.DataFrame({"id": pl.Series(SMALL, dtype=pl.Float32)}),
    "pyarrow": pa.table({"id": SMALL}),
    "pyarrow float": pa.table({"id": pa.array(SMALL, pa.float64())}),
    "list of rows": [[value] for value in SMALL],
    "scattered": np.array([*SMALL, 10**15])[:-1, None],
}

FLOATS = [1.5, None, NAN, -0.0, np.inf, 0.0]
TABLES_OF_FLOATS = {
    "numpy": np.array(FLOATS, dtype=float)[:, None],
    "numpy object": rows(*FLOATS),
    "pandas float64": frame(FLOATS, "float64"),
    "pandas Float64": frame(
        pd.arrays.FloatingArray(np.array([1.5, 0, NAN, -0.0, np.inf, 0]), np.array([0, 1, 0, 0, 0, 0], dtype=bool))
    ),
    "pandas arrow": arrow_frame(FLOATS),
    "polars": pl.DataFrame({"id": FLOATS}),
    "pyarrow": pa.table({"id": FLOATS}),
    "list of rows": [[value] for value in FLOATS],
}

BOOLEANS = [True, None, False, True]
TABLES_OF_BOOLEANS = {
    "pandas boolean": frame(BOOLEANS, "boolean"),
    "pandas arrow": arrow_frame(BOOLEANS),
    "polars": pl.DataFrame({"id": BOOLEANS}),
    "pyarrow": pa.table({"id": BOOLEANS}),
    "numpy object": rows(*BOOLEANS),
}

TIMES = [NIGHT, None, DAY]
TABLES_OF_TIMES = {
    "numpy": np.array(TIMES, dtype="datetime64[s]")[:, None],
    "numpy object": rows(*TIMES),
    "pandas": frame(TIMES, "datetime64[ns]"),
    "pandas seconds": frame(TIMES, "datetime64[s]"),
    "pandas categorical": frame(pd.Series(TIMES, dtype="datetime64[ns]").astype("category")),
    "pandas arrow": arrow_frame(TIMES),
    "polars": pl.DataFrame({"id": TIMES}),
    "polars milliseconds": pl.DataFrame({"id": pl.Series(TIMES, dtype=pl.Datetime("ms"))}),
    "pyarrow": pa.table({"id": TIMES}),
}

AWARE = [time and time.replace(tzinfo=datetime.UTC) for time in TIMES]
TABLES_OF_AWARE_TIMES = {
    "numpy object": rows(*AWARE),
    "pandas": frame(AWARE, "datetime64[ns, Europe/Paris]"),
    "pandas arrow": arrow_frame(AWARE),
    "polars": pl.DataFrame({"id": AWARE}),
    "pyarrow": pa.table({"id": AWARE}),
}

DATES = [time and time.date() for time in TIMES]
TABLES_OF_DATES = {
    "numpy object": rows(*DATES),
    "pandas arrow": arrow_frame(DATES),
    "polars": pl.DataFrame({"id": DATES}),
    "pyarrow": pa.table({"id": DATES}),
}

TABLES_OF_BYTES = {
    "numpy": rows(b"b", None, b"a"),
    "pandas arrow": arrow_frame([b"b", None, b"a"]),
    "polars": pl.DataFrame({"id": [b"b", None, b"a"]}),
    "pyarrow": pa.table({"id": [b"b", None, b"a"]}),
}

TABLES = {
    "texts": (TABLES_OF_TEXTS, ["ann", "bob", "äöü"], [1, -1, 0, 1, 2]),
    "integers": (TABLES_OF_INTEGERS, [3, BIG, BIG + 1], [2, -1, 0, 1, 0]),
    "small numbers": (TABLES_OF_SMALL_NUMBERS, [0, 1, 2], [2, 0, 1, 2]),
    "floats": (TABLES_OF_FLOATS, [0, 1.5, np.inf], [1, -1, -1, 0, 2, 0]),
    "booleans": (TABLES_OF_BOOLEANS, [False, True], [1, -1, 0, 1]),
    "times": (TABLES_OF_TIMES, [DAY, NIGHT], [1, -1, 0]),
    "aware times": (TABLES_OF_AWARE_TIMES, [AWARE[2], AWARE[0]], [1, -1, 0]),
    "dates": (TABLES_OF_DATES, [DAY.date(), NIGHT.date()], [1, -1, 0]),
    "bytes": (TABLES_OF_BYTES, [b"a", b"b"], [1, -1, 0]),
}


@other_names
@pytest.mark.parametrize(("group", "name"), [(group, name) for group in TABLES for name in TABLES[group][0]])
def test_ids_are_the_same_whatever_table_they_come_in(group, name):
    tables, ids, codes = TABLES[group]
    encoder = IdEncoder(handle_unknown="error").fit(tables[name])
    assert ids_of(encoder) == ids
    assert [codes_of(encoder, X) for X in tables.values()] == [codes] * len(tables)
    assert IdEncoder().fit_transform(tables[name])[:, 0].tolist() == codes


@pytest.mark.parametrize("dtype", ["U", "S", object])
def test_numpy_texts_are_sorted_and_encoded(dtype):
    X = np.array([["b", "x"], ["a", "x"]], dtype=dtype)
    encoder = IdEncoder().fit(X)
    assert encoder.transform(X).tolist() == [[1, 0], [0, 0]]
    assert encoder.inverse_transform([[0, 0]]).tolist() == X[[1]].tolist()


@pytest.mark.parametrize("dtype", ["i8", "i1", "u8", "f8", "f4", "f2", "g", "?"])
def test_numpy_numbers_keep_a_numeric_type(dtype):
    encoder = IdEncoder().fit(np.array([[1], [0], [1]], dtype=dtype))
    expected = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_}[np.dtype(dtype).kind]
    assert encoder.categories_[0].dtype == expected
    assert encoder.inverse_transform([[1], [0]]).dtype == expected


@pytest.mark.parametrize(("ids", "dtype"), [([1, 0], np.int64), ([1.5, 0.5], np.float64), ([1, 0.5], object)])
def test_numbers_of_one_type_held_as_objects_get_a_numeric_type(ids, dtype):
    assert IdEncoder().fit(rows(*ids, None)).categories_[0].dtype == dtype
    assert IdEncoder().fit([[id_] for id_ in ids]).categories_[0].dtype == dtype


def test_unsigned_integers_beyond_int64_stay_exact():
    ids = np.array([2**64 - 1, 2**63, 2**64 - 2, 7], dtype=np.uint64)[:, None]
    encoder = IdEncoder().fit(ids)
    assert ids_of(encoder) == [7, 2**63, 2**64 - 2, 2**64 - 1]
    assert codes_of(encoder, ids) == [3, 1, 2, 0]
    assert codes_of(encoder, np.array([[7]])) == [0]
    assert codes_of(encoder, np.array([[7.0], [2.0**63]])) == [0, 1]
    assert ids_of(encoder.fit(ids[:3])) == [2**63, 2**64 - 2, 2**64 - 1]


def test_integers_of_the_whole_range_are_told_apart():
    ids = np.array([[-(2**63)], [2**63 - 1], [0], [2**63 - 2]])
    encoder = IdEncoder().fit(ids)
    assert codes_of(encoder, ids) == [0, 3, 1, 2]
    assert codes_of(encoder, np.array([[-(2.0**63)], [0.0]])) == [0, 1]
    close = np.repeat(np.array([[-128], [127]], dtype=np.int8), 300, axis=0)
    assert ids_of(encoder.fit(close)) == [-128, 127]


def test_python_integers_beyond_64_bits_are_ids():
    ids = rows(2**70 + 1, 2**70, 5)
    encoder = IdEncoder().fit(ids)
    assert codes_of(encoder, ids) == [2, 1, 0]
    assert codes_of(encoder, np.array([[5]])) == [0]


@other_names
@pytest.mark.parametrize(
    "ids",
    [
        [(2, 1), (1, 2)],
        [uuid.UUID(int=9), uuid.UUID(int=3)],
        [datetime.time(2), datetime.time(1)],
        [datetime.timedelta(2), datetime.timedelta(1)],
        [Decimal("2.1"), Decimal("1.1")],
        [Fraction(2, 3), Fraction(1, 3)],
        [pd.Period("2024-02"), pd.Period("2024-01")],
        [pd.Interval(2, 3), pd.Interval(1, 2)],
    ],
    ids=lambda ids: type(ids[0]).__name__,
)
def test_anything_that_can_be_hashed_and_compared_is_an_id(ids):
    for X in (rows(*ids), frame(ids)):
        encoder = IdEncoder().fit(X)
        assert ids_of(encoder) == ids[::-1]
        assert codes_of(encoder, X) == [1, 0]
        assert encoder.inverse_transform([[1], [-1]])[:, 0].tolist() == [ids[0], None]


@pytest.mark.parametrize(
    ("values", "unused"),
    [
        (["b", "a"], "c"),
        ([3, 1], 2),
        ([1.5, 0.5], 1.0),
        ([pd.Timestamp(NIGHT), pd.Timestamp(DAY)], pd.Timestamp(2030, 1, 1)),
        ([2, "a"], "b"),
    ],
    ids=str,
)
def test_a_categorical_column_has_the_ids_that_it_holds_only(values, unused):
    one, other = values
    X = frame(pd.Categorical([one, None, other, one], categories=[unused, one, other]))
    encoder = IdEncoder().fit(X)
    assert ids_of(encoder) == (values if values == [2, "a"] else sorted(values))
    assert encoder.inverse_transform(encoder.transform(X))[:, 0].tolist() == [one, None, other, one]


@other_names
def test_columns_of_several_types_have_codes_of_their_own():
    X = pd.DataFrame({"user": ["b", "a", "b"], "item": [7, 7, 3], "hour": [0.5, NAN, 0.5], "any": [1, "x", None]})
    encoder = IdEncoder().fit(X)
    expected = [[1, 1, 0, 0], [0, 1, -1, 1], [1, 0, 0, -1]]
    assert encoder.transform(X).tolist() == expected
    assert encoder.transform(X.to_numpy(dtype=object)).tolist() == expected
    assert encoder.transform(X.to_numpy(dtype=object).tolist()).tolist() == expected
    assert [ids.tolist() for ids in encoder.categories_] == [["a", "b"], [3, 7], [0.5], [1, "x"]]


# Equality and order


def test_equal_numbers_are_one_id_whatever_their_type():
    threes = [3, 3.0, np.int8(3), np.uint64(3), np.float32(3), Decimal(3), Fraction(3)]
    encoder = IdEncoder(handle_unknown="error").fit(rows(*threes))
    assert len(ids_of(encoder)) == 1
    for three in threes:
        assert codes_of(IdEncoder(handle_unknown="error").fit(rows(three)), rows(*threes)) == [0] * len(threes)


@pytest.mark.parametrize(
    ("id_", "scalar"), [("a", np.str_("b")), (b"a", np.bytes_(b"b")), (5, np.True_), (5, np.int8(7))]
)
def test_numpy_scalars_have_the_type_of_python_values(id_, scalar):
    encoder = IdEncoder(handle_unknown="error").fit(rows(id_)).partial_fit(rows(scalar))
    assert codes_of(encoder, rows(scalar, id_)) == codes_of(encoder, rows(scalar.item(), id_)) == [1, 0]


@other_names
def test_a_number_and_its_text_are_two_ids():
    encoder = IdEncoder().fit(rows(1, "1", 1.0))
    assert ids_of(encoder) == [1, "1"]
    assert codes_of(encoder, [["1"], [1]]) == [1, 0]
    assert codes_of(encoder, frame(["1", 1], object)) == [1, 0]


@pytest.mark.parametrize(
    ("fitted", "asked"),
    [
        (np.array([[BIG + 1]]), np.array([[float(BIG)]])),
        (np.array([[float(BIG)]]), np.array([[BIG + 1]])),
        (np.array([[3], [4]]), np.array([[3.5]])),
        (np.array([[0]]), np.array([[np.inf]])),
        (np.array([[0]]), np.array([[1e300]])),
        (np.array([[2**63 - 1]]), np.array([[2.0**63]])),
        (np.array([[2.0**63]]), np.array([[2**63 - 1]])),
        (np.array([[2**64 - 1]], dtype=np.uint64), np.array([[2.0**64]])),
        (np.array([[2.0**64]]), np.array([[2**64 - 1]], dtype=np.uint64)),
        (np.array([[2**64 - 2]], dtype=np.uint64), np.array([[-2]])),
        (np.array([[-2]]), np.array([[2**64 - 2]], dtype=np.uint64)),
        (np.array([[BIG + 1]]), rows(float(BIG), 2**70)),
    ],
)
def test_numbers_of_other_types_are_not_rounded_to_known_ids(fitted, asked):
    encoder = IdEncoder(handle_unknown="error").fit(fitted)
    with pytest.raises(ValueError, match=f"unknown ids in {len(asked)} of {len(asked)} rows"):
        codes_of(encoder, asked)


def test_whole_floats_find_integers_and_integers_find_whole_floats():
    integers = np.array([[BIG], [-5], [8]])
    floats = integers.astype(float)
    with_gap = np.array([[BIG], [NAN], [-5], [8], [0.5]])
    for fitted, expected in ((integers, [2, 0, 1]), (floats, [2, 0, 1]), (with_gap, [3, 0, 2])):
        encoder = IdEncoder(handle_unknown="error").fit(fitted)
        assert codes_of(encoder, integers) == codes_of(encoder, floats) == expected


@pytest.mark.parametrize(("fitted", "asked"), [(float, int), (int, float), (int, int), (int, bool)])
def test_a_few_rows_are_encoded_without_touching_every_id(fitted, asked):
    encoder = IdEncoder().fit((np.arange(10**5) * 10**6).astype(fitted)[:, None])
    X = np.array([[0], [0]]).astype(asked)
    encoder.transform(X)  # builds the hash table
    tracemalloc.start()
    try:
        assert codes_of(encoder, X) == [0, 0]
        assert tracemalloc.get_traced_memory()[1] < 10**5  # bytes: not even one for each known id
    finally:
        tracemalloc.stop()


def test_booleans_are_the_numbers_zero_and_one():
    encoder = IdEncoder(handle_unknown="error").fit(np.array([[True], [False]]))
    assert codes_of(encoder, np.array([[1], [0]])) == [1, 0]
    assert codes_of(encoder.fit(np.array([[0], [5], [1]])), np.array([[True], [False]])) == [1, 0]


@pytest.mark.parametrize("ids", [["b", 2, "a", 1], [(1, "a"), (1, 2)], [1j, 0j], [DAY, "b", b"c"], [DAY, DAY.date()]])
def test_ids_that_cannot_be_compared_stay_in_order_of_appearance(ids):
    encoder = IdEncoder().fit(rows(*ids, *ids[::-1]))
    assert ids_of(encoder) == ids
    assert codes_of(encoder, rows(*ids)) == list(range(len(ids)))


@pytest.mark.parametrize("ids", [[5, 2, 9], [10**12, 5, 10**6], [2.5, -1.5, 2.0], ["b", "ab", "B"], [2.5, 2**70, -1]])
def test_ids_that_can_be_compared_are_sorted(ids):
    encoder = IdEncoder().fit(rows(*ids))
    assert ids_of(encoder) == sorted(ids)
    assert codes_of(encoder, rows(*ids)) == [sorted(ids).index(id_) for id_ in ids]


# Missing, unknown and infrequent ids


def test_every_kind_of_missing_id_gets_minus_one():
    missing = [None, NAN, np.nan, np.float32("nan"), pd.NA, pd.NaT, Decimal("nan"), np.datetime64("NaT")]
    for known in (1, "a", DAY):
        encoder = IdEncoder(handle_unknown="error").fit(rows(known, *missing))
        assert ids_of(encoder) == [known]
        assert codes_of(encoder, rows(*missing, known)) == [-1] * len(missing) + [0]


@other_names
@pytest.mark.parametrize(
    "X",
    [
        rows(None, None),
        np.array([[NAN], [NAN]]),
        frame([None, None], "Int64"),
        frame([None, None], "string"),
        frame(pd.Categorical([None, None])),
        arrow_frame([None, None]),
        pl.DataFrame({"id": [None, None]}),
        pa.table({"id": [None, None]}),
    ],
    ids=lambda X: f"{type(X).__module__} {getattr(X, 'dtypes', getattr(X, 'dtype', ''))}",
)
def test_a_column_of_missing_ids_has_no_categories(X):
    encoder = IdEncoder().fit(X)
    assert ids_of(encoder) == []
    assert codes_of(encoder, X) == [-1, -1]
    assert encoder.inverse_transform([[-1]]).tolist() == [[None]]
    with pytest.warns(UserWarning, match="100%"):
        assert codes_of(encoder, [["a"], [1]]) == [-1, -1]
    assert codes_of(encoder.partial_fit([["b"], ["a"]]), [["a"], ["b"]]) == [0, 1]


@pytest.mark.parametrize("known", [[1, 2, 3], ["a", "b", "c"], [0.5, 1.5, 2.5], ["a", 1, 2.5]])
def test_unknown_ids_get_minus_one(known):
    unknown = "z" if "a" in known else 99
    encoder = IdEncoder().fit(rows(*known))
    assert codes_of(encoder, rows(known[1], unknown, *known)) == [1, -1, 0, 1, 2]


def test_unknown_ids_are_named_with_column_and_number_of_rows():
    X = pd.DataFrame({"user": ["a", "b"], "item": [1, 2]})
    encoder = IdEncoder(handle_unknown="error").fit(X)
    asked = pd.DataFrame({"user": ["a", "b", None, "a", "b"], "item": [1, 77, None, 77, 99]})
    with pytest.raises(ValueError, match=r"column 'item' holds unknown ids in 3 of 5 rows: 77\.0, 99\.0\. Fit on them"):
        encoder.transform(asked)
    with pytest.raises(ValueError, match=r"column 'user' holds unknown ids in 1 of 2 rows: 'eve'\. Fit on them"):
        encoder.transform(pd.DataFrame({"user": ["a", "eve"], "item": [1, 1]}))
    with pytest.raises(ValueError, match=r"^column 1 holds unknown ids in 1 of 1 rows: 5\."):
        IdEncoder(handle_unknown="error").fit([[1, 2]]).transform([[1, 5]])


@pytest.mark.parametrize("make", [lambda j: j * 10**6, lambda j: f"id{j}", float])
def test_at_most_five_unknown_ids_are_shown(make):
    encoder = IdEncoder(handle_unknown="error").fit(rows(make(0)))
    shown = ", ".join(repr(make(j)) for j in range(1, 6))
    with pytest.raises(ValueError, match=f"in 5 of 5 rows: {shown}. Fit on them"):
        encoder.transform(rows(*map(make, range(1, 6))))
    with pytest.raises(ValueError, match=f"in 6 of 7 rows: {shown}, .... Fit on them"):
        encoder.transform(rows(*map(make, range(7))))


def test_missing_and_infrequent_ids_are_no_errors():
    encoder = IdEncoder(handle_unknown="error", min_frequency=2).fit([["a"], ["a"], ["b"], [None]])
    assert codes_of(encoder, [["b"], [None], ["a"]]) == [-1, -1, 0]
    with pytest.raises(ValueError, match="in 1 of 2 rows: 'c'"):
        encoder.transform([["b"], ["c"]])


def test_handle_unknown_can_be_changed_after_fit():
    encoder = IdEncoder().fit([["a"]]).set_params(handle_unknown="error")
    with pytest.raises(ValueError, match="'b'"):
        encoder.transform([["a"], ["b"]])


def test_more_than_half_unknown_warns_once_a_column_with_the_share():
    encoder = IdEncoder().fit(pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "hour": [0, 1]}))
    X = pd.DataFrame({"user": ["x", "y", "x", "a"], "item": [1, 2, 9, 9], "hour": [7, 8, 9, 10]})
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        encoder.transform(X)
    assert [str(warning.message)[:48] for warning in record] == [
        "75% of the rows of column 'user' hold ids that w",
        "100% of the rows of column 'hour' hold ids that ",
    ]
    assert {warning.category for warning in record} == {UserWarning}
    assert "encoded as -1" in str(record[0].message)


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_the_warning_points_at_the_caller_of_transform(output):
    encoder = IdEncoder().set_output(transform=output).fit([["a"]])
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        encoder.transform([["b"], ["c"]])
    assert [warning.filename for warning in record] == [__file__]


def test_half_unknown_or_less_is_silent_and_so_are_missing_and_infrequent_ids():
    encoder = IdEncoder(min_frequency=2).fit(rows("a", "a", "b"))
    assert codes_of(encoder, rows("a", "x", "y", "a")) == [0, -1, -1, 0]
    assert codes_of(encoder, rows(None, NAN, "b", "b", "b")) == [-1] * 5
    assert codes_of(encoder, rows("x", None, None)) == [-1] * 3
    with pytest.warns(UserWarning, match="67%"):
        encoder.transform(rows("x", "y", None))


@pytest.mark.parametrize("known", [[7], [7.5], [2**63], ["a"], ["a", 7], [DAY]])
@pytest.mark.parametrize("minus_one", [-1, -1.0, np.int8(-1)])
def test_minus_one_that_fit_has_not_seen_is_a_missing_id(known, minus_one):
    encoder = IdEncoder(handle_unknown="error").fit(rows(*known))
    assert codes_of(encoder, rows(minus_one, *known)) == [-1, *range(len(known))]
    assert codes_of(encoder, np.array([[minus_one], [-1]])) == [-1, -1]
    with pytest.raises(ValueError, match=r"unknown ids in 1 of 2 rows: -2\.|ids of type number"):
        encoder.transform(rows(-2, -1))


def test_minus_one_that_fit_has_seen_is_an_id():
    for ids in ([-1, 5], [5, "a", -1]):
        encoder = IdEncoder(handle_unknown="error").fit(rows(*ids))
        assert codes_of(encoder, rows(-1)) == [ids_of(encoder).index(-1)]
        assert encoder.inverse_transform(encoder.transform(rows(-1))).tolist() == [[-1]]
    assert codes_of(IdEncoder().fit(rows(5)).partial_fit(rows(-1)), rows(-1, 5)) == [1, 0]


# min_frequency

COUNTED = [["a"]] * 4 + [["b"]] * 3 + [["c"]] * 2 + [["d"]]


@pytest.mark.parametrize(
    ("min_frequency", "expected"),
    [
        *[(None, "abcd"), (1, "abcd"), (2, "abc"), (3, "ab"), (np.int64(4), "a"), (5, "")],
        *[(0.01, "abcd"), (0.1, "abcd"), (0.11, "abc"), (0.3, "ab"), (0.31, "a"), (0.4, "a"), (0.99, "")],
    ],
)
def test_ids_rarer_than_min_frequency_get_minus_one(min_frequency, expected):
    encoder = IdEncoder(min_frequency=min_frequency).fit(COUNTED)
    assert ids_of(encoder) == list(expected)
    assert codes_of(encoder, [["a"], ["b"], ["c"], ["d"]]) == [
        list(expected).index(id_) if id_ in expected else -1 for id_ in "abcd"
    ]


@pytest.mark.parametrize("count", [1, 7, 14, 28, 29, 55, 56, 57, 58])
def test_an_id_with_exactly_the_share_is_frequent(count):
    X = np.array([0] * count + list(range(1, 101 - count)))[:, None]
    encoder = IdEncoder(min_frequency=count / 100)  # 100 * 0.07 is more than 7, and 100 * 0.29 less than 29
    assert 0 in ids_of(encoder.fit(X))
    assert 0 not in ids_of(encoder.fit(np.vstack([X, [[1]]])))


def test_missing_ids_count_as_rows_but_not_as_an_id():
    encoder = IdEncoder(min_frequency=0.5).fit(rows(None, None, "a", "b", "a"))
    assert ids_of(encoder) == []
    assert ids_of(encoder.fit(rows(None, "a", "b", "a"))) == ["a"]


def test_an_infrequent_id_that_becomes_frequent_gets_the_next_code():
    encoder = IdEncoder(min_frequency=3).partial_fit(rows("z", "z", "z", "b", "b", "a"))
    assert ids_of(encoder) == ["z"]
    encoder.partial_fit(rows("a", "z", "c"))
    assert ids_of(encoder) == ["z"]
    encoder.partial_fit(rows("b", "a", "d", "d", "d"))
    assert ids_of(encoder) == ["z", "a", "b", "d"]
    assert codes_of(encoder, rows("a", "b", "c", "d", "z")) == [1, 2, -1, 3, 0]


@pytest.mark.parametrize("ids", [("b", "a"), (7, 5), (2.5, 2), (1, "a"), (2**63, 5), (2**70, 5)], ids=str)
def test_rows_are_counted_over_all_calls_whatever_the_type_of_the_ids(ids):
    encoder = IdEncoder(min_frequency=2).fit(rows(*ids))
    assert ids_of(encoder) == []
    encoder.partial_fit(rows(ids[1]))
    assert ids_of(encoder) == [ids[1]]
    encoder.partial_fit(rows(ids[0]))
    assert ids_of(encoder) == [ids[1], ids[0]]


def test_ids_counted_before_are_known_once_min_frequency_is_lowered():
    encoder = IdEncoder(min_frequency=2).fit(rows("b", "c"))
    assert ids_of(encoder.set_params(min_frequency=None).partial_fit(rows("a"))) == ["a", "b", "c"]


def test_a_share_is_one_of_all_rows_seen():
    encoder = IdEncoder(min_frequency=0.5).fit(rows("a", "b"))
    assert ids_of(encoder) == ["a", "b"]
    encoder.partial_fit(rows("c", "c", "d"))
    assert ids_of(encoder) == ["a", "b"]
    encoder.partial_fit(rows("c"))
    assert ids_of(encoder) == ["a", "b", "c"]
    assert ids_of(encoder.fit(rows("d"))) == ["d"]
    assert ids_of(encoder.partial_fit(rows("e"))) == ["d", "e"]


# partial_fit


def test_partial_fit_puts_new_ids_behind_the_known_ones():
    encoder = IdEncoder().partial_fit([["m", 5], ["k", 6]])
    encoder.partial_fit([["b", 6], ["m", 1], ["a", 5]])
    assert [ids.tolist() for ids in encoder.categories_] == [["k", "m", "a", "b"], [5, 6, 1]]
    assert encoder.transform([["a", 1], ["k", 6]]).tolist() == [[2, 2], [0, 1]]


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        (np.array([[5.0], [NAN]]), np.array([[7], [1]]), np.float64),
        (np.array([[5], [6]]), np.array([[7.0], [NAN]]), np.int64),
        (np.array([[5], [6]]), np.array([[7.5]]), np.float64),
        (np.array([[2**63]], dtype=np.uint64), np.array([[7]]), np.uint64),
        (np.array([[7]]), np.array([[2**63]], dtype=np.uint64), np.uint64),
        (np.array([[BIG + 1]]), np.array([[0.5]]), object),
        (np.array([[0.5]]), np.array([[BIG + 1]]), object),
        (np.array([[-7]]), np.array([[2**63]], dtype=np.uint64), object),
        (np.array([[5]]), rows(2**70), object),
        (np.array([[5]]), rows(Fraction(1, 3)), object),
        (np.array([[True]]), np.array([[5]]), object),
    ],
)
def test_ids_of_two_numeric_types_join_without_rounding(first, second, dtype):
    encoder = IdEncoder(handle_unknown="error").fit(first).partial_fit(second)
    known = [id_ for id_ in [*first.ravel().tolist(), *sorted(second.ravel().tolist())] if id_ == id_]
    assert ids_of(encoder) == known
    assert encoder.categories_[0].dtype == dtype
    assert codes_of(encoder, rows(*known)) == list(range(len(known)))


ANY_ID = st.one_of(
    st.none(),
    st.just(NAN),
    st.integers(-3, 3),
    st.integers(-(2**65), 2**65),
    st.sampled_from([BIG, BIG + 1, -BIG, 2**63, 2**63 - 1, 2**64 - 1]),
    st.sampled_from([0.5, 1.0, float(BIG), 2.0**63]),
    st.text("ab1", max_size=2),
)
NUMBERS = st.lists(
    st.one_of(st.integers(-3, 3), st.integers(2**62, 2**65), st.sampled_from([0.5, 1.0, BIG + 0.0, NAN]))
)
TEXTS_OR_NONE = st.lists(st.none() | st.text(max_size=3))
MIXED = st.lists(ANY_ID).map(lambda ids: [0, "0", *ids])


@law
@given(
    st.sampled_from([NUMBERS, TEXTS_OR_NONE, MIXED]).flatmap(lambda column: st.lists(column.filter(len), min_size=2)),
    st.sampled_from([None, 2, 3, 0.2]),
)
def test_partial_fit_never_moves_a_code(batches, min_frequency):
    encoder = IdEncoder(min_frequency=min_frequency)
    known = []
    for batch in batches:
        encoder.partial_fit(rows(*batch))
        assert ids_of(encoder)[: len(known)] == known
        known = ids_of(encoder)
        assert not known or codes_of(encoder, rows(*known)) == list(range(len(known)))


@law
@given(
    st.sampled_from([NUMBERS, TEXTS_OR_NONE, MIXED]).flatmap(lambda column: st.lists(column.filter(len), min_size=1)),
    st.sampled_from([1, 2, 3]),
)
def test_batches_teach_the_same_ids_as_one_fit(batches, min_frequency):
    encoder = IdEncoder(min_frequency=min_frequency)
    for batch in batches:
        encoder.partial_fit(rows(*batch))
    together = IdEncoder(min_frequency=min_frequency).fit(rows(*(id_ for batch in batches for id_ in batch)))
    assert set(ids_of(encoder)) == set(ids_of(together))


def test_a_failed_partial_fit_leaves_the_encoder_as_it_was():
    X = pd.DataFrame({"user": ["a", "b"], "item": [1, 2]})
    encoder = IdEncoder(dtype=np.int8, min_frequency=1).fit(X)
    before = pickle.dumps(encoder)
    for bad in (
        pd.DataFrame({"user": ["c", "d"], "item": ["1", "2"]}),
        pd.DataFrame({"user": ["c", "d"], "item": [[1], [2]]}),
        pd.DataFrame({"user": map(str, range(200)), "item": range(200)}),
        pd.DataFrame({"user": ["c"]}),
        pd.DataFrame({"item": [1], "user": ["c"]}),
        X[:0],
        X["user"],
    ):
        with pytest.raises((ValueError, TypeError)):
            encoder.partial_fit(bad)
        assert pickle.dumps(encoder) == before


def test_a_failed_fit_leaves_the_encoder_as_it_was():
    encoder = IdEncoder(dtype=np.int8)
    with pytest.raises(TypeError):
        encoder.fit([[1, []]])
    with pytest.raises(NotFittedError):
        encoder.transform([[1, 2]])
    before = pickle.dumps(encoder.fit(pd.DataFrame({"user": ["a"]})))
    for bad in (pd.DataFrame({"a": range(200), "b": range(200)}), pd.DataFrame([[1, 2]], columns=["a", 0]), [[1, {}]]):
        with pytest.raises((ValueError, TypeError)):
            encoder.fit(bad)
        assert pickle.dumps(encoder) == before


def test_fit_forgets_what_was_known():
    encoder = IdEncoder(min_frequency=2).fit(pd.DataFrame({"a": ["x", "x"], "b": ["y", "z"]}))
    encoder.fit([[3], [3], [4]])
    assert encoder.n_features_in_ == 1
    assert not hasattr(encoder, "feature_names_in_")
    assert ids_of(encoder) == [3]
    assert ids_of(encoder.partial_fit([[4]])) == [3, 4]


def test_a_shallow_copy_learns_on_its_own():
    encoder = IdEncoder().fit([["a"]])
    copy.copy(encoder).partial_fit([["b"]])
    assert ids_of(encoder) == ["a"]
    assert codes_of(encoder, [["b"], ["a"]]) == [-1, 0]


# inverse_transform

COLUMNS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1).map(lambda ids: np.array(ids, dtype=np.int64)),
    st.lists(st.integers(0, 255), min_size=1).map(lambda ids: np.array(ids, dtype=np.uint8)),
    st.lists(st.integers(0, 2**64 - 1), min_size=1).map(lambda ids: np.array(ids, dtype=np.uint64)),
    st.lists(st.floats(allow_nan=False), min_size=1).map(np.array),
    st.lists(st.text(), min_size=1).map(lambda ids: np.array(ids, dtype=object)),
    st.lists(st.booleans(), min_size=1).map(np.array),
    st.lists(st.none() | st.text(), min_size=1).map(lambda ids: pd.array(ids, dtype="string")),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1).map(lambda ids: pd.array(ids, dtype="Int64")),
    st.lists(st.none() | st.text(), min_size=1).map(pd.Categorical),
    st.lists(st.none() | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)), min_size=1).map(
        lambda ids: pd.array(ids, dtype="datetime64[us]")
    ),
    st.lists(st.none() | st.integers() | st.text(), min_size=1).map(lambda ids: rows(*ids)[:, 0]),
)


@law
@given(st.lists(COLUMNS, min_size=1, max_size=3), st.sampled_from([np.int64, np.int16, np.float32]))
def test_decoding_undoes_encoding(columns, dtype):
    n_rows = min(map(len, columns))
    X = pd.DataFrame({f"column{j}": column[:n_rows] for j, column in enumerate(columns)})
    encoder = IdEncoder(dtype=dtype)
    codes = encoder.fit_transform(X)
    assert codes.dtype == dtype
    assert np.array_equal(encoder.transform(X), codes)
    decoded = encoder.inverse_transform(codes)
    for j, name in enumerate(X):
        expected = [None if pd.isna(id_) else id_ for id_ in X[name].astype(object)]
        assert decoded[:, j].tolist() == expected
    assert np.array_equal(encoder.transform(pd.DataFrame(decoded, columns=X.columns)), codes)


def test_decoded_ids_have_one_numeric_type_or_are_objects():
    encoder = IdEncoder().fit(pd.DataFrame({"a": [5, 6], "b": [7, 8], "c": [0.5, 1.5]}))
    assert encoder.inverse_transform([[0, 1, 1]]).dtype == object
    assert encoder.inverse_transform([[0, 1, 1]]).tolist() == [[5, 8, 1.5]]
    integers = IdEncoder().fit([[5, 7], [6, 8]])
    assert integers.inverse_transform([[0, 1]]).dtype == np.int64
    assert integers.inverse_transform([[-1, 1], [0, -1]]).tolist() == [[None, 8], [5, None]]
    assert type(integers.inverse_transform([[-1, 1]])[0, 1]) is int


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, pl.from_numpy, pa.table, np.float32, np.uint8, list])
def test_codes_may_come_in_any_table(make):
    encoder = IdEncoder().fit([["a", 5], ["b", 6]])
    codes = np.array([[1, 0], [0, 1]])
    codes = pa.table({"user": [1, 0], "item": [0, 1]}) if make is pa.table else make(codes)
    assert encoder.inverse_transform(codes).tolist() == [["b", 5], ["a", 6]]


def test_no_codes_are_no_ids():
    assert IdEncoder().fit([["a", 5]]).inverse_transform(np.empty((0, 2), dtype=int)).shape == (0, 2)


@pytest.mark.parametrize("bad", [2, -2, 0.5, 1e300, 2**62, np.uint64(2**64 - 1)])
def test_numbers_that_are_no_codes_are_refused(bad):
    encoder = IdEncoder().fit(pd.DataFrame({"user": ["a", "b"], "item": ["c", "d"]}))
    codes = np.array([[0, 0], [1, bad]], dtype=np.asarray(bad).dtype)
    with pytest.raises(
        ValueError, match="column 'item' holds numbers that are no codes: expected integers from -1 to 1"
    ):
        encoder.inverse_transform(codes)


@pytest.mark.parametrize("bad", [[["x", "y"]], [[NAN, 0.0]], [[np.inf, 0]], [1, 0], scipy.sparse.eye(2)], ids=str)
def test_tables_that_hold_no_codes_are_refused(bad):
    encoder = IdEncoder().fit([["a", 5], ["b", 6]])
    with pytest.raises((ValueError, TypeError)):
        encoder.inverse_transform(bad)


def test_codes_of_another_number_of_columns_are_refused():
    encoder = IdEncoder().fit([["a", 5], ["b", 6]])
    with pytest.raises(ValueError, match=r"codes in shape \(n_samples, 2\); got shape \(1, 3\)"):
        encoder.inverse_transform([[0, 0, 0]])


# Names, containers and dtype


def test_feature_names_go_through():
    encoder = IdEncoder().fit(pd.DataFrame({"user": [1], "item": [2]}))
    assert encoder.feature_names_in_.tolist() == encoder.get_feature_names_out().tolist() == ["user", "item"]
    assert encoder.get_feature_names_out(["user", "item"]).tolist() == ["user", "item"]
    with pytest.raises(ValueError, match="input_features"):
        encoder.get_feature_names_out(["item", "user"])
    assert IdEncoder().fit([[1, 2]]).get_feature_names_out().tolist() == ["x0", "x1"]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_names_of_every_kind_of_frame_are_kept(make):
    encoder = IdEncoder().fit(make({"user": ["a", "b"], "item": [1, 2]}))
    assert encoder.feature_names_in_.tolist() == ["user", "item"]
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(make({"item": [1], "user": ["a"]}))


@pytest.mark.parametrize("columns", [[0, 1], [("a", "x"), ("a", "y")], pd.MultiIndex.from_product([["a"], ["x", "y"]])])
def test_names_that_are_not_texts_are_ignored(columns):
    X = pd.DataFrame([["a", 5], ["b", 5]])
    X.columns = columns
    encoder = IdEncoder(handle_unknown="error").fit(X)
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.transform(X).tolist() == [[0, 0], [1, 0]]
    with pytest.raises(ValueError, match="column 0 holds unknown ids"):
        encoder.transform(X.replace("a", "z"))


def test_set_output_gives_data_frames():
    X = pd.DataFrame({"user": ["b", "a"], "item": [5, 6]}, index=[10, 20])
    encoder = IdEncoder().set_output(transform="pandas").fit(X)
    expected = pd.DataFrame({"user": [1, 0], "item": [0, 1]}, index=[10, 20])
    pd.testing.assert_frame_equal(encoder.transform(X), expected)
    pd.testing.assert_frame_equal(encoder.fit_transform(X), expected)

    for frame_ in (pl.DataFrame({"user": ["b", "a"], "item": [5, 6]}), X):
        encoder = IdEncoder().set_output(transform="polars").fit(frame_)
        for codes in (encoder.transform(frame_), encoder.fit_transform(frame_)):
            assert isinstance(codes, pl.DataFrame)
            assert codes.to_dict(as_series=False) == {"user": [1, 0], "item": [0, 1]}
            assert encoder.inverse_transform(codes).tolist() == [["b", 5], ["a", 6]]


@pytest.mark.parametrize("dtype", [np.int8, "int32", np.dtype("i8"), float, np.float16, "<f4"])
def test_codes_have_the_dtype_asked_for(dtype):
    encoder = IdEncoder(dtype=dtype)
    assert encoder.fit_transform([["b"], ["a"], [None]]).dtype == np.dtype(dtype)
    assert codes_of(encoder, [["b"], ["a"], [None]]) == [1, 0, -1]


@pytest.mark.parametrize(
    "dtype", [np.uint8, "uint64", bool, str, object, complex, "datetime64[s]", "no such", None, {}]
)
def test_a_dtype_that_cannot_hold_minus_one_is_refused(dtype):
    with pytest.raises(InvalidParameterError, match="'dtype' parameter of IdEncoder must be a signed integer or float"):
        IdEncoder(dtype=dtype).fit([[1]])


@pytest.mark.parametrize(("dtype", "n_ids"), [(np.int8, 128), (np.int16, 2**15), (np.float16, 2**11 + 1)])
def test_a_dtype_too_small_for_the_codes_is_refused(dtype, n_ids):
    ids = np.arange(n_ids + 1)[:, None]
    codes = IdEncoder(dtype=dtype).fit_transform(ids[:n_ids])
    assert codes[:, 0].tolist() == list(range(n_ids))
    with pytest.raises(ValueError, match=rf"dtype={np.dtype(dtype)} cannot hold the codes of {n_ids + 1} ids"):
        IdEncoder(dtype=dtype).fit(ids)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("min_frequency", value) for value in (0, -1, 0.0, 1.0, 1.5, NAN, "2")]
    + [("handle_unknown", value) for value in ("ignore", "use_encoded_value", None)],
)
def test_a_parameter_out_of_range_is_named_in_fit(parameter, value):
    encoder = IdEncoder(**{parameter: value})
    for method in (encoder.fit, encoder.fit_transform, encoder.partial_fit):
        with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of IdEncoder"):
            method([[1]])


# Bad input

OTHER_TYPES = [
    ([1, 2], ["1", "2"], "number", "string"),
    ([1.5, NAN], ["1", "2"], "number", "string"),
    ([1, 2], [b"1"], "number", "bytes"),
    (["a"], [b"a"], "string", "bytes"),
    ([1, 2], [DAY], "number", "datetime"),
    ([DAY], [DAY.date()], "datetime", "date"),
    (["2024-05-01"], [DAY], "string", "datetime"),
    ([(1, 2)], ["(1, 2)"], "tuple", "string"),
    ([True], ["True"], "number", "string"),
    ([Decimal("1.5")], ["1.5"], "number", "string"),
]


@other_names
@pytest.mark.parametrize("min_frequency", [None, 2])
@pytest.mark.parametrize(("one", "other", "kind", "other_kind"), OTHER_TYPES)
def test_ids_of_another_type_are_refused_both_ways(one, other, kind, other_kind, min_frequency):
    for fitted, asked, fitted_kind, asked_kind in ((one, other, kind, other_kind), (other, one, other_kind, kind)):
        encoder = IdEncoder(min_frequency=min_frequency).fit(frame(fitted, None if fitted_kind == "number" else object))
        expected = f"column 'id' holds ids of type {asked_kind}, but in fit its ids were of type {fitted_kind}: none"
        for method in (encoder.transform, encoder.partial_fit):
            with pytest.raises(ValueError, match=expected):
                method(frame(asked, object))
            with pytest.raises(ValueError, match=expected):
                method(frame([*fitted[:1], *asked, *asked, *asked], object))


def test_a_mixed_column_takes_the_types_that_it_was_fitted_on():
    encoder = IdEncoder().fit(rows(1, "a"))
    assert codes_of(encoder, rows(1, 2)) == [0, -1]
    assert codes_of(encoder, rows("b", "a")) == [-1, 1]
    assert codes_of(encoder, rows(1, "a", b"c")) == [0, 1, -1]
    with pytest.raises(ValueError, match="holds ids of type bytes, but in fit its ids were of type number and string"):
        encoder.transform(rows(1, "a", b"c", b"d", b"e"))


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        ([1, 2], "Expected 2D array, got 1D array"),
        (["a", "b"], "Expected 2D array, got 1D array"),
        ([], "Expected 2D array, got 1D array"),
        ([[1, 2], [3]], "Expected 2D array|inhomogeneous"),
        (pd.Series([1, 2]), "Expected a 2-dimensional container"),
        (pl.Series([1, 2]), "Expected 2D array"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
        (np.empty((0, 2)), r"Found array with 0 sample\(s\) \(shape=\(0, 2\)\)"),
        (np.empty((2, 0)), r"Found array with 0 feature\(s\) \(shape=\(2, 0\)\)"),
        (pd.DataFrame({"a": []}), r"Found array with 0 sample\(s\) \(shape=\(0, 1\)\)"),
        (pd.DataFrame(index=[0, 1]), r"Found array with 0 feature\(s\) \(shape=\(2, 0\)\)"),
        (pl.DataFrame({"a": []}), r"Found array with 0 sample\(s\) \(shape=\(0, 1\)\)"),
        (pa.table({"a": pa.array([], pa.int64())}), r"Found array with 0 sample\(s\) \(shape=\(0, 1\)\)"),
        (np.array([[1j]]), "Complex data not supported"),
        (pd.DataFrame({"a": [1j]}), "Complex data not supported"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame([[1, 2]], columns=[0, 0]), "more than one column named 0"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), "more than one column named 'a'"),
    ],
)
def test_what_is_no_table_of_ids_is_refused(X, expected):
    for method in (IdEncoder().fit, IdEncoder().fit_transform, IdEncoder().partial_fit):
        with pytest.raises(ValueError, match=expected):
            method(X)


@pytest.mark.parametrize("X", ["ab", None])
def test_what_has_no_rows_is_refused_by_the_name_of_the_argument(X):
    for method in (IdEncoder().fit, IdEncoder().fit_transform, IdEncoder().partial_fit):
        with pytest.raises(TypeError, match="X must be a data frame, an array or a list; got"):
            method(X)


def test_transform_refuses_what_is_no_table_too():
    encoder = IdEncoder().fit([[1, 2]])
    with pytest.raises(ValueError, match="1D array"):
        encoder.transform([1, 2])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        encoder.transform(np.empty((0, 2)))


def test_sparse_matrices_are_refused():
    with pytest.raises(TypeError, match="dense data is required"):
        IdEncoder().fit(scipy.sparse.csr_matrix([[1]]))


@pytest.mark.parametrize(
    "make", [lambda ids: frame(ids, object), lambda ids: pl.DataFrame({"id": ids}), lambda ids: pa.table({"id": ids})]
)
@pytest.mark.parametrize("ids", [[[1], [2, 3]], [{"a": 1}, {"a": 2}]], ids=["lists", "dictionaries"])
def test_ids_that_cannot_be_hashed_are_refused_with_their_column(make, ids):
    expected = r"column 'id' holds ids that cannot be hashed \(unhashable type: '(list|dict)'\)"
    with pytest.raises(TypeError, match=expected):
        IdEncoder().fit(make(ids))
    with pytest.raises(TypeError, match=expected):
        IdEncoder().fit(make([1, 2])).transform(make(ids))
    with pytest.raises(TypeError, match=expected):
        IdEncoder().fit(pa.table({"id": ids}).to_pandas(types_mapper=pd.ArrowDtype))


def test_an_unhashable_id_in_an_array_is_refused_with_the_number_of_its_column():
    with pytest.raises(TypeError, match="column 1 holds ids that cannot be hashed"):
        IdEncoder().fit([[1, {}]])


def test_renamed_reordered_and_fewer_columns_are_refused():
    X = pd.DataFrame({"user": ["a", "b"], "item": [1, 2]})
    encoder = IdEncoder().fit(X)
    for method in (encoder.transform, encoder.partial_fit):
        with pytest.raises(ValueError, match="feature names should match"):
            method(X.rename(columns={"item": "movie"}))
        with pytest.raises(ValueError, match="must be in the same order"):
            method(X[["item", "user"]])
        with pytest.raises(ValueError, match="feature names should match"):
            method(X[["user"]])
        with pytest.raises(ValueError, match="X has 1 features, but IdEncoder is expecting 2"):
            IdEncoder().fit(X.to_numpy()).transform([["a"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        assert encoder.transform(X.to_numpy()).tolist() == [[0, 0], [1, 1]]


def test_nothing_works_before_fit():
    for method in (IdEncoder().transform, IdEncoder().inverse_transform):
        with pytest.raises(NotFittedError):
            method([[1]])
    with pytest.raises(NotFittedError):
        IdEncoder().get_feature_names_out()


# Copies


def test_pickled_and_copied_encoders_go_on_as_the_original():
    X = pd.DataFrame({"user": ["b", "a", "b", None], "item": [5, 6, 5, 7]})
    encoder = IdEncoder(min_frequency=2, handle_unknown="error").fit(X)
    for again in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder), copy.copy(encoder)):
        assert again.transform(X).tolist() == encoder.transform(X).tolist() == [[0, 0], [-1, -1], [0, 0], [-1, -1]]
        again.partial_fit(X[1:2])
        assert [ids.tolist() for ids in again.categories_] == [["b", "a"], [5, 6]]
    assert [ids.tolist() for ids in encoder.categories_] == [["b"], [5]]


def test_a_clone_has_the_parameters_and_nothing_learnt():
    encoder = IdEncoder(min_frequency=3, handle_unknown="error", dtype=np.int16)
    again = clone(encoder.fit([[1]]))
    assert again.get_params() == encoder.get_params()
    assert not hasattr(again, "categories_")


def test_a_pickle_holds_each_id_once():
    encoder = IdEncoder().fit(np.arange(0, 10**6, 10)[:, None])
    size = len(pickle.dumps(encoder))
    assert size < 8 * 10**5 + 5000
    encoder.transform([[10]])
    assert len(pickle.dumps(encoder)) == size
    assert b"pandas" not in pickle.dumps(encoder)  # which another version might not read


def test_two_fits_are_equal_and_the_data_are_left_alone():
    X = pd.DataFrame({"user": ["b", "a", None], "item": [5, 7, 5]})
    before = X.copy()
    first, second = IdEncoder().fit(X), IdEncoder()
    codes = second.fit_transform(X)
    assert pickle.dumps(first) == pickle.dumps(second) == pickle.dumps(second.fit(X))
    assert np.array_equal(first.transform(X), codes)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("ids", [np.arange(4), np.arange(4) * 10**9, np.arange(4) / 2, np.array(list("abcd"))])
def test_read_only_data_are_read(ids):
    X = np.column_stack([ids, ids])
    X.setflags(write=False)
    assert IdEncoder().fit(X).transform(X).tolist() == [[j, j] for j in range(4)]
    assert IdEncoder().fit_transform(np.asfortranarray(X)[::-1]).tolist() == [[j, j] for j in range(4)][::-1]


# A reference


def reference_codes(fitted, asked, min_frequency):
    """What IdEncoder does, in a dozen lines: Python's own equality, a dictionary and a sort."""
    counts = {}
    for id_ in fitted:
        if not pd.isna(id_):
            counts[id_] = counts.get(id_, 0) + 1
    ids = [id_ for id_, count in counts.items() if count >= min_frequency]
    with contextlib.suppress(TypeError):
        ids = sorted(ids)
    codes = {id_: code for code, id_ in enumerate(ids)}
    return ids, [-1 if pd.isna(id_) else codes.get(id_, -1) for id_ in asked]


@other_names
@settings(law, max_examples=300)
@given(
    st.one_of(
        st.tuples(NUMBERS.filter(len), NUMBERS.filter(len)),
        st.tuples(TEXTS_OR_NONE.filter(len), TEXTS_OR_NONE.filter(len)),
        st.tuples(MIXED, MIXED),
        st.tuples(*[st.lists(st.integers(0, 20), min_size=1)] * 2),
    ),
    st.sampled_from([1, 2]),
)
def test_codes_are_those_of_a_plain_dictionary(columns, min_frequency):
    fitted, asked = columns
    if all(pd.isna(id_) for id_ in fitted):
        fitted = [*fitted, 0 if isinstance(asked[0], (int, float)) else "0"]
    ids, codes = reference_codes(fitted, asked, min_frequency)
    encoder = IdEncoder(min_frequency=min_frequency).fit(rows(*fitted))
    assert ids_of(encoder) == ids
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for X in (rows(*asked), [[id_] for id_ in asked], frame(asked, object)):
            assert codes_of(encoder, X) == codes

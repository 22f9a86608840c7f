"""IdEncoder: whatever the table and the type of the ids, equal ids get equal codes."""

import contextlib
import datetime
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
from hypothesis import given, settings
from hypothesis import strategies as st
from tables_of_ids import (
    BIG,
    DAY,
    MIXED,
    NAN,
    NIGHT,
    NUMBERS,
    TEXTS_OR_NONE,
    arrow_frame,
    codes_of,
    frame,
    ids_of,
    law,
    other_names,
    rows,
)

from sklearn_ncf import IdEncoder

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

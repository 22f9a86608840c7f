"""IdEncoder: missing, unknown and infrequent ids get -1."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tables_of_ids import DAY, NAN, arrow_frame, codes_of, frame, ids_of, other_names, rows

from sklearn_ncf import IdEncoder

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

"""IdEncoder gives back ids for codes, and codes of the names, containers and types asked for."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils._param_validation import InvalidParameterError
from tables_of_ids import NAN, codes_of, law, rows

from sklearn_ncf import IdEncoder

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

"""IdEncoder refuses what is no table of ids, and says why."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError
from tables_of_ids import DAY, NAN, codes_of, frame, other_names, rows

from sklearn_ncf import IdEncoder

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
        (
            pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
            "more than one column named 'a'|unique column names",
        ),
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

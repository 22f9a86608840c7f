"""IdEncoder with passthrough: the encoded columns as without the others, the others as they came."""

import pickle
import re

import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import check_estimator
from tables_of_ids import other_names

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf._encoder import (
    check_unknown,
    encode_columns,
    encoded_columns_of,
    learn_ids,
    learn_ids_in_parts,
    vocabularies_of,
)
from sklearn_ncf.encoding import as_local, chunks_of, read_table, take_columns

USERS, ITEMS = ["bob", "ann", "bob"], [30, 10, None]
TAGS, YEARS, PRICES = [["funny"], [], ["short", "funny"]], [1999, 2001, 1999], [1.5, None, 2.0]
CODES = {"user": [1, 0, 1], "item": [1, 0, -1]}
COLUMNS = {"tags": TAGS, "user": USERS, "year": YEARS, "item": ITEMS, "price": PRICES}
NAMES, OTHERS = list(COLUMNS), ["tags", "year", "price"]
ROWS = [list(row) for row in zip(*COLUMNS.values(), strict=True)]


def as_pandas():
    return pd.DataFrame(COLUMNS).astype({"item": "Int64"})


def as_objects():
    return pd.DataFrame(ROWS, dtype=object).to_numpy()


WITH_NAMES = {
    "pandas": as_pandas,
    "pandas of Arrow": lambda: pa.table(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy polars": lambda: pl.LazyFrame(COLUMNS),
    "pyarrow": lambda: pa.table(COLUMNS),
    "pyarrow batch": lambda: pa.record_batch(COLUMNS),
    "dask": lambda: dd.from_pandas(as_pandas().assign(tags=YEARS), npartitions=1),
}
WITHOUT_NAMES = {
    "objects": as_objects,
    "masked": lambda: np.ma.MaskedArray(np.where(pd.isna(as_objects()), 7, as_objects()), mask=pd.isna(as_objects())),
    "rows": lambda: ROWS,
    "tuple of rows": lambda: tuple(map(tuple, ROWS)),
}


def plain(column):
    """The cells of a column as lists, and None where they are missing."""
    return [list(cell) if np.ndim(cell) else None if pd.isna(cell) else cell for cell in column]


@pytest.mark.parametrize("name", WITH_NAMES)
def test_tables_with_names_give_codes_beside_what_came(name):
    X = WITH_NAMES[name]()
    encoder = IdEncoder(passthrough=OTHERS, dtype=np.int32)
    for encoded in (encoder.fit_transform(X), encoder.fit(X).transform(X)):
        assert list(encoded.columns) == NAMES == encoder.get_feature_names_out().tolist()
        assert {column: encoded[column].tolist() for column in CODES} == CODES
        assert set(encoded.dtypes[list(CODES)]) == {np.dtype(np.int32)}
        assert plain(encoded["tags"]) == (YEARS if name == "dask" else TAGS)
        assert plain(encoded["year"]) == YEARS
        assert plain(encoded["price"]) == PRICES
        assert pd.api.types.is_integer_dtype(encoded["year"])
        assert pd.api.types.is_float_dtype(encoded["price"])
    assert [ids.tolist() for ids in encoder.categories_] == [["ann", "bob"], [10, 30]]
    assert encoder.n_features_in_ == 5
    assert encoder.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("name", WITHOUT_NAMES)
def test_tables_without_names_have_numbers_for_names(name):
    X = WITHOUT_NAMES[name]()
    encoded = IdEncoder(passthrough=[4, 0, 2]).fit_transform(X)
    assert list(encoded.columns) == [0, 1, 2, 3, 4]
    assert encoded[1].tolist() == CODES["user"]
    assert encoded[3].tolist() == CODES["item"]
    assert plain(encoded[0]) == TAGS
    assert encoded[2].tolist() == YEARS
    assert plain(encoded[4]) == PRICES
    assert encoded.dtypes.tolist() == [object, np.int64, np.int64, np.int64, np.float64]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], np.int64),
        ([1, None], object),
        ([1, 2.5], np.float64),
        ([2.5, None], np.float64),
        ([np.nan, np.nan], np.float64),
        ([True, False], np.bool_),
        ([True, None], object),
        (["1", "2"], object),
        (["a", None], object),
        ([1, "a"], object),
        ([{1}, (2, 3)], object),
        ([np.zeros(2), np.ones(2)], object),
        ([2**70, 1], object),
    ],
    ids=str,
)
def test_cells_of_objects_become_numbers_only_where_all_are(values, dtype):
    rows = [["ann", value] for value in values]
    column = IdEncoder(passthrough=1).fit_transform(rows)[1]
    assert column.dtype == dtype
    for cell, value in zip(column, values, strict=True):
        np.testing.assert_equal(cell, np.nan if dtype == np.float64 and value is None else value)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_missing_integers_and_booleans_do_not_become_floats(make):
    X = make({"user": ["ann", "bob"], "year": [1999, None], "new": [None, True], "tags": [[1, None], None]})
    encoded = IdEncoder(passthrough=["year", "new", "tags"]).fit_transform(X)
    assert encoded["year"].tolist() == [1999, None]
    assert encoded["new"].tolist() == [None, True]
    assert encoded["tags"].tolist() == [[1, None], None]


def test_an_array_of_numbers_keeps_its_type():
    X = np.array([[3, 1.5], [5, 0.5]], dtype=np.float32)
    encoded = IdEncoder(passthrough=1).fit_transform(X)
    assert encoded[1].dtype == np.float32
    assert encoded.to_numpy().tolist() == [[0, 1.5], [1, 0.5]]


def test_pandas_columns_keep_dtype_and_index_and_the_input_is_left_alone():
    X = pd.DataFrame(
        {
            "genre": pd.Categorical(["b", None, "a"], categories=["z", "a", "b"]),
            "user": USERS,
            "text": pd.Series(["x", None, "y"], dtype="string"),
            "when": pd.to_datetime(["2024-05-01", None, "2024-05-02"]),
            "n": pd.Series([1, None, 3], dtype="Int16"),
        },
        index=pd.Index([7, 7, 5], name="row"),
    )
    before = X.copy()
    encoded = IdEncoder(passthrough=["genre", "text", "when", "n"]).fit_transform(X)
    assert_frame_equal(encoded.drop(columns="user"), X.drop(columns="user"))
    assert_series_equal(encoded["user"], pd.Series(CODES["user"], index=X.index, name="user"))
    encoded.loc[5, "n"] = 8
    assert_frame_equal(X, before)


def test_names_that_are_not_strings_are_numbered():
    X = pd.DataFrame({5: USERS, 6: YEARS}, index=[1, 2, 3])
    encoded = IdEncoder(passthrough=1).fit_transform(X)
    assert_frame_equal(encoded, pd.DataFrame({0: CODES["user"], 1: YEARS}, index=X.index))


@pytest.mark.parametrize("passthrough", [None, [], (), np.array([], dtype=int)])
def test_nothing_to_pass_gives_an_array_as_ever(passthrough):
    X = pd.DataFrame({"user": USERS, "item": ITEMS})
    encoder = IdEncoder(passthrough=passthrough)
    for codes in (encoder.fit_transform(X), encoder.transform(X)):
        assert isinstance(codes, np.ndarray)
        assert codes.tolist() == [list(row) for row in zip(*CODES.values(), strict=True)]
    assert encoder.inverse_transform(codes).tolist() == [["bob", 30], ["ann", 10], ["bob", None]]
    assert encoded_columns_of(encoder) == [0, 1]


@pytest.mark.parametrize("passthrough", [OTHERS, [4, 0, 2], ["price", 2, 0], np.array(OTHERS), pd.Index(OTHERS)])
def test_columns_are_given_by_name_or_index_in_any_order(passthrough):
    encoder = IdEncoder(passthrough=passthrough).fit(as_pandas())
    assert encoded_columns_of(encoder) == [1, 3]
    assert_frame_equal(encoder.transform(as_pandas()), IdEncoder(passthrough=OTHERS).fit_transform(as_pandas()))


@pytest.mark.parametrize(("passthrough", "encoded"), [("user", [1, 2, 3]), (np.int8(3), [0, 1, 2])])
def test_one_column_needs_no_list(passthrough, encoded):
    X = as_pandas().drop(columns="tags")
    assert encoded_columns_of(IdEncoder(passthrough=passthrough).fit(X)) == encoded


# The encoded columns alone


@pytest.mark.parametrize("min_frequency", [None, 2, 0.3])
def test_codes_are_those_of_an_encoder_of_the_encoded_columns(min_frequency):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 12, size=(60, 2)), columns=["user", "item"])
    X.insert(1, "tags", [[str(n)] for n in range(60)])
    first, second = X[:30], X[30:].reset_index(drop=True)
    encoder = IdEncoder(min_frequency=min_frequency, passthrough="tags")
    alone = IdEncoder(min_frequency=min_frequency)
    for table in (first, second):
        encoder.partial_fit(table)
        alone.partial_fit(table.drop(columns="tags"))
        encoded = encoder.transform(X)
        np.testing.assert_array_equal(encoded[["user", "item"]], alone.transform(X.drop(columns="tags")))
        assert encoded["tags"].tolist() == X["tags"].tolist()


def test_partial_fit_passes_what_fit_passed():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    encoder.set_params(passthrough=None).partial_fit(as_pandas().replace("ann", "eve"))
    assert encoder.categories_[0].tolist() == ["ann", "bob", "eve"]
    assert encoder.transform(as_pandas())["tags"].tolist() == TAGS


def test_messages_name_columns_by_their_place_in_the_table():
    encoder = IdEncoder(passthrough=OTHERS, handle_unknown="error").fit(as_pandas())
    with pytest.raises(ValueError, match="column 'item' holds unknown ids in 1 of 3 rows: 77"):
        encoder.transform(as_pandas().replace(10, 77))
    with pytest.raises(ValueError, match="column 'item' holds ids of type string"):
        encoder.transform(as_pandas().astype({"item": str}))
    with pytest.raises(ValueError, match="column 'item' holds ids of type string"):
        encoder.partial_fit(as_pandas().astype({"item": str}))
    with pytest.raises(ValueError, match="column 'item' holds numbers that are no codes"):
        encoder.inverse_transform([[0, 9]])
    with pytest.raises(TypeError, match="column 'tags' holds ids that cannot be hashed"):
        IdEncoder(passthrough=["year", "price"]).fit(as_pandas())

    nameless = IdEncoder(passthrough=[0, 2, 4], handle_unknown="error").fit(ROWS)
    with pytest.raises(ValueError, match="column 3 holds unknown ids"):
        nameless.transform([[[], "ann", 0, 77, 0.0]])
    with pytest.raises(TypeError, match="column 0 holds ids that cannot be hashed"):
        IdEncoder(passthrough=[2, 4]).fit(as_objects())


def test_the_warning_of_unknown_ids_names_the_column_of_the_table():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    with pytest.warns(UserWarning, match="67% of the rows of column 'item' hold ids") as caught:
        encoder.transform(as_pandas().assign(item=[30, 77, 78]))
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_other_columns_are_refused_as_ever():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(as_pandas()[NAMES[::-1]])
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        encoder.transform(as_pandas()[["user", "item"]])
    with pytest.raises(NotFittedError):
        IdEncoder(passthrough="tags").inverse_transform([[0, 0]])


# What cannot be passed


@pytest.mark.parametrize(
    ("passthrough", "message"),
    [
        ("tag", "passthrough holds 'tag', which is not a column of X; its columns are 'tags', 'user', 'year', 'item'"),
        (["tags", 5], "the index 5, which is not a column of X (n_features=5); expected 0 to 4."),
        (-1, "the index -1, which is not a column of X"),
        (["tags", "year", "tags"], "passthrough names column 'tags' more than once"),
        (["year", 2], "passthrough names column 'year' more than once"),
        (NAMES, "passthrough names all columns of X (n_features=5); leave at least one to encode."),
    ],
)
def test_columns_that_cannot_pass_are_refused(passthrough, message):
    for fit in (IdEncoder(passthrough=passthrough).fit, IdEncoder(passthrough=passthrough).partial_fit):
        with pytest.raises(ValueError, match=re.escape(message)):
            fit(as_pandas())


@pytest.mark.parametrize("make", [lambda: ROWS, lambda: as_pandas().set_axis(range(5), axis=1)])
def test_a_name_is_refused_where_columns_have_none(make):
    with pytest.raises(ValueError, match="passthrough holds the name 'tags', but the columns of X have no names"):
        IdEncoder(passthrough="tags").fit(make())


@pytest.mark.parametrize("passthrough", [1.5, object(), [1.5], [None], [["tags"]], True, [True], [np.True_]])
def test_what_is_neither_name_nor_index_is_refused(passthrough):
    with pytest.raises(InvalidParameterError, match=r"passthrough.* must "):
        IdEncoder(passthrough=passthrough).fit(as_pandas())


# Back to ids


@other_names
@pytest.mark.parametrize("make", [as_pandas, as_objects, lambda: ROWS, WITH_NAMES["polars"], WITH_NAMES["pyarrow"]])
def test_all_columns_come_back_as_they_went_in(make):
    encoder = IdEncoder(passthrough=[0, 2, 4]).fit(make())
    decoded = encoder.inverse_transform(encoder.transform(make()))
    assert isinstance(decoded, pd.DataFrame)
    assert {name: plain(decoded.iloc[:, j]) for j, name in enumerate(NAMES)} == COLUMNS
    assert decoded.iloc[:, 2].dtype == np.int64


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, lambda columns: list(zip(*columns.values(), strict=True))])
def test_codes_among_other_columns_may_come_in_any_table(make):
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    decoded = encoder.inverse_transform(make({**COLUMNS, **CODES}))
    assert plain(decoded.iloc[:, 1]) == USERS
    assert plain(decoded.iloc[:, 3]) == ITEMS
    assert plain(decoded.iloc[:, 0]) == TAGS


def test_codes_alone_give_ids_alone():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    for codes in ([[1, 0], [-1, 1]], np.array([[1, 0], [-1, 1]]), pd.DataFrame([[1, 0], [-1, 1]])):
        ids = encoder.inverse_transform(codes)
        assert isinstance(ids, np.ndarray)
        assert ids.tolist() == [["bob", 10], [None, 30]]
    with pytest.raises(ValueError, match=r"in shape \(n_samples, 2\), or all 5 columns; got shape \(1, 3\)"):
        encoder.inverse_transform([[0, 0, 0]])


def test_the_index_is_kept_on_the_way_back_and_ids_have_their_type():
    X = pd.DataFrame({"user": [5, 9], "item": [1.5, None], "name": ["a", "b"], "tags": [[1], [2]]}, index=[4, 4])
    encoder = IdEncoder(passthrough="tags").fit(X)
    assert_frame_equal(encoder.inverse_transform(encoder.transform(X)), X)
    assert encoder.inverse_transform(encoder.transform(X)[:0]).shape == (0, 4)


# As a part of scikit-learn


def test_an_encoder_that_passes_a_column_passes_every_check_of_scikit_learn():
    results = check_estimator(IdEncoder(passthrough=1), on_fail=None, on_skip=None)
    assert len(results) > 40
    assert not [result for result in results if result["status"] == "failed"]


def test_set_output_gives_data_frames():
    encoder = IdEncoder(passthrough=OTHERS)
    expected = encoder.fit_transform(as_pandas())
    assert_frame_equal(clone(encoder).set_output(transform="pandas").fit_transform(as_pandas()), expected)
    in_polars = clone(encoder).set_output(transform="polars").fit_transform(as_pandas())
    assert in_polars.to_dict(as_series=False) == {**COLUMNS, **CODES}
    numbered = IdEncoder(passthrough=[0, 2, 4]).set_output(transform="pandas").fit_transform(ROWS)
    assert list(numbered.columns) == ["x0", "x1", "x2", "x3", "x4"]


def test_a_pipeline_learns_from_codes_and_what_passes_as_from_raw_ids():
    rng = np.random.default_rng(0)
    raw = pd.DataFrame({"user": rng.integers(0, 9, 80), "item": rng.integers(0, 9, 80), "year": rng.integers(0, 3, 80)})
    y = rng.integers(1, 6, 80)
    model = NCFRegressor(max_epochs=2, random_state=0)
    pipe = make_pipeline(IdEncoder(passthrough="year"), model).fit(raw.astype({"user": str, "item": str}), y)
    np.testing.assert_allclose(
        pipe.predict(raw.astype({"user": str, "item": str})), clone(model).fit(raw, y).predict(raw)
    )


def test_copies_and_pickles_transform_as_the_original():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    again = pickle.loads(pickle.dumps(encoder))
    assert_frame_equal(again.transform(as_pandas()), encoder.transform(as_pandas()))
    assert clone(encoder).passthrough == OTHERS
    again = skops.io.loads(skops.io.dumps(encoder), trusted=["sklearn_ncf._encoder.IdEncoder"])
    assert_frame_equal(again.transform(as_pandas()), encoder.transform(as_pandas()))
    assert encoded_columns_of(again) == [1, 3]


def test_an_encoder_saved_before_passthrough_encodes_every_column():
    X = [["ann", 1], ["bob", 2]]
    for encoder in (IdEncoder(), IdEncoder().fit(X)):
        state = encoder.__getstate__()
        del state["passthrough"]
        state.pop("_encoded_columns", None)
        old = IdEncoder.__new__(IdEncoder)
        old.__setstate__(state)
        assert old.get_params() == IdEncoder().get_params()
    assert old.transform(X).tolist() == [[0, 0], [1, 1]]
    assert encoded_columns_of(old) == [0, 1]


def test_a_failed_fit_leaves_the_encoder_as_it_was():
    encoder = IdEncoder(passthrough=OTHERS).fit(as_pandas())
    before = encoder.transform(as_pandas())
    with pytest.raises(ValueError, match="not a column"):
        encoder.set_params(passthrough="no such").fit(as_pandas())
    assert_frame_equal(encoder.transform(as_pandas()), before)


# What the rest of the library asks


def test_functions_of_the_library_see_the_encoded_columns_alone():
    whole, parts = IdEncoder(passthrough=OTHERS), IdEncoder(passthrough=OTHERS)
    columns = learn_ids(whole, as_pandas(), reset=True)
    learn_ids_in_parts(parts, as_pandas())
    for encoder in (whole, parts):
        assert encoded_columns_of(encoder) == [1, 3]
        assert [ids.ids.tolist() for ids in vocabularies_of(encoder)] == [["ann", "bob"], [10, 30]]
        codes, unknown = encode_columns(encoder, columns)
        assert codes.T.tolist() == list(CODES.values())
        check_unknown(encoder, unknown)
    _, columns = read_table(as_pandas(), estimator=None, only=encoded_columns_of(whole))
    np.testing.assert_array_equal(encode_columns(parts, columns)[0], codes)


@pytest.mark.parametrize("make", [as_pandas, *map(WITH_NAMES.get, ("polars", "pyarrow")), *WITHOUT_NAMES.values()])
def test_some_columns_of_a_table_are_read_in_the_order_asked_for(make):
    header, columns = read_table(make(), estimator=None, only=[3, 1])
    assert header.shape[1] == 5
    assert [column.ids.tolist() for column in columns] == [[30, 10], ["bob", "ann"]]


@pytest.mark.parametrize("make", [as_pandas, *map(WITH_NAMES.get, ("polars", "pyarrow", "pyarrow batch")), as_objects])
def test_some_columns_of_a_table_are_a_table_of_the_same_type(make):
    table = as_local(make(), "X")
    taken = take_columns(table, [3, 0])
    assert type(taken) is type(table)
    (part,) = chunks_of(taken)
    as_frame = pd.DataFrame(part) if isinstance(part, np.ndarray) else part
    as_frame = as_frame if isinstance(as_frame, pd.DataFrame) else as_frame.to_pandas()
    assert plain(as_frame.iloc[:, 0]) == ITEMS
    assert plain(as_frame.iloc[:, 1]) == TAGS


def test_some_columns_of_a_list_of_rows_are_an_array_of_objects():
    taken = take_columns(ROWS, [3, 0])
    assert taken.dtype == object
    assert taken.tolist() == [[item, tags] for item, tags in zip(ITEMS, TAGS, strict=True)]

"""Tables and columns of any library go in, and answers come in the library that was asked in."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from tables_of_ids import as_pandas

from sklearn_ncf import IdEncoder, NCFRegressor, recommend, similar_items
from sklearn_ncf.encoding import _containers
from sklearn_ncf.lists import as_callers_frame
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*there are fewer items", "ignore:.*hold ids that were not seen in fit", "ignore:More than half"
)
X = pd.DataFrame({"user": [1, 1, 2, 2, 3, 3], "item": ["a", "b", "a", "c", "d", "b"]})
Y = [5.0, 1, 4, 2, 3, 5]


def estimator():
    return NCFRegressor("gmf", embedding_dim=2, max_epochs=2, random_state=0, device="cpu")


@pytest.fixture(scope="module")
def model():
    return estimator().fit(X, Y)


# What comes out

LIBRARIES = {
    "polars Series": (pl.Series, pl.DataFrame),
    "polars DataFrame": (lambda ids: pl.DataFrame({"user": ids, "more": ["x"] * len(ids)}), pl.DataFrame),
    "pyarrow column": (lambda ids: pa.chunked_array([ids]), pa.Table),
    "pyarrow table": (lambda ids: pa.table({"user": ids}), pa.Table),
    "pandas Series": (pd.Series, pd.DataFrame),
    "pandas DataFrame": (lambda ids: pd.DataFrame({"user": ids}), pd.DataFrame),
    "pandas Index": (pd.Index, pd.DataFrame),
    "list": (list, pd.DataFrame),
    "array": (np.array, pd.DataFrame),
    "stream": (lambda ids: Stream(pa.table({"user": ids})), pd.DataFrame),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_answer_is_of_the_library_that_the_users_are_of(model, name):
    make, expected = LIBRARIES[name]
    found = recommend(model, make([2, 1]), n_items=2)
    assert type(found) is expected
    pd.testing.assert_frame_equal(as_pandas(found), recommend(model, [2, 1], n_items=2), check_dtype=False)


@pytest.mark.parametrize("make", [pl.Series, lambda ids: pl.DataFrame({"item": ids})])
def test_similar_items_are_of_the_library_that_the_items_are_of(model, make):
    found = similar_items(model, make(["c", "a"]), n_items=2)
    expected = similar_items(model, ["c", "a"], n_items=2)
    assert found.columns == ["item", "similar_item", "rank", "score"]
    assert found.to_dict(as_series=False) == expected.to_dict("list")


def test_the_first_argument_with_a_library_decides(model):
    items = pl.Series(["a", "b", "c"])
    assert isinstance(recommend(model, [1], items=items), pl.DataFrame)
    assert isinstance(recommend(model, items=items), pl.DataFrame)
    assert isinstance(recommend(model, pd.Series([1]), items=items), pd.DataFrame)
    assert isinstance(recommend(model, pl.Series([1]), items=items.to_pandas()), pl.DataFrame)
    assert isinstance(recommend(model, pa.table({"user": [1]}), items=items), pa.Table)


def test_scikit_learns_setting_decides_where_no_argument_has_a_library(model):
    with config_context(transform_output="polars"):
        assert isinstance(recommend(model, [1]), pl.DataFrame)
        assert isinstance(similar_items(model, "a"), pl.DataFrame)
        assert isinstance(recommend(model, pd.Series([1])), pd.DataFrame)
    with config_context(transform_output="pandas"):
        assert isinstance(recommend(model, pl.Series([1])), pl.DataFrame)


DAY = datetime.datetime(2024, 5, 1, 12)
COLUMNS = {
    "Int32": pl.Series([5, 7, 9], dtype=pl.Int32),
    "UInt64": pl.Series([2**63 + 1, 2**63 + 2, 5], dtype=pl.UInt64),
    "missing": pl.Series([5, 7, None]),
    "Float32": pl.Series([0.5, 1.5, 2.0], dtype=pl.Float32),
    "String": pl.Series(["a", "b", "c"]),
    "missing String": pl.Series(["a", "b", None]),
    "Categorical": pl.Series(["a", "b", "c"], dtype=pl.Categorical),
    "Enum": pl.Series(["a", "b", "c"], dtype=pl.Enum(["c", "b", "a"])),
    "Boolean": pl.Series([True, False, None]),
    "Date": pl.Series([DAY.date(), DAY.date() + datetime.timedelta(1), None]),
    "Datetime": pl.Series([DAY, DAY + datetime.timedelta(1), None]),
    "Datetime in a zone": pl.Series([DAY, DAY + datetime.timedelta(1), None]).dt.replace_time_zone("Asia/Tokyo"),
    "nanoseconds": pl.Series([DAY, DAY + datetime.timedelta(1), None]).cast(pl.Datetime("ns")),
    "Duration": pl.Series([datetime.timedelta(seconds=1), datetime.timedelta(seconds=2), None]),
    "Binary": pl.Series([b"a", b"\xff", b"c"]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_ids_come_back_as_they_were_asked_for(name):
    ids = COLUMNS[name].alias("user")
    table = pl.DataFrame({"user": ids, "item": ["a", "b", "a"]})
    model = estimator().fit(table, [1, 2, 3])
    found = recommend(model, ids, n_items=1, exclude_seen=False)
    assert found["user"].dtype == ids.dtype
    assert found["user"].to_list() == ids.to_list()
    known = ids.drop_nulls()
    assert len(table.join(found, on="user")) == len(known)
    swapped = pl.DataFrame({"user": range(len(known)), "item": known})
    found = recommend(estimator().fit(swapped, range(len(known))), pl.Series([0]), items=known, exclude_seen=False)
    assert found["item"].dtype == ids.dtype
    assert set(found["item"].to_list()) == set(known.to_list())
    with config_context(transform_output="polars"):
        everybody = recommend(model, n_items=1, exclude_seen=False)
    assert set(everybody["user"].to_list()) == set(ids.drop_nulls().to_list())


@pytest.mark.parametrize(
    "ids",
    [
        pa.chunked_array([pa.array([5, 7, None], pa.int16())]),
        pa.chunked_array([["a", "b", None]]),
        pa.chunked_array([pa.array(["a", "b", "c"]).dictionary_encode()]),
        pa.chunked_array([pa.array([DAY, DAY + datetime.timedelta(1), None], pa.timestamp("ms", "Asia/Tokyo"))]),
    ],
    ids=lambda ids: str(ids.type),
)
def test_ids_of_pyarrow_come_back_as_they_were_asked_for(ids):
    table = pa.table({"user": ids, "item": ["a", "b", "a"]})
    found = recommend(estimator().fit(table, [1, 2, 3]), ids, n_items=1, exclude_seen=False)["user"]
    assert found.to_pylist() == ids.to_pylist()
    is_dictionary = pa.types.is_dictionary(ids.type)
    assert pa.types.is_dictionary(found.type) if is_dictionary else found.type == ids.type


def test_context_comes_back_as_it_was_asked_for():
    table = pl.DataFrame(X).with_columns(place=pl.Series(["x", "y"] * 3, dtype=pl.Categorical))
    model = estimator().fit(table, Y)
    users = table.select("place", pl.col("user").cast(pl.Int8)).unique(maintain_order=True)
    found = recommend(model, users, n_items=1)
    assert found.schema["place"] == pl.Categorical
    assert found.schema["user"] == pl.Int8
    assert found.select("place", "user").rows() == users.rows()


def test_a_column_may_have_any_name_where_fit_saw_none():
    model = estimator().fit(X.astype({"item": "category"}).assign(item=[0, 1, 0, 2, 3, 1]).to_numpy(), Y)
    found = recommend(model, pl.DataFrame({"who": pl.Series([2, 1], dtype=pl.Int16)}), n_items=1)
    assert found.schema["user"] == pl.Int16


def test_ids_that_a_library_has_no_column_for_are_refused_with_a_way_out():
    mixed = X.assign(item=["a", 1, "a", ("b",), 1, ("b",)])
    model = estimator().fit(mixed, Y)
    assert len(recommend(model, [1], exclude_seen=False)) == 3
    for users, library in ((pl.Series([1]), "polars"), (pa.chunked_array([[1]]), "pyarrow")):
        with pytest.raises(
            TypeError, match=f"The ids of column 'item' cannot be a column of {library}: .* Pass ids as a list"
        ):
            recommend(model, users, exclude_seen=False)


def test_a_table_of_pandas_stays_the_same_object():
    frame = pd.DataFrame({"user": [1]})
    assert as_callers_frame(frame, (None, ["user"]), ([1], ["user"])) is frame
    assert as_callers_frame(frame, (frame, ["user"]), (pl.Series([1]), ["user"])) is frame


# What goes in


class Stream:
    """What gives a table of Arrow, and nothing else: a query of a database."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Query(Stream):
    """A query that looks like other things too, such as one of Ibis."""

    columns, shape = ("user", "item"), (6, 2)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("Names and types would be lost.")


def in_database(table):
    """A relation of DuckDB."""
    import duckdb

    return duckdb.from_arrow(table)


STREAMS = {
    "DuckDB": in_database,
    "stream": Stream,
    "query": Query,
    "reader": lambda table: table.to_reader(),
    "batch": lambda table: table.combine_chunks().to_batches()[0],
    "table": lambda table: table,
}


@pytest.mark.parametrize(("name", "backend"), [*((name, "pyarrow") for name in STREAMS), ("stream", "polars")])
def test_streams_of_arrow_are_tables(monkeypatch, name, backend):
    if backend == "polars":
        monkeypatch.setattr(_containers, "find_spec", lambda package: None)

    def make(frame=X):
        return STREAMS[name](pa.table(frame))

    for first in ([], [IdEncoder()]):
        expected = make_pipeline(*first, estimator()).fit(X, Y)
        model = make_pipeline(*first, estimator()).fit(make(), Y)
        np.testing.assert_array_equal(model.predict(make()), expected.predict(X))
        for users in ("user", ["user"]):
            found = recommend(model, make(X[["user"]]), n_items=2)
            pd.testing.assert_frame_equal(as_pandas(found), recommend(expected, X[users], n_items=2), check_dtype=False)
        held_out = X.assign(item=X["item"].to_numpy()[::-1])
        assert RankingScorer()(model, make(held_out)) == RankingScorer()(expected, held_out)
    np.testing.assert_array_equal(IdEncoder().fit_transform(make()), IdEncoder().fit_transform(X))
    for found, split in zip(LeaveLastOut().split(make()), LeaveLastOut().split(X), strict=True):
        np.testing.assert_array_equal(found, split)
    validated = estimator().fit(X, Y, X_val=make(), y_val=Y).history_["valid_loss"]
    np.testing.assert_array_equal(validated, estimator().fit(X, Y, X_val=X, y_val=Y).history_["valid_loss"])


def test_ratings_may_stream_too():
    expected = estimator().fit(X, Y).predict(X)
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        model = estimator().fit(Stream(pa.table(X)), Stream(pa.table({"rating": Y})))
    np.testing.assert_array_equal(model.predict(X), expected)


def test_features_may_stream(model):
    table = X.assign(price=[1.0, 2.0, 1.0, 3.0, 4.0, 2.0])
    described = NCFRegressor("gmf", item_features="price", embedding_dim=2, max_epochs=2, random_state=0, device="cpu")
    expected = described.fit(table, Y).predict(table)
    np.testing.assert_array_equal(described.fit(Stream(pa.table(table)), Y).predict(Stream(pa.table(table))), expected)
    new = pd.DataFrame({"item": ["e", "a"], "price": [2.5, 1.0]})
    found = recommend(described, [1], items=Stream(pa.table(new)), exclude_seen=False)
    pd.testing.assert_frame_equal(found, recommend(described, [1], items=new, exclude_seen=False))

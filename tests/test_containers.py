"""Tables, ratings and weights in any container: they mean the same, or an error names the argument."""

import collections
import decimal
import fractions

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.utils import get_tags

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.encoding import as_local, as_numbers
from sklearn_ncf.metrics import RankingScorer, hit_rate_at_k, ndcg_at_k
from sklearn_ncf.model_selection import LeaveLastOut

RNG = np.random.RandomState(0)
FRAME = pd.DataFrame({"user": RNG.randint(0, 8, 40), "item": RNG.randint(0, 6, 40)})
X = FRAME.to_numpy()
y = RNG.randint(1, 6, 40)
SMALL = {"embedding_dim": 2, "max_epochs": 1, "device": "cpu", "random_state": 0}

COLUMNS = {
    "tensor": torch.tensor,
    "tensor with gradient": lambda v: torch.tensor(v, dtype=torch.float32, requires_grad=True),
    "tensor of bfloat16": lambda v: torch.tensor(v).bfloat16(),
    "sparse tensor": lambda v: torch.tensor(v).to_sparse(),
    "decimals": lambda v: [decimal.Decimal(int(i)) for i in v],
    "fractions": lambda v: [fractions.Fraction(int(i)) for i in v],
    "objects": lambda v: np.array(v, dtype=object),
    "strings": lambda v: [str(i) for i in v],
    "float16": lambda v: v.astype(np.float16),
    "longdouble": lambda v: v.astype(np.longdouble),
    "uint8": lambda v: v.astype(np.uint8),
    "masked": lambda v: np.ma.array(v, mask=False),
    "nullable": lambda v: pd.Series(v, dtype="Int64"),
    "arrow dtype": lambda v: pd.Series(v, dtype="int64[pyarrow]"),
    "categorical": pd.Categorical,
    "sparse series": lambda v: pd.Series(pd.arrays.SparseArray(v)),
    "index": pd.Index,
    "polars": pl.Series,
    "polars decimals": lambda v: pl.Series([decimal.Decimal(int(i)) for i in v]),
    "pyarrow": pa.array,
    "pyarrow chunks": lambda v: pa.chunked_array([v]),
    "dask array": dask.array.from_array,
    "dask series": lambda v: dask.dataframe.from_pandas(pd.Series(v), npartitions=2),
    "memory": lambda v: memoryview(v.astype(float)),
}
NO_NUMBERS = {
    "dates": (pd.date_range("2020", periods=40), "must hold numbers: it holds datetime64"),
    "durations": (y.astype("timedelta64[D]"), "must hold numbers: it holds timedelta64"),
    "periods": (pd.Series(pd.period_range("2020", periods=40)), "must hold numbers"),
    "words": (["good"] * 40, "must hold numbers: could not convert string to float"),
    "categories": (pd.Series(list("abcd") * 10, dtype="category"), "must hold numbers"),
    "tuples": (pd.MultiIndex.from_arrays([y, y]), "must hold numbers"),
    "huge": ([10**400] * 40, "must hold numbers: int too large"),
    "meta": (torch.tensor(y, device="meta"), "is a tensor on the meta device, which holds no values"),
    "generator": ((i for i in y), "must be a data frame, an array or a list; got generator"),
    "map": (map(int, y), "must be a data frame, an array or a list; got map"),
    "dict": ({"y": y}, "must be a data frame, an array or a list; got dict"),
    "set": (set(y.tolist()), "must be a data frame, an array or a list; got set"),
    "string": ("abc", "must be a data frame, an array or a list; got str"),
    "scalar array": (np.array(3.0), "got one value"),
    "structured": (np.zeros(40, dtype=[("a", float)]), "is a structured array; pass pandas.DataFrame"),
    "masked": (np.ma.array(y, mask=[True] + [False] * 39), "holds masked"),
    "missing": (pd.Series([pd.NA, *y[1:]], dtype="Int64"), "contains NaN"),
    "missing objects": (np.array([pd.NA, *y[1:]], dtype=object), "contains NaN"),
    "missing polars": (pl.Series([None, *y[1:].tolist()]), "contains NaN"),
    "missing pyarrow": (pa.array([None, *y[1:].tolist()]), "contains NaN"),
}


def fit(X=X, y=y, **kwargs):
    return NCFRegressor(**SMALL).fit(X, y, **kwargs)


@pytest.fixture(scope="module")
def expected():
    return fit().predict(X)


@pytest.mark.parametrize("name", COLUMNS)
def test_ratings_and_weights_come_in_any_column(name, expected):
    column = COLUMNS[name]
    np.testing.assert_array_equal(fit(y=column(y)).predict(X), expected)
    validated, other = (fit(X_val=X, y_val=values).history_["valid_loss"] for values in (y, column(y)))
    np.testing.assert_array_equal(other, validated)
    weighted, other = (fit(sample_weight=weight).predict(X) for weight in (y, column(y)))
    np.testing.assert_array_equal(other, weighted)
    np.testing.assert_array_equal(
        fit().partial_fit(X, column(y), column(y)).predict(X), fit().partial_fit(X, y, y).predict(X)
    )


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_holds_no_numbers_is_refused_by_the_name_of_the_argument(name):
    column, words = NO_NUMBERS[name]
    for argument in ("y", "y_val", "sample_weight"):
        kwargs = {"y": y, argument: column} | ({"X_val": X} if argument == "y_val" else {})
        with pytest.raises((ValueError, TypeError), match=rf"{argument} {words}|one value|{argument} contains NaN"):
            fit(**kwargs)
    with pytest.raises((ValueError, TypeError), match=rf"y {words}|one value|y contains NaN"):
        fit().partial_fit(X, column)


def test_booleans_and_a_column_vector_are_ratings():
    np.testing.assert_array_equal(fit(y=y > 2).predict(X), fit(y=(y > 2).astype(float)).predict(X))
    with pytest.warns(sklearn.exceptions.DataConversionWarning):
        np.testing.assert_array_equal(fit(y=y[:, None]).predict(X), fit().predict(X))


def test_no_weights_are_refused_by_name():
    with pytest.raises(ValueError, match="sample_weight is empty; it must hold a weight for each of the 40 rows"):
        fit(sample_weight=[])


class ArrayAlone:
    """What offers nothing but its array."""

    def __array__(self, dtype=None, copy=None):
        return X


TABLES = {
    "tensor": torch.tensor(X),
    "tensor with gradient": torch.tensor(X, dtype=torch.float64, requires_grad=True),
    "tensor of bfloat16": torch.tensor(X).bfloat16(),
    "sparse tensor": torch.tensor(X).to_sparse(),
    "rows of tensors": [torch.tensor(row) for row in X],
    "dask frame": dask.dataframe.from_pandas(FRAME, npartitions=2),
    "dask array": dask.array.from_array(X),
    "lazy frame": pl.from_pandas(FRAME).lazy(),
    "record batch": pa.RecordBatch.from_pandas(FRAME),
    "struct": pl.from_pandas(FRAME).to_struct("s"),
    "memory": memoryview(X),
    "queue": collections.deque(X.tolist()),
    "array alone": ArrayAlone(),
    "named tuples": list(FRAME.itertuples(index=False)),
    "sparse frame": pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_that_fit_takes_is_taken_by_every_method(name, expected):
    table = TABLES[name]
    model = fit(table)
    np.testing.assert_array_equal(model.predict(table), expected)
    np.testing.assert_array_equal(fit(X_val=table, y_val=y, X=table).predict(table), expected)
    known = fit().partial_fit(X, y).predict(X)
    np.testing.assert_array_equal(fit(table).partial_fit(table, y).predict(table), known)
    weight = (np.arange(40) % 2).astype(float)  # rows of weight zero are left out
    np.testing.assert_array_equal(fit(table, sample_weight=weight).predict(table), fit(sample_weight=weight).predict(X))

    ranker = NCFRanker(**SMALL)
    of_array = ranker.fit(X).partial_fit(X).predict(X)
    np.testing.assert_array_equal(ranker.fit(table, X_val=table).partial_fit(table).predict(table), of_array)

    codes = IdEncoder().fit_transform(X)
    encoder = IdEncoder().fit(table)
    np.testing.assert_array_equal(encoder.transform(table), codes)
    np.testing.assert_array_equal(encoder.partial_fit(table).transform(table), codes)
    if "frame" in name or "batch" in name:
        assert name == "sparse frame" or encoder.feature_names_in_.tolist() == ["user", "item"]

    [(train, test)] = LeaveLastOut().split(table)
    np.testing.assert_array_equal(test, next(LeaveLastOut().split(X))[1])
    like = FRAME if hasattr(model, "feature_names_in_") else pd.DataFrame(X)
    part = fit(like.iloc[train], y[train])
    scorer = RankingScorer(relevance_threshold=2)
    assert scorer(part, table, y) == scorer(part, like, y)


NO_TABLES = {
    "generator": lambda: (row for row in X),
    "none": lambda: None,
    "string": lambda: "abc",
    "number": lambda: 3,
    "scalar array": lambda: np.array(3),
    "dict": lambda: {"user": X[:, 0], "item": X[:, 1]},
    "set": lambda: {(1, 2)},
    "class": lambda: int,
    "structured": lambda: FRAME.to_records(index=False),
    "meta": lambda: torch.tensor(X, device="meta"),
}


@pytest.mark.parametrize("make", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused_by_the_name_of_the_argument(make):
    model, ranker, encoder = fit(), NCFRanker(**SMALL).fit(X), IdEncoder().fit(X)
    for call in (
        lambda: fit(make()),
        lambda: model.partial_fit(make(), y),
        lambda: model.predict(make()),
        lambda: ranker.fit(make()),
        lambda: ranker.partial_fit(make()),
        lambda: encoder.fit_transform(make()),
        lambda: encoder.partial_fit(make()),
        lambda: encoder.transform(make()),
        lambda: encoder.inverse_transform(make()),
        lambda: RankingScorer()(model, make()),
        lambda: next(LeaveLastOut().split(make())),
    ):
        with pytest.raises((ValueError, TypeError), match=r"^X (must be|is) a "):
            call()
    if make() is not None:
        for call in (lambda: fit(X_val=make(), y_val=y), lambda: ranker.fit(X, X_val=make())):
            with pytest.raises((ValueError, TypeError), match=r"^X_val (must be|is) a "):
                call()


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_matrices_are_refused_in_scikit_learns_words(make):
    assert not get_tags(NCFRegressor()).input_tags.sparse
    for call in (lambda: fit(make(X)), lambda: fit().predict(make(X)), lambda: fit(y=make(y[:, None]))):
        with pytest.raises(TypeError, match="Sparse data was passed"):
            call()


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (X.astype("datetime64[D]"), "X must hold numbers: it holds datetime64"),
        ([["a", "b"]], "X must hold numbers: could not convert"),
        ([[1, 2], [3]], "X must hold numbers"),
        (pd.DataFrame({"a": [[1]], "b": 1}), "X must hold numbers"),
        (pd.DataFrame(index=range(3)), r"X must hold codes in shape \(n_samples, 2\); got shape \(3, 0\)"),
        ([[None, 1]], "X contains NaN"),
    ],
)
def test_what_is_no_code_is_refused_by_name(codes, words):
    with pytest.raises(ValueError, match=words):
        IdEncoder().fit(X).inverse_transform(codes)


def test_metrics_take_any_container_and_name_what_they_cannot_take():
    for make in (torch.tensor, pl.DataFrame, pd.DataFrame, lambda v: torch.tensor(v, requires_grad=True)):
        assert hit_rate_at_k(make(np.eye(3)), make(np.eye(3)), k=1, sample_weight=torch.ones(3)) == 1
    for weight, words in (
        ([0, 0, 0], "All sample weights are zero|at least one non-zero"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([1, -1, 1], "Negative values in data passed to `sample_weight`"),
        ([1, 1], "sample_weight.shape == "),
        (["a", "b", "c"], "sample_weight must hold numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            ndcg_at_k(np.eye(3), np.eye(3), sample_weight=weight)
    for name in ("y_true", "y_score"):
        with pytest.raises(ValueError, match=f"{name} must hold numbers"):
            ndcg_at_k(**{"y_true": np.eye(3), "y_score": np.eye(3), name: [["a"] * 3] * 3})


@pytest.fixture
def dispatch(monkeypatch):
    monkeypatch.setattr("sklearn._config._check_array_api_dispatch", lambda _: None, raising=False)
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    pytest.importorskip("array_api_compat") if sklearn.__version__ < "1.7" else None
    with sklearn.config_context(array_api_dispatch=True):
        yield


def test_tensors_are_taken_under_array_api_dispatch(dispatch, expected):
    table, ratings = torch.tensor(X), torch.tensor(y)
    model = fit(table, ratings, sample_weight=torch.ones(40), X_val=table, y_val=ratings)
    np.testing.assert_array_equal(model.predict(table), expected)
    np.testing.assert_array_equal(NCFRanker(**SMALL).fit(table).predict(table), NCFRanker(**SMALL).fit(X).predict(X))
    encoder = IdEncoder().fit(table)
    np.testing.assert_array_equal(encoder.inverse_transform(torch.tensor(encoder.transform(table))), X)
    assert ndcg_at_k(torch.eye(3), torch.eye(3), sample_weight=torch.ones(3)) == 1
    part = fit(X[:20], y[:20])
    scorer = RankingScorer(relevance_threshold=2)
    assert scorer(part, table, ratings) == scorer(part, X, y)


def test_arrays_of_other_libraries_become_numpys():
    class OfAnotherLibrary:
        shape = (2,)

        def __array_namespace__(self):
            return torch

        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0])

    assert type(as_local(OfAnotherLibrary(), "y")) is np.ndarray
    assert as_numbers(OfAnotherLibrary(), "y").tolist() == [1, 2]


def test_numbers_of_a_mapped_file_are_not_copied(tmp_path):
    np.save(tmp_path / "y.npy", y.astype(float))
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    assert np.shares_memory(as_numbers(mapped, "y"), mapped)

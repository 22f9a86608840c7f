"""Generated tables, ratings and parameters: a documented error or a right result, and nothing half-changed.

``pytest tests/test_fuzz.py --hypothesis-profile=thorough`` tries ten thousand of them.
"""

import contextlib
import math
import warnings
from numbers import Number

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items

REFUSALS = (ValueError, TypeError, FloatingPointError, MemoryError)  # InvalidParameterError is a ValueError

MISSING_ONES = st.sampled_from([None, math.nan, pd.NA])
NUMBERS = st.one_of(
    st.integers(-3, 5),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, width=32),
    st.booleans(),
    st.sampled_from([np.int8(3), np.float32(0.5), np.bool_(True), 2**63, -(2**63), 2**64 - 1]),
)
TEXTS = st.one_of(st.sampled_from(["", " ", "a", "A", "3", "-1", "nan", "None"]), st.text(max_size=4))
IDS = st.one_of(NUMBERS, TEXTS, MISSING_ONES)
COLUMNS = st.sampled_from([NUMBERS, TEXTS, st.one_of(NUMBERS, MISSING_ONES), st.one_of(TEXTS, MISSING_ONES), IDS])
ODD_CELLS = st.one_of(IDS, st.just([1]), st.just({}), st.just(1j), st.dates(), st.binary(max_size=2), st.just(object()))
USERS = st.one_of(st.sampled_from("abcd"), TEXTS)
ITEMS = st.one_of(st.sampled_from([1, 2, 3, 9]), NUMBERS)
LIKE_FITTED = tuple(st.sampled_from([ids, st.one_of(ids, MISSING_ONES)]) for ids in (USERS, ITEMS))
CONTAINERS = st.sampled_from(["list", "objects", "numbers", "pandas", "categorical", "polars", "pyarrow"])


@st.composite
def rows(draw, min_size=1, max_size=8, kinds=(COLUMNS, COLUMNS), odd=False):
    """A table as a list of rows; `kinds` are strategies of strategies of ids."""
    n_rows = draw(st.integers(min_size, max_size))
    columns = [draw(st.lists(draw(kind), min_size=n_rows, max_size=n_rows)) for kind in kinds]
    table = [list(row) for row in zip(*columns, strict=True)]
    if odd and n_rows:
        table[draw(st.integers(0, n_rows - 1))][draw(st.integers(0, len(kinds) - 1))] = draw(ODD_CELLS)
    return table


def contained(table, container):
    """Rows in one of the types that tables come in, or the plain list where that type cannot hold them."""
    names = ["user", "item"]
    columns = {name: [row[j] for row in table] for j, name in enumerate(names)}
    try:
        if container == "objects":
            array = np.empty((len(table), len(names)), dtype=object)
            array[:] = table
            return array
        if container == "numbers":
            return np.array(table, dtype=np.float64)
        if container == "pandas":
            return pd.DataFrame(columns, dtype=object)
        if container == "categorical":
            return pd.DataFrame(columns).astype("category")
        if container == "polars":
            import polars as pl

            return pl.DataFrame(columns)
        if container == "pyarrow":
            import pyarrow as pa

            return pa.table(columns)
    except Exception:  # whatever the other library has against such rows
        return table
    return table


def is_missing(id_):
    return id_ is None or id_ is pd.NA or (isinstance(id_, float | np.floating) and math.isnan(id_))


class DictionaryEncoder:
    """What IdEncoder is to do, in a dictionary an id at a time."""

    def __init__(self, table):
        self.codes = []
        for column in zip(*table, strict=True):
            plain = (id_.item() if isinstance(id_, np.generic) else id_ for id_ in column)
            ids = list(dict.fromkeys(id_ for id_ in plain if not is_missing(id_)))
            with contextlib.suppress(TypeError):  # those stay in order of appearance
                ids = sorted(ids)
            self.codes.append({id_: code for code, id_ in enumerate(ids)})

    def transform(self, table):
        return [
            [-1 if is_missing(id_) else codes.get(id_, -1) for id_, codes in zip(row, self.codes, strict=True)]
            for row in table
        ]


def kind(id_):
    return "number" if isinstance(id_, Number | np.bool_) else "text"


def is_of_another_type(fitted, asked, codes):
    """Whether most ids of a column asked for are unknown and of a type that the fitted column does not have."""
    kinds = {kind(id_) for id_ in fitted if not is_missing(id_)}
    present = [id_ for id_ in asked if not is_missing(id_)]
    foreign = [id_ for id_ in present if id_ not in codes and id_ != -1 and kind(id_) not in kinds]
    return bool(kinds) and 2 * len(foreign) > len(present)


@given(table=rows(), asked=rows(), container=st.sampled_from(["list", "objects", "pandas"]))
def test_the_encoder_does_what_a_dictionary_does(table, asked, container):
    reference = DictionaryEncoder(table)
    encoder = IdEncoder().fit(contained(table, container))
    assert encoder.transform(contained(table, container)).tolist() == reference.transform(table)
    columns = zip(zip(*table, strict=True), zip(*asked, strict=True), reference.codes, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if any(is_of_another_type(*column) for column in columns):
            with pytest.raises(ValueError, match="holds ids of type"):
                encoder.transform(asked)
        else:
            assert encoder.transform(asked).tolist() == reference.transform(asked)


X = pd.DataFrame({"user": ["a", "a", "b", "c", "c", "d"], "item": [1, 2, 1, 2, 3, 9]})
y = [5, 3, 4, 1, 2, 3]
SMALL = {"embedding_dim": 2, "max_epochs": 1, "device": "cpu", "random_state": 0, "hidden_layer_sizes": (2,)}
RATINGS = st.one_of(
    st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=1, max_size=8),
    st.just([3.0] * 4),
    st.lists(
        st.one_of(st.floats(), st.integers(-(10**30), 10**30), st.sampled_from(["4", "x", None, True, 1j])), max_size=8
    ),
)


def state(model):
    """All that a fitted model predicts from."""
    return model.predict(X).tobytes(), [ids.tolist() for ids in model.encoder_.categories_], vars(model).keys()


def attempt(function, *args, **kwargs):
    """A result, or None where the call was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = function(*args, **kwargs)
        except REFUSALS:
            event(f"{function.__name__} refused")
            return None
    event(f"{function.__name__} done")
    return result


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Whatever a generated `checkpoint_dir` writes."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def fitted():
    return {type_.__name__: type_(**SMALL).fit(X, y) for type_ in (NCFRegressor, NCFRanker)}


TABLES = st.one_of(rows(min_size=0, odd=True), rows(kinds=LIKE_FITTED))


@given(
    table=TABLES,
    container=CONTAINERS,
    ratings=RATINGS,
    matching=st.booleans(),
    name=st.sampled_from(["NCFRegressor", "NCFRanker"]),
    method=st.sampled_from(["fit", "partial_fit"]),
    weight=st.one_of(st.none(), st.lists(st.floats(), min_size=1, max_size=8)),
)
def test_a_fit_is_refused_or_predicts_and_a_refused_one_changes_nothing(
    fitted, table, container, ratings, matching, name, method, weight
):
    model = type(fitted[name])(**SMALL).fit(X, y)
    before = state(model)
    table_ = contained(table, container)
    if matching and ratings:
        ratings = (ratings * 8)[: len(table)]
        weight = weight and (weight * 8)[: len(table)]
    if attempt(getattr(model, method), table_, ratings, sample_weight=weight) is None:
        assert state(model) == before
        assert len(model.predict(X)) == len(X)
    else:
        scores = attempt(model.predict, table_)
        if scores is None and weight and 0 in weight:
            return  # a row that counts as not there may hold what is no id
        assert scores.shape == (len(table),)
        assert np.isfinite(scores).all()
        if name == "NCFRegressor":
            low, high = model.rating_range_
            assert (scores >= np.float32(low) - 1e-3 * abs(low)).all()
            assert (scores <= np.float32(high) + 1e-3 * abs(high)).all()


@given(table=TABLES, container=CONTAINERS, name=st.sampled_from(["NCFRegressor", "NCFRanker"]))
def test_a_prediction_is_refused_or_is_that_of_each_row_alone(fitted, table, container, name):
    model = fitted[name]
    scores = attempt(model.predict, contained(table, container))
    if scores is not None:
        assert scores.shape == (len(table),)
        codes = DictionaryEncoder(X.to_numpy().tolist()).transform(table)
        known = model.encoder_.inverse_transform(codes)
        for score, row, code in zip(scores, known, codes, strict=True):
            if min(code) >= 0:
                np.testing.assert_allclose(score, attempt(model.predict, [row.tolist()])[0], rtol=1e-5, atol=1e-6)
        assert np.isfinite(scores).all()


@given(
    users=st.one_of(st.none(), USERS, st.lists(USERS, max_size=4), IDS, st.lists(ODD_CELLS, max_size=3), rows()),
    items=st.one_of(st.none(), st.lists(ITEMS, max_size=4), st.lists(ODD_CELLS, max_size=4)),
    n_items=st.one_of(st.integers(-1, 6), st.sampled_from([2**70, 1.5, "3", None])),
    exclude_seen=st.booleans(),
    name=st.sampled_from(["NCFRegressor", "NCFRanker"]),
)
def test_recommendations_are_refused_or_are_ranked(fitted, users, items, n_items, exclude_seen, name):
    table = attempt(recommend, fitted[name], users, n_items, items=items, exclude_seen=exclude_seen)
    if table is not None:
        assert list(table.columns) == ["user", "item", "rank", "score"]
        for _, of_user in table.groupby("user", sort=False, dropna=False):
            assert of_user["rank"].tolist() == list(range(1, len(of_user) + 1))
            assert len(of_user) <= n_items
            assert of_user["score"].is_monotonic_decreasing
            assert of_user["item"].is_unique
        if exclude_seen:
            seen = set(map(tuple, X.to_numpy().tolist()))
            assert not seen & set(zip(table["user"], table["item"], strict=True))
    similar = attempt(similar_items, fitted[name], items, n_items)
    assert similar is None or similar["rank"].min() >= 1 or not len(similar)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.floats(),
    st.sampled_from(["auto", "", "gmf", "adam", "cpu", "squared_error", "one_cycle", int, dict, np.float64(0.5)]),
    st.lists(st.integers(-1, 3), max_size=2),
    st.tuples(st.floats(), st.floats()),
)


@given(
    estimator=st.sampled_from([NCFRegressor, NCFRanker]),
    name=st.sampled_from(sorted(set(NCFRegressor().get_params()) | set(NCFRanker().get_params()))),
    value=VALUES,
)
def test_a_parameter_is_refused_or_the_fit_predicts(estimator, name, value):
    if name not in estimator().get_params():
        return
    model = attempt(estimator(**SMALL).set_params(**{name: value}).fit, X, y)
    assert model is None or np.isfinite(model.predict(X)).all()

"""Lists of recommended and of similar items: their content, laws and errors."""

import re
import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from tables_of_ids import as_pandas

from sklearn_ncf import IdEncoder, NCFRegressor, recommend, similar_items
from sklearn_ncf.lists import _lists


def brute_force(model, X, users, n_items, items):
    """The lists by the definition: predict every pair, drop the seen ones, sort."""
    seen = set(map(tuple, X.iloc[:, :2].to_numpy().tolist()))
    lists = []
    for user in users:
        kept = [item for item in items if (user, item) not in seen]
        scores = model.predict(pd.DataFrame({"user": user, "item": kept}))
        best = np.argsort(-scores, kind="stable")[:n_items]
        lists.append(pd.DataFrame({"user": user, "item": np.array(kept)[best], "score": scores[best]}))
    return pd.concat(lists, ignore_index=True)


@pytest.fixture(scope="module")
def fitted(ratings):
    """A fitted estimator and the table that it has seen."""
    X, y = ratings
    X, y = X[:700], y[:700]  # so that much is left to recommend
    return NCFRegressor(embedding_dim=8, max_epochs=10, random_state=0, device="cpu").fit(X, y), X


@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
@pytest.mark.parametrize("scores_at_once", [1, 100, 10**6])
def test_lists_are_those_of_brute_force(quick, ratings, monkeypatch, architecture, scores_at_once):
    monkeypatch.setattr(_lists, "SCORES_CHUNK_SIZE", scores_at_once)
    X, y = ratings
    X, y = X[:700], y[:700]
    model = quick(architecture=architecture).fit(X, y)
    found = recommend(model, n_items=5)
    expected = brute_force(model, X, np.unique(X["user"]), 5, np.unique(X["item"]))
    pd.testing.assert_frame_equal(found.drop(columns="rank"), expected, atol=1e-5)
    assert (found.groupby("user")["rank"].agg(list).map(lambda ranks: ranks == [1, 2, 3, 4, 5])).all()
    assert found["score"].dtype == np.float32


def test_a_network_of_ones_own_recommends(quick, ratings, own_network):
    X, y = ratings
    X, y = X[:700], y[:700]
    model = quick(architecture=own_network).fit(X, y)
    expected = brute_force(model, X, [3, 4], 5, np.unique(X["item"]))
    pd.testing.assert_frame_equal(recommend(model, [3, 4], n_items=5).drop(columns="rank"), expected, atol=1e-5)
    with pytest.raises(AttributeError, match="Sum has no table of embeddings"):
        similar_items(model, 3)


def test_seen_items_come_back_where_asked_for(fitted):
    model, X = fitted
    seen = set(map(tuple, X.to_numpy().tolist()))
    without, every = (recommend(model, n_items=3, exclude_seen=exclude) for exclude in (True, False))
    assert not seen & set(zip(without["user"], without["item"], strict=True))
    assert seen & set(zip(every["user"], every["item"], strict=True))


def test_rows_held_out_by_early_stopping_are_seen_and_those_of_partial_fit_too(quick, ratings):
    X, y = ratings
    model = quick(early_stopping=True, validation_fraction=0.5).fit(X[:300], y[:300])
    further = pd.DataFrame({"user": [X["user"][0]], "item": [recommend(model, [X["user"][0]], n_items=1)["item"][0]]})
    model.partial_fit(further, [3])
    seen = set(map(tuple, pd.concat([X[:300], further]).to_numpy().tolist()))
    with pytest.warns(UserWarning, match=r"n_items=1000, but for \d+ of \d+ users there are fewer items"):
        found = recommend(model, n_items=1000)
    pairs = set(zip(found["user"], found["item"], strict=True))
    assert not seen & pairs
    assert len(found) == len(pairs)
    n_users, n_items = (len(ids) for ids in model.encoder_.categories_)
    assert len(pairs) + len(seen) == n_users * n_items


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_candidates_can_be_restricted_and_may_be_unknown(fitted):
    model, _ = fitted
    items = [-3, 7, 5, 9, 7, 777]
    found = recommend(model, [1000], n_items=4, items=items, exclude_seen=False).sort_values("rank")
    assert set(found["item"]) <= set(items)
    assert found["item"].nunique() == 4
    expected = model.predict(pd.DataFrame({"user": 1000, "item": found["item"]}))
    np.testing.assert_allclose(found["score"], expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_unknown_users_get_what_is_liked_in_general(fitted):
    model, X = fitted
    found = recommend(model, [1000, 1001], n_items=5)
    lists = found.groupby("user")["item"].agg(list)
    assert lists[1000] == lists[1001]
    items = np.unique(X["item"])
    scores = model.predict(pd.DataFrame({"user": 1000, "item": items}))
    assert lists[1000] == items[np.argsort(-scores, kind="stable")[:5]].tolist()


def test_where_neither_is_known_the_score_is_the_mean(fitted):
    model, _ = fitted
    with pytest.warns(UserWarning, match="hold ids that were not seen"):
        found = recommend(model, 1000, items=[-5, -4, 1], n_items=3)
    unknown = found["item"].isin([-5, -4])
    np.testing.assert_array_equal(found["score"][unknown], np.float32(model.mean_rating_))
    assert found["item"][unknown].tolist() == [-5, -4]  # equal scores: in the order given


def test_equal_scores_keep_the_order_of_the_categories(quick, ratings):
    X, y = ratings
    model = quick(use_bias=False, use_history=False).fit(X, y)
    with torch.no_grad():
        model.net_.module_.embedding.weight.zero_()
    found = recommend(model, [5], n_items=40, exclude_seen=False)
    assert found["item"].tolist() == model.encoder_.categories_[1].tolist()


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pd.Index, pl.Series, pa.array, tuple])
def test_users_come_in_any_type_and_each_once_in_the_order_given(fitted, make):
    model, _ = fitted
    found = as_pandas(recommend(model, make([9, 3, 9, 7]), n_items=2))
    assert found["user"].tolist() == [9, 9, 3, 3, 7, 7]
    pd.testing.assert_frame_equal(found[:2], recommend(model, 9, n_items=2), check_dtype=False)


WORDS = st.text(max_size=5)
IDS = st.one_of(
    st.just("integers"), st.just("strings"), st.just("mixed"), st.just("dates"), st.just("floats"), st.just("bools")
)


def ids_of(kind, n, rng):
    codes = rng.permutation(n)
    if kind == "integers":
        return (codes * 7919 - 50).tolist()
    if kind == "strings":
        return [f"id {code}" for code in codes]
    if kind == "mixed":
        return [code if code % 2 else f"id {code}" for code in codes.tolist()]
    if kind == "dates":
        return [datetime(2020, 1, 1) + timedelta(days=code) for code in codes.tolist()]
    return (codes / 4).tolist() if kind == "floats" else [bool(code % 2) for code in codes[:2]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.tuples(IDS, IDS), seed=st.integers(0, 99), n_items=st.integers(1, 15), piped=st.booleans())
def test_laws_of_lists(quick, kinds, seed, n_items, piped):
    rng = np.random.RandomState(seed)
    users, items = (ids_of(kind, n, rng) for kind, n in zip(kinds, (6, 9), strict=True))
    rows = rng.rand(len(users), len(items)) < 0.4
    rows[0, 0] = True
    X = pd.DataFrame(
        {"who": pd.Series([users[u] for u in np.nonzero(rows)[0]]), "what": [items[i] for i in np.nonzero(rows)[1]]}
    )
    model = quick(max_epochs=1)
    model = make_pipeline(IdEncoder(), model) if piped else model
    model.fit(X, rng.rand(len(X)) * 4 + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = recommend(model, n_items=n_items)
    assert list(found.columns) == ["who", "what", "rank", "score"]
    known_users, known_items = (set(X[name]) for name in ("who", "what"))
    seen = set(zip(X["who"], X["what"], strict=True))
    pairs = list(zip(found["who"], found["what"], strict=True))
    assert set(found["who"]) <= known_users
    assert set(found["what"]) <= known_items
    assert not set(pairs) & seen
    assert len(set(pairs)) == len(pairs)
    lengths = {who: min(n_items, len(known_items - {i for u, i in seen if u == who})) for who in known_users}
    assert found.groupby("who").size().to_dict() == {who: n for who, n in lengths.items() if n}
    assert bool(caught) == any(n < n_items for n in lengths.values())
    for _, of_one in found.groupby("who"):
        assert of_one["rank"].tolist() == list(range(1, len(of_one) + 1))
        assert (of_one["score"].diff().dropna() <= 0).all()
    for name in ("who", "what"):
        assert {type(id_) for id_ in found[name].tolist()} <= {type(id_) for id_ in X[name].tolist()}


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_a_pipeline_and_a_search_recommend_as_the_estimator(quick, ratings, output):
    X, y = ratings
    X = pd.DataFrame({"user": "u" + X["user"].astype(str), "item": "i" + X["item"].astype(str)})[:700]
    alone = quick().fit(X, y[:700])
    pipe = Pipeline([("enc", IdEncoder().set_output(transform=output)), ("none", "passthrough"), ("ncf", quick())])
    search = GridSearchCV(pipe, {"ncf__max_epochs": [3]}, cv=2).fit(X, y[:700])
    expected = recommend(alone, ["u3", "u5"], n_items=4)
    for model in (pipe.fit(X, y[:700]), search):
        pd.testing.assert_frame_equal(recommend(model, ["u3", "u5"], n_items=4), expected, atol=1e-5)
        pd.testing.assert_frame_equal(similar_items(model, "i7"), similar_items(alone, "i7"), atol=1e-5)
    by_ordinal = make_pipeline(OrdinalEncoder(), quick()).fit(X, y[:700])
    pd.testing.assert_frame_equal(recommend(by_ordinal, ["u3", "u5"], n_items=4), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_pooled_ids_are_neither_recommended_nor_taken_for_one_user(quick, ratings):
    X, y = ratings
    X = X.astype(object)
    rare = pd.DataFrame({"user": [f"rare {n}" for n in range(40)], "item": np.repeat(X["item"].unique()[:4], 10)})
    odd = pd.DataFrame({"user": X["user"].unique()[:9], "item": [f"odd {n}" for n in range(9)]})
    X = pd.concat([X[:700], rare, odd], ignore_index=True).astype(str)
    y = np.append(y[:700], [5.0] * 49)
    pipe = make_pipeline(IdEncoder(min_frequency=3), quick(max_epochs=20)).fit(X, y)
    with pytest.warns(UserWarning, match="there are fewer items"):
        found = recommend(pipe, n_items=100)
    assert found.notna().all().all()
    assert not found["item"].str.startswith("odd").any()
    assert not found["user"].str.startswith("rare").any()
    stranger = recommend(pipe, "somebody", n_items=4, items=rare["item"].astype(str))
    assert set(stranger["item"]) == set(rare["item"].astype(str))  # seen by the pooled users, not by this one


def with_hours(ratings):
    X, y = ratings
    return X.assign(hour=np.arange(len(X)) % 3)[:700], y[:700] + (np.arange(700) % 3 == 0)


@pytest.mark.parametrize("architecture", ["gmf", "neumf"])
@pytest.mark.parametrize("as_table", [lambda table: table, pl.from_pandas, lambda table: table.to_numpy()])
def test_users_may_bring_their_context(quick, ratings, architecture, as_table):
    X, y = with_hours(ratings)
    model = quick(architecture=architecture, max_epochs=10).fit(X, y)
    queries = pd.DataFrame({"user": [4, 4, 7, 4], "hour": [0, 1, 2, 0]})
    found = as_pandas(recommend(model, as_table(queries), n_items=3))
    assert list(found.columns) == ["user", "hour", "item", "rank", "score"]
    assert found[["user", "hour"]].to_numpy().tolist() == np.repeat([[4, 0], [4, 1], [7, 2]], 3, axis=0).tolist()
    np.testing.assert_allclose(found["score"], model.predict(found[["user", "item", "hour"]]), atol=1e-5)
    pd.testing.assert_frame_equal(recommend(model, queries.assign(item=0, more="x"), n_items=3), found)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_without_their_context_it_is_taken_as_unknown(quick, ratings):
    X, y = with_hours(ratings)
    for model in (quick().fit(X, y), make_pipeline(IdEncoder(), quick()).fit(X, y)):
        found = recommend(model, [4, 7], n_items=3)
        assert list(found.columns) == ["user", "item", "rank", "score"]
        expected = model.predict(pd.DataFrame({"user": found["user"], "item": found["item"], "hour": 99}))
        np.testing.assert_allclose(found["score"], expected, atol=1e-5)
        assert recommend(model, n_items=1)["user"].tolist() == sorted(X["user"].unique())


def test_columns_without_names_are_called_user_and_item(quick, ratings):
    X, y = ratings
    model = quick().fit(X.to_numpy()[:700], y[:700])
    assert list(recommend(model, [3], n_items=1).columns) == ["user", "item", "rank", "score"]
    assert list(similar_items(model, [3], n_items=1).columns) == ["item", "similar_item", "rank", "score"]


def test_similar_items_are_those_of_the_largest_cosine(fitted):
    model, _ = fitted
    items = model.encoder_.categories_[1]
    vectors = model.item_embeddings_
    found = similar_items(model, [items[2], items[0]], n_items=4)
    assert found["item"].tolist() == [items[2]] * 4 + [items[0]] * 4
    for number in (2, 0):
        cosines = vectors @ vectors[number] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[number])
        cosines[number] = -2
        of_one = found[found["item"] == items[number]]
        best = np.argsort(-cosines, kind="stable")[:4]
        assert of_one["similar_item"].tolist() == items[best].tolist()
        np.testing.assert_allclose(of_one["score"], cosines[best], atol=1e-5)
        assert of_one["rank"].tolist() == [1, 2, 3, 4]


def test_more_similar_items_than_there_are(fitted):
    model, _ = fitted
    n_items = len(model.encoder_.categories_[1])
    with pytest.warns(
        UserWarning, match=f"n_items=500, but for 1 of 1 items there are fewer items, as few as {n_items - 1}"
    ):
        assert len(similar_items(model, [3], n_items=500)) == n_items - 1


def test_items_of_one_kind_are_similar():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"user": rng.randint(200, size=6000), "item": rng.randint(30, size=6000)})
    y = np.where(X["user"] % 2 == X["item"] % 2, 4.0, 2.0) + 0.3 * rng.randn(len(X))
    model = NCFRegressor(embedding_dim=8, random_state=0).fit(X, y)
    found = similar_items(model, np.arange(30), n_items=5)
    assert np.mean(found["item"] % 2 == found["similar_item"] % 2) > 0.95


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m, X: similar_items(m, [3, 777, -5]),
            ValueError,
            "items holds 2 ids that were not seen in fit, so .*: 777, -5",
        ),
        (lambda m, X: similar_items(m, None), ValueError, "items holds 1 ids that were not seen in fit"),
        (lambda m, X: similar_items(m, []), ValueError, "items is empty; give at least one id"),
        (lambda m, X: similar_items(m, "3"), ValueError, "'item' holds ids of type string, but in fit"),
        (
            lambda m, X: similar_items(m, 3, n_items=0),
            ValueError,
            "'n_items' parameter of .*similar_items must be an int",
        ),
        (lambda m, X: recommend(m, 3, n_items=0), ValueError, "'n_items' parameter of .*recommend must be an int"),
        (lambda m, X: recommend(m, 3, n_items=2.5), ValueError, "'n_items' parameter of .*recommend must be an int"),
        (lambda m, X: recommend(m, 3, exclude_seen="no"), ValueError, "'exclude_seen' parameter of recommend"),
        (lambda m, X: recommend(m, []), ValueError, "users is empty; give at least one id"),
        (lambda m, X: recommend(m, ["3"]), ValueError, "'user' holds ids of type string, but in fit"),
        (lambda m, X: recommend(m, 3, items=["a"]), ValueError, "'item' holds ids of type string, but in fit"),
        (
            lambda m, X: recommend(m, 3, items=[3, None]),
            ValueError,
            "items holds missing ids, which cannot be recommended",
        ),
        (lambda m, X: recommend(m, X.to_numpy()), ValueError, "users, as a table, must have 1 columns"),
        (lambda m, X: recommend(m, X[["item"]]), ValueError, "users, as a table, must have the columns .*'user'"),
        (lambda m, X: recommend(NCFRegressor(), 3), NotFittedError, "not fitted yet"),
        (lambda m, X: similar_items(Pipeline([("n", NCFRegressor())]), 3), NotFittedError, "not fitted yet"),
        (lambda m, X: recommend(Ridge(), 3), TypeError, "must be a fitted estimator of sklearn_ncf, .*; got Ridge"),
    ],
)
def test_errors_say_what_to_do(fitted, call, error, message):
    with pytest.raises(error, match=message):
        call(*fitted)


def test_columns_must_not_be_named_as_the_lists_own(quick, ratings):
    X, y = ratings
    model = quick().fit(X.set_axis(["user", "score"], axis=1)[:700], y[:700])
    with pytest.raises(ValueError, match="must not be named 'rank' or 'score'"):
        recommend(model, 3)


def test_one_hot_codes_cannot_be_recommended_from(quick, ratings):
    assert hasattr(OneHotEncoder, "inverse_transform")  # so it is the estimator's columns that do not fit
    X, y = ratings
    pipe = make_pipeline(OneHotEncoder(sparse_output=False), quick()).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="turn 2 columns into"):
        recommend(pipe, 3)


def test_a_context_column_without_ids_is_no_obstacle(quick, ratings):
    X, y = ratings
    model = quick().fit(X.assign(place=np.full(len(X), None, dtype=object)), y)
    assert len(recommend(model, X["user"].iloc[0], n_items=3)) == 3


def test_a_step_that_passes_through_is_no_step(quick, ratings):
    X, y = ratings
    model = Pipeline([("none", "passthrough"), ("enc", IdEncoder()), ("ncf", quick())]).fit(X, y)
    alone = Pipeline([("enc", IdEncoder()), ("ncf", quick())]).fit(X, y)
    pd.testing.assert_frame_equal(recommend(model, n_items=1), recommend(alone, n_items=1))


def test_ids_that_one_of_two_encoders_pools_are_missing(quick, ratings):
    X, y = ratings
    model = Pipeline([("rare", IdEncoder(min_frequency=45)), ("enc", IdEncoder()), ("ncf", quick())]).fit(X, y)
    ranked = recommend(model, X["user"].iloc[0], n_items=5)
    assert ranked["item"].notna().all()
    assert set(ranked["item"]) <= set(X["item"])


def test_progress_is_shown_where_it_is_asked_for(quick, ratings, capsys):
    X, y = ratings
    model = quick().fit(X, y)
    recommend(model, n_items=1)
    assert capsys.readouterr() == ("", "")
    recommend(model, n_items=1, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"recommend: 100%.*60/60.*users", err)

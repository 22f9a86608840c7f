"""Baselines: what they learn, and that all else takes them as any model."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from tables_of_ids import NAN, law
from ways_of_saving import WAYS

from sklearn_ncf import IdEncoder, Recommender, recommend, similar_items
from sklearn_ncf.dummy import BiasRegressor, PopularityRanker
from sklearn_ncf.export import to_onnx
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut

X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob", "eve"], "film": ["Alien", "Bambi", "Alien", "Dune", "Alien"]})
y = np.array([5.0, 1.0, 4.0, 5.0, 2.0])
NEW = pd.DataFrame({"user": ["ann", "zoe", "bob", "zoe"], "film": ["Dune", "Alien", "Solaris", "Solaris"]})
BASELINES = [BiasRegressor(), PopularityRanker()]
each = pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: type(baseline).__name__)


def ridge_by_one_hot(X, y, shrinkage, weight=None):
    """Mean and ridge regression on one-hot ids, by scikit-learn: a function from tables to ratings."""
    mean = np.average(y, weights=weight)
    one_hot = OneHotEncoder(handle_unknown="ignore").fit(X)
    ridge = Ridge(alpha=shrinkage, fit_intercept=False, solver="cholesky")
    ridge.fit(one_hot.transform(X).toarray(), y - mean, sample_weight=weight)
    return lambda table: mean + ridge.predict(one_hot.transform(table).toarray())


@pytest.mark.parametrize("shrinkage", [0.1, 5.0, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_biases_are_a_ridge_regression_on_one_hot_ids(ratings, shrinkage, weighted):
    X, y = ratings
    weight = np.random.RandomState(0).uniform(0.1, 5, size=len(y)) if weighted else None
    model = BiasRegressor(shrinkage).fit(X[:1500], y[:1500], None if weight is None else weight[:1500])
    expected = ridge_by_one_hot(X[:1500], y[:1500], shrinkage, None if weight is None else weight[:1500])
    np.testing.assert_allclose(model.predict(X), expected(X), rtol=1e-8)
    sums = model.mean_rating_ + model.user_biases_[:, None] + model.item_biases_
    users, items = (pd.Index(ids) for ids in model.encoder_.categories_)
    pairs = users.get_indexer(X["user"]), items.get_indexer(X["item"])
    np.testing.assert_array_equal(sums[pairs], model.predict(X))


def test_without_shrinkage_biases_are_least_squares(ratings):
    X, y = ratings
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(X)
    solution, *_ = np.linalg.lstsq(one_hot, y - y.mean(), rcond=None)
    np.testing.assert_allclose(BiasRegressor(0).fit(X, y).predict(X), y.mean() + one_hot @ solution, rtol=1e-8)


def test_biases_of_a_long_chain_of_users_and_items_are_solved_for():
    links = np.arange(300)  # neighbors share an item each, so that far ends are coupled weakly
    chain = np.column_stack([np.repeat(links, 2), np.ravel(np.column_stack([links, links + 1]))])
    ratings = np.random.RandomState(0).uniform(1, 5, size=len(chain))
    model = BiasRegressor(1e-3).fit(chain, ratings)
    np.testing.assert_allclose(model.predict(chain), ridge_by_one_hot(chain, ratings, 1e-3)(chain), atol=1e-6)


def test_popularity_is_the_number_or_the_weight_of_an_items_rows():
    model = PopularityRanker().fit(X)
    np.testing.assert_array_equal(model.predict(NEW), [1, 3, 0, 0])
    assert model.items_.tolist() == ["Alien", "Bambi", "Dune"]
    assert model.item_counts_.tolist() == [3, 1, 1]
    weighted = PopularityRanker().fit(X, sample_weight=[0.25, 2, 0.25, 4, 1])
    np.testing.assert_array_equal(weighted.predict(NEW), [4, 1.5, 0, 0])


def test_unknown_ids_have_no_bias():
    model = BiasRegressor().fit(X, y)
    ann, alien = model.user_biases_[0], model.item_biases_[0]
    asked = pd.DataFrame({"user": ["ann", "ann", "zoe", "zoe"], "film": ["Alien", "Solaris", "Alien", "Solaris"]})
    expected = model.mean_rating_ + np.array([ann + alien, ann, alien, 0])
    np.testing.assert_allclose(model.predict(asked), expected, rtol=1e-12)
    assert model.mean_rating_ == pytest.approx(y.mean())


@each
def test_most_ids_unknown_is_warned_of(baseline):
    with pytest.warns(UserWarning, match="67% of the rows of column 'film' hold ids that were not seen in fit"):
        clone(baseline).fit(X, y).predict(NEW.assign(user="ann", film=["Dune", "Solaris", "Stalker", "Dune"])[:3])


@each
def test_a_weight_is_as_many_rows_and_no_weight_is_no_row(baseline):
    repeats = np.array([2, 0, 1, 3, 0])
    weighted = clone(baseline).fit(X, y, sample_weight=repeats)
    repeated = clone(baseline).fit(X.loc[X.index.repeat(repeats)], y.repeat(repeats))
    np.testing.assert_allclose(weighted.predict(NEW[:2]), repeated.predict(NEW[:2]), rtol=1e-12)
    assert weighted.items_.tolist() == repeated.items_.tolist() == ["Alien", "Dune"]
    pd.testing.assert_frame_equal(weighted.seen_, repeated.seen_)


@pytest.mark.parametrize("weight", [1e-300, 1e308])
@pytest.mark.parametrize("rating", [1e-300, 1e300])
def test_ratings_and_weights_of_any_size_give_finite_predictions(rating, weight):
    model = BiasRegressor(0).fit(X, y * rating, sample_weight=np.full(5, weight))
    expected = BiasRegressor(0).fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X) / rating, expected, rtol=1e-6)


def test_equal_ratings_have_no_biases():
    model = BiasRegressor().fit(X, np.full(5, 3.0))
    assert model.predict(X).tolist() == [3] * 5
    assert not model.user_biases_.any()


IDS = st.one_of(st.none(), st.just(NAN), st.integers(-2, 3), st.sampled_from(["a", "b", "1"]))


@law
@given(st.lists(st.tuples(IDS, IDS, st.integers(1, 5)), min_size=1, max_size=12))
def test_any_ids_give_what_the_codes_of_an_encoder_give(rows):
    table = np.empty((len(rows), 2), dtype=object)
    table[:] = [row[:2] for row in rows]
    ratings = [row[2] for row in rows]
    for baseline in (BiasRegressor(1), PopularityRanker()):
        if isinstance(baseline, PopularityRanker) and all(id_ is None or id_ != id_ for id_ in table[:, 1]):
            continue
        raw = clone(baseline).fit(table, ratings)
        pipe = Pipeline([("enc", IdEncoder()), ("model", clone(baseline))]).fit(table, ratings)
        np.testing.assert_allclose(raw.predict(table), pipe.predict(table), rtol=1e-9)


def test_missing_ids_are_one_more_id_where_fit_has_seen_them():
    table = [["ann", None], ["bob", None], ["bob", "Alien"]]
    model = PopularityRanker().fit(table)
    assert model.predict(table).tolist() == [2, 2, 1]
    assert model.seen_.astype(object).where(model.seen_.notna(), None).to_numpy().tolist() == table
    assert recommend(model, "ann", n_items=1)["item"].tolist() == ["Alien"]


@each
def test_every_kind_of_table_gives_the_same(baseline):
    expected = clone(baseline).fit(X, y).predict(NEW[:2])
    tables = {
        "polars": lambda table: pl.DataFrame(table.to_dict("list")),
        "pyarrow": lambda table: pa.table(table.to_dict("list")),
        "categories": lambda table: table.astype("category"),
        "array": lambda table: table.to_numpy(dtype=object),
        "rows": lambda table: table.to_numpy(dtype=object).tolist(),
    }
    for name, convert in tables.items():
        model = clone(baseline).fit(convert(X), y)
        np.testing.assert_array_equal(model.predict(convert(NEW[:2])), expected, err_msg=name)
        assert model.items_.tolist() == ["Alien", "Bambi", "Dune"]
        names = ["user", "item"] if name in ("array", "rows") else ["user", "film"]
        assert model.seen_.columns.tolist() == names
        assert sorted(map(tuple, model.seen_.to_numpy())) == sorted(map(tuple, X.to_numpy()))


@each
def test_seen_pairs_stand_there_once_and_as_they_came(baseline):
    table = np.array([[7, 30], [5, 10], [7, 30], [5, 20]])
    seen = clone(baseline).fit(table, y[:4]).seen_
    pd.testing.assert_frame_equal(seen, pd.DataFrame({"user": [5, 5, 7], "item": [10, 20, 30]}))


@each
def test_further_columns_are_ignored_whatever_they_hold(baseline):
    wide = X.assign(tags=[["a"], [], ["b", "c"], None, ["a"]], time=pd.Timestamp("2024-05-01"))
    model, plain = clone(baseline).fit(wide, y), clone(baseline).fit(X, y)
    np.testing.assert_array_equal(model.predict(wide), plain.predict(X))
    pd.testing.assert_frame_equal(model.seen_, plain.seen_)
    pd.testing.assert_frame_equal(recommend(model, n_items=1), recommend(plain, n_items=1))
    pd.testing.assert_frame_equal(recommend(model, wide[["user", "tags"]][:1], 1), recommend(plain, "ann", 1))
    assert RankingScorer(k=1)(model, wide.assign(film="Dune")) == RankingScorer(k=1)(plain, X.assign(film="Dune"))
    pipe = Pipeline([("enc", IdEncoder(passthrough=["tags", "time"])), ("model", clone(baseline))]).fit(wide, y)
    pd.testing.assert_frame_equal(recommend(pipe, n_items=1), recommend(plain, n_items=1))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X)


@pytest.mark.filterwarnings("ignore:n_items=3, but for")
@pytest.mark.parametrize("exclude_seen", [True, False])
@each
def test_lists_are_the_unseen_items_by_prediction(baseline, exclude_seen, ratings):
    X, y = ratings
    model = clone(baseline).fit(X, y)
    found = recommend(model, n_items=3, exclude_seen=exclude_seen)
    pairs = pd.MultiIndex.from_product([np.unique(X["user"]), np.unique(X["item"])], names=["user", "item"])
    grid = pairs.to_frame(index=False)
    grid = grid.assign(score=model.predict(grid))
    if exclude_seen:
        grid = grid[~pairs.isin(pd.MultiIndex.from_frame(model.seen_))]
    best = grid.sort_values(["user", "score", "item"], ascending=[True, False, True]).groupby("user").head(3)
    pd.testing.assert_frame_equal(found[["user", "item", "score"]], best.reset_index(drop=True))


@each
def test_every_wrapping_recommends_the_same(baseline, ratings):
    X, y = ratings
    plain = clone(baseline).fit(X, y)
    pipe = Pipeline([("enc", IdEncoder()), ("model", clone(baseline))])
    expected = recommend(plain, [3, 999], n_items=5)
    pd.testing.assert_frame_equal(recommend(clone(pipe).fit(X, y), [3, 999], n_items=5), expected)
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(pipe, {"enc__min_frequency": [None]}, cv=folds, scoring=RankingScorer()).fit(X, y)
    pd.testing.assert_frame_equal(recommend(search, [3, 999], n_items=5), expected)


def test_targets_that_were_transformed_come_back(ratings):
    X, y = ratings
    model = TransformedTargetRegressor(BiasRegressor(), func=np.negative, inverse_func=np.negative).fit(X, y)
    found = recommend(model, 3, n_items=2)
    np.testing.assert_allclose(found["score"], model.predict(found[["user", "item"]]), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:n_items=5, but for")
def test_scores_of_popularity_are_those_of_its_lists(ratings):
    X, _ = ratings
    [(train, test)] = LeaveLastOut().split(X)
    weight = 1 + 1e-6 * X["item"].iloc[train]  # no two items are equally popular: the scorer counts ties as misses
    model = PopularityRanker().fit(X.iloc[train], sample_weight=weight)
    lists = recommend(model, X["user"].iloc[test], n_items=5)
    hits = lists.merge(X.iloc[test], on=["user", "item"])
    assert 0 < len(hits) < len(test)
    assert RankingScorer("hit_rate", k=5)(model, X.iloc[test]) == pytest.approx(len(hits) / len(test))


def test_the_score_of_popularity_is_that_of_a_ranker(ratings):
    X, _ = ratings
    [(train, test)] = LeaveLastOut().split(X)
    model = PopularityRanker().fit(X.iloc[train])
    by_default = cross_val_score(PopularityRanker(), X, cv=LeaveLastOut())
    assert by_default == [RankingScorer("ndcg", k=10)(model, X.iloc[test])]
    assert np.isnan(model.score(X.iloc[train]))


def test_the_history_of_an_unknown_user_says_what_the_same_rows_say_in_fit(ratings):
    X, y = ratings
    weight = np.random.RandomState(0).uniform(0.1, 5, size=len(y))
    model = BiasRegressor().fit(X, y, sample_weight=weight)
    rows = X["user"] == 3
    history = X[rows].assign(user=999, rating=y[rows], weight=weight[rows] / weight.mean())
    items = np.sort(X["item"].unique())
    predicted = Recommender(model).predict(pd.DataFrame({"user": 999, "item": items}), history=history)
    np.testing.assert_allclose(predicted, model.predict(pd.DataFrame({"user": 3, "item": items})), rtol=1e-8)
    known, unknown = (
        recommend(model, [3, 999], n_items=5, history=history).groupby("user").get_group(u) for u in (3, 999)
    )
    assert unknown["item"].tolist() == recommend(model, 3, n_items=5)["item"].tolist()
    assert not set(known["item"]) & set(X[rows]["item"])


def test_the_history_of_a_known_user_counts_as_further_rows(ratings):
    X, y = ratings
    model = BiasRegressor(2).fit(X, y)
    pairs = pd.DataFrame({"user": [3, 4], "item": [1, 1]})
    history = pd.DataFrame({"user": 3, "item": [1, 2], "rating": [5, 4]})
    n_rows = (X["user"] == 3).sum()
    left = history["rating"] - model.predict(history[["user", "item"]])
    moved = Recommender(model).predict(pairs, history=history) - model.predict(pairs)
    np.testing.assert_allclose(moved, [left.sum() / (n_rows + 2 + len(history)), 0], atol=1e-12)
    ids, _ = Recommender(model).recommend_one(3, n_items=3, history={1: 5, 2: 4})
    assert ids.tolist() == recommend(model, 3, n_items=3, history=history)["item"].tolist()


def test_a_history_changes_no_popularity_but_is_left_out(ratings):
    X, _ = ratings
    model = PopularityRanker().fit(X)
    popular = recommend(model, 999, n_items=4)
    told = recommend(model, history=popular[["user", "item"]][:2], n_items=2)
    pd.testing.assert_frame_equal(told[["item", "score"]], popular[["item", "score"]][2:].reset_index(drop=True))
    ids, scores = Recommender(model).recommend_one(n_items=2, history=popular["item"][:2])
    assert (ids.tolist(), scores.tolist()) == (told["item"].tolist(), told["score"].tolist())


def test_without_shrinkage_or_rows_nothing_is_known_of_a_user():
    model = BiasRegressor(0).fit(X, y)
    history = pd.DataFrame({"user": ["zoe"], "film": ["Alien"], "rating": [5.0], "weight": [1.0]})
    found = Recommender(model).predict(pd.DataFrame({"user": ["zoe"], "film": ["Alien"]}), history=history)
    assert found == pytest.approx(5)


def test_shrinkage_can_be_searched(ratings):
    X, y = ratings
    folds = KFold(3, shuffle=True, random_state=0)
    pipe = Pipeline([("enc", IdEncoder()), ("model", BiasRegressor())])
    grid = {"model__shrinkage": [1.0, 1e6]}
    search = GridSearchCV(pipe, grid, cv=folds, scoring="neg_root_mean_squared_error").fit(X, y)
    assert search.best_params_ == {"model__shrinkage": 1.0}
    assert search.predict(X).std() > 0.1


@pytest.mark.parametrize("name", WAYS)
@each
def test_every_way_of_saving_keeps_predictions_to_the_bit(baseline, name, ratings):
    X, y = ratings
    model = clone(baseline).fit(X, y, sample_weight=np.arange(len(y)) % 3)
    again = WAYS[name](model)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    pd.testing.assert_frame_equal(recommend(again, n_items=3), recommend(model, n_items=3))
    pd.testing.assert_frame_equal(again.seen_, model.seen_)
    assert WAYS[name](BiasRegressor(3)).shrinkage == 3


@each
def test_another_versions_layout_is_refused(baseline):
    state = clone(baseline).fit(X, y).__getstate__()
    del state["_format"]
    with pytest.raises(ValueError, match=f"This {type(baseline).__name__} was saved .* fit again"):
        clone(baseline).__setstate__(state)


@each
def test_a_fit_that_fails_leaves_the_last_one(baseline):
    model = clone(baseline).fit(X, y)
    before = model.predict(X)
    for table in (X[["user"]], X.assign(film=[{}] * 5)):
        with pytest.raises((ValueError, TypeError)):
            model.fit(table, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.fit(X[:2], y[:2]).items_.tolist() == ["Alien", "Bambi"]


@each
def test_bad_tables_and_weights_are_refused(baseline):
    model = clone(baseline)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        recommend(model)
    with pytest.raises(ValueError, match=r"1 feature\(s\) \(shape=\(5, 1\)\) while a minimum of 2 is required"):
        model.fit(X[["user"]], y)
    with pytest.raises(ValueError, match="dim 3"):
        model.fit(np.zeros((5, 2, 2)), y)
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1 is required"):
        model.fit(X[:0], y[:0])
    for weight, words in (
        ([1, 1, 1, 1, -1], "Negative values in data passed to `sample_weight`"),
        ([0] * 5, r"weights? .*zero"),
        ([1], "sample_weight.shape == "),
        ([1, 1, 1, 1, NAN], "sample_weight contains NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(X, y, sample_weight=weight)
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"column 'film' holds ids of type number, but in fit"):
        model.predict(X.assign(film=1))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict(X[["film", "user"]])


def test_bad_ratings_and_parameters_are_refused():
    with pytest.raises(ValueError, match="Input y contains NaN"):
        BiasRegressor().fit(X, [1, 2, 3, 4, NAN])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        BiasRegressor().fit(X, y[:3])
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        BiasRegressor().fit(X, None)
    for shrinkage in (-1, np.inf, "strong"):
        with pytest.raises(ValueError, match="The 'shrinkage' parameter of BiasRegressor must"):
            BiasRegressor(shrinkage).fit(X, y)
    with pytest.raises(ValueError, match="Every item of X is a missing id"):
        PopularityRanker().fit([["ann", None], ["bob", None]])


@each
def test_what_needs_a_network_refuses_a_baseline(baseline, tmp_path):
    model = Pipeline([("enc", IdEncoder()), ("model", clone(baseline))]).fit(X, y)
    for ask in (
        lambda: similar_items(model, "Alien"),
        lambda: to_onnx(model, tmp_path / "model.onnx"),
        lambda: EmbeddingDisplay.from_estimator(model),
        lambda: TrainingHistoryDisplay.from_estimator(model),
    ):
        with pytest.raises(TypeError, match=f"must have a network, which {type(baseline).__name__} does not"):
            ask()

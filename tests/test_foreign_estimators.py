"""RankingScorer ranks by the predictions of any estimator, among the items that its fit has seen."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.metrics import (
    RankingScorer,
    average_precision_at_k,
    catalog_coverage,
    ndcg_at_k,
    novelty,
    precision_at_k,
    recall_at_k,
)
from sklearn_ncf.model_selection import LeaveLastOut

OF_POSITIVES = {
    "average_precision": average_precision_at_k,
    "ndcg": ndcg_at_k,
    "precision": precision_at_k,
    "recall": recall_at_k,
}
SCORER = RankingScorer([*OF_POSITIVES, "coverage", "novelty"], k=[3, 10])


def scorer(**params):
    return RankingScorer(**{**SCORER.get_params(), **params})


class Wrapped(RegressorMixin, BaseEstimator):
    """An estimator that predicts as another one does, and nothing tells that it is ours."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model_ = self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


class Recorder(Wrapped):
    """The same, with what its fit has seen."""

    def fit(self, X, y):
        self.items_ = np.unique(X["item"])
        self.seen_ = X[["user", "item"]]
        return super().fit(X, y)


@pytest.fixture
def one_hot():
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())


@pytest.fixture
def parts(ratings):
    X, y = ratings
    [(train, test)] = LeaveLastOut(3).split(X)
    return X.iloc[train], y.iloc[train], X.iloc[test]


def test_what_ours_is_worth_does_not_depend_on_how_it_is_wrapped(quick, ratings, parts):
    X, _ = ratings
    X_train, y_train, X_test = parts
    expected = SCORER(quick().fit(X_train, y_train), X_test)
    for seen in (X, X_train, X_train.to_numpy(), pl.DataFrame(X), X.assign(hour=0)[["hour", "item", "user"]]):
        assert scorer(seen=seen)(Wrapped(quick()).fit(X_train, y_train), X_test) == pytest.approx(expected)
    assert SCORER(Recorder(quick()).fit(X_train, y_train), X_test) == pytest.approx(expected)
    sampled = {"metric": list(OF_POSITIVES), "n_negatives": 7}
    expected = scorer(**sampled)(quick().fit(X_train, y_train), X_test)
    assert scorer(**sampled, seen=X)(Wrapped(quick()).fit(X_train, y_train), X_test) == pytest.approx(expected)


def test_full_rankings_are_those_of_predict(one_hot, ratings, parts):
    X, _ = ratings
    X_train, y_train, X_test = parts
    model = one_hot.fit(X_train, y_train)
    items, seen, lists = np.unique(X_train["item"]), set(map(tuple, X_train.to_numpy().tolist())), []
    values = {name: [] for name in OF_POSITIVES}
    for user, positives in X_test.groupby("user")["item"]:
        candidates = np.array([item for item in items if (user, item) not in seen])
        scores = model.predict(pd.DataFrame({"user": user, "item": candidates}))
        lists.append(candidates[np.argsort(-scores, kind="stable")])
        for name, metric in OF_POSITIVES.items():
            values[name].append(metric([np.isin(candidates, positives)], [scores], k=3))
    found = scorer(seen=X)(model, X_test)
    for name, of_users in values.items():
        assert found[f"{name}@3"] == pytest.approx(np.mean(of_users))
    assert found["coverage@3"] == pytest.approx(catalog_coverage(lists, items, k=3))
    assert found["novelty@3"] == pytest.approx(novelty(lists, X_train, k=3))


@pytest.mark.parametrize("cv", [KFold(3, shuffle=True, random_state=0), LeaveLastOut()])
def test_all_rows_as_seen_are_the_training_set_in_cross_validation(quick, ratings, cv):
    X, y = ratings
    both = cross_validate(quick(), X, y, cv=cv, scoring=scorer(seen=X), error_score="raise")
    wrapped = cross_validate(Wrapped(quick()), X, y, cv=cv, scoring=scorer(seen=X), error_score="raise")
    for name in (name for name in both if name.startswith("test_")):
        np.testing.assert_allclose(wrapped[name], both[name])


def test_pairs_given_twice_are_seen_where_they_were_in_fit(quick, parts):
    X_train, y_train, X_test = parts
    X_test = pd.concat([X_test, X_train[:50]])  # the last 50 are no positives
    expected = SCORER(quick().fit(X_train, y_train), X_test)
    model = Wrapped(quick()).fit(X_train, y_train)
    assert scorer(seen=X_train)(model, X_test) == pytest.approx(expected)
    assert scorer(seen=pd.concat([X_train, X_test]))(model, X_test) == pytest.approx(expected)


def test_searches_take_it(one_hot, ratings):
    X, y = ratings
    search = GridSearchCV(
        one_hot,
        {"ridge__alpha": [1.0, 1e6]},
        cv=LeaveLastOut(),
        scoring=scorer(seen=X),
        refit="ndcg@10",
        error_score="raise",
    ).fit(X, y)
    ndcg = search.cv_results_["mean_test_ndcg@10"]
    assert search.best_score_ == ndcg.max() > ndcg.min()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: GridSearchCV(model, {"ridge__alpha": [1.0]}, cv=2),
        lambda model: TransformedTargetRegressor(model),
        lambda model: make_pipeline("passthrough", model),
    ],
)
def test_wrappers_of_scikit_learn_are_taken(one_hot, ratings, parts, wrap):
    X_train, y_train, X_test = parts
    expected = scorer(seen=X_train)(one_hot.fit(X_train, y_train), X_test)
    model = wrap(one_hot).fit(X_train, y_train)
    for fitted in (model, FrozenEstimator(model)):
        assert scorer(seen=X_train)(fitted, X_test) == pytest.approx(expected)


def test_what_an_estimator_keeps_of_fit_is_found(quick, parts):
    X_train, y_train, X_test = parts
    X_test = pd.concat([X_test, pd.DataFrame({"user": [-7, -8], "item": [1, 2]})])  # two users, each with a list
    X_test = pd.concat([X_test, pd.DataFrame({"user": [1], "item": [-1]})])  # an item that is no candidate
    expected = SCORER(Recorder(quick()).fit(X_train, y_train), X_test)
    encoder = IdEncoder().set_output(transform="pandas")
    for model in (
        make_pipeline(Recorder(quick())),
        make_pipeline(encoder, Recorder(quick())),
        GridSearchCV(make_pipeline(encoder, Recorder(quick())), {"recorder__model__embedding_dim": [8]}, cv=2),
        FrozenEstimator(make_pipeline(Recorder(quick())).fit(X_train, y_train)),
    ):
        assert SCORER(model.fit(X_train, y_train), X_test) == pytest.approx(expected)
    select = ColumnTransformer([("ids", "passthrough", ["user", "item"])], verbose_feature_names_out=False)
    model = make_pipeline(select.set_output(transform="pandas"), Recorder(quick()))
    model.fit(X_train.assign(time=range(len(X_train))), y_train)
    assert SCORER(model, X_test.assign(time=range(len(X_test)))) == pytest.approx(expected)


def test_candidates_that_an_estimator_names_may_have_no_interactions(quick, parts):
    X_train, y_train, X_test = parts
    model = Wrapped(quick()).fit(X_train, y_train)
    model.items_ = [*np.unique(X_train["item"]), 999]
    scores = RankingScorer(["coverage", "recall"], k=1000)(model, X_test)
    assert scores == {"coverage@1000": 1, "recall@1000": 1}  # nothing is excluded
    model.seen_ = X_train
    rows = X_test[X_test["user"] == X_test["user"].iloc[0]]
    coverage = 1 - (X_train["user"] == rows["user"].iloc[0]).sum() / len(model.items_)
    assert RankingScorer("coverage", k=1000)(model, rows) == pytest.approx(coverage)


@pytest.mark.parametrize(
    "make",
    [pd.DataFrame.to_numpy, lambda X: X.to_numpy().tolist(), pl.DataFrame, pa.table, lambda X: X.astype("category")],
    ids=["array", "lists", "polars", "pyarrow", "categories"],
)
def test_predict_gets_tables_like_the_rows_to_score(parts, make):
    class Spy(DummyRegressor):
        def predict(self, X):
            tables.append(X)
            return np.arange(len(X)) % 7.0

    X_train, y_train, X_test = parts
    tables, given = [], make(X_test.reset_index(drop=True))
    RankingScorer(seen=make(X_train.reset_index(drop=True)))(Spy().fit(X_train, y_train), given)
    table = np.asarray(given) if isinstance(given, list) else given
    assert all(type(found) is type(table) for found in tables)
    for found in tables:
        if isinstance(given, pd.DataFrame):
            pd.testing.assert_series_equal(found.dtypes, given.dtypes)
        elif hasattr(given, "schema"):
            assert found.schema == given.schema
    frame = pd.concat([pd.DataFrame(np.asarray(found)) for found in tables])
    assert len(frame) == X_test["user"].nunique() * X_train["item"].nunique()


def test_predictions_are_asked_for_in_bounded_chunks(quick, parts, monkeypatch):
    X_train, y_train, X_test = parts
    model = Wrapped(quick()).fit(X_train, y_train)
    expected, sizes = scorer(seen=X_train)(model, X_test), []
    monkeypatch.setattr("sklearn_ncf.metrics._foreign_rows.PAIRS_CHUNK_SIZE", 37)
    monkeypatch.setattr(Wrapped, "predict", lambda self, X: sizes.append(len(X)) or self.model_.predict(X))
    assert scorer(seen=X_train)(model, X_test) == pytest.approx(expected)
    assert max(sizes) == 37


def test_each_candidate_has_its_own_features(ratings):
    """Behind features that are the item's quality, the predictions are those of an oracle."""
    X, y = ratings
    quality = y.groupby(X["item"]).mean()
    X = X.assign(quality=X["item"].map(quality), place=X["user"] % 3)
    [(train, test)] = LeaveLastOut().split(X)
    select = ColumnTransformer([("quality", "passthrough", ["quality"])])
    model = make_pipeline(select, Ridge()).fit(X.iloc[train], y.iloc[train])
    by_item = Recorder(DummyRegressor()).fit(X.iloc[train], y.iloc[train])
    by_item.predict = lambda X: X["item"].map(quality).to_numpy()
    expected = SCORER(by_item, X.iloc[test][["user", "item"]])
    assert scorer(seen=X, item_features="quality")(model, X.iloc[test]) == pytest.approx(expected)
    assert scorer(seen=X, item_features=[2])(model, X.iloc[test]) == pytest.approx(expected)
    train_alone = scorer(seen=X.iloc[train], item_features="quality")
    assert train_alone(model, X.iloc[test]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="item_features holds 'genre'"):
        scorer(seen=X, item_features="genre")(model, X.iloc[test])
    with pytest.raises(ValueError, match=r"seen must have the columns .*'quality' is missing"):
        scorer(seen=X[["user", "item"]], item_features="quality")(model, X.iloc[test])


def test_context_makes_lists_of_its_own(quick):
    X = pd.DataFrame({"user": [1, 2, 1, 2], "item": [1, 2, 3, 1], "hour": [0, 1, 0, 1]})
    y = np.array([5.0, 4, 3, 2])
    rows = pd.DataFrame({"user": [1, 1, 2], "item": [2, 2, 3], "hour": [0, 1, 1]})
    expected = RankingScorer("reciprocal_rank")(NCFRegressor(max_epochs=2, random_state=0).fit(X, y), rows)
    model = Wrapped(NCFRegressor(max_epochs=2, random_state=0)).fit(X, y)
    assert RankingScorer("reciprocal_rank", seen=X)(model, rows) == expected


@pytest.mark.parametrize("unknown_items", ["exclude", "include"])
def test_unknown_and_missing_items_are_as_with_ours(quick, unknown_items):
    X = pd.DataFrame({"user": ["a", "a", "b", "c"], "item": ["x", "y", "x", "z"]})
    y = np.array([5.0, 1, 4, 3])
    rows = pd.DataFrame({"user": ["a", "b", "b", "n", "m", None], "item": ["new", "other", None, "x", "y", "x"]})
    params = {"seen": X, "unknown_items": unknown_items, "metric": "ndcg"}
    expected = scorer(**params)(quick().fit(X, y), rows)
    assert scorer(**params)(Wrapped(quick()).fit(X, y), rows) == pytest.approx(expected)


def test_what_cannot_be_ranked_is_refused(one_hot, ratings, parts):
    X, _ = ratings
    X_train, y_train, X_test = parts
    model = one_hot.fit(X_train, y_train)
    with pytest.raises(ValueError, match=r"Pipeline does not tell which items .* Pass them to RankingScorer as seen="):
        SCORER(model, X_test)
    with pytest.raises(ValueError, match="'diversity' compares vectors of items, but Pipeline has none"):
        scorer(seen=X, metric="diversity")(model, X_test)
    for other, name in ((OneHotEncoder().fit(X), "OneHotEncoder"), (NCFRegressor, "type"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"needs a fitted estimator with predict; got {name}"):
            scorer(seen=X)(other, X_test)
    with pytest.raises(NotFittedError):
        scorer(seen=X)(Ridge(), X_test)
    with pytest.raises(ValueError, match=r"item ids of X \(number\) are of another type than .* \(string\)"):
        scorer(seen=X.assign(item=X["item"].astype(str)))(model, X_test)
    with pytest.raises(ValueError, match="seen must have the columns"):
        scorer(seen=X[["user"]])(model, X_test)
    model = Wrapped(DummyRegressor()).fit(X_train, y_train)
    model.predict = lambda X: np.full(len(X), np.nan)
    with pytest.raises(ValueError, match="Wrapped predicts NaN"):
        scorer(seen=X)(model, X_test)

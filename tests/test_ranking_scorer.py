"""RankingScorer with several metrics and cut-offs: each is what it is alone, and all come from the same scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.fitting import FittedModel
from sklearn_ncf.lists import SCORES_CHUNK_SIZE
from sklearn_ncf.metrics import RankingScorer, catalog_coverage, intra_list_diversity, novelty
from sklearn_ncf.model_selection import LeaveLastOut

OF_POSITIVES = ["average_precision", "hit_rate", "ndcg", "precision", "recall", "reciprocal_rank"]
OF_LISTS = ["coverage", "diversity", "novelty"]


@pytest.fixture
def held_out(ratings):
    """A fitted model, its training set and rows to score."""
    X, _ = ratings
    [(train, test)] = LeaveLastOut(3).split(X)
    return NCFRanker(embedding_dim=4, max_epochs=2, random_state=0).fit(X.iloc[train]), X.iloc[train], X.iloc[test]


@pytest.mark.parametrize("n_negatives", [None, 9])
def test_metrics_and_cut_offs_are_what_each_is_alone(held_out, n_negatives):
    model, _, X_test = held_out
    metrics = OF_POSITIVES if n_negatives else [*OF_POSITIVES, *OF_LISTS]
    scores = RankingScorer(metrics, k=[1, 5, 20], n_negatives=n_negatives)(model, X_test)
    assert list(scores) == [f"{metric}@{k}" for metric in metrics for k in (1, 5, 20)]
    for metric in metrics:
        for k in (1, 5, 20):
            alone = RankingScorer(metric, k=k, n_negatives=n_negatives)(model, X_test)
            assert type(alone) is float
            assert scores[f"{metric}@{k}"] == alone


def test_one_value_in_a_list_is_a_dict(held_out):
    model, _, X_test = held_out
    score = RankingScorer("ndcg", k=5)(model, X_test)
    for metric, k in (("ndcg", [5]), (["ndcg"], 5), (("ndcg",), np.array([5])), (["ndcg"], (np.int64(5),))):
        assert RankingScorer(metric, k=k)(model, X_test) == {"ndcg@5": score}


@pytest.mark.parametrize("n_negatives", [None, 9])
def test_scores_are_computed_once(held_out, monkeypatch, n_negatives):
    model, _, X_test = held_out
    scored = []

    def counted(name):
        original = getattr(FittedModel, name)

        def scorer(fitted, *args):
            scored.append(name)
            return original(fitted, *args)

        monkeypatch.setattr(FittedModel, name, scorer)

    counted("scores")
    counted("grid_scorer")
    RankingScorer(OF_POSITIVES, k=[1, 2, 3, 4], n_negatives=n_negatives)(model, X_test)
    assert scored == ["grid_scorer" if n_negatives is None else "scores"]


def test_blocks_change_nothing(held_out, monkeypatch):
    model, _, X_test = held_out
    scorer = RankingScorer([*OF_POSITIVES, *OF_LISTS], k=[2, 7])
    scores = scorer(model, X_test)
    monkeypatch.setattr("sklearn_ncf.lists._ranking.SCORES_CHUNK_SIZE", 100)
    assert SCORES_CHUNK_SIZE > 100
    assert scorer(model, X_test) == pytest.approx(scores)


@pytest.mark.filterwarnings("ignore:n_items=5, but for 1 of 60 users")
@pytest.mark.parametrize("piped", [False, True])
def test_metrics_of_lists_are_those_of_what_recommend_returns(ratings, piped):
    X, _ = ratings
    model = NCFRanker(embedding_dim=4, max_epochs=2, random_state=0)
    model = make_pipeline(IdEncoder(), model) if piped else model
    [(train, test)] = LeaveLastOut(3).split(X)
    model.fit(X.iloc[train])
    estimator = model[-1] if piped else model
    items = np.unique(X.iloc[train]["item"])
    for users in (X["user"].unique(), X["user"].unique()[:4]):
        rows = X.iloc[test][X.iloc[test]["user"].isin(users)]
        lists = recommend(model, users, n_items=5)
        scores = RankingScorer(OF_LISTS, k=[2, 5])(model, rows)
        for k in (2, 5):
            assert scores[f"coverage@{k}"] == pytest.approx(catalog_coverage(lists, items, k=k))
            assert scores[f"novelty@{k}"] == pytest.approx(novelty(lists, X.iloc[train], k=k))
            diversity = intra_list_diversity(lists, items, estimator.item_embeddings_, k=k)
            assert scores[f"diversity@{k}"] == pytest.approx(diversity)


def test_missing_ids_have_no_part_in_novelty():
    X = pd.DataFrame({"user": ["a", "b", "c", None, "d"], "item": ["x", "x", "y", "y", None]})
    model = NCFRanker(max_epochs=1, random_state=0).fit(X)
    rows = pd.DataFrame({"user": ["a", "b", "c"], "item": ["y", "y", "x"]})
    lists = recommend(model, ["a", "b", "c"], n_items=1)
    assert RankingScorer("novelty", k=1)(model, rows) == pytest.approx(novelty(lists, X))
    assert novelty([["x"], ["y"]], X) == pytest.approx((np.log2(3 / 2) + np.log2(3)) / 2)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_metrics_of_lists_take_unknown_items(held_out):
    model, X, _ = held_out
    had = [set(X["item"][X["user"] == user]) for user in (1, 2)]
    rows = pd.DataFrame({"user": [1, 2], "item": [-5, -6]})
    scorer = RankingScorer(["recall", *OF_LISTS], k=1000, unknown_items="include")
    scores = scorer(model, rows)
    assert scores["recall@1000"] == 1
    n_items = X["item"].nunique() + 2
    assert scores["coverage@1000"] == pytest.approx(1 - len(had[0] & had[1]) / n_items)
    known = RankingScorer(OF_LISTS, k=1000)(model, rows)
    assert scores["novelty@1000"] > known["novelty@1000"]  # nobody has interacted with the unknown ones


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit", "ignore:n_items=")
def test_diversity_has_the_vectors_that_features_give_to_unknown_items():
    features = pd.DataFrame({"item": [1, 2, 3, 4, 99], "size": [0.0, 1, 2, 3, 0]})
    X = pd.DataFrame({"user": [1, 1, 2, 2, 3, 3, 4], "item": [1, 2, 2, 3, 3, 4, 1]}).merge(features)
    model = NCFRanker(embedding_dim=3, max_epochs=5, item_features=["size"], random_state=0).fit(X)
    of_known = similar_items(model, [1, 2, 3, 4])["score"].sum() / 2  # each pair stands there twice
    of_new = similar_items(model, features[4:])["score"].sum()
    rows = pd.DataFrame({"user": [7], "item": [99], "size": [0.0]})  # a list of all items
    diversity = RankingScorer("diversity", unknown_items="include")(model, rows)
    assert diversity == pytest.approx(1 - (of_known + of_new) / 10, abs=1e-6)


def test_a_list_of_nothing_is_not_counted():
    X = pd.DataFrame({"user": [1, 1, 2, 3], "item": ["a", "b", "a", "b"]})
    model = NCFRanker(max_epochs=1, random_state=0).fit(X)
    rows = pd.DataFrame({"user": [1, 2], "item": ["a", "b"]})  # user 1 has interacted with every item
    scores = RankingScorer(["novelty", "recall"], k=5)(model, rows)
    assert scores == pytest.approx({"novelty@5": np.log2(3 / 2), "recall@5": 1})
    assert RankingScorer("novelty")(model, X[2:]) > 0  # no positive is left, but there are lists
    with pytest.raises(ValueError, match="No positive is left to rank"):
        RankingScorer(["novelty", "recall"])(model, X[2:])
    with pytest.raises(ValueError, match="No item is left to recommend"):
        RankingScorer("novelty")(model, rows[:1])


def test_diversity_needs_vectors(own_network, ratings):
    X, y = ratings
    model = NCFRegressor(own_network, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="'diversity' compares vectors of items, but Sum has no table of embeddings"):
        RankingScorer("diversity")(model, X[:50].assign(item=X["item"][50:100].to_numpy()))


def test_searches_and_cross_validation_take_a_dict(ratings):
    X, _ = ratings
    model = NCFRanker(embedding_dim=4, max_epochs=1, random_state=0)
    scorer = RankingScorer(["ndcg", "coverage"], k=[5, 10])
    found = cross_validate(model, X, cv=LeaveLastOut(), scoring=scorer, error_score="raise")
    for name, metric, k in (("ndcg@10", "ndcg", 10), ("coverage@5", "coverage", 5)):
        alone = cross_val_score(model, X, cv=LeaveLastOut(), scoring=RankingScorer(metric, k=k))
        np.testing.assert_array_equal(found[f"test_{name}"], alone)
    grid = {"embedding_dim": [1, 4]}
    search = GridSearchCV(model, grid, cv=LeaveLastOut(), scoring=scorer, refit="ndcg@10", error_score="raise").fit(X)
    assert search.best_score_ == search.cv_results_["mean_test_ndcg@10"].max() == found["test_ndcg@10"].max()
    assert {"mean_test_ndcg@5", "mean_test_coverage@5", "mean_test_coverage@10"} < search.cv_results_.keys()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": ["ndcg", "map"]}, "'metric' parameter of RankingScorer"),
        ({"metric": []}, "'metric' parameter of RankingScorer must not be empty"),
        ({"k": [5, 0]}, "'k' parameter of RankingScorer"),
        ({"k": [2.5]}, "'k' parameter of RankingScorer"),
        ({"k": ()}, "'k' parameter of RankingScorer must not be empty"),
        ({"metric": ["ndcg", "novelty"], "n_negatives": 5}, "coverage, diversity, novelty need full rankings"),
    ],
)
def test_bad_parameters_are_refused(held_out, params, message):
    model, _, X_test = held_out
    with pytest.raises(ValueError, match=message):
        RankingScorer(**params)(model, X_test)

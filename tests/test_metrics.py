"""Ranking metrics equal their definitions, and the scorer ranks what it says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import ndcg_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_ncf import IdEncoder, NCFRanker, recommend
from sklearn_ncf.fitting import FittedModel
from sklearn_ncf.metrics import (
    RankingScorer,
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from sklearn_ncf.model_selection import LeaveLastOut

METRICS = [
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
]


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_ndcg_is_scikit_learns_where_no_scores_are_equal(k):
    rng = np.random.RandomState(0)
    relevance, scores = rng.randint(0, 4, (30, 12)), rng.permutation(360).reshape(30, 12) / 10
    assert ndcg_at_k(relevance, scores, k=k) == pytest.approx(ndcg_score(relevance, scores, k=k))
    weight = rng.rand(30)
    assert ndcg_at_k(relevance, scores, k=k, sample_weight=weight) == pytest.approx(
        ndcg_score(relevance, scores, k=k, sample_weight=weight)
    )


def test_hand_worked_cases():
    relevance, scores = [[0, 1, 0, 1], [0, 0, 0, 1]], [[4, 3, 2, 1], [4, 3, 2, 1]]
    assert hit_rate_at_k(relevance, scores, k=2) == 0.5
    assert recall_at_k(relevance, scores, k=2) == 0.25
    assert reciprocal_rank_at_k(relevance, scores, k=4) == (1 / 2 + 1 / 4) / 2
    first = (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3))
    assert ndcg_at_k(relevance, scores, k=4) == pytest.approx((first + 1 / np.log2(5)) / 2)
    assert hit_rate_at_k(relevance, scores, k=2, sample_weight=[3, 1]) == 0.75
    assert precision_at_k(relevance, scores, k=4) == (2 / 4 + 1 / 4) / 2
    assert precision_at_k(relevance, scores, k=10) == (2 / 10 + 1 / 10) / 2
    assert average_precision_at_k(relevance, scores, k=4) == ((1 / 2 + 2 / 4) / 2 + 1 / 4) / 2
    assert average_precision_at_k(relevance, scores, k=2) == (1 / 2 / 2) / 2


@pytest.mark.parametrize("metric", METRICS)
def test_ties_count_against_the_model(metric):
    assert metric([[0, 0, 1, 0]], [[1, 1, 1, 1]], k=3) == 0
    assert metric([[0, 0, 1, 0]], [[1, 1, 1, 1]], k=4) == metric([[0, 0, 1, 0]], [[4, 3, 1, 2]], k=4)


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_taken_out_is_not_ranked(metric):
    assert metric([[0, 0, 1]], [[-np.inf, -np.inf, 0]], k=1) == 1
    assert metric([[0, 0, 1]], [[1, 2, -np.inf]], k=3) == 0


RELEVANCE = arrays.arrays(int, (4, 6), elements=st.integers(0, 1))
SCORES = arrays.arrays(float, (4, 6), elements=st.integers(0, 5).map(float))


@given(RELEVANCE, SCORES, st.randoms(use_true_random=False))
def test_laws(relevance, scores, random):
    order = list(range(6))
    random.shuffle(order)
    for metric in METRICS:
        values = [metric(relevance, scores, k=k) for k in range(1, 8)]
        assert all(0 <= value <= 1 + 1e-9 for value in values)
        # the order of the columns, and with it the order within ties, does not matter
        assert metric(relevance[:, order], scores[:, order], k=3) == pytest.approx(values[2])
        # a longer list finds no less
        found = [k * value for k, value in enumerate(values, start=1)] if metric is precision_at_k else values
        if metric is not ndcg_at_k:
            assert found == pytest.approx(sorted(found))
        best = metric(relevance, relevance.astype(float), k=6)
        assert best == pytest.approx((relevance if metric is precision_at_k else relevance.any(axis=1)).mean())
        # nor does a positive that moves up
        lifted = np.where(relevance > 0, scores + 1, scores)
        assert metric(relevance, lifted, k=3) >= values[2] - 1e-9


@given(RELEVANCE, SCORES)
def test_metrics_of_one_list_hang_together(relevance, scores):
    for of_user, scores_of_user in zip(relevance, scores, strict=True):
        found = {metric: metric([of_user], [scores_of_user], k=4) for metric in METRICS}
        n_relevant = max(of_user.sum(), 1)
        assert found[precision_at_k] * 4 == pytest.approx(found[recall_at_k] * n_relevant)
        assert found[average_precision_at_k] <= found[recall_at_k] + 1e-9
        assert found[reciprocal_rank_at_k] <= found[hit_rate_at_k]
        assert (found[hit_rate_at_k] == 1) == (found[average_precision_at_k] > 0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_score", "k", "message"),
    [
        ([[1, 0]], [[1.0, 2, 3]], 1, r"y_true has shape \(1, 2\), y_score has shape \(1, 3\)"),
        ([[-1, 0]], [[1.0, 2]], 1, "y_true holds negative relevance"),
        ([[1, 0]], [[np.nan, 2]], 1, "y_score must hold numbers"),
        ([[1, 0]], [[1.0, 2]], 0, "'k' parameter"),
        ([1, 0], [1.0, 2], 1, "Expected 2D array"),
    ],
)
def test_bad_arrays_are_refused(metric, y_true, y_score, k, message):
    with pytest.raises(ValueError, match=message):
        metric(y_true, y_score, k=k)


# The scorer


def split(ratings):
    X, y = ratings
    [(train, test)] = LeaveLastOut(2).split(X)
    return X.iloc[train], y.iloc[train], X.iloc[test], y.iloc[test]


def by_hand(model, X_train, X_test, metric, k):
    """The metric of each user's list, as the documentation says."""
    seen = set(map(tuple, X_train.to_numpy().tolist()))
    items, values = np.unique(X_train["item"]).tolist(), []
    for user, of_user in X_test.groupby("user"):
        candidates = [item for item in [*items, *sorted(set(of_user["item"]) - set(items))] if (user, item) not in seen]
        relevance = np.isin(candidates, of_user["item"])
        scores = model.predict(pd.DataFrame({"user": user, "item": candidates}))
        if relevance.any():
            values.append(metric([relevance], [scores], k=k))
    return np.mean(values)


@pytest.mark.parametrize("piped", [False, True])
def test_full_rankings_are_those_of_predict(quick, ratings, piped):
    X, y, X_test, y_test = split(ratings)
    model = make_pipeline(IdEncoder(), quick()) if piped else quick()
    model.fit(X, y)
    for name, metric in (("ndcg", ndcg_at_k), ("recall", recall_at_k), ("hit_rate", hit_rate_at_k)):
        expected = by_hand(model, X, X_test, metric, 5)
        assert RankingScorer(name, k=5)(model, X_test, y_test) == pytest.approx(expected, abs=1e-6)
    liked = y_test >= 4
    expected = by_hand(model, X, X_test[liked], recall_at_k, 5)
    assert RankingScorer("recall", k=5, relevance_threshold=4)(model, X_test, y_test) == pytest.approx(expected)


def test_what_was_seen_is_no_positive(quick, ratings):
    X, y, X_test, _ = split(ratings)
    model = quick().fit(X, y)
    both = pd.concat([X_test, X[:50]])
    for scorer in (RankingScorer("recall"), RankingScorer("hit_rate", n_negatives=5)):
        assert scorer(model, both) == pytest.approx(scorer(model, X_test), abs=0.05)
        with pytest.raises(ValueError, match="No positive is left to rank: all were seen in fit"):
            scorer(model, X)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_unknown_users_and_items_are_ranked_each_for_itself(quick, ratings):
    X, y, *_ = split(ratings)
    model = quick().fit(X, y)
    favourite = model.encoder_.categories_[1][
        np.argmax(model.predict(pd.DataFrame({"user": -9, "item": model.encoder_.categories_[1]})))
    ]
    strangers = pd.DataFrame({"user": [-9, -8, -7, -7], "item": [favourite, favourite, favourite, -3]})
    assert RankingScorer("hit_rate", k=1)(model, strangers) == 1
    assert RankingScorer("recall", k=1)(model, strangers) == pytest.approx((1 + 1 + 0.5) / 3)


def test_sampled_negatives_are_never_the_users_own(quick, ratings, monkeypatch):
    X, y, X_test, _ = split([part[:900] for part in ratings])
    model, asked = quick().fit(X, y), []
    score = FittedModel.scores
    monkeypatch.setattr(FittedModel, "scores", lambda fitted, codes, _: asked.append(codes) or score(fitted, codes))
    scorer = RankingScorer("hit_rate", k=1, n_negatives=7)
    assert scorer(model, X_test) == scorer(model, X_test)
    lists = asked[0].reshape(len(X_test), 8, 2)
    own = set(map(tuple, model.encoder_.transform(pd.concat([X, X_test])).tolist()))
    for of_positive in lists:
        assert len(set(of_positive[:, 1])) == 8
        assert not own & set(map(tuple, of_positive[1:].tolist()))


def test_more_negatives_than_there_are_is_a_full_ranking(quick, ratings):
    X, y, X_test, _ = split(ratings)
    model = quick().fit(X, y)
    one = X_test.groupby("user").tail(1)
    few, many = (RankingScorer("ndcg", n_negatives=n)(model, one) for n in (5, 10_000))
    assert many == pytest.approx(RankingScorer("ndcg")(model, one))
    assert few > many


def with_unknown_items(ratings, piped):
    """A model, and positives of which some have items that are no candidates: unknown, pooled or missing ones."""
    X, y, X_test, _ = split(ratings)
    X = pd.concat([X, pd.DataFrame({"user": [5, 6], "item": [-50, -51]})], ignore_index=True).astype(object)
    y = np.append(y, [3.0, 3.0])
    model = NCFRanker(embedding_dim=4, max_epochs=2, random_state=0)
    model = make_pipeline(IdEncoder(min_frequency=2), model) if piped else model
    model.fit(X[:-2] if not piped else X)
    odd = [(5, -50), (6, -60), (7, None), (7, -61), (7, -61), (8, -62)]
    return model, X, pd.concat([X_test, pd.DataFrame(odd, columns=["user", "item"])], ignore_index=True).astype(object)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("name", ["average_precision", "ndcg", "precision", "recall", "hit_rate", "reciprocal_rank"])
def test_candidates_are_those_of_recommend(ratings, piped, name):
    model, _, X_test = with_unknown_items(ratings, piped)
    metric = {metric.__name__: metric for metric in METRICS}[f"{name}_at_k"]
    lists = recommend(model, sorted(X_test["user"].unique()), n_items=3)
    values = []
    for user, positives in X_test.groupby("user")["item"]:
        recommended = lists["item"][lists["user"] == user].tolist()
        positives = set(positives.where(positives.notna(), "missing"))
        ranked = [*recommended, *(positives - set(recommended))]  # what is not among the three is found later, or never
        relevance = [item in positives for item in ranked]
        scores = [*np.arange(3, 0, -1.0), *[-np.inf] * (len(ranked) - 3)]
        values.append(metric([relevance], [scores], k=3))
    assert RankingScorer(name, k=3)(model, X_test) == pytest.approx(np.mean(values))


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("n_negatives", [None, 20])
def test_a_positive_that_is_no_candidate_is_a_miss(ratings, piped, n_negatives):
    model, _, _ = with_unknown_items(ratings, piped)
    users = list(range(20, 30))
    known = recommend(model, users, n_items=1)[["user", "item"]]
    unknown = pd.DataFrame({"user": users, "item": [-99] * 9 + [None]}).astype(object)
    scorer = RankingScorer("hit_rate", k=1, n_negatives=n_negatives)
    assert scorer(model, known) == 1
    assert scorer(model, unknown) == 0
    both = RankingScorer("recall", k=1, n_negatives=n_negatives)(model, pd.concat([known.astype(object), unknown]))
    assert both == 0.5
    included = RankingScorer("recall", k=50, n_negatives=n_negatives, unknown_items="include")
    assert included(model, unknown) == pytest.approx(0.9)  # the missing one is never found


def test_an_unknown_item_is_ranked_where_it_is_a_candidate(quick, ratings):
    X, y, *_ = split(ratings)
    model = quick().fit(X, y)
    rows = pd.DataFrame({"user": [3], "item": [-9]})
    scores = model.predict(rows), model.predict(pd.DataFrame({"user": 3, "item": sorted(X["item"].unique())}))
    seen = set(X["item"][X["user"] == 3])
    unseen = [item not in seen for item in sorted(X["item"].unique())]
    rank = 1 + (scores[1][unseen] >= scores[0]).sum()
    found = RankingScorer("reciprocal_rank", k=100, unknown_items="include")(model, rows)
    assert found == pytest.approx(1 / rank)


def test_searches_and_cross_validation_take_it(ratings):
    X, y = ratings
    pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRanker(embedding_dim=4, max_epochs=1, random_state=0))])
    search = GridSearchCV(
        pipe, {"ncf__max_epochs": [1, 8]}, cv=LeaveLastOut(), scoring=RankingScorer("ndcg", k=10)
    ).fit(X)
    assert 0 < search.best_score_ <= 1
    scoring = {"hits": RankingScorer("hit_rate", n_negatives=20), "likes": RankingScorer(relevance_threshold=4)}
    scores = cross_validate(pipe, X, y, cv=3, scoring=scoring)
    assert (scores["test_hits"] > 0).all()
    assert scores["test_likes"].shape == (3,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "map"}, "'metric' parameter of RankingScorer"),
        ({"k": 0}, "'k' parameter of RankingScorer"),
        ({"n_negatives": -1}, "'n_negatives' parameter of RankingScorer"),
        ({"unknown_items": "ignore"}, "'unknown_items' parameter of RankingScorer"),
        ({"relevance_threshold": 4}, "relevance_threshold needs the ratings"),
    ],
)
def test_bad_parameters_are_refused(quick, ratings, params, message):
    X, y, X_test, _ = split(ratings)
    with pytest.raises(ValueError, match=message):
        RankingScorer(**params)(quick().fit(X, y), X_test)
    if "relevance_threshold" in params:
        with pytest.raises(ValueError, match="No row is relevant"):
            RankingScorer(relevance_threshold=9)(quick().fit(X, y), X, y)

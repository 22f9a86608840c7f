"""history=: what users have done since a fit is solved for on the spot, and the model stays as it is."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from ways_of_saving import WAYS

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, Recommender, recommend
from sklearn_ncf.training import _users

SMALL = {"embedding_dim": 4, "max_epochs": 3, "random_state": 0, "device": "cpu"}
MODELS = {
    "regressor": lambda: NCFRegressor(**SMALL),
    "regressor without histories": lambda: NCFRegressor(use_history=False, **SMALL),
    "regressor without biases": lambda: NCFRegressor(use_bias=False, **SMALL),
    "unbounded": lambda: NCFRegressor(rating_range=None, **SMALL),
    "absolute error": lambda: NCFRegressor(loss="absolute_error", **SMALL),
    "mlp": lambda: NCFRegressor(architecture="mlp", **SMALL),
    "neumf": lambda: NCFRegressor(architecture="neumf", **SMALL),
    "least squares": lambda: NCFRanker(**SMALL),
    "least squares with a penalty": lambda: NCFRanker(weight_decay=1e-3, **SMALL),
    "softmax": lambda: NCFRanker(loss="softmax", **SMALL),
    "cosines": lambda: NCFRanker(loss="softmax", temperature=0.2, **SMALL),
    "softmax with histories": lambda: NCFRanker(loss="softmax", use_history=True, **SMALL),
    "bce": lambda: NCFRanker(loss="bce", **SMALL),
    "bpr": lambda: NCFRanker(loss="bpr", **SMALL),
    "squares through layers": lambda: NCFRanker(architecture="mlp", **SMALL),
    "encoded": lambda: make_pipeline(IdEncoder(), NCFRegressor(**SMALL)),
    "infrequent": lambda: make_pipeline(IdEncoder(min_frequency=25), NCFRanker(**SMALL)),
    "other target": lambda: TransformedTargetRegressor(NCFRegressor(**SMALL), transformer=StandardScaler()),
}
RANKS = {name for name, make in MODELS.items() if "NCFRanker" in repr(make())}


@pytest.fixture(scope="module")
def fitted(ratings):
    """Fitted models by name, made when first asked for."""
    X, y = ratings
    models = {}

    def of(name):
        if name not in models:
            with np.errstate(all="ignore"):
                models[name] = MODELS[name]().fit(X, y)
        return models[name]

    return of


@pytest.fixture(scope="module")
def history(ratings):
    """Rows of two users that are not in the models, and of a known one."""
    X, _ = ratings
    known = X["user"].iloc[0]
    left = np.setdiff1d(X["item"], X["item"][X["user"] == known])[:2]
    return pd.DataFrame(
        {
            "user": [-1, -1, -1, -2, -2, *[known] * len(left)],
            "item": [3, 5, 8, 3, 30, *left],
            "rating": [5.0, 4.0, 1.0, 2.0, 5.0, *[1.0] * len(left)],
        }
    )


def weights_of(model):
    estimator = Recommender(model)._ids.estimator
    return {name: weight.clone() for name, weight in estimator.net_.module_.state_dict().items()}


def pairs(users, items):
    return pd.MultiIndex.from_product([users, items], names=["user", "item"]).to_frame(index=False)


@pytest.mark.parametrize("name", MODELS)
def test_a_history_changes_its_users_alone_and_nothing_of_the_model(fitted, history, name):
    model = fitted(name)
    before, asked = weights_of(model), pairs([history["user"].iloc[-1], -1, 7, -5], range(10))
    recommender = Recommender(model)
    without, told = recommender.predict(asked), recommender.predict(asked, history=history)
    np.testing.assert_allclose(without, model.predict(asked), rtol=1e-6)
    has_history = asked["user"].isin(history["user"])
    assert (np.abs(told - without)[has_history].reshape(2, -1).max(axis=1) > 1e-3).all()
    np.testing.assert_allclose(told[~has_history], without[~has_history], rtol=1e-6)
    after = weights_of(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", MODELS)
def test_a_history_may_say_nothing_of_those_who_are_asked_for(fitted, history, name):
    recommender, asked = Recommender(fitted(name)), pairs([7], range(10))
    expected = recommender.predict(asked)
    np.testing.assert_array_equal(recommender.predict(asked, history=history), expected)
    lists = recommender.recommend([7], 3, history=history)
    pd.testing.assert_frame_equal(lists, recommender.recommend([7], 3))
    unknown = pd.DataFrame({"user": -1, "item": [-7, -8], "rating": [3.0, 4.0]})
    assert len(recommender.recommend(history=unknown, n_items=3)) == 3


@pytest.mark.parametrize("name", MODELS)
def test_neither_the_order_of_rows_nor_other_users_change_anything(fitted, history, name):
    recommender, asked = Recommender(fitted(name)), pairs([-2], range(40))
    expected = recommender.predict(asked, history=history)
    for same in (history[::-1], history[history["user"] == -2], history.sample(frac=1, random_state=0)):
        found = recommender.predict(asked, history=same)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_recommend_scores_as_predict_does_and_leaves_the_history_out(fitted, history, name):
    model = fitted(name)
    lists = recommend(model, history=history, n_items=5)
    assert lists["user"].unique().tolist() == history["user"].unique().tolist()
    assert not set(map(tuple, lists[["user", "item"]].values)) & set(map(tuple, history[["user", "item"]].values))
    expected = Recommender(model).predict(lists[["user", "item"]], history=history)
    np.testing.assert_allclose(lists["score"], expected, rtol=1e-4, atol=1e-5)
    everything = recommend(model, [-1], history=history, n_items=40, exclude_seen=False)
    assert set(history["item"][:3]) <= set(everything["item"])


# After three epochs, cosines and layers say too little for the mean of scores to follow the loss.
@pytest.mark.parametrize("name", sorted({*MODELS} - {"cosines", "squares through layers"}))
def test_what_a_newcomer_has_done_is_what_scores_come_nearer_to(fitted, ratings, name):
    X, y = ratings
    own = X["user"] == X["user"].iloc[0]
    rows = pd.DataFrame({"user": -1, "item": X["item"][own], "rating": y[own]}).drop_duplicates("item")
    asked, done = pairs([-1], range(40)), rows["item"]
    recommender = Recommender(fitted(name))
    without, told = recommender.predict(asked), recommender.predict(asked, history=rows)
    if name in RANKS:
        assert told[done].mean() - told.mean() > without[done].mean() - without.mean()
    else:
        assert ((told[done] - rows["rating"]) ** 2).mean() < ((without[done] - rows["rating"]) ** 2).mean()


@pytest.mark.parametrize("name", ["regressor", "neumf", "least squares", "softmax with histories", "encoded"])
def test_threads_give_the_same_as_one(fitted, history, name):
    recommender = Recommender(fitted(name))
    asked = [(user, history[history["user"] == user]) for user in history["user"].unique()] * 16

    def answer(user_and_history):
        return recommender.recommend([user_and_history[0]], history=user_and_history[1], n_items=5)

    expected = [answer(of_user) for of_user in asked[:3]] * 16
    fresh = recommender = Recommender(fitted(name))
    with ThreadPoolExecutor(16) as pool:
        for found, of_one in zip(pool.map(answer, asked), expected, strict=True):
            pd.testing.assert_frame_equal(found, of_one)
    assert fresh is recommender


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["regressor", "least squares", "least squares with a penalty", "bpr"])
def test_a_model_saved_and_loaded_solves_for_the_same(fitted, history, name, way):
    model, asked = fitted(name), pairs([-1, -2], range(40))
    loaded = WAYS[way](model)
    np.testing.assert_array_equal(loaded.predict(asked, history=history), model.predict(asked, history=history))


# The methods


def solved(gram, items, weights, penalty, prior=0.0):
    """The vector of a user of least squares (Hu et al. 2008, equation 4), with a penalty that draws to a prior."""
    matrix = gram + (items.T * (weights - 1)) @ items + penalty * np.eye(len(gram))
    return np.linalg.solve(matrix, items.T @ weights + penalty * prior)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
def test_least_squares_are_solved_exactly(ratings, weights):
    X, _ = ratings
    model = NCFRanker(embedding_dim=6, weight_decay=1e-3, positive_weight=5, max_epochs=3, random_state=0).fit(X)
    V = model.item_embeddings_.astype(float)
    history = pd.DataFrame({"user": -1, "item": [3, 5, 8]})
    weight = np.ones(3) if weights is None else np.array(weights)
    if weights is not None:
        history["weight"] = weights
    vector = solved(V.T @ V, V[[3, 5, 8]], 5 * weight, 1e-3 * len(X.drop_duplicates()) / 2)
    found = model.predict(pairs([-1], model.encoder_.categories_[1]), history=history)
    np.testing.assert_allclose(found, V @ vector, rtol=1e-3, atol=1e-5)


def test_least_squares_draw_to_the_mean_of_users(ratings):
    X, _ = ratings
    model = NCFRanker(embedding_dim=6, positive_weight=5, max_epochs=3, random_state=0).fit(X)
    V, U = model.item_embeddings_.astype(float), model.user_embeddings_.astype(float)

    def penalty_and_pull(n):
        return 0.5 * np.sqrt(5 * n + len(V)) * (1 + 1 / n), 50 / (50 + n)

    counts = X.drop_duplicates().groupby("user").size().reindex(model.encoder_.categories_[0]).to_numpy()
    shares = np.multiply(*penalty_and_pull(counts))
    penalty, pull = penalty_and_pull(2)
    vector = solved(V.T @ V, V[[3, 5]], np.full(2, 5.0), penalty, pull * shares @ U / shares.sum())
    found = model.predict(pairs([-1], range(40)), history=pd.DataFrame({"user": -1, "item": [3, 5]}))
    np.testing.assert_allclose(found, V @ vector, rtol=1e-3, atol=1e-5)


def test_a_known_user_of_least_squares_is_solved_for_with_all_pairs(ratings):
    X, _ = ratings
    model = NCFRanker(embedding_dim=6, weight_decay=1e-3, positive_weight=5, max_epochs=3, random_state=0).fit(X)
    V, user = model.item_embeddings_.astype(float), X["user"].iloc[0]
    had = X["item"][X["user"] == user].unique()
    new = np.setdiff1d(range(40), had)[:3]
    vector = solved(V.T @ V, V[[*had, *new]], np.full(len(had) + 3, 5.0), 1e-3 * len(X.drop_duplicates()) / 2)
    history = pd.DataFrame({"user": user, "item": [*new, had[0]]})  # a pair of training counts once
    found = model.predict(pairs([user], range(40)), history=history)
    np.testing.assert_allclose(found, V @ vector, rtol=1e-3, atol=1e-5)


@pytest.fixture
def rare(ratings):
    """A table in which twenty users are a user per row, each of them infrequent."""
    X, y = ratings
    are_rare = X["user"].isin(X["user"].value_counts().index[-20:])
    return X.assign(user=np.where(are_rare, X["user"] * 1000 + X["item"], X["user"])), y


def test_least_squares_do_not_take_an_unknown_user_for_the_infrequent_ones(rare):
    """Their code stands for all of them, but what they have done is nothing that this user has done."""
    X, _ = rare
    ranker = NCFRanker(embedding_dim=6, weight_decay=1e-3, positive_weight=5, max_epochs=3, random_state=0)
    model = make_pipeline(IdEncoder(min_frequency=5), ranker).fit(X)
    V, n_pairs = model[-1].item_embeddings_.astype(float), len(model[-1]._seen.pairs)
    weight = X.assign(user=model[0].transform(X)[:, 0]).groupby(["user", "item"]).size().sum()
    vector = solved(V.T @ V, V[[3, 5]], np.full(2, 5.0), 1e-3 * weight / 2)
    found = Recommender(model).predict(pairs([-1], range(40)), history=pairs([-1], [3, 5]))
    np.testing.assert_allclose(found, V @ vector, rtol=1e-3, atol=1e-5)
    assert n_pairs < weight


def test_ridge_regressions_do_not_take_an_unknown_user_for_the_infrequent_ones(rare):
    X, y = rare
    rows = pairs([-1], [3, 5, 8]).assign(rating=[5.0, 1.0, 4.0])
    asked, gains = pairs([-1], range(40)), []
    for encoder in (IdEncoder(), IdEncoder(min_frequency=5)):
        recommender = Recommender(make_pipeline(encoder, NCFRegressor(**SMALL)).fit(X, y))
        told = recommender.predict(asked, history=rows)
        gains.append(np.abs(told - recommender.predict(asked)).mean())
        ids, found = recommender.recommend_one(-1, 5, history={3: 5.0, 5: 1.0, 8: 4.0})
        np.testing.assert_allclose(found, told[ids], rtol=1e-4, atol=1e-5)
        both = recommender.predict(asked, history=pd.concat([rows, rows.assign(user=-2)]))
        np.testing.assert_allclose(both, told, rtol=1e-4, atol=1e-5)
    assert gains[1] > gains[0] / 2


def test_ratings_without_bounds_and_histories_are_one_ridge_regression(ratings):
    X, y = ratings
    model = NCFRegressor(use_history=False, rating_range=None, **SMALL).fit(X, y)
    net, plan = model.net_.module_, model.net_.plan_
    rows = pairs([-1], [3, 5, 8])
    start, targets = model.predict(rows), np.array([5.0, 1.0, 4.0])
    items = net.embedding.weight[net.first_rows[1] + torch.tensor([3, 5, 8])] * net.gmf_weight
    slopes = torch.cat([items, torch.ones(3, 1)], dim=1).detach().numpy().astype(float)
    errors = (targets - start) / plan.scale
    strengths = np.array([20 * plan.strengths.vectors] * 4 + [2 * plan.strengths.biases[0]])
    step = np.linalg.solve(2 * slopes.T @ slopes + np.diag(strengths), 2 * slopes.T @ errors)
    found = model.predict(rows, history=rows.assign(rating=targets))
    np.testing.assert_allclose(found, start + plan.scale * slopes @ step, rtol=1e-4)


@pytest.mark.parametrize("name", sorted({*MODELS} - {"least squares", "least squares with a penalty", "infrequent"}))
def test_no_step_makes_the_penalized_loss_of_a_user_larger(fitted, history, monkeypatch, name):
    """More steps, which are halved where they would, never leave a user worse off."""
    recommender = Recommender(fitted(name))
    solver = recommender._further_users.solver
    rows = []
    monkeypatch.setattr(type(solver), "_losses", spy(type(solver)._losses, rows))
    recommender.predict(pairs([-1], [1]), history=history[history["user"] == -1])
    losses = [float(loss.sum()) for loss in rows if not loss.requires_grad]
    assert len(losses) > 1
    assert min(losses[1:]) <= losses[0]


def spy(function, results):
    def spied(*args):
        results.append(function(*args))
        return results[-1]

    return spied


def test_pairs_of_training_teach_rankers_nothing_again(fitted, ratings):
    X, _ = ratings
    user = X["user"].iloc[0]
    seen = X[X["user"] == user][["user", "item"]]
    asked = pairs([user], range(40))
    for name in ("softmax", "softmax with histories", "bpr"):
        found = fitted(name).predict(asked, history=seen)
        np.testing.assert_allclose(found, fitted(name).predict(asked), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["softmax", "neumf"])
@pytest.mark.parametrize("chunk_size", [1, 500])
def test_the_size_of_chunks_changes_nothing(fitted, monkeypatch, chunk_size, name):
    rows = pairs(range(-9, 0), [3, 5]).assign(rating=[1.0, 5.0, 4.0] * 6)
    asked = pairs(range(-9, 0), range(40))
    expected = fitted(name).predict(asked, history=rows)
    monkeypatch.setattr(_users, "NUMBERS_CHUNK_SIZE", chunk_size)
    np.testing.assert_allclose(fitted(name).predict(asked, history=rows), expected, rtol=1e-4, atol=1e-5)


# What a history looks like


def test_every_form_of_a_table_means_the_same(fitted, history):
    model, asked = fitted("regressor"), pairs([-1, -2], range(40))
    expected = model.predict(asked, history=history)
    forms = [
        history.rename(columns={"rating": "stars"}),
        history[["rating", "item", "user"]].assign(weight=1.0),
        pl.from_pandas(history),
        pl.from_pandas(history).to_arrow(),
        history.to_numpy(),
        history.to_numpy().tolist(),
        list(history.itertuples(index=False, name=None)),
        history.assign(stars=1.0, when="today"),  # further columns beside one named rating
    ]
    for form in forms:
        np.testing.assert_array_equal(model.predict(asked, history=form), expected)


def test_a_ranker_reads_no_ratings(fitted, history):
    model, asked = fitted("least squares"), pairs([-1, -2], range(40))
    expected = model.predict(asked, history=history[["user", "item"]])
    np.testing.assert_array_equal(model.predict(asked, history=history), expected)
    twice = pd.concat([history, history])
    weighted = model.predict(asked, history=history.assign(weight=2.0))
    np.testing.assert_allclose(model.predict(asked, history=twice), weighted, rtol=1e-4, atol=1e-6)


def test_context_columns_may_be_in_a_history(ratings):
    X, y = ratings
    X = X[["user", "item"]].assign(hour=np.arange(len(X)) % 3)
    model = NCFRegressor(**SMALL).fit(X, y)
    asked = pairs([-1], range(40)).assign(hour=1)
    history = pd.DataFrame({"user": -1, "item": [3, 5], "rating": [5.0, 1.0]})
    at_noon = model.predict(asked, history=history.assign(hour=[0, 1]))
    assert np.abs(at_noon - model.predict(asked, history=history)).max() > 1e-5
    lists = recommend(model, pd.DataFrame({"user": [-1, -1], "hour": [0, 1]}), 3, history=history)
    assert lists.groupby("hour").size().to_dict() == {0: 3, 1: 3}
    assert not lists["item"].isin([3, 5]).any()


def test_features_and_a_history_of_one_user_add_up(ratings):
    X, y = ratings
    X = X[["user", "item"]].assign(age=X["user"] % 7 + 0.5)
    model = NCFRegressor(user_features="age", **SMALL).fit(X, y)
    users = pd.DataFrame({"user": [-1, -2], "age": [0.5, 6.5]})
    history = pd.DataFrame({"user": -1, "item": [3], "rating": [5.0]})
    by_features, both = (
        recommend(model, users, 40, exclude_seen=False, **given).set_index(["user", "item"])["score"].sort_index()
        for given in ({}, {"history": history})
    )
    assert np.abs(both - by_features)[-1].max() > 1e-3
    pd.testing.assert_series_equal(both[[-2]], by_features[[-2]])
    alone = recommend(model, [-1], 40, history=history, exclude_seen=False).set_index("item")["score"].sort_index()
    assert np.abs(both[-1] - alone).max() > 1e-4


def test_a_model_of_arrays_takes_arrays(ratings):
    X, y = ratings
    model = NCFRegressor(**SMALL).fit(X[["user", "item"]].to_numpy(), y)
    named = NCFRegressor(**SMALL).fit(X[["user", "item"]], y)
    rows = np.array([[-1, 3, 5.0], [-1, 5, 1.0]])
    asked = pairs([-1], range(40))
    expected = named.predict(asked, history=rows)
    np.testing.assert_array_equal(model.predict(asked.to_numpy(), history=rows), expected)
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    np.testing.assert_array_equal(model.predict(asked.to_numpy(), history=frame), expected)


def test_errors_say_what_a_history_lacks(fitted, history, own_network, ratings):
    asked = pairs([-1], [3])
    regressor, ranker = fitted("regressor"), fitted("least squares")
    two = history[["user", "item"]]
    for wrong, message in [
        (two, r"history must have a column 'rating' behind \['user', 'item'\]"),
        (history.rename(columns={"rating": "a"}).assign(b=1.0), "history must have a column 'rating'"),
        (history.drop(columns="item"), "history, as a table, must have the column 'item'"),
        (history.assign(rating=np.nan), "rating contains NaN"),
        (history.assign(item=[None] * len(history)), "history holds missing ids in column 'item'; remove"),
        (history.assign(item="x"), "item"),
        (history.assign(weight=-1.0), "egative"),
        (history[:0], "history is empty"),
        ([[1, 2, 3, 4, 5]], r"history, .* must have 'user', 'item', \[rating\], \[weight\]; got 5"),
        ([1, 2], "history must be a table, a row per pair of a user and an item; got a list"),
    ]:
        with pytest.raises(ValueError, match=message):
            regressor.predict(asked, history=wrong)
    with pytest.raises(ValueError, match=r"must have 'user', 'item', \[weight\]; got 4"):
        ranker.predict(asked, history=[[1, 2, 3, 4]])
    with pytest.raises(NotFittedError):
        NCFRegressor().predict(asked, history=history)
    X, y = ratings
    custom = NCFRegressor(own_network, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"history= needs one of the networks of NCFRegressor.* Use partial_fit"):
        custom.predict(asked, history=history)


def test_ratings_out_of_range_are_clipped_with_a_warning(fitted):
    asked, history = pairs([-1], range(5)), pd.DataFrame({"user": -1, "item": [3], "rating": [5.0]})
    model = fitted("regressor")
    high = model.rating_range_[1]
    expected = model.predict(asked, history=history.assign(rating=high))
    with pytest.warns(UserWarning, match="1 of 1 ratings lie outside"):
        found = model.predict(asked, history=history.assign(rating=high + 100))
    np.testing.assert_array_equal(found, expected)


def test_a_recommender_answers_with_what_the_model_had_learned(ratings, history):
    X, y = ratings
    model = NCFRegressor(**SMALL).fit(X, y)
    recommender = Recommender(model)
    before = pickle.dumps(recommender.recommend(history=history, n_items=5))
    model.partial_fit(X.assign(user=7), 6 - y)
    assert pickle.dumps(recommender.recommend(history=history, n_items=5)) == before

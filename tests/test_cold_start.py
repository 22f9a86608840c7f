"""What is predicted for ids that a fit has not seen."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from test_accuracy import bias_only

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.nn import EmbeddingNN, _cold_start

pytestmark = pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")


@pytest.mark.slow
@pytest.mark.parametrize("column", [0, 1])
def test_held_out_users_and_items_are_predicted_better_than_by_biases(column):
    X, y = load_movielens(return_X_y=True)
    train, test = next(GroupKFold(5).split(X, y, X.iloc[:, column]))
    X_train, X_test, y_train, y_test = X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
    error = root_mean_squared_error(y_test, NCFRegressor(random_state=0).fit(X_train, y_train).predict(X_test))
    assert error < root_mean_squared_error(y_test, bias_only(X_train, y_train, X_test))


def moody_users(n_users=80, n_items=60, seed=0):
    """Users whose ratings lie high or low, whatever they rate."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame({"user": np.repeat(np.arange(n_users), 25), "item": rng.randint(n_items, size=25 * n_users)})
    return X, pd.Series(np.where(X["user"] % 2, 4.5, 1.5) + 0.2 * rng.randn(len(X))).clip(1, 5)


def with_rare_items(n_rare, rating, *, n_users=60, seed=0):
    """Each user rates twenty popular items, and the first users one item each that nobody else rates."""
    rng = np.random.RandomState(seed)
    rows = [(user, item, 3 + rng.choice([-1, 1])) for user in range(n_users) for item in range(20)]
    rows += [(number % n_users, 100 + number, rating) for number in range(n_rare)]
    table = pd.DataFrame(rows, columns=["user", "item", "rating"])
    return table[["user", "item"]], table["rating"].astype(float)


@pytest.mark.parametrize("architecture", ["gmf", "mlp"])
def test_an_unknown_item_is_rated_like_rare_ones_where_these_are_many(quick, architecture):
    unknown = pd.DataFrame({"user": np.arange(60), "item": -1})
    rated = {}
    for n_rare, rating in [(600, 1), (600, 3), (600, 5), (12, 1), (12, 3)]:
        X, y = with_rare_items(n_rare, rating)
        model = quick(architecture=architecture, max_epochs=10).fit(X, y)
        rated[n_rare, rating] = model.predict(unknown).mean() - y.mean()  # all ratings as they are said what is usual
    assert rated[600, 1] < rated[600, 3] - 0.5
    assert rated[600, 5] > rated[600, 3] + 0.5
    assert abs(rated[12, 1] - rated[12, 3]) < 0.1  # a chance of one in a hundred: rather a new item


def test_ids_that_are_all_rare_change_nothing(quick):
    X = pd.DataFrame({"user": np.arange(60), "item": np.arange(60)})
    y = pd.Series(np.random.RandomState(0).uniform(1, 5, 60))
    assert quick().fit(X, y).predict(pd.DataFrame({"user": [-1], "item": [-1]})) == pytest.approx(y.mean(), abs=1e-3)


@pytest.mark.parametrize("rating_range", ["auto", None])
@pytest.mark.parametrize(("architecture", "use_bias"), [("gmf", True), ("gmf", False), ("mlp", True), ("neumf", True)])
def test_users_mean_ratings_come_out_for_an_unknown_item(quick, architecture, rating_range, use_bias):
    X, y = moody_users()
    settings = {"architecture": architecture, "rating_range": rating_range, "use_bias": use_bias}
    model = quick(max_epochs=20, embedding_dropout=0.1, **settings).fit(X, y)
    predicted = model.predict(pd.DataFrame({"user": np.arange(80), "item": -7}))
    np.testing.assert_allclose(predicted, y.groupby(X["user"]).mean(), atol=0.5)


def test_the_unknown_id_is_fitted_to_few_ids_as_well(quick, monkeypatch):
    X, y = moody_users()
    monkeypatch.setattr(_cold_start, "IDS_AT_MOST", 10)
    model = quick(max_epochs=20, embedding_dropout=0.1).fit(X, y)
    predicted = model.predict(pd.DataFrame({"user": np.arange(80), "item": -7}))
    np.testing.assert_allclose(predicted, y.groupby(X["user"]).mean(), atol=0.5)


@pytest.mark.parametrize("architecture", ["gmf", "mlp"])
def test_fitting_the_unknown_id_makes_no_error_larger_and_moves_nobody_else(architecture):
    torch.manual_seed(0)
    net = EmbeddingNN(
        [40, 30], architecture=architecture, embedding_dim=4, hidden_layer_sizes=(4,), output_range=(1, 5)
    )
    torch.nn.init.normal_(net.embedding.weight)
    counts = [torch.cat([torch.zeros(2), torch.randint(1, 9, (n,)).float()]) for n in net.n_ids]
    means = [1 + 4 * torch.rand(n + 2) for n in net.n_ids]
    net.train()
    net.fill_untrained(counts)
    before = {name: table.clone() for name, table in net.state_dict().items()}

    def error():
        codes = torch.stack([torch.arange(40), torch.full((40,), -1)], dim=1)
        return counts[0][2:] @ (net(codes) - means[0][2:]).square()

    filled = error()
    net.fill_untrained(counts, means)
    assert net.training
    assert error() < filled
    unknown = {0, 1, 42, 43}
    known = [row for row in range(len(net.embedding.weight)) if row not in unknown]
    for name in ("embedding.weight", "bias.weight"):
        torch.testing.assert_close(net.state_dict()[name][known], before[name][known], rtol=0, atol=0)
        torch.testing.assert_close(net.state_dict()[name][0], net.state_dict()[name][1])  # a missing id, as untrained


def test_where_nothing_is_known_the_mean_is_predicted(quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    unknown = pd.DataFrame({"user": [-5, None, -6], "item": [-5, None, None]})
    np.testing.assert_array_equal(model.predict(unknown), np.float32(model.mean_rating_))


def test_an_unknown_context_leaves_user_and_item_their_say(quick):
    X, y = moody_users()
    X["hour"] = np.arange(len(X)) % 24
    model = quick(max_epochs=20, embedding_dropout=0.1).fit(X, y)
    seen, unknown = model.predict(X), model.predict(X.assign(hour=99))
    assert np.corrcoef(seen, unknown)[0, 1] > 0.95


def test_infrequent_ids_share_a_vector_that_unknown_ids_get(quick):
    X, y = moody_users()
    rare = pd.DataFrame({"user": np.arange(1000, 1040), "item": np.arange(40) % 60})  # one rating each, all of them 1
    X, y = pd.concat([X, rare], ignore_index=True), pd.concat([y, pd.Series(np.ones(40))], ignore_index=True)
    pipe = make_pipeline(IdEncoder(min_frequency=5), quick(max_epochs=40, embedding_dropout=0.1)).fit(X, y)
    asked = pd.DataFrame({"user": [1000, 1039, 5000], "item": 3})
    predicted = pipe.predict(asked)
    assert (predicted == predicted[0]).all()
    assert predicted[0] < y.mean() - 0.5

"""NCFRanker learns from positives alone, whatever the loss, the network and the oddity of the data."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ncf import NCFRanker, recommend, similar_items
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut


def tastes(n_users=120, n_items=40, n_rows=3000, seed=0):
    """Two kinds of users, each of which takes hardly anything but items of its own kind."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame({"user": rng.randint(n_users, size=n_rows), "item": rng.randint(n_items, size=n_rows)})
    return X[(X["user"] % 2 == X["item"] % 2) | (rng.rand(n_rows) < 0.05)].drop_duplicates().reset_index(drop=True)


def ranker(**params):
    settings = {"embedding_dim": 8, "max_epochs": 8, "random_state": 0, "device": "cpu", "embedding_dropout": 0.1}
    return NCFRanker(**{**settings, **params})


def finds_the_kind(model, users=(3, 4, 8, 11)):
    found = recommend(model, users, n_items=5)
    return np.mean(found["user"] % 2 == found["item"] % 2)


@pytest.mark.parametrize("loss", ["bce", "bpr", "softmax", "squared_error"])
@pytest.mark.parametrize("architecture", ["gmf", "neumf"])
@pytest.mark.parametrize("temperature", [None, 0.3])
def test_tastes_are_learnt(loss, architecture, temperature):
    X = tastes()
    [(train, test)] = LeaveLastOut().split(X)
    params = {"loss": loss, "architecture": architecture, "use_history": architecture == "neumf"}
    model = ranker(**params, temperature=temperature).fit(X.iloc[train])
    assert model.history_["train_loss"].iloc[-1] < model.history_["train_loss"].iloc[0]
    by_chance = 10 / 40
    assert RankingScorer("hit_rate", k=10)(model, X.iloc[test]) > 1.5 * by_chance
    assert finds_the_kind(model) > 0.8


@pytest.mark.parametrize("loss", ["bce", "bpr", "softmax", "squared_error"])
def test_a_multilayer_perceptron_learns_what_is_popular(loss):
    X = tastes()
    X = X[(X["item"] < 10) | (np.arange(len(X)) % 5 == 0)]
    model = ranker(loss=loss, architecture="mlp", dropout=0).fit(X)
    found = recommend(model, n_items=5, exclude_seen=False)
    assert (found["item"] < 10).mean() > 0.8


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rowwise_adamw"])
def test_other_optimizers_learn_too(optimizer):
    assert finds_the_kind(ranker(optimizer=optimizer, use_history=True, max_epochs=15).fit(tastes())) > 0.8


def test_with_a_temperature_lengths_of_vectors_say_nothing():
    X = tastes()
    model = ranker(loss="softmax", temperature=0.2, use_bias=False).fit(X)
    users, items = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for vectors in (model.user_embeddings_, model.item_embeddings_)
    )
    pairs = model.encoder_.transform(X)
    cosines = np.einsum("nd,nd->n", users[pairs[:, 0]], items[pairs[:, 1]])
    np.testing.assert_allclose(model.predict(X), cosines / 0.2 + model.net_.module_.intercept.item(), atol=1e-4)
    with pytest.raises(ValueError, match="temperature=None"):
        ranker(temperature=0.2, optimizer="als").fit(X)
    with pytest.raises(ValueError, match="parameters have changed"):
        model.set_params(warm_start=True, temperature=0.3).fit(X)


def test_a_network_of_ones_own_ranks():
    class Products(torch.nn.Module):
        def __init__(self, n_ids, **params):
            super().__init__()
            self.tables = torch.nn.ModuleList(torch.nn.Embedding(n + 1, 4) for n in n_ids)
            for table in self.tables:
                torch.nn.init.normal_(table.weight, std=0.1)

        def forward(self, codes):
            return (self.tables[0](codes[:, 0] + 1) * self.tables[1](codes[:, 1] + 1)).sum(dim=1)

    assert (
        finds_the_kind(ranker(architecture=Products, max_epochs=30, loss="bce", learning_rate=0.03).fit(tastes())) > 0.8
    )


def test_context_columns_count():
    X = tastes()
    X["hour"] = (X["item"] // 2) % 2  # items are taken at hours of their own
    model = ranker(max_epochs=15).fit(X)
    found = recommend(model, pd.DataFrame({"user": [3, 3, 4, 4], "hour": [0, 1, 0, 1]}), n_items=5)
    assert np.mean((found["item"] // 2) % 2 == found["hour"]) > 0.8


def test_equal_bits_and_equal_after_pickling():
    X = tastes()
    first, second = (ranker().fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict(X), first.predict(X))
    assert first.predict(X).dtype == np.float32
    pd.testing.assert_frame_equal(similar_items(first, [3]), similar_items(second, [3]))


def test_weights_say_what_counts():
    X = tastes()
    favourite = X["item"] == 7
    models = [ranker(max_epochs=15).fit(X, sample_weight=np.where(favourite, weight, 1.0)) for weight in (0.02, 5)]
    lists = [recommend(model, n_items=3, items=[5, 7, 9], exclude_seen=False) for model in models]
    ranks = [found[found["item"] == 7]["rank"].mean() for found in lists]
    assert ranks[1] < ranks[0]


@pytest.mark.parametrize(
    "scoring", ["loss", "average_precision", "ndcg", "hit_rate", "precision", "recall", "reciprocal_rank"]
)
@pytest.mark.parametrize("given", [True, False])
def test_early_stopping_keeps_the_best_epoch(scoring, given):
    X = tastes()
    [(train, test)] = LeaveLastOut().split(X)
    model = ranker(early_stopping=True, scoring=scoring, max_epochs=12, patience=3, learning_rate=0.05)
    model.fit(X.iloc[train], X_val=X.iloc[test] if given else None)
    if scoring == "loss":
        assert model.best_epoch_ == model.history_["valid_loss"].idxmin() + 1
    else:
        scores = model.history_["valid_score"]
        assert scores.max() > 0
        assert model.best_epoch_ == scores.idxmax() + 1
        assert model.n_iter_ == 12 or model.n_iter_ == model.best_epoch_ + 3
        if given:
            assert RankingScorer(scoring)(model, X.iloc[test]) == pytest.approx(scores.max(), abs=1e-6)


def unrankable():
    X = tastes()
    return {
        "seen": (X, X[:100]),
        "unknown items": (X, X[:100].assign(item=777)),
        "seen or unknown items": (X, pd.concat([X[:50], X[:50].assign(item=777)])),
        "missing items": (X.astype("Int64"), X[:100].astype("Int64").assign(item=pd.NA)),
        "one item for everybody": (X[:100].assign(item=3), X[:20].assign(item=3)),
    }


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("scoring", ["ndcg", "hit_rate", "recall", "reciprocal_rank"])
@pytest.mark.parametrize("name", unrankable())
def test_a_metric_that_is_undefined_is_nan_and_chooses_no_epoch(scoring, name):
    X, X_val = unrankable()[name]
    with pytest.warns(UserWarning, match=f"scoring='{scoring}' is undefined on the validation set") as caught:
        model = ranker(scoring=scoring, max_epochs=3).fit(X, X_val=X_val)
    assert [warning.filename for warning in caught if "undefined" in str(warning.message)] == [__file__]
    assert model.history_["valid_score"].isna().all()
    assert model.history_["valid_loss"].notna().all()
    assert model.best_epoch_ == model.n_iter_ == 3
    np.testing.assert_array_equal(model.predict(X), ranker(max_epochs=3).fit(X).predict(X))


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("name", unrankable())
def test_early_stopping_by_a_metric_that_is_undefined_is_refused(name):
    X, X_val = unrankable()[name]
    with pytest.raises(ValueError, match=r"undefined on the validation set.*Pass other rows as X_val"):
        ranker(scoring="ndcg", early_stopping=True).fit(X, X_val=X_val)
    with pytest.raises(ValueError, match="undefined on the validation set"):
        ranker(scoring="ndcg", early_stopping=True, validation_fraction=0.01).fit(pd.concat([X[:100]] * 20))
    assert ranker(scoring="loss", early_stopping=True).fit(X, X_val=X_val).best_epoch_ >= 1


def test_users_whose_metric_is_undefined_are_left_out():
    X = tastes()
    [(train, test)] = LeaveLastOut().split(X)
    settings = {"scoring": "ndcg", "max_epochs": 3}
    alone = ranker(**settings).fit(X.iloc[train], X_val=X.iloc[test])
    mixed = ranker(**settings).fit(X.iloc[train], X_val=pd.concat([X.iloc[test], X.iloc[train]]))
    np.testing.assert_array_equal(mixed.history_["valid_score"], alone.history_["valid_score"])


def test_a_validation_loss_has_the_same_negatives_every_time():
    X = tastes()
    model = ranker(optimizer="adam", learning_rate=1e-12, weight_decay=0, max_epochs=3).fit(X[200:], X_val=X[:200])
    assert model.history_["valid_loss"].nunique() == 1
    assert model.history_["train_loss"].nunique() == 3


def oddities():
    X = tastes()
    n_items = X["item"].nunique()
    everything = pd.DataFrame({"user": 1000, "item": X["item"].unique()})
    return {
        "a user who has everything": pd.concat([X, everything]),
        "nobody but users who have everything": pd.concat([everything, everything.assign(user=1001)]),
        "a user with one row": pd.concat([X, pd.DataFrame({"user": [1002], "item": [3]})]),
        "one item": X.assign(item=5),
        "one row": X[:1],
        "repeated rows": pd.concat([X, X, X[:100]]),
        "missing ids": X.astype("Int64").mask(np.arange(len(X))[:, None] % [[7, 11]] == 0),
        "rare": X[:n_items],
    }


@pytest.mark.parametrize("loss", ["bce", "bpr", "softmax", "squared_error"])
@pytest.mark.parametrize("name", oddities())
def test_odd_data_neither_hangs_nor_breaks(loss, name):
    X = oddities()[name]
    model = ranker(loss=loss, max_epochs=2).fit(X)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.history_["train_loss"]).all()


def test_items_that_are_all_missing_cannot_be_ranked():
    with pytest.raises(ValueError, match="Every item of X is a missing id"):
        ranker().fit(pd.DataFrame({"user": [1, 2], "item": [None, None]}))


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
def test_unknown_users_get_what_is_popular():
    X = tastes()
    extra = pd.DataFrame({"user": np.arange(120), "item": 777})
    model = ranker(max_epochs=20).fit(pd.concat([X, extra]))
    assert recommend(model, -5, n_items=1)["item"].tolist() == [777]


def test_growth_learns_new_users_and_moves_nobody_else():
    X = tastes()
    model = ranker(max_epochs=15).fit(X)
    rows = X[~X["item"].isin([1, 3, 5, 7])]
    before = model.predict(rows)
    new = pd.DataFrame({"user": 1001, "item": [1, 3, 5, 7]})
    model.partial_fit(new)
    np.testing.assert_array_equal(model.predict(rows), before)
    found = recommend(model, 1001, n_items=5)
    assert not set(found["item"]) & {1, 3, 5, 7}
    assert np.mean(found["item"] % 2) > 0.7


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"loss": "huber"}, "loss"),
        ({"n_negatives": 0}, "n_negatives"),
        ({"n_negatives": "many"}, "n_negatives"),
        ({"scoring": "map"}, "scoring"),
    ],
)
def test_parameters_are_checked_in_fit(params, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of NCFRanker"):
        NCFRanker(**params).fit(tastes())

"""Networks that change EmbeddingNN, or have tables of their own, are scored and trained as they say themselves."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.nn import EmbeddingNN, GridScorer, score_lists

SETTINGS = {"embedding_dim": 4, "hidden_layer_sizes": (4,), "max_epochs": 2, "random_state": 0, "device": "cpu"}


class Changed(EmbeddingNN):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **{"architecture": "gmf", **params})


class OwnRate(Changed):
    def score(self, vectors, bias):
        return -super().score(vectors, bias)


class OwnForward(Changed):
    def forward(self, codes):
        return 6 - super().forward(codes)


class OwnVectors(Changed):
    def vectors(self, rows):
        return super().vectors(rows).sin() * 30


class OwnBias(Changed):
    def summed_bias(self, rows):
        return -5 * super().summed_bias(rows) + rows[..., -1]


class OwnRatings(Changed):
    def to_ratings(self, score):
        return 3 - score


class OwnRows(Changed):
    def table_rows(self, codes):
        return codes.clamp(-1, 3) + self.first_rows


class OwnLayers(Changed):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **{**params, "architecture": "mlp"})
        self.mlp = nn.Sequential(nn.Linear(8, 3), nn.Tanh(), nn.Linear(3, 1))
        nn.init.normal_(self.mlp[0].weight, std=30.0)


class OwnHistory(Changed):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params, use_history=True)


CHANGED = [OwnRate, OwnForward, OwnVectors, OwnBias, OwnRatings, OwnRows, OwnLayers, OwnHistory]


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("network", CHANGED)
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_recommend_scores_as_predict_whatever_a_subclass_overrides(ratings, estimator, network):
    X, y = ratings
    model = estimator(network, **SETTINGS).fit(X, y)
    for grown in (False, True):
        lists = recommend(model, users=[1, 2, 3], n_items=5, exclude_seen=False)
        np.testing.assert_allclose(lists["score"], model.predict(lists[["user", "item"]]), rtol=1e-4, atol=1e-4)
        every = model.predict(pd.DataFrame({"user": 1, "item": model.encoder_.categories_[1]}))
        assert lists["score"][0] == pytest.approx(every.max(), rel=1e-4, abs=1e-4)
        assert 0 <= RankingScorer()(model, X[:50].assign(user=10**6 + X["user"])) <= 1
        if not grown:
            model.partial_fit(X[:20].assign(user=500), y[:20])


@pytest.mark.parametrize("network", CHANGED)
def test_grids_and_lists_are_those_of_the_network_itself(network):
    torch.manual_seed(0)
    net = network([4, 5, 3], embedding_dim=4) if network is not OwnLayers else network([4, 5], embedding_dim=4)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    net.eval()
    queries = torch.stack([torch.arange(4), torch.tensor([0, 1, 2, -1])], dim=1)[:, : len(net.n_ids) - 1]
    items = torch.tensor([0, 3, 4])
    codes = torch.cat([queries[:, :1], torch.ones(4, 1, dtype=torch.int64), queries[:, 1:]], dim=1)
    with torch.no_grad():
        one_by_one = torch.stack(
            [net(torch.cat([codes[:, :1], items[i].expand(4, 1), codes[:, 2:]], dim=1)) for i in range(3)], dim=1
        )
        lists = score_lists(net, codes, items, torch.zeros(4, 3, dtype=torch.bool))
        torch.testing.assert_close(lists[:, 1:], one_by_one, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(lists[:, 0], net(codes), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(GridScorer(net, items)(queries), one_by_one, rtol=1e-4, atol=1e-4)


def test_a_method_set_on_the_network_itself_counts_too():
    net = EmbeddingNN([4, 5], architecture="neumf").eval()
    net.to_ratings = lambda score: -score
    scores = GridScorer(net, torch.arange(5))(torch.arange(4).unsqueeze(1))
    torch.testing.assert_close(scores[1], net(torch.tensor([[1, item] for item in range(5)])))


class OneTable(nn.Module):
    """Embeddings alone, in one table."""

    def __init__(self, n_ids, **params):
        super().__init__()
        self.register_buffer("starts", torch.tensor([0, *(n + 2 for n in n_ids)])[:-1].cumsum(0) + 2, persistent=False)
        self.bias = nn.Embedding(sum(n_ids) + 2 * len(n_ids), 1)

    def table_rows(self, codes):
        return codes + self.starts

    def forward(self, codes):
        return self.bias(self.table_rows(codes)).sum(dim=(1, 2))


class TwoTables(OneTable):
    """A second table of another size, which `table_rows` says nothing of."""

    def __init__(self, n_ids, **params):
        super().__init__(n_ids)
        self.popularity = nn.Embedding(n_ids[1] + 2, 1)

    def forward(self, codes):
        return super().forward(codes) + self.popularity(codes[:, 1] + 2)[:, 0]


@pytest.mark.parametrize("network", [OneTable, TwoTables, *CHANGED])
@pytest.mark.parametrize("optimizer", ["auto", "rowwise_adamw"])
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_custom_networks_with_table_rows_train_row_by_row(ratings, estimator, optimizer, network):
    X, y = ratings
    sparse = X.assign(user=np.arange(len(X)) + 10**4)  # so many rows that "auto" would be the row-wise one
    model = estimator(network, **SETTINGS, optimizer=optimizer, batch_size=8, learning_rate_schedule="constant")
    if estimator is NCFRanker:
        model.set_params(loss="bpr")
    model.fit(sparse[:700], y[:700])
    assert np.isfinite(model.predict(sparse[:700])).all()


def test_row_wise_training_of_a_custom_network_is_adamw(ratings):
    X, y = ratings
    settings = {**SETTINGS, "weight_decay": 0.1, "batch_size": 256, "max_epochs": 5}
    models = [NCFRegressor(TwoTables, optimizer=name, **settings).fit(X, y) for name in ("adamw", "rowwise_adamw")]
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), rtol=1e-3, atol=1e-3)


def test_row_wise_training_without_a_table_of_these_rows_is_refused(ratings):
    class NoTable(OneTable):
        def __init__(self, n_ids, **params):
            super().__init__(n_ids)
            self.bias = nn.Embedding(10_000, 1)

    with pytest.raises(ValueError, match="'rowwise_adamw' needs a table of embeddings"):
        NCFRegressor(NoTable, **SETTINGS, optimizer="rowwise_adamw").fit(*ratings)
    NCFRegressor(NoTable, **SETTINGS).fit(*ratings)


class OwnTable(Changed):
    """A further vector of each user."""

    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params)
        self.taste = nn.Embedding(n_ids[0] + 2, 1)

    def forward(self, codes):
        return super().forward(codes) + self.taste(codes[:, 0] + 2)[:, 0]


def test_partial_fit_trains_a_subclass_with_tables_of_its_own_as_a_whole(ratings):
    X, y = ratings
    model = NCFRegressor(OwnTable, **SETTINGS).fit(X, y)
    assert np.isfinite(model.partial_fit(X[:50], y[:50]).predict(X)).all()
    with pytest.raises(ValueError, match="cannot go on from the last fit"):
        model.partial_fit(X[:1].assign(user=10**6), y[:1])


@pytest.mark.parametrize("weight_decay", [1.0, 1.5])
def test_row_wise_weight_decay_takes_away_a_whole_weight_at_most(ratings, weight_decay):
    X, y = ratings
    model = NCFRegressor(**SETTINGS, optimizer="rowwise_adamw", weight_decay=weight_decay, learning_rate=1.0)
    assert np.isfinite(model.fit(X, y).predict(X)).all()


class Hooked(EmbeddingNN):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params, architecture="gmf")
        self.register_forward_hook(lambda module, codes, scores: 6 - scores)


class OwnOffsets(EmbeddingNN):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params, architecture="gmf")
        self.offsets = nn.Parameter(torch.zeros(n_ids[1] + 2))

    def forward(self, codes):
        return super().forward(codes) + self.offsets[codes[:, 1] + 2]


@pytest.mark.parametrize("network", [Hooked, OwnOffsets])
def test_hooks_and_parameters_of_ids_are_those_of_the_network(ratings, network):
    X, y = ratings
    model = NCFRegressor(network, **SETTINGS).fit(X, y)
    for _ in range(2):
        lists = recommend(model, users=[1, 2, 3], n_items=5, exclude_seen=False)
        np.testing.assert_allclose(lists["score"], model.predict(lists[["user", "item"]]), rtol=1e-4, atol=1e-4)
        model.partial_fit(X[:20], y[:20])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_network_in_double_precision_learns_by_every_loss(ratings, loss, own_network):
    class Double(own_network):
        def __init__(self, n_ids, **params):
            super().__init__(n_ids, **params)
            self.double()

    assert np.isfinite(NCFRegressor(Double, loss=loss, **SETTINGS).fit(*ratings).predict(ratings[0])).all()

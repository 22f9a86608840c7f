"""A newcomer's loss and solver, each one class, go through all that ours do, without an edit to the library."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.export import to_onnx
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.training import RankingObjective, RatingObjective, Solver


class HingeLoss(RankingObjective):
    """A positive should be one ahead of each negative."""

    def list_loss(self, scores, share):
        return F.relu(1 - scores[:, :1] + scores[:, 1:]).sum(dim=1)


class LogCosh(RatingObjective):
    """About a square for small errors, about a line for large ones."""

    rating_power = 1

    def row_loss(self, predicted, ratings, reduction):
        error = (predicted - ratings) / self.scale
        losses = self.scale * (F.softplus(2 * error) - error - np.log(2))
        return losses.mean() if reduction == "mean" else losses


class PowerIteration(Solver):
    """The leading singular vectors of the table of users and items, by a power iteration a sweep."""

    keeps_biases = False
    needs = "architecture='gmf', use_history=False and two columns"

    @classmethod
    def supports(cls, module, module_params, objective):
        is_gmf = module_params.get("architecture") == "gmf" and not module_params["use_history"]
        return is_gmf and len(module_params["n_ids"]) == 2

    def sweep(self, network, data):
        codes, targets, *weight = data.columns()
        users, items = network.table_rows(codes).T
        vectors = network.embedding.weight
        weighted = targets * weight[0] if weight else targets
        matrix = vectors.new_zeros(len(vectors), len(vectors)).index_put((users, items), weighted, accumulate=True)
        basis, _ = torch.linalg.qr(matrix.T @ (matrix @ vectors))
        vectors[users.unique()] = (matrix @ basis)[users.unique()]
        vectors[items.unique()] = basis[items.unique()]
        return (vectors[users] * vectors[items]).sum(dim=1).sub(targets).square().mean().item()


MODELS = {
    "loss of rankings": NCFRanker(loss=HingeLoss),
    "loss of rankings, layers": NCFRanker("neumf", loss=HingeLoss, use_history=True),
    "loss of ratings": NCFRegressor(loss=LogCosh),
    "solver": NCFRanker(optimizer=PowerIteration),
}


@pytest.fixture(params=MODELS)
def model(request):
    params = {"embedding_dim": 8, "max_epochs": 4, "random_state": 0, "device": "cpu"}
    return MODELS[request.param].set_params(**params)


def arguments(model, X, y):
    return (X, y) if isinstance(model, NCFRegressor) else (X,)


@pytest.fixture
def parts(ratings):
    X, y = ratings
    X = X.iloc[:, :2]
    return (X[:1500], y[:1500]), (X[1500:], y[1500:])


def check_lists(model, X):
    """Recommended scores are those of `predict`."""
    lists = recommend(model, n_items=5, exclude_seen=False)
    pairs = lists[[lists.columns[0], lists.columns[1]]].set_axis(list(X.columns), axis=1)
    np.testing.assert_allclose(model.predict(pairs), lists["score"], rtol=1e-5, atol=1e-6)


def test_it_learns_recommends_and_is_scored(model, parts):
    (X, y), (X_new, _) = parts
    model.fit(*arguments(model, X, y))
    check_lists(model, X)
    losses = model.history_["train_loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert 0 < RankingScorer("ndcg", k=5)(model, X_new) <= 1


def test_it_goes_on(model, parts):
    (X, y), (X_new, y_new) = parts
    X_new = pd.concat([X_new, pd.DataFrame({X.columns[0]: [-7, -7], X.columns[1]: X.iloc[:2, 1].to_numpy()})])
    y_new = [*y_new, 5, 5]
    model.fit(*arguments(model, X, y)).partial_fit(*arguments(model, X_new, y_new))
    check_lists(model, X)
    assert -7 in model.encoder_.categories_[0]


def test_it_stops_early_and_goes_on_from_checkpoints(model, parts, tmp_path):
    (X, y), (X_val, y_val) = parts
    validation = {"X_val": X_val} | ({"y_val": y_val} if isinstance(model, NCFRegressor) else {})
    model.set_params(checkpoint_dir=tmp_path, early_stopping=True)
    first = model.fit(*arguments(model, X, y), **validation)
    again = model.__class__(**model.get_params()).fit(*arguments(model, X, y), **validation)
    np.testing.assert_array_equal(first.predict(X), again.predict(X))
    assert first.history_["duration"].tolist() == again.history_["duration"].tolist()  # it was loaded


def test_it_is_pickled(model, parts):
    (X, y), (X_new, y_new) = parts
    model.fit(*arguments(model, X, y))
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    for estimator in (model, loaded):
        estimator.partial_fit(*arguments(model, X_new, y_new))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (NCFRanker(loss=LogCosh), "loss"),
        (NCFRegressor(loss=HingeLoss), "loss"),
        (NCFRegressor(optimizer=dict), "optimizer"),
        (NCFRanker("mlp", optimizer=PowerIteration), "optimizer"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(estimator, name, ratings):
    X, y = ratings
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(estimator).__name__} must"):
        estimator.fit(X.iloc[:, :2], y)


class MetricTower(nn.Module):
    """Scores by the distance of two points; says which rows it reads, so that the row-wise optimizer takes it."""

    def __init__(self, n_ids, embedding_dim, output_center, output_scale, **others):
        super().__init__()
        self.first = [1, n_ids[0] + 2]
        self.points = nn.Embedding(sum(n_ids) + 2, embedding_dim)  # a row more for each column's unknown ids
        self.level = nn.Embedding(3, 1)  # of another size than the tables of ids
        self.center, self.scale = output_center, output_scale
        nn.init.normal_(self.points.weight, std=0.1)

    def table_rows(self, codes):
        return codes + torch.tensor(self.first, device=codes.device)

    def forward(self, codes):
        user, item = self.points(self.table_rows(codes)).unbind(1)
        level = self.level(codes[:, 0] % 3).squeeze(1)
        return self.center + self.scale * (level - (user - item).square().sum(1))


class PointsAlone(MetricTower):
    """The same with one table of ids and nothing else."""

    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params)
        del self.level

    def forward(self, codes):
        user, item = self.points(self.table_rows(codes)).unbind(1)
        return self.center - self.scale * (user - item).square().sum(1)


class EncodedTower(PointsAlone):
    """The same with what pairs share computed once."""

    def encode_queries(self, queries):
        return self.points(queries[:, 0] + self.first[0])

    def encode_items(self, items):
        return self.points(items + self.first[1])

    def score_grid(self, queries, items):
        return self.center - self.scale * (queries[:, None] - items).square().sum(2)


@pytest.mark.parametrize("tower", [MetricTower, PointsAlone, EncodedTower])
@pytest.mark.parametrize("optimizer", ["auto", "rowwise_adamw", "adamw"])
def test_a_tower_learns_recommends_is_saved_and_goes_on(tower, optimizer, parts, tmp_path):
    (X, y), (X_new, y_new) = parts
    model = NCFRegressor(tower, optimizer=optimizer, max_epochs=4, random_state=0, device="cpu")
    model.set_params(checkpoint_dir=tmp_path).fit(X, y)
    assert model.history_["train_loss"].iloc[-1] < model.history_["train_loss"].iloc[0]
    again = model.__class__(**model.get_params()).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    loaded = pickle.loads(pickle.dumps(model))
    for estimator in (model, loaded):
        check_lists(estimator, X)
        estimator.partial_fit(X_new, y_new)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert 0 < RankingScorer("ndcg", k=5)(NCFRanker(tower, loss="bpr", max_epochs=2, random_state=0).fit(X), X_new) <= 1


def test_lists_of_a_tower_that_encodes_take_its_encoders_alone(parts, monkeypatch):
    (X, y), _ = parts
    model = NCFRegressor(EncodedTower, max_epochs=1, random_state=0, device="cpu").fit(X, y)
    expected = model.predict(X)

    def refuse(self, codes):
        raise AssertionError("recommend has asked for pairs")

    monkeypatch.setattr(EncodedTower, "forward", refuse)
    lists = recommend(model, n_items=X["item"].nunique(), exclude_seen=False)
    found = X.merge(lists, on=list(X.columns), how="left")["score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_tower_is_exported(parts, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    (X, y), _ = parts
    model = NCFRegressor(MetricTower, max_epochs=2, random_state=0, device="cpu").fit(X, y)
    to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (scores,) = session.run(None, {name: X[name].to_numpy() for name in X})
    np.testing.assert_allclose(scores, model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("tower", [MetricTower, PointsAlone])
def test_saying_which_rows_it_reads_does_not_change_how_missing_ids_arrive(tower, parts):
    (X, y), _ = parts
    seen = []

    class Watched(tower):
        def forward(self, codes):
            seen.append(int(codes.min()))
            return super().forward(codes)

    X = X.astype({X.columns[0]: float})
    X.iloc[:20, 0] = np.nan
    model = NCFRegressor(Watched, max_epochs=1, random_state=0, device="cpu").fit(X, y)
    model.predict(X)
    assert min(seen) == -1

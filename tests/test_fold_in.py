"""What further ratings say of their own ids is solved for, and what it says is right on average."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import root_mean_squared_error

from sklearn_ncf import NCFRegressor
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training import Anchor, FoldIn, InteractionDataset, Plan, Strengths, _fold_in
from sklearn_ncf.training._objectives import SquaredError


def trained_on(rows, targets, weights=None, *, scale=2.0, sweeps=1, n_before=0.0, **params):
    """A network of four users and five items, and the solver that has folded rows of its first user in."""
    torch.manual_seed(0)
    net = EmbeddingNN([4, 5], embedding_dim=3, output_scale=scale, **params)
    torch.nn.init.normal_(net.embedding.weight)
    counts = [torch.bincount(column, minlength=n).float() for column, n in zip(rows.T, net.n_ids, strict=True)]
    before = [torch.full((4,), n_before), torch.full((5,), 1e6)]  # items do not move
    solver = FoldIn(Plan(objective=SquaredError, scale=scale))
    solver.anchor = Anchor(net, before, counts, objective=SquaredError, strengths=Strengths((4.0, 3.0)))
    start = net.embedding.weight.detach().clone()
    data = InteractionDataset(Interactions(rows.numpy(), np.asarray(targets), weights))
    losses = [len(rows) * solver.sweep(net, data) + penalty(solver.anchor) for _ in range(sweeps)]
    return net, start, losses


def penalty(anchor):
    """What it costs that ids are not at their places."""
    held = zip(anchor.tables, anchor.places, anchor.pulls, strict=True)
    return sum((pull * (table.weight - place).square().sum(1)).sum().item() / 2 for table, place, pull in held)


def test_a_user_with_an_unbounded_output_gets_the_exact_ridge_regression():
    rows, ratings, weights = (
        torch.tensor([[0, 1], [0, 3], [0, 4]]),
        np.array([1.0, -2.0, 3.0]),
        np.array([1.0, 2.0, 0.0]),
    )
    net, start, _ = trained_on(rows, ratings, weights)
    items = start[net.table_rows(rows)[:, 1]]
    features = torch.cat([items, torch.ones(3, 1)], dim=1).double()
    place = torch.cat([start[2], torch.zeros(1)]).double()
    errors = torch.tensor(ratings) / 2 - features @ place
    weighted = 2 * features * torch.tensor(weights)[:, None]
    strengths = torch.tensor([20.0] * 3 + [8.0]).double()
    step = torch.linalg.solve(weighted.T @ features + strengths.diag(), weighted.T @ errors)
    found = torch.cat([net.embedding.weight[2] - start[2], net.bias.weight[2]])
    torch.testing.assert_close(found, step.float(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("chunk_size", [1, 40])
def test_the_size_of_chunks_changes_nothing(monkeypatch, chunk_size):
    rng = np.random.default_rng(0)
    rows, ratings = torch.tensor(rng.integers(4, size=(30, 2))), rng.uniform(-4, 4, size=30)
    expected, _, _ = trained_on(rows, ratings, sweeps=2)
    monkeypatch.setattr(_fold_in, "CHUNK_SIZE", chunk_size)
    found, _, _ = trained_on(rows, ratings, sweeps=2)
    torch.testing.assert_close(found.state_dict(), expected.state_dict())


def test_ids_without_rows_stay_and_those_with_many_earlier_ratings_hardly_move():
    rows, ratings = torch.tensor([[0, 1], [1, 1], [1, 2]]), np.array([3.0, 3.0, -3.0])
    net, start, _ = trained_on(rows, ratings)
    moved = (net.embedding.weight - start).abs().sum(1) + net.bias.weight.abs()[:, 0]
    assert set((moved > 1e-3).nonzero()[:, 0].tolist()) == {2, 3}
    assert not moved[[4, 5, 8, 11, 12]].any()
    held, start, _ = trained_on(rows, ratings, n_before=1000.0)
    assert (held.embedding.weight - start).abs().max() < 0.1 * moved.max()


@pytest.mark.parametrize("params", [{}, {"use_bias": False}, {"use_history": True}, {"output_range": (-4, 4)}])
@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
def test_no_sweep_makes_the_penalized_loss_larger(architecture, params):
    rng = np.random.default_rng(0)
    rows, ratings = torch.tensor(rng.integers(4, size=(30, 2))), rng.uniform(-4, 4, size=30)
    untrained, _, _ = trained_on(rows, ratings, sweeps=0, architecture=architecture, **params)
    _, _, losses = trained_on(rows, ratings, sweeps=5, architecture=architecture, **params)
    errors = torch.tensor(ratings) - untrained.eval()(rows).detach()
    assert losses[0] < (errors / 2).square().sum()
    assert np.diff(losses).max() < 1e-5 * losses[0]


def newcomers(seed):
    """Users of tastes and moods; the last twenty are known by no rating, then by a few."""
    rng = np.random.default_rng(seed)
    n_users, n_items = 300, 120
    X = pd.DataFrame(np.argwhere(rng.random((n_users, n_items)) < 0.3), columns=["user", "item"])
    vectors = [rng.normal(scale=0.7, size=(n, 2)) for n in (n_users, n_items)]
    y = 3 + 0.5 * rng.normal(size=n_users)[X["user"]] + 0.5 * rng.normal(size=n_items)[X["item"]]
    y += (vectors[0][X["user"]] * vectors[1][X["item"]]).sum(axis=1) + 0.5 * rng.normal(size=len(X))
    order = X.sample(frac=1, random_state=seed).groupby("user").cumcount().sort_index()
    return X, y.clip(1, 5), X["user"] >= 250, order


@pytest.mark.filterwarnings("ignore:100% of the rows:UserWarning")
@pytest.mark.parametrize("use_history", [True, False])
def test_the_first_ratings_of_new_users_make_their_predictions_better(use_history):
    X, y, new, order = newcomers(0)
    test = new & (order >= 10)
    errors = []
    for n_known in (0, 1, 3, 10):
        model = NCFRegressor(use_history=use_history, max_epochs=10, random_state=0).fit(X[~new], y[~new])
        if n_known:
            model.partial_fit(X[new & (order < n_known)], y[new & (order < n_known)])
        errors.append(root_mean_squared_error(y[test], model.predict(X[test])))
    assert np.diff(errors).max() < 0


def test_another_loss_or_network_is_trained_by_gradients(ratings, own_network):
    X, y = ratings
    model = NCFRegressor(loss="huber", max_epochs=2, random_state=0).fit(X[:1500], y[:1500])
    assert model.partial_fit(X[1500:], y[1500:]).history_["learning_rate"].notna().all()
    model = NCFRegressor(max_epochs=2, random_state=0).fit(X[:1500], y[:1500])
    assert model.partial_fit(X[1500:], y[1500:]).history_["learning_rate"].isna().all()

"""RowwiseAdamW is AdamW: to rounding where no row misses a step, closely where rows do, at the cost of the batch."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training._objectives import SquaredError
from sklearn_ncf.training._optimizers import chosen_optimizer
from sklearn_ncf.training._rowwise import RowwiseAdamW, mark_tables

N_ROWS = 100
SETTINGS = {"lr": 0.01, "weight_decay": 0.5}


def network(rowwise):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(N_ROWS, 4), nn.Linear(4, 1))
    if rowwise:
        mark_tables(net)
        return net, RowwiseAdamW(net.parameters(), **SETTINGS)
    return net, torch.optim.AdamW(net.parameters(), **SETTINGS)


def train(rowwise, batches, *, flush=True, make_up=True):
    """Fit a target that differs from row to row; return the network and its optimizer."""
    net, optimizer = network(rowwise)
    for rows in batches:
        if rowwise and make_up:
            optimizer.catch_up(rows)
        optimizer.zero_grad()
        (net(rows)[:, 0] - rows / 50).square().mean().backward()
        optimizer.step()
    if rowwise and flush:
        optimizer.flush()
    return net, optimizer


def batches(n_batches, size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, N_ROWS, (size,), generator=generator) for _ in range(n_batches)]


def test_it_is_adamw_where_every_row_is_read_at_every_step():
    everything = [torch.arange(N_ROWS)] * 50
    ours, _ = train(True, everything)
    torchs, _ = train(False, everything)
    for mine, theirs in zip(ours.parameters(), torchs.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [5, 20, 60])
def test_rows_that_miss_steps_stay_close_to_adamw(size):
    ours, _ = train(True, batches(200, size))
    torchs, _ = train(False, batches(200, size))
    left_alone, _ = train(True, batches(200, size), flush=False, make_up=False)
    gap, gap_left_alone = ((net[0].weight - torchs[0].weight).abs().mean().item() for net in (ours, left_alone))
    assert gap < 0.1 * gap_left_alone


def test_weight_decay_of_missed_steps_is_made_up_for_exactly():
    net, optimizer = train(True, [torch.tensor([3, 4])] * 30, flush=False)
    start, _ = network(True)
    unread = torch.arange(10, N_ROWS)
    torch.testing.assert_close(net[0].weight[unread], start[0].weight[unread], rtol=0, atol=0)
    optimizer.flush()
    torch.testing.assert_close(net[0].weight[unread], start[0].weight[unread] * (1 - 0.01 * 0.5) ** 30)


def test_flushing_twice_is_flushing_once():
    net, optimizer = train(True, batches(50, 10))
    before = net[0].weight.detach().clone()
    optimizer.flush()
    torch.testing.assert_close(net[0].weight, before, rtol=0, atol=0)


def test_rows_named_twice_are_made_up_for_once():
    nets = []
    for rows in ([7], [7, 7, 7]):
        net, optimizer = train(True, [torch.tensor([7])] + [torch.tensor([1])] * 9, flush=False)
        optimizer.catch_up(torch.tensor(rows))
        nets.append(net[0].weight.detach())
    torch.testing.assert_close(*nets, rtol=0, atol=0)


def test_schedules_reach_dense_parameters_and_tables():
    _, optimizer = network(True)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=10, div_factor=5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.1])
    assert optimizer._dense.param_groups[0] is optimizer.param_groups[0]


def test_auto_is_row_wise_for_large_tables_alone():
    def chosen(optimizer, n_table_rows):
        return chosen_optimizer(optimizer, EmbeddingNN, {"n_ids": [n_table_rows]}, SquaredError, batch_size=1000)

    assert chosen("auto", 1_000) is chosen("auto", 70_000) is torch.optim.Adam
    assert chosen("auto", 70_001) is RowwiseAdamW
    assert chosen("adamw", 10**9) is torch.optim.AdamW


@pytest.mark.parametrize("architecture", ["gmf", "neumf"])
def test_regressor_learns_the_same_either_way(quick, ratings, architecture):
    X, y = ratings
    X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]
    errors = []
    for optimizer in ("adam", "rowwise_adamw"):
        model = quick(architecture=architecture, optimizer=optimizer, max_epochs=20, batch_size=16)
        errors.append(np.mean((model.fit(X_train, y_train).predict(X_test) - y_test) ** 2))
    assert errors[1] == pytest.approx(errors[0], rel=0.05)
    assert errors[1] < 0.7 * y_test.var()


def test_auto_trains_row_by_row_where_ids_are_many(quick):
    rng = np.random.default_rng(0)
    X = np.stack([rng.permutation(4000), rng.integers(0, 5, 4000)], axis=1)
    y = X[:, 1] + rng.normal(scale=0.1, size=4000)
    model = quick(batch_size=32, max_epochs=5).fit(X, y)
    assert isinstance(model.net_.optimizer_, RowwiseAdamW)
    assert model.score(X, y) > 0.8
    first = model.predict(X)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), first)

"""Histories are SVD++'s sums on both sides, without the pair in training itself, and learn by its gradient."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ncf import NCFRegressor
from sklearn_ncf.nn import EmbeddingNN, InteractionHistory, _history

N_IDS = (4, 5, 3)
PAIRS = torch.tensor([[0, 0], [0, 2], [0, 4], [1, 2], [2, 0], [2, 1], [-1, 2]], dtype=torch.int32)  # user 3: nothing
BATCH = torch.tensor([[0, 2, 1], [1, 2, 0], [2, 1, 2], [-1, 2, 0], [0, 4, 1]])


class Elsewhere:
    """Stores neighbors in a separate array, and takes note of what is released."""

    def __init__(self):
        self.made, self.released = np.array([-1]), []

    def new(self, shape, dtype):
        self.made = np.full(shape, -1, dtype)
        return self.made

    def release_pages(self, array):
        self.released.append(array)


def network(n_batches=1, storage=None, **params):
    torch.manual_seed(0)
    net = EmbeddingNN(N_IDS, architecture="gmf", embedding_dim=4, use_history=True, **params)
    torch.nn.init.normal_(net.history.weight)
    net.set_interactions(PAIRS, n_batches, storage=storage)
    return net


def sums(net, without=None):
    """The histories' vectors of all rows by the definition, with gradients; `without` leaves one pair's part out."""
    rows = (PAIRS + net.first_rows[:2]).tolist()
    weight = net.history.weight
    vectors = []
    for row in range(len(weight)):
        partners = [b for a, b in rows if a == row] + [a for a, b in rows if b == row]
        kept = [partner for partner in partners if without is None or {row, partner} != without]
        summed = torch.stack([weight[partner] for partner in kept]).sum(0) if kept else 0 * weight[0]
        vectors.append(summed / max(1, len(partners)) ** 0.5)
    return torch.stack(vectors)


def test_a_history_is_the_scaled_sum_of_the_neighbors():
    net = network()
    torch.testing.assert_close(net.history.summed, sums(net).detach())
    assert not net.history.summed[net.column_rows(2)].any()  # context has none


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("rows_at_once", [1, 3, 100])
def test_sums_in_blocks_are_the_same(monkeypatch, rows_at_once, elsewhere):
    monkeypatch.setattr(_history, "ROWS_CHUNK_SIZE", rows_at_once)
    monkeypatch.setattr(_history, "PAIRS_CHUNK_SIZE", rows_at_once)
    storage = Elsewhere()
    net = network(storage=storage if elsewhere else None)
    torch.testing.assert_close(net.history.summed, sums(net).detach())
    n_parts = -(-len(PAIRS) // rows_at_once) + -(-len(net.history.weight) // rows_at_once)
    assert len(storage.released) == elsewhere * n_parts
    assert all(array is storage.made for array in storage.released)
    assert (storage.made >= 0).all() == elsewhere


def test_a_pair_in_training_is_scored_without_itself():
    net = network().train()
    vectors = net.history(net.table_rows(BATCH))
    for codes, found in zip(BATCH, vectors, strict=True):
        rows = net.table_rows(codes)
        torch.testing.assert_close(found, sums(net, without=set(rows[:2].tolist()))[rows].detach())
    with torch.no_grad():
        whole = net.eval().history(net.table_rows(BATCH))
    torch.testing.assert_close(whole, net.history.summed[net.table_rows(BATCH)])


def test_gathered_gradients_are_those_of_the_definition():
    net = network(n_batches=2).train()  # a refresh every other batch
    net.embedding.weight.requires_grad_(False)
    batches = [BATCH, BATCH.flip(0)[:3]]
    for batch in batches:
        net(batch).square().sum().backward()
        assert net.history.weight.grad is None
    net.history.before_step()
    found = net.history.weight.grad

    expected = 0
    for batch in batches:
        for codes in batch:
            rows = net.table_rows(codes)
            vectors = net.embedding.weight[rows] + sums(net, without=set(rows[:2].tolist()))[rows]
            total = vectors.sum(0).square() - vectors.square().sum(0)
            score = net.intercept + net.bias.weight[rows].sum() + (total / 2) @ net.gmf_weight
            expected = expected + score.square()
    (expected,) = torch.autograd.grad(expected / len(batches), net.history.weight)
    torch.testing.assert_close(found, expected)


def test_histories_follow_a_step_of_their_vectors_at_their_interval():
    net = network(n_batches=2).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    moved = []
    for _ in range(6):
        before = net.history.weight.detach().clone()
        optimizer.zero_grad()
        net(BATCH).square().sum().backward()
        net.history.before_step()
        optimizer.step()
        net.history.after_step()
        moved.append(not torch.equal(net.history.weight, before))
        torch.testing.assert_close(net.history.summed, sums(net).detach())
    assert moved == [False, True] * 3


@pytest.mark.parametrize(("n_users", "n_refreshes"), [(50, 10), (10, 10), (5, 6), (1, 1)])
def test_histories_of_few_neighbors_are_refreshed_less_often(n_users, n_refreshes):
    n_items = 10
    net = EmbeddingNN([n_users, n_items, 1000], use_history=True, embedding_dim=2).train()  # context has no neighbors
    codes = torch.cartesian_prod(torch.arange(n_users), torch.arange(n_items))
    net.set_interactions(codes, n_batches=80)
    n_moved = 0
    for _ in range(80):
        net(torch.tensor([[0, 0, 0]])).sum().backward()
        net.history.before_step()
        n_moved += net.history.weight.grad is not None
        net.history.after_step()
    assert n_moved == n_refreshes


def test_an_epoch_ends_with_nothing_gathered():
    net = network(n_batches=2).train()
    net(BATCH).sum().backward()
    net.history.end_epoch()
    net.history.before_step()
    assert net.history.weight.grad is None
    InteractionHistory(3, 2).end_epoch()  # has observed nothing


def tastes(n_users=300, n_items=60, seed=0):
    """Two kinds of users, who rate mostly items of their own kind, and like those better."""
    rng = np.random.RandomState(seed)
    user, item = rng.randint(n_users, size=6000), rng.randint(n_items, size=6000)
    same = user % 2 == item % 2
    kept = same | (rng.rand(6000) < 0.3)
    X = pd.DataFrame({"user": user, "item": item})[kept].drop_duplicates()
    return X, np.where(X["user"] % 2 == X["item"] % 2, 4.0, 2.0) + rng.randn(len(X))


def test_histories_tell_what_few_ratings_do_not():
    X, y = tastes()
    train = np.arange(len(X)) % 4 > 0
    errors = {}
    for use_history in (False, True):
        model = NCFRegressor(use_history=use_history, embedding_dim=8, random_state=0).fit(X[train], y[train])
        errors[use_history] = np.sqrt(np.mean((model.predict(X[~train]) - y[~train]) ** 2))
    assert errors[True] < 0.95 * errors[False]


def test_pairs_are_kept_once_over_all_fits(quick):
    X, y = tastes()
    model = quick(rating_range=None).fit(X[:1000], y[:1000])
    model.partial_fit(X[500:1500], y[500:1500])
    expected = model.encoder_.transform(X[:1500])
    np.testing.assert_array_equal(model._seen.pairs, expected[np.lexsort(expected.T[::-1])])
    assert model._seen.pairs.dtype == np.int32


def test_a_new_users_history_counts_at_once(quick):
    X, y = tastes()
    model = quick(max_epochs=20).fit(X, y)
    for kind in (0, 1):
        items = np.arange(kind, 12, 2)
        new = pd.DataFrame({"user": [1000 + kind] * len(items), "item": items})
        model.partial_fit(new, np.full(len(new), 3.0))  # says nothing but what the user has rated
        asked = pd.DataFrame({"user": [1000 + kind] * 40, "item": np.arange(20, 60)})
        predicted = model.predict(asked)
        assert predicted[kind::2].mean() > predicted[1 - kind :: 2].mean() + 0.3


@pytest.mark.parametrize("optimizer", ["adam", "rowwise_adamw"])
def test_a_fitted_model_keeps_nothing_of_its_training(quick, optimizer):
    X, y = tastes()
    net = quick(optimizer=optimizer).fit(X, y).net_
    assert not net.optimizer_.state
    assert not getattr(net.optimizer_, "penalties", None)
    assert all(parameter.grad is None for parameter in net.module_.parameters())
    history = net.module_.history
    tensors = [name for name, value in vars(history).items() if isinstance(value, torch.Tensor)]
    assert not tensors
    assert set(history.state_dict()) == {"weight", "summed", "counts", "typical", "typical_root", "lift"}


def test_embeddings_have_the_histories_in_them(quick):
    X, y = tastes()
    model = quick().fit(X, y)
    module = model.net_.module_
    rows = module.column_rows(0)
    vectors = module.embedding.weight[rows] + module.history.summed[rows]
    np.testing.assert_array_equal(model.user_embeddings_, vectors.detach().numpy())


def test_without_history_there_is_none(quick):
    X, y = tastes()
    assert quick(use_history=False).fit(X, y).net_.module_.history is None


def test_the_first_neighbors_of_a_new_id_do_not_make_it_one_of_few():
    net = EmbeddingNN([6, 5], architecture="gmf", embedding_dim=3, use_history=True)
    torch.nn.init.normal_(net.history.weight)
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(4))  # user 5 and item 4 are in none
    net.set_interactions(pairs, n_batches=1)
    net.history.end_epoch()
    net.history.end_training()
    net.eval()
    first_user, first_item = net.column_rows(0).start, net.column_rows(1).start
    vectors = net.history.weight[first_item : first_item + 4]
    typical = vectors.mean(0) * 2  # of four neighbors
    torch.testing.assert_close(net.history.typical[0], typical)
    told = torch.empty(0, dtype=torch.int64)
    for item in (2, 0, 3, 1):  # one after the other
        net.add_interactions(torch.tensor([[5, item]]))
        told = torch.cat([told, torch.tensor([item])])
        mean = vectors[told].sum(0) / len(told) ** 0.5
        missing = 1 - len(told) ** 0.5 / 2
        torch.testing.assert_close(net.history.summed[first_user + 5], mean + missing * typical)
    assert net.history.lift[first_user + 5] == 0
    known = net.history.summed[first_user].clone()
    net.add_interactions(torch.tensor([[0, 4]]))  # a known user with a new item
    expected = (2 * known + net.history.weight[first_item + 4]) / 5**0.5
    torch.testing.assert_close(net.history.summed[first_user], expected)

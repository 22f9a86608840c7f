"""Negatives are drawn uniformly from what a user has not had, and the losses are their definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.nn import score_lists as lists_of
from sklearn_ncf.training import NegativeSampler
from sklearn_ncf.training._objectives import RANKING_OBJECTIVES


def sampler(pairs, items, n_negatives, shares=False):
    pairs = np.array(sorted(set(pairs)), dtype=np.int32).reshape(-1, 2)
    return NegativeSampler(pairs, np.array(items), n_negatives=n_negatives, shares=shares, device="cpu")


def codes_of(users):
    return torch.tensor([[user, 0] for user in users])


@given(
    st.lists(st.tuples(st.integers(-2, 5), st.integers(-2, 8)), min_size=1, max_size=40),
    st.sets(st.integers(0, 8), min_size=1),
    st.booleans(),
)
def test_no_user_gets_an_item_of_their_own(pairs, items, shares):
    draw = sampler(pairs, sorted(items), 6, shares)
    users = [*range(-2, 6), 99]  # 99: in no pair
    drawn = draw(codes_of(users))
    rows = drawn.items.expand(len(users), -1)
    assert drawn.excluded.shape == rows.shape
    for user, of_user, excluded in zip(users, rows.tolist(), drawn.excluded.tolist(), strict=True):
        kept = {item for item, out in zip(of_user, excluded, strict=True) if not out}
        left = items - {item for u, item in pairs if u == user}
        assert kept <= left
        if shares:
            assert kept == left & set(of_user)
        else:
            assert all(excluded) == (not left)


def test_every_item_left_is_as_likely():
    torch.manual_seed(0)
    pairs = [(0, 1), (0, 2), (0, 7), (1, 0)]
    drawn = sampler(pairs, range(9), 3000)(codes_of([0, 1, 5]))
    for row, left in zip(drawn.items, ([0, 3, 4, 5, 6, 8], range(1, 9), range(9)), strict=True):
        counts = torch.bincount(row, minlength=9)[list(left)]
        assert counts.sum() == 3000
        expected = 3000 / len(counts)
        assert (counts - expected).abs().max() < 5 * expected**0.5


@pytest.mark.parametrize("shares", [True, False])
def test_a_users_rows_together_stand_for_all_items(shares):
    pairs = [(0, 1), (0, 2), (0, 7), (1, 0)]
    drawn = sampler(pairs, range(9), 4, shares)(codes_of([0, 1, 5]))
    torch.testing.assert_close(drawn.share, torch.tensor([9 / (4 * 3), 9 / 4, 9 / 4]))


def test_shared_negatives_are_distinct_and_at_most_all():
    drawn = sampler([(0, 1)], range(9), 4, shares=True)(codes_of([0, 1]))
    assert len(set(drawn.items.tolist())) == 4
    assert sampler([(0, 1)], range(9), 100, shares=True)(codes_of([0])).items.tolist() == list(range(9))


SHARE = torch.full((2,), 2.5)
LISTS = torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, -torch.inf]])


@pytest.mark.parametrize("loss", ["bce", "bpr", "softmax", "squared_error"])
def test_losses_are_their_definitions(loss):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def of(positive, negatives):
        if loss == "bce":
            return -np.log(sigmoid(positive)) - sum(np.log(1 - sigmoid(x)) for x in negatives)
        if loss == "bpr":
            return -sum(np.log(sigmoid(positive - x)) for x in negatives)
        if loss == "squared_error":
            return 3 * (1 - positive) ** 2 + 2.5 * sum(x**2 for x in negatives)
        return -np.log(np.exp(positive) / sum(np.exp(x) for x in [positive, *negatives]))

    expected = [of(1.0, [0.0, -1.0]), of(0.5, [2.0])]
    objective = RANKING_OBJECTIVES[loss](**{"positive_weight": 3.0} if loss == "squared_error" else {})
    assert objective(LISTS, SHARE).item() == pytest.approx(np.mean(expected))
    weight = torch.tensor([1.5, 0.5])
    weighted = (1.5 * expected[0] + 0.5 * expected[1]) / 2
    assert objective(LISTS, SHARE, weight).item() == pytest.approx(weighted)
    lists = LISTS.clone().requires_grad_()
    objective(lists, SHARE).backward()
    assert torch.isfinite(lists.grad).all()


@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("n_columns", [2, 4])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("temperature", [None, 0.2])
def test_lists_hold_the_networks_own_scores(architecture, use_bias, n_columns, shared, temperature):
    torch.manual_seed(0)
    params = {"architecture": architecture, "embedding_dim": 3, "hidden_layer_sizes": (4, 2), "use_bias": use_bias}
    params["temperature"] = temperature
    net = EmbeddingNN([3, 5, 2, 2][:n_columns], use_history=True, **params).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    net.set_interactions(torch.tensor([[0, 1], [2, 4]], dtype=torch.int32), 1)
    codes = torch.tensor([[0, 1, 1, 0], [2, 4, 0, -1]])[:, :n_columns]
    items = torch.tensor([3, 0, 2]) if shared else torch.tensor([[3, 0, 2], [1, 1, -1]])
    excluded = torch.tensor([[False, True, False], [False, False, False]])
    found = lists_of(net, codes, items, excluded)
    for row, (of_row, scores) in enumerate(zip(codes, found, strict=True)):
        candidates = [of_row[1], *(items if shared else items[row])]
        expected = net(torch.stack([torch.cat([of_row[:1], item.view(1), of_row[2:]]) for item in candidates]))
        expected[1:][excluded[row]] = -torch.inf
        torch.testing.assert_close(scores, expected)


def test_negatives_histories_learn_by_their_own_gradient():
    torch.manual_seed(0)
    net = EmbeddingNN([3, 5], architecture="gmf", embedding_dim=3, use_history=True).train()
    net.set_interactions(torch.tensor([[0, 1], [1, 1], [1, 3], [2, 3]], dtype=torch.int32), 1)
    codes, items = torch.tensor([[0, 1], [1, 3]]), torch.tensor([[3, 4], [0, 2]])
    lists = net.score_lists(codes, items)
    lists[:, 1:].sum().backward()
    net.history.before_step()
    found = net.history.weight.grad.clone()

    weight = net.history.weight.detach().clone().requires_grad_()
    users, rated = [[1], [1, 3], [3]], [[], [0, 1], [], [1, 2], []]
    first_user, first_item = net.first_rows.tolist()
    total = 0
    for (user, positive), negatives in zip(codes.tolist(), items.tolist(), strict=True):
        own = [weight[first_item + item] for item in users[user] if item != positive]
        p = net.embedding.weight[first_user + user] + sum(own, torch.zeros(3)) / len(users[user]) ** 0.5
        for item in negatives:
            of_item = [weight[first_user + other] for other in rated[item]]
            q = net.embedding.weight[first_item + item] + sum(of_item, torch.zeros(3)) / max(1, len(rated[item])) ** 0.5
            total = total + p * q @ net.gmf_weight
    (expected,) = torch.autograd.grad(total.sum(), weight)
    torch.testing.assert_close(found, expected)

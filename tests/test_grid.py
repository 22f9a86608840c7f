"""GridScorer gives the network's own scores for every pair."""

import pytest
import torch

from sklearn_ncf.nn import ARCHITECTURES, EmbeddingNN, GridScorer, _grid

N_IDS = [7, 11, 3, 5]


def network(n_columns, **params):
    torch.manual_seed(0)
    net = EmbeddingNN(N_IDS[:n_columns], embedding_dim=6, dropout=0.5, embedding_dropout=0.5, **params).eval()
    net.double()  # so that what differs is a mistake, and not rounding, which every processor does in its own way
    for parameter in net.parameters():  # biases and weights that start at 0 or 1 would hide a mistake
        torch.nn.init.normal_(parameter)
    return net


def one_by_one(net, queries, items):
    """Scores of rows that hold every pair."""
    users, context = queries[:, :1], queries[:, 1:]
    rows = [
        torch.cat([user, item.view(1), other]) for user, other in zip(users, context, strict=True) for item in items
    ]
    with torch.no_grad():
        return net(torch.stack(rows)).view(len(queries), len(items))


@pytest.mark.parametrize("output_range", [None, (1, 5)])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
@pytest.mark.parametrize("n_columns", [2, 3, 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("temperature", [None, 0.3])
def test_scores_are_those_of_the_network(architecture, n_columns, hidden, use_bias, output_range, temperature):
    net = network(
        n_columns,
        architecture=architecture,
        hidden_layer_sizes=hidden,
        use_bias=use_bias,
        temperature=temperature,
        output_range=output_range,
        output_center=3,
        output_scale=2,
    )
    queries = torch.stack([torch.randint(-2, n, (5,)) for j, n in enumerate(N_IDS[:n_columns]) if j != 1], dim=1)
    items = torch.tensor([-2, -1, 0, 10, 4, 4])
    torch.testing.assert_close(GridScorer(net, items)(queries), one_by_one(net, queries, items), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("pairs_at_once", [1, 4, 11, 30])
def test_blocks_of_any_size_give_the_same(monkeypatch, pairs_at_once):
    net = network(2)
    queries, items = torch.arange(7).unsqueeze(1), torch.arange(11)
    expected = one_by_one(net, queries, items)
    monkeypatch.setattr(_grid, "PAIRS_CHUNK_SIZE", pairs_at_once)
    torch.testing.assert_close(GridScorer(net, items)(queries), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("n_queries", "n_items"), [(0, 3), (3, 0), (1, 1)])
def test_few_queries_and_items(n_queries, n_items):
    scores = GridScorer(network(2), torch.arange(n_items))(torch.arange(n_queries).unsqueeze(1))
    assert scores.shape == (n_queries, n_items)

"""GMF's gradient written by hand is autograd's: of every parameter, of histories, with and without dropout."""

import pytest
import torch

from sklearn_ncf.nn import EmbeddingNN

N_USERS, N_ITEMS, N_ROWS = 7, 9, 40
BY_HAND = "_GMFScoresBackward"


def network(**params):
    torch.manual_seed(0)
    params = {"embedding_dim": 5, "embedding_dropout": 0.5, "use_history": True, "dtype": torch.float64} | params
    net = EmbeddingNN([N_USERS, N_ITEMS], **params).train()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, dtype=parameter.dtype))
    generator = torch.Generator().manual_seed(1)
    pairs = torch.randperm(N_USERS * N_ITEMS, generator=generator)[:N_ROWS]
    codes = torch.stack([pairs // N_ITEMS, pairs % N_ITEMS], dim=1)
    codes[:3, 1] = -1  # unknown ids read rows, too
    net.set_interactions(codes[3:], n_batches=1)
    return net, codes


def by_autograd(net, codes):
    rows = net.table_rows(codes)
    return net.score(net.embedding_dropout(net.vectors(rows)), net.summed_bias(rows))


def trained_once(scores_of, *, sparse=False, frozen=(), **params):
    """Scores, and the gradient of each parameter after what histories add to them."""
    net, codes = network(**params)
    for table in (net.embedding, net.bias):
        if table is not None:
            table.sparse = sparse
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name not in frozen)
    torch.manual_seed(2)
    scores = scores_of(net, codes)
    (scores - torch.linspace(-1, 1, N_ROWS)).square().sum().backward()
    if net.history is not None:
        net.history.before_step()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    return scores, gradients


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"use_bias": False},
        {"use_history": False},
        {"embedding_dropout": 0.0},
        {"embedding_dropout": 0.3, "output_range": (1, 5), "output_link": "soft_clip", "output_center": 3},
        {"sparse": True},
        {"sparse": True, "use_history": False},
        {"frozen": ["embedding.weight"]},
        {"frozen": ["history.weight", "gmf_weight"]},
        {"frozen": ["embedding.weight", "history.weight", "bias.weight"]},
    ],
    ids=str,
)
def test_gradients_are_those_of_autograd(params):
    scores, gradients = trained_once(lambda net, codes: net(codes), **params)
    expected_scores, expected = trained_once(by_autograd, **params)
    torch.testing.assert_close(scores, expected_scores)
    for name, gradient in expected.items():
        if gradient is None:
            assert gradients[name] is None, name
        else:
            assert gradients[name].is_sparse == gradient.is_sparse
            assert gradient.to_dense().any(), name
            torch.testing.assert_close(gradients[name].to_dense(), gradient.to_dense())


def function_of(net, codes):
    return net(codes).grad_fn.name()


def test_it_is_taken_where_it_is_all_that_a_network_does():
    assert function_of(*network(use_bias=False)) == BY_HAND


@pytest.mark.parametrize(
    "params",
    [{"architecture": "mlp"}, {"architecture": "neumf"}, {"temperature": 0.2}, {"embedding_dropout": 0.001}],
    ids=str,
)
def test_other_networks_leave_it_to_autograd(params):
    net, codes = network(**params)
    assert BY_HAND not in str(function_of(net, codes))


def test_networks_with_context_leave_it_to_autograd():
    net = EmbeddingNN([3, 3, 3])
    assert function_of(net, torch.tensor([[0, 1, 2]])) != BY_HAND


@pytest.mark.parametrize("register", ["register_forward_hook", "register_full_backward_hook"])
def test_hooks_are_called(register):
    net, codes = network()
    called = []
    getattr(net.embedding_dropout, register)(lambda *args: called.append(1))
    net(codes).sum().backward()
    assert called


def test_subclasses_and_replaced_layers_are_heeded():
    class Shifted(EmbeddingNN):
        def vectors(self, rows):
            return super().vectors(rows) + 1

    codes = torch.tensor([[0, 1], [2, 2]])
    torch.manual_seed(0)
    net = Shifted([3, 3], embedding_dropout=0.0)
    torch.testing.assert_close(net(codes), net.eval()(codes))
    net.train()
    net.embedding_dropout = torch.nn.Dropout(0.5)
    assert function_of(net, codes) != BY_HAND


def test_evaluation_and_no_grad_have_whole_histories():
    net, codes = network(embedding_dropout=0.0)
    with torch.no_grad():
        in_training = net(codes)
    torch.testing.assert_close(in_training, net.eval()(codes))

"""Gradients written by hand are autograd's: of every parameter, of histories, with and without dropout."""

import pytest
import torch

from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.nn._layers import pairwise_products

N_USERS, N_ITEMS, N_ROWS = 7, 9, 40


def network(*, n_context=0, **params):
    torch.manual_seed(0)
    params = {"embedding_dim": 5, "embedding_dropout": 0.5, "use_history": True, "dtype": torch.float64} | params
    net = EmbeddingNN([N_USERS, N_ITEMS] + [n_context] * (n_context > 0), **params).train()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, dtype=parameter.dtype))
    generator = torch.Generator().manual_seed(1)
    pairs = torch.randperm(N_USERS * N_ITEMS, generator=generator)[:N_ROWS]
    codes = torch.stack([pairs // N_ITEMS, pairs % N_ITEMS], dim=1)
    codes[:3, 1] = -1  # unknown ids read rows, too
    net.set_interactions(codes[3:], n_batches=1)
    if n_context:
        codes = torch.column_stack([codes, torch.arange(N_ROWS) % n_context])
    return net, codes


def by_autograd(net, codes):
    rows = net.table_rows(codes)
    net._gmf = lambda vectors: pairwise_products(vectors) @ net.gmf_weight
    return net.score(net.embedding_dropout(net.vectors(rows)), net.summed_bias(rows))


def functions_by_hand(net, codes):
    """Names of the functions of a score's graph that are ours."""
    names, nodes = set(), [net(codes).grad_fn]
    while nodes:
        node = nodes.pop()
        names |= {node.name().removesuffix("Backward")}
        nodes += [before for before, _ in node.next_functions if before is not None]
    return names & {"_Vectors", "_WeightedProduct", "_SoftClip"}


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
        {"n_context": 3},
        {"architecture": "neumf", "hidden_layer_sizes": (4,), "dropout": 0.2},
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


def test_large_parts_have_gradients_by_hand():
    clipped = {"output_range": (1, 5), "output_link": "soft_clip"}
    assert functions_by_hand(*network()) == {"_Vectors", "_WeightedProduct"}
    assert functions_by_hand(*network(**clipped)) == {"_Vectors", "_WeightedProduct", "_SoftClip"}
    assert functions_by_hand(*network(architecture="mlp")) == {"_Vectors"}
    assert functions_by_hand(*network(temperature=0.2)) == {"_Vectors"}


def test_what_masks_do_not_say_is_left_to_autograd():
    assert functions_by_hand(*network(embedding_dropout=0.001)) == {"_WeightedProduct"}


@pytest.mark.parametrize("register", ["register_forward_hook", "register_full_backward_hook"])
def test_hooks_are_called(register):
    net, codes = network()
    called = []
    assert "_Vectors" in functions_by_hand(net, codes)
    getattr(net.embedding_dropout, register)(lambda *args: called.append(1))
    net(codes).sum().backward()
    assert called
    assert "_Vectors" not in functions_by_hand(net, codes)


def test_subclasses_and_replaced_layers_are_heeded():
    class Shifted(EmbeddingNN):
        def vectors(self, rows):
            return super().vectors(rows) + 1

    codes = torch.tensor([[0, 1], [2, 2]])
    torch.manual_seed(0)
    net = Shifted([3, 3], embedding_dropout=0.0)
    torch.testing.assert_close(net(codes), net.eval()(codes))
    net.train()
    net = EmbeddingNN([3, 3])
    net.embedding_dropout = torch.nn.Dropout(0.5)
    assert functions_by_hand(net, codes) == {"_WeightedProduct"}


def test_evaluation_and_no_grad_have_whole_histories():
    net, codes = network(embedding_dropout=0.0)
    with torch.no_grad():
        in_training = net(codes)
    torch.testing.assert_close(in_training, net.eval()(codes))

"""EmbeddingNN computes the paper's equations, over any number of columns, and knows what to do without an id."""

import numpy as np
import pytest
import torch

from sklearn_ncf.nn import ARCHITECTURES, EmbeddingNN

CODES = torch.tensor([[0, 3], [2, 1], [-1, 0], [-2, -1]])


def network(n_ids=(3, 4), **params):
    torch.manual_seed(0)
    return EmbeddingNN(
        n_ids, **{"architecture": "neumf", "embedding_dim": 6, "hidden_layer_sizes": (5, 3), **params}
    ).eval()


def vectors_and_biases(net, codes):
    rows = torch.tensor([net.column_rows(column).start for column in range(len(net.n_ids))]) + codes
    return net.embedding.weight[rows], net.bias.weight[rows].squeeze(-1) if net.bias is not None else 0


def randomize_biases(net):
    with torch.no_grad():
        net.bias.weight.normal_()
        net.intercept.fill_(0.3)


def test_gmf_is_a_weighted_product_of_two_vectors():
    net = network(architecture="gmf")
    randomize_biases(net)
    with torch.no_grad():
        net.gmf_weight.normal_()
    for row in CODES:
        (p, q), bias = vectors_and_biases(net, row)
        expected = 0.3 + bias.sum() + (net.gmf_weight * p * q).sum()
        torch.testing.assert_close(net(row[None])[0], expected)


@pytest.mark.parametrize("n_ids", [(3, 4), (3, 4, 5)])
def test_with_a_temperature_gmf_is_a_cosine_divided_by_it(n_ids):
    net = network(n_ids, architecture="gmf", temperature=0.2)
    randomize_biases(net)
    for row in torch.tensor([[0, 3, 1], [2, 1, -1], [-1, 0, 4], [-2, -1, 0]])[:, : len(n_ids)]:
        (p, q, *context), bias = vectors_and_biases(net, row)
        cosine = torch.nn.functional.cosine_similarity(sum(context, p), q, dim=0)
        torch.testing.assert_close(net(row[None])[0], 0.3 + bias.sum() + cosine / 0.2)
    assert not net.gmf_weight.requires_grad


@pytest.mark.parametrize("params", [{}, {"use_bias": False}, {"use_history": True}, {"temperature": 0.2}])
def test_neumf_starts_as_the_mean_of_its_halves(params):
    gmf, mlp, neumf = (network(architecture=name, **params) for name in ("gmf", "mlp", "neumf"))
    for net in (gmf, mlp):
        for name, parameter in net.named_parameters():
            if name != "gmf_weight" or "temperature" not in params:
                torch.nn.init.normal_(parameter)
        net.set_interactions(torch.tensor([[0, 1], [2, 3]], dtype=torch.int32), 1)
    neumf.load_halves(gmf, mlp, share=0.3)
    torch.testing.assert_close(neumf(CODES), 0.3 * gmf(CODES) + 0.7 * mlp(CODES))
    narrow, larger = {"embedding_dim": 5}, {"n_ids": (3, 5)}
    for other in [mlp, *(network(architecture="gmf", **different, **params) for different in (narrow, larger))]:
        with pytest.raises(ValueError, match="must be a GMF and an MLP"):
            neumf.load_halves(other, mlp)


def test_mlp_is_a_stack_of_layers_over_the_joined_vectors():
    net = network(architecture="mlp")
    randomize_biases(net)
    for row in CODES:
        (p, q), bias = vectors_and_biases(net, row)
        hidden = torch.cat([p, q])
        for layer in (net.mlp[0], net.mlp[3]):
            hidden = torch.relu(layer.weight @ hidden + layer.bias)
        expected = 0.3 + bias.sum() + (net.mlp[6].weight @ hidden + net.mlp[6].bias)[0]
        torch.testing.assert_close(net(row[None])[0], expected)


def test_neumf_adds_the_two_halves():
    net = network(architecture="neumf")
    gmf, mlp = network(architecture="gmf"), network(architecture="mlp")
    gmf.load_state_dict(
        {name: weight for name, weight in net.state_dict().items() if "mlp" not in name}
        | {"embedding.weight": net.embedding.weight[:, :6]}
    )
    mlp.load_state_dict(
        {name: weight for name, weight in net.state_dict().items() if "gmf" not in name}
        | {"embedding.weight": net.embedding.weight[:, 6:]}
    )
    torch.testing.assert_close(net(CODES), gmf(CODES) + mlp(CODES))


def test_context_columns_enter_gmf_as_products_of_all_pairs():
    net = network((3, 4, 2), architecture="gmf")
    codes = torch.tensor([[0, 3, 1], [2, -1, 0]])
    for row in codes:
        (p, q, r), _ = vectors_and_biases(net, row)
        torch.testing.assert_close(net(row[None])[0], (p * q + p * r + q * r).sum())


def test_first_layer_takes_the_vectors_of_all_columns():
    assert network((3, 4), architecture="mlp").mlp[0].in_features == 12
    assert network((3, 4, 2), architecture="mlp").mlp[0].in_features == 18


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("hidden_layer_sizes", [(), (4,)])
def test_output_is_one_score_a_row_even_for_one_row(architecture, hidden_layer_sizes):
    net = network(architecture=architecture, hidden_layer_sizes=hidden_layer_sizes)
    assert net(CODES).shape == (4,)
    assert net(CODES[:1]).shape == (1,)
    assert net(CODES[:0]).shape == (0,)


def test_untrained_output_is_the_center_and_bounded_output_stays_in_range():
    for output_range in (None, (1.0, 5.0)):
        net = network(output_range=output_range, output_center=3.7, output_scale=2.0)
        torch.testing.assert_close(net(CODES), torch.full((4,), 3.7), atol=0.2, rtol=0)
    with torch.no_grad():
        net.intercept.fill_(100.0)
        assert net(CODES).max() <= 5
        net.intercept.fill_(-100.0)
        assert net(CODES).min() >= 1


def test_a_center_at_the_end_of_the_range_can_still_be_learnt_from():
    net = network(output_range=(1.0, 5.0), output_center=5.0)
    assert np.isfinite(net.intercept.item())
    net(CODES).sum().backward()
    assert net.intercept.grad.abs() > 1e-3


@pytest.mark.parametrize("use_bias", [True, False])
def test_ids_without_training_rows_get_the_mean_of_the_others_ratings(use_bias):
    net = network(use_bias=use_bias)
    before = net.embedding.weight.detach().clone()
    # missing, unknown, then three users and four items
    counts = [torch.tensor([0.0, 0, 1, 3, 0]), torch.tensor([1.0, 0, 1, 0, 2, 2])]
    net.fill_untrained(counts)
    users, items = net.embedding.weight[:5], net.embedding.weight[5:]
    torch.testing.assert_close(users[[0, 1, 4]], (before[2] + 3 * before[3]).expand(3, -1) / 4)
    torch.testing.assert_close(users[2:4], before[2:4])
    torch.testing.assert_close(items[0], before[5])  # missing items had rows of their own
    torch.testing.assert_close(items[[1, 3]], (before[7] + 2 * before[9] + 2 * before[10]).expand(2, -1) / 5)


def test_gmf_with_a_mean_vector_scores_the_mean_of_the_known_users():
    net = network(architecture="gmf")
    randomize_biases(net)
    net.fill_untrained([torch.tensor([0.0, 0, 1, 1, 1]), torch.tensor([0.0, 0, 1, 1, 1, 1])])
    known = net(torch.tensor([[user, 2] for user in range(3)]))
    torch.testing.assert_close(net(torch.tensor([[-1, 2]]))[0], known.mean())


def test_a_grown_network_scores_known_ids_as_before():
    old = network((3, 4), output_range=(1.0, 5.0))
    new = EmbeddingNN(
        (5, 6), architecture="neumf", embedding_dim=6, hidden_layer_sizes=(5, 3), output_range=(1.0, 5.0)
    ).eval()
    new.copy_from(old)
    torch.testing.assert_close(new(CODES), old(CODES), rtol=0, atol=0)
    torch.testing.assert_close(new(torch.tensor([[4, 1]])), old(torch.tensor([[-1, 1]])), rtol=0, atol=0)


def test_networks_of_other_kinds_are_not_copied():
    for other in (network(embedding_dim=4), network(architecture="gmf"), network((3, 4, 2))):
        with pytest.raises(ValueError, match="differ in more than their numbers of ids"):
            network().copy_from(other)


def test_unknown_architecture_is_named():
    with pytest.raises(ValueError, match=r"architecture='transformer' must be one of"):
        network(architecture="transformer")


def test_dropouts_act_in_training_only():
    for params in ({"dropout": 0.5}, {"embedding_dropout": 0.5}):
        net = network(**params)
        torch.testing.assert_close(net(CODES), net(CODES), rtol=0, atol=0)
        net.train()
        assert not torch.equal(net(CODES), net(CODES))

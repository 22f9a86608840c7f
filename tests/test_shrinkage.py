"""How strongly biases and vectors are drawn to zero is learned from the ratings."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_ncf import NCFRegressor
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training import Plan, Strengths, estimate_strengths
from sklearn_ncf.training._objectives import SquaredError
from sklearn_ncf.training._rowwise import RowwiseAdamW, mark_tables
from sklearn_ncf.training._shrinkage import FIRST_STRENGTH, LARGEST_FACTOR, PRIOR_IDS, Shrinkage

N_USERS, N_ITEMS = 400, 250


def drawn(n_rows, *, spreads=(0.8, 0.4), of_product=0.0, noise=1.0, seed=0):
    """Codes, and ratings of effects of users and items, a product of vectors, and noise."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(N_USERS, size=n_rows), rng.integers(N_ITEMS, size=n_rows)])
    effects = [rng.normal(scale=spread, size=n) for spread, n in zip(spreads, (N_USERS, N_ITEMS), strict=True)]
    vectors = [rng.normal(size=(n, 2)) for n in (N_USERS, N_ITEMS)]
    y = 3 + sum(effect[column] for effect, column in zip(effects, codes.T, strict=True))
    y += of_product * (vectors[0][codes[:, 0]] * vectors[1][codes[:, 1]]).sum(axis=1)
    return codes, y + rng.normal(scale=noise, size=n_rows)


@pytest.mark.parametrize("n_rows", [6000, 20_000])
@pytest.mark.parametrize("spreads", [(0.8, 0.4), (0.3, 1.0)])
def test_a_bias_is_shrunk_by_the_ratio_of_the_variances(n_rows, spreads):
    found = estimate_strengths(Interactions(*drawn(n_rows, spreads=spreads))).biases
    n_ids = np.array([N_USERS, N_ITEMS])
    variances = (n_ids * np.square(spreads) + PRIOR_IDS / FIRST_STRENGTH) / (n_ids + PRIOR_IDS)
    np.testing.assert_allclose(found, 1 / variances, rtol=0.35)


def test_a_context_has_a_strength_of_its_own():
    codes, y = drawn(20_000)
    hours = np.random.default_rng(1).integers(24, size=len(y))
    found = estimate_strengths(Interactions(np.column_stack([codes, hours]), y + 0.5 * np.sin(hours))).biases
    assert len(found) == 3
    assert found[2] == pytest.approx(1 / (0.5**2 / 2), rel=0.5)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_strengths_have_no_unit(unit):
    codes, y = drawn(3000)
    found = estimate_strengths(Interactions(codes, y * unit))
    expected = estimate_strengths(Interactions(codes, y))
    np.testing.assert_allclose(found.biases, expected.biases, rtol=1e-6)
    assert found.vectors == pytest.approx(expected.vectors, rel=0.02)


def test_the_unit_of_weights_does_not_matter_and_a_light_row_hardly_counts():
    codes, y = drawn(3000)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, size=len(y))
    found, doubled = (estimate_strengths(Interactions(codes, y, weights * unit)) for unit in (1, 2))
    np.testing.assert_allclose(found.biases, doubled.biases)
    assert found.vectors == doubled.vectors
    other, wrong = drawn(3000, spreads=(3.0, 0.1), seed=1)
    light = np.append(np.ones(3000), np.full(3000, 1e-6))
    found = estimate_strengths(Interactions(np.append(codes, other, axis=0), np.append(y, wrong), light))
    expected = 2 * np.array(estimate_strengths(Interactions(codes, y)).biases)  # a row of mean weight is half of one
    np.testing.assert_allclose(found.biases, expected, rtol=0.01)


@pytest.mark.parametrize(
    ("y", "biases"), [(np.full(6, 4.0), 4.0), (np.arange(6.0), None)], ids=["one value", "an id a row"]
)
def test_data_that_say_nothing_give_ordinary_strengths(y, biases):
    found = estimate_strengths(Interactions(np.stack([np.arange(6)] * 2, axis=1), y))
    assert np.isfinite(found.biases).all()
    assert 1 <= found.vectors <= LARGEST_FACTOR
    if biases is not None:
        assert found == Strengths((biases, biases))


def test_vectors_are_shrunk_further_where_there_is_noise_alone():
    assert estimate_strengths(Interactions(*drawn(6000))).vectors > 5
    assert estimate_strengths(Interactions(*drawn(6000, of_product=1.0))).vectors == 1


def test_without_biases_vectors_have_the_effects_to_learn():
    rows = Interactions(*drawn(6000, spreads=(1.0, 1.0)))
    assert estimate_strengths(rows, has_biases=False).vectors == 1
    assert estimate_strengths(rows).vectors > 5


@pytest.mark.parametrize("optimizer", ["adam", "rowwise_adamw"])
@pytest.mark.parametrize("n_rows", [400, 2000])
def test_thin_ratings_are_predicted_as_by_biases(optimizer, n_rows):
    codes, y = drawn(n_rows)
    unseen, truth = drawn(20_000, noise=0.0)
    model = NCFRegressor(optimizer=optimizer, random_state=0).fit(codes, y)
    ridge = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge(alpha=1 / 0.8**2)).fit(codes, y)
    errors = [root_mean_squared_error(truth, fitted.predict(unseen)) for fitted in (model, ridge)]
    assert errors[0] < 1.01 * errors[1]


def test_a_number_is_taken_as_it_is(ratings):
    X, y = ratings
    assert NCFRegressor(weight_decay=0.1, max_epochs=1).fit(X, y).net_.plan_.strengths is None
    assert NCFRegressor(optimizer="adamw", max_epochs=1).fit(X, y).net_.plan_.strengths is None


def test_a_saved_model_grows_with_the_strengths_of_its_fit(ratings):
    X, y = ratings
    model = NCFRegressor(max_epochs=2, random_state=0).fit(X[:1500], y[:1500])
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.net_.plan_.strengths == model.net_.plan_.strengths is not None
    grown = [fitted.partial_fit(X[1500:], y[1500:]) for fitted in (model, loaded)]
    np.testing.assert_array_equal(*(fitted.predict(X) for fitted in grown))
    assert grown[0].net_.plan_.strengths == loaded.net_.plan_.strengths is not None


def network_and_counts():
    torch.manual_seed(0)
    net = EmbeddingNN([3, 2], architecture="gmf", embedding_dim=4)
    torch.nn.init.normal_(net.bias.weight)
    return net, [torch.tensor([0.0, 0.0, 1.0, 40.0, 200.0]), torch.tensor([0.0, 0.0, 240.0, 1.0])]


PLAN = {"objective": SquaredError, "strengths": Strengths((5.0, 2.0), 3.0), "n_rows": 1000, "n_ratings": 1000}


def test_with_dense_gradients_biases_are_drawn_as_their_columns_ask():
    net, counts = network_and_counts()
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    Shrinkage(net, optimizer, counts, Plan(**PLAN)).add_gradients()
    of_rows = torch.tensor([5.0] * 5 + [2.0] * 4)
    torch.testing.assert_close(net.bias.weight.grad[:, 0], 2 * of_rows / 1000 * net.bias.weight[:, 0])
    assert not net.embedding.weight.grad.any()  # the optimizer does it


def test_row_by_row_the_batches_of_an_epoch_share_the_same_penalty():
    net, counts = network_and_counts()
    mark_tables(net)
    optimizer = RowwiseAdamW(net.parameters(), weight_decay=0.0)
    plan = Plan(**PLAN, batch_size=10)  # 100 batches
    Shrinkage(net, optimizer, counts, plan)
    rng = np.random.default_rng(0)
    rows = torch.arange(9)
    for table, strengths in ((net.bias.weight, [10.0] * 5 + [4.0] * 4), (net.embedding.weight, [60.0] * 9)):
        a_step = optimizer.penalties[table][:, 0]
        for row, strength in zip(rows, strengths, strict=True):
            n_ratings = int(torch.cat(counts)[row])
            if n_ratings:
                n_reading = np.mean([len(np.unique(rng.integers(100, size=n_ratings))) for _ in range(200)])
                assert a_step[row] * n_reading == pytest.approx(strength / 1000 * 100, rel=0.02)


def test_row_by_row_a_row_that_is_read_moves_by_its_penalty():
    net, counts = network_and_counts()
    mark_tables(net)
    optimizer = RowwiseAdamW(net.parameters(), lr=0.1, weight_decay=0.0)
    Shrinkage(net, optimizer, counts, Plan(**PLAN))
    before = net.bias.weight.detach().clone()
    codes = torch.tensor([[1, 0]])
    optimizer.catch_up(net.table_rows(codes))
    (0 * net(codes)).sum().backward()
    optimizer.step()
    moved = (net.bias.weight - before)[:, 0]
    assert set(moved.nonzero()[:, 0].tolist()) == {3, 7}
    assert (moved[[3, 7]] * before[[3, 7], 0] < 0).all()  # towards zero

"""Alternating least squares solves what it says, for pairs with weights and repetitions."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import KFold, cross_val_score

from sklearn_ncf import NCFRanker, recommend
from sklearn_ncf.fitting._settings import auto_embedding_dim
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER
from sklearn_ncf.training._als import L2, PULLED, AlternatingLeastSquares


def clicks(n_users=30, n_items=20, n_rows=200, seed=0):
    """Rows of which some are repeated, with weights of mean one."""
    rng = np.random.RandomState(seed)
    X = np.stack([rng.randint(n_users, size=n_rows), rng.randint(n_items, size=n_rows)], axis=1)
    weight = rng.uniform(0.5, 2, size=n_rows)
    return X, weight / weight.mean()


def objective(model, users, items, X, weight, weight_decay=None, growth=None):
    """The loss of all pairs and the penalty, written out."""
    confidence = torch.zeros(len(users), len(items), dtype=torch.float64)
    weighted = torch.from_numpy(model.positive_weight_ * weight)
    confidence.index_put_(tuple(torch.from_numpy(X.T)), weighted, accumulate=True)
    scores = users @ items.T
    positive = confidence > 0
    loss = (confidence * (1 - scores).square()).sum() + scores[~positive].square().sum()
    penalty = 0
    for vectors, side in ((users, 1), (items, 0)):
        size, n_pairs = confidence.sum(side) + confidence.shape[side], positive.double().sum(side)
        moved = vectors
        if weight_decay is None:
            strength = L2 * size ** (0.5 if growth is None else growth) * (1 + 1 / n_pairs)
            if vectors is users:
                pull = PULLED / (PULLED + n_pairs)
                mean = (strength * pull) @ vectors / (strength @ pull)
                moved = vectors - pull.unsqueeze(1) * mean
                penalty = penalty + (strength * pull) @ (1 - pull) * mean.square().sum()
        else:
            strength = weight_decay * len(X) / 2 * (size / size.mean()) ** (growth or 0)
        penalty = penalty + (strength * moved.square().sum(1)).sum()
    return loss, penalty


@pytest.mark.parametrize("weight_decay", ["auto", 0.05])
def test_no_vector_can_be_moved_for_the_better(weight_decay):
    X, weight = clicks()
    model = NCFRanker(embedding_dim=4, max_epochs=300, weight_decay=weight_decay, random_state=0, device="cpu")
    model.fit(X, sample_weight=weight)
    assert isinstance(model.net_.solver_, AlternatingLeastSquares)
    assert model.history_["learning_rate"].isna().all()
    users, items = (
        torch.tensor(vectors, dtype=torch.float64, requires_grad=True)
        for vectors in (model.user_embeddings_, model.item_embeddings_)
    )
    codes = model.encoder_.transform(X)
    decay = None if weight_decay == "auto" else weight_decay
    loss, penalty = objective(model, users, items, codes, weight, decay)
    (loss + penalty).backward()
    assert users.abs().max() > 0.1
    assert users.grad.abs().max() < 1e-3
    assert items.grad.abs().max() < 1e-3
    assert model.history_["train_loss"].iloc[-1] == pytest.approx(loss.item() / len(X), rel=1e-4)


SINGULAR = {
    "few pairs": clicks(n_rows=60)[0],
    "users with one item": np.stack([np.arange(40), np.arange(40) % 7], axis=1),
    "one pair": np.array([[0, 0]]),
    "repeated rows": np.repeat(clicks(n_rows=20)[0], 50, axis=0),
    "every pair": np.indices((9, 6)).reshape(2, -1).T,
}


@pytest.mark.parametrize("X", SINGULAR.values(), ids=SINGULAR)
@pytest.mark.parametrize("weight_decay", [0.0, 1e-300, 1e-12, 1e30, 1e300])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_system_has_a_solution_whatever_the_penalty(X, weight_decay, weighted):
    weight = 10.0 ** np.random.RandomState(0).uniform(-20, 3, size=len(X)) if weighted else None
    weight = None if weight is None else weight / weight.mean()
    for embedding_dim in (1, 8, 50):
        model = NCFRanker(embedding_dim=embedding_dim, weight_decay=weight_decay, random_state=0, device="cpu")
        model.set_params(max_epochs=5).fit(X, sample_weight=weight).partial_fit([[0, 99], [99, 0]])
        assert np.isfinite(model.predict(X)).all()
        assert np.abs(model.user_embeddings_).max() < 1e3


def test_without_a_penalty_positives_come_near_one():
    X, _ = clicks()
    model = NCFRanker(embedding_dim=30, weight_decay=0.0, max_epochs=50, random_state=0, device="cpu").fit(X)
    np.testing.assert_allclose(model.predict(X), 1, atol=0.05)


def test_an_update_solves_for_the_ids_of_its_rows_and_moves_nobody_else():
    X, weight = clicks()
    new = np.array([[3, 5], [99, 5], [99, 77]])
    model = NCFRanker(embedding_dim=4, max_epochs=5, random_state=0, device="cpu").fit(X, sample_weight=weight)
    before = [model.user_embeddings_, model.item_embeddings_]
    learned = (pd.DataFrame(X) @ [100, 1]).to_numpy()
    new = new[~np.isin(new @ [100, 1], learned)]
    model.partial_fit(new)
    rows, weights = np.concatenate([X, new]), np.concatenate([weight, np.ones(len(new))])
    codes = model.encoder_.transform(rows)
    users, items = (
        torch.tensor(table, dtype=torch.float64, requires_grad=True)
        for table in (model.user_embeddings_, model.item_embeddings_)
    )
    (loss, penalty) = objective(model, users, items, codes, weights)
    (loss + penalty).backward()
    touched = np.unique(model.encoder_.transform(new)[:, ITEM])
    assert items.grad[touched].abs().max() < 1e-3  # the items came last
    for column, (table, earlier) in enumerate(zip((users, items), before, strict=True)):
        others = np.setdiff1d(np.arange(len(earlier)), model.encoder_.transform(new)[:, column])
        np.testing.assert_array_equal(table.detach()[others].numpy(), earlier[others].astype(np.float64))


def test_each_sweep_lowers_the_objective():
    X, weight = clicks()
    values = []
    for max_epochs in range(1, 8):
        model = NCFRanker(embedding_dim=4, max_epochs=max_epochs, random_state=0, device="cpu")
        model.fit(X, sample_weight=weight)
        vectors = (torch.from_numpy(v).double() for v in (model.user_embeddings_, model.item_embeddings_))
        values.append(sum(objective(model, *vectors, model.encoder_.transform(X), weight)).item())
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("positive_weight", ["auto", 5.0])
@pytest.mark.parametrize("embedding_dim", [4, 20])
def test_a_weight_of_k_means_k_equal_rows(positive_weight, embedding_dim):
    X, _ = clicks()
    pairs, counts = np.unique(X, axis=0, return_counts=True)
    model = NCFRanker(embedding_dim=embedding_dim, positive_weight=positive_weight, random_state=0, device="cpu")
    repeated = model.fit(X).predict(pairs)
    np.testing.assert_allclose(model.fit(pairs, sample_weight=counts).predict(pairs), repeated, atol=1e-5)
    twos = model.set_params(positive_weight=5.0).fit(pairs, sample_weight=np.full(len(pairs), 2)).predict(pairs)
    np.testing.assert_allclose(model.fit(np.concatenate([pairs, pairs])).predict(pairs), twos, atol=1e-5)
    ones = model.set_params(positive_weight=10.0).fit(pairs).predict(pairs)
    np.testing.assert_allclose(ones, twos, atol=1e-5)


def test_sweeps_of_few_steps_come_to_the_solution():
    X, weight = clicks()
    model = NCFRanker(embedding_dim=20, max_epochs=300, random_state=0, device="cpu").fit(X, sample_weight=weight)
    users, items = (
        torch.tensor(vectors, dtype=torch.float64, requires_grad=True)
        for vectors in (model.user_embeddings_, model.item_embeddings_)
    )
    loss, penalty = objective(model, users, items, model.encoder_.transform(X), weight)
    (loss + penalty).backward()
    assert users.grad.abs().max() < 1e-2
    assert model.history_["train_loss"].iloc[-1] == pytest.approx(loss.item() / weight.sum(), rel=1e-3)


def sparse_clicks(n_users=2000, n_items=1500, seed=0):
    """Users of 30 kinds with five items each, nearly all of their own kind; a popular fifth of the items is in all."""
    rng = np.random.RandomState(seed)
    kinds = rng.randint(30, size=n_users)
    popular = rng.randint(n_items // 100, size=(n_users, 1))
    own = rng.randint(n_items // 30, size=(n_users, 5)) * 30 + kinds[:, None]
    items = np.concatenate([popular, own], axis=1)
    X = np.stack([np.repeat(np.arange(n_users), 6), items.ravel()], axis=1)
    return X[rng.permutation(len(X))]


def test_rankings_of_sparse_data_are_far_above_popularity_and_above_a_small_weight():
    X = sparse_clicks()
    last = np.zeros(len(X), dtype=bool)
    last[np.unique(X[:, 0], return_index=True)[1]] = True
    scores = {}
    for weight in ("auto", 3.0):
        model = NCFRanker(positive_weight=weight, random_state=0, device="cpu").fit(X[~last])
        scores[weight] = RankingScorer("hit_rate")(model, X[last])
    popular = pd.Series(X[~last, 1]).value_counts().index[:10]
    hit_rate = np.isin(X[last, 1], popular).mean()
    assert scores["auto"] > max(1.2 * hit_rate, scores[3.0])


def test_the_weight_of_positives_grows_as_data_get_sparser_within_bounds():
    weights = []
    for n_items in (10, 100, 1000, 100_000):
        rng = np.random.RandomState(0)
        X = np.unique(np.stack([np.repeat(np.arange(200), 5), rng.randint(n_items, size=1000)], axis=1), axis=0)
        weights.append(NCFRanker(max_epochs=1, embedding_dim=2, device="cpu").fit(X).positive_weight_)
    assert (np.diff(weights) > 0).all()
    assert 2 <= weights[0] <= weights[-1] <= 100
    assert NCFRanker(positive_weight=7, max_epochs=1, device="cpu").fit(X).positive_weight_ == 7


def test_auto_width_and_epochs_are_those_of_the_solver():
    X, _ = clicks()
    solved, stepped = NCFRanker(device="cpu").fit(X), NCFRanker(loss="softmax", device="cpu").fit(X)
    assert (solved.user_embeddings_.shape[1], solved.n_iter_) == (256, 10)
    assert (stepped.user_embeddings_.shape[1], stepped.n_iter_) == (64, 20)
    assert solved.partial_fit([[99, 1]]).user_embeddings_.shape == (len(np.unique(X[:, 0])) + 1, 256)
    assert auto_embedding_dim([1_500_000, 500_000]) == 128


@pytest.mark.parametrize(("weight_decay", "growth"), [("auto", 0.25), (0.05, 1.0)])
def test_the_penalty_grows_with_a_power_of_an_ids_weight(weight_decay, growth):
    X, weight = clicks()
    model = NCFRanker(embedding_dim=4, weight_decay=weight_decay, penalty_growth=growth, max_epochs=300, device="cpu")
    model.set_params(random_state=0).fit(X, sample_weight=weight)
    users, items = (
        torch.tensor(vectors, dtype=torch.float64, requires_grad=True)
        for vectors in (model.user_embeddings_, model.item_embeddings_)
    )
    decay = None if weight_decay == "auto" else weight_decay
    sum(objective(model, users, items, model.encoder_.transform(X), weight, decay, growth)).backward()
    assert users.abs().max() > 0.1
    assert users.grad.abs().max() < 1e-3


def test_a_model_of_the_first_version_keeps_its_weight():
    X, _ = clicks()
    state = NCFRanker(positive_weight=3.0, embedding_dim=4, random_state=0, device="cpu").fit(X).__getstate__()
    for name in ("positive_weight", "penalty_growth", "positive_weight_", "temperature"):
        del state[name]
    model = NCFRanker()
    model.__setstate__(state)
    assert model.partial_fit([[99, 1]]).positive_weight_ == 3.0


def test_score_ranks_held_out_positives_and_is_undefined_on_those_of_fit():
    X = sparse_clicks(n_users=300, n_items=300)
    model = NCFRanker(embedding_dim=8, random_state=0, device="cpu").fit(X[:1500])
    assert model.score(X[1500:]) == RankingScorer("ndcg", k=10)(model, X[1500:])
    assert np.isnan(model.score(X[:100]))
    scores = cross_val_score(model, X, cv=KFold(3, shuffle=True, random_state=0))
    assert ((scores > 0) & (scores < 1)).all()


def test_many_at_once_or_few_make_no_difference(monkeypatch):
    X, _ = clicks(n_rows=400)
    settings = {"embedding_dim": 4, "random_state": 0, "device": "cpu"}
    expected = NCFRanker(**settings).fit(X).predict(X)
    for numbers in (1, 70, 500):
        monkeypatch.setattr("sklearn_ncf.training._als.NUMBERS_PER_BLOCK", numbers)
        np.testing.assert_allclose(NCFRanker(**settings).fit(X).predict(X), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "params", [{"architecture": "neumf"}, {"loss": "bce"}, {"use_history": True}, {"use_history": False, "context": 1}]
)
def test_what_cannot_be_solved_is_refused_or_trained_in_steps(params):
    X, _ = clicks()
    context = params.pop("context", 0)
    X = np.column_stack([X, *[X[:, 0] % 2] * context])
    settings = {"embedding_dim": 4, "max_epochs": 2, "device": "cpu", **params}
    with pytest.raises(ValueError, match="'optimizer' parameter of NCFRanker must not be 'als' but with"):
        NCFRanker(optimizer="als", **settings).fit(X)
    assert not isinstance(NCFRanker(**settings).fit(X).net_.solver_, AlternatingLeastSquares)


def test_it_goes_on_grows_and_knows_strangers():
    X, _ = clicks()
    model = NCFRanker(embedding_dim=4, max_epochs=5, warm_start=True, random_state=0, device="cpu").fit(X)
    again = NCFRanker(embedding_dim=4, max_epochs=10, random_state=0, device="cpu").fit(X)
    np.testing.assert_allclose(model.fit(X).predict(X), again.predict(X), atol=1e-5)
    others = X[X[:, 1] > 2]
    before = model.predict(others)
    model.partial_fit([[99, 1], [99, 2]])
    np.testing.assert_array_equal(model.predict(others), before)
    found = recommend(model, 12345, n_items=3)
    counts = pd.Series(X[:, 1]).value_counts()
    assert counts[found["item"]].mean() > counts.mean()


def test_tables_of_special_codes_stay_the_means():
    X, _ = clicks()
    model = NCFRanker(embedding_dim=4, max_epochs=3, random_state=0, device="cpu").fit(X)
    module = model.net_.module_
    for column in (USER, ITEM):
        rows = module.column_rows(column)
        counts = torch.bincount(torch.from_numpy(model.encoder_.transform(X)[:, column])).double()
        mean = (counts / counts.sum()) @ module.embedding.weight[rows].double()
        unknown = module.embedding.weight[rows.start - N_SPECIAL : rows.start].double()
        torch.testing.assert_close(unknown, mean.expand(2, -1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("loss", ["softmax", "bce", "bpr"])
def test_a_loss_that_weighs_no_positives_looks_for_no_weight(loss, monkeypatch):
    X, _ = clicks()
    monkeypatch.setattr("sklearn_ncf.fitting._settings.auto_positive_weight", None)  # it would be called
    assert NCFRanker(loss=loss, max_epochs=1, embedding_dim=4, device="cpu").fit(X).positive_weight_ == 1

"""partial_fit of a ranker does no harm: known users' lists, pairs given again, new users, new items."""

import pickle

import numpy as np
import pandas as pd
import pytest

from sklearn_ncf import NCFRanker
from sklearn_ncf.metrics import ndcg_at_k

N_USERS, N_ITEMS, N_KINDS = 100, 60, 4
OBJECTIVES = {
    "least squares": {},
    "squared error": {"optimizer": "adam", "weight_decay": 0.005, "positive_weight": 3.0},
    "softmax": {"loss": "softmax"},
    "cosine softmax": {"loss": "softmax", "temperature": 0.2},
    "bce": {"loss": "bce"},
    "bpr": {"loss": "bpr"},
    "softmax with histories": {"loss": "softmax", "use_history": True},
    "neumf": {"architecture": "neumf", "loss": "bce"},
    "mlp": {"architecture": "mlp", "loss": "bpr", "dropout": 0.0},
    "row-wise": {"loss": "bce", "optimizer": "rowwise_adamw"},
}
every_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
WEIGHTED = [*((name, False) for name in OBJECTIVES), *((name, True) for name in list(OBJECTIVES)[:3])]
every_objective_and_weights = pytest.mark.parametrize(
    ("objective", "weighted"), [(OBJECTIVES[name], weighted) for name, weighted in WEIGHTED], ids=map(str, WEIGHTED)
)


def blocks(n_items_each=14, seed=0):
    """Users of four kinds, who mostly take items of their own kind, popular ones first."""
    rng = np.random.RandomState(seed)
    items = np.arange(N_ITEMS)
    rows = []
    for user in range(N_USERS):
        weight = np.where(items % N_KINDS == user % N_KINDS, 12.0, 1.0) / (1 + items // N_KINDS) ** 0.7
        rows += [(user, item) for item in rng.choice(items, n_items_each, replace=False, p=weight / weight.sum())]
    return pd.DataFrame(rows, columns=["user", "item"]).sample(frac=1, random_state=seed, ignore_index=True)


def parts(seed=0):
    """Rows to fit, a tenth of further ones, and a fifth to rank."""
    X = blocks(seed=seed)
    return X[420:], X[280:420], X[:280]


def ranker(**params):
    settings = {"embedding_dim": 8, "hidden_layer_sizes": (16,), "max_epochs": 10, "random_state": 0, "device": "cpu"}
    return NCFRanker(**{**settings, **params})


def ndcg(model, test, seen):
    """NDCG@10 of the test rows among all items but those of other rows, which are the same before and after."""
    users = np.unique(test["user"])
    pairs = pd.DataFrame({"user": np.repeat(users, N_ITEMS), "item": np.tile(np.arange(N_ITEMS), len(users))})
    scores = model.predict(pairs).reshape(len(users), N_ITEMS).astype(np.float64)
    relevance = np.zeros(scores.shape)
    for rows, table, value in ((seen, scores, -np.inf), (test, relevance, 1.0)):
        rows = rows[rows["user"].isin(users)]
        table[np.searchsorted(users, rows["user"]), rows["item"]] = value
    return ndcg_at_k(relevance, scores)


@every_objective_and_weights
def test_a_tenth_of_further_rows_makes_known_users_lists_no_worse(objective, weighted):
    gains = []
    for seed in range(5):  # one draw of a hundred lists says little
        old, new, test = parts(seed)
        model = ranker(**objective).fit(old)
        before = ndcg(model, test, pd.concat([old, new]))
        weight = np.random.RandomState(0).uniform(0.5, 2, size=len(new)) if weighted else None
        model.partial_fit(new, sample_weight=weight)
        gains.append(ndcg(model, test, pd.concat([old, new])) - before)
    assert np.mean(gains) > -2 * np.std(gains, ddof=1) / len(gains) ** 0.5  # with cosines, there is nothing to gain


@every_objective
def test_single_further_rows_make_known_users_lists_no_worse(objective):
    before, after = [], []
    for seed in range(3):
        old, new, test = parts(seed)
        model = ranker(**objective).fit(old)
        before.append(ndcg(model, test, pd.concat([old, new])))
        for row in range(5):
            model.partial_fit(new[row : row + 1])
        after.append(ndcg(model, test, pd.concat([old, new])))
    assert np.mean(after) >= np.mean(before) - 0.005  # these are few: one list in a hundred is 0.01


@every_objective_and_weights
def test_pairs_that_were_learned_already_change_nothing(objective, weighted):
    old, new, _ = parts()
    model = ranker(**objective).fit(old, sample_weight=np.linspace(1, 2, len(old)) if weighted else None)
    before = model.predict(pd.concat([old, new]))
    again = old[::3].sample(frac=1, random_state=0)
    model.partial_fit(again, sample_weight=np.linspace(1, 3, len(again)) if weighted else None)
    np.testing.assert_array_equal(model.predict(pd.concat([old, new])), before)
    both = pickle.loads(pickle.dumps(model)).partial_fit(pd.concat([again, new]))
    np.testing.assert_array_equal(both.predict(new), model.partial_fit(new).predict(new))


@every_objective
def test_new_users_lists_become_better_than_those_of_unknown_users(objective):
    X = blocks()
    few = X[X["user"] >= 80].groupby("user").head(6)
    known, rest = X[X["user"] < 80], X[(X["user"] >= 80)].drop(few.index)
    model = ranker(**objective).fit(known)
    with pytest.warns(UserWarning, match="were not seen in fit"):
        cold = ndcg(model, rest, few)
    assert ndcg(model.partial_fit(few), rest, few) >= cold

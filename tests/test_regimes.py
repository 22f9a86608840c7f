"""NCFRanker untouched is never below popularity, whatever the data look like."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ncf import NCFRanker
from sklearn_ncf.metrics import ndcg_at_k

N_RANKED = 1000  # users, at most


def drawn(n_users, n_items, n_rows, *, taste=1.5, steepness=0.8, seed=0):
    """Rows of users, as many each as `n_rows` says, and one more row each to rank: all drawn without replacement.

    What a user takes depends on an item's popularity, by a power law, and on tastes of four dimensions.
    """
    rng = np.random.default_rng(seed)
    users, items = rng.normal(size=(n_users, 4)), rng.normal(size=(n_items, 4)) / 2
    popularity = -steepness * np.log(rng.permutation(n_items) + 1)
    rows, last = [], []
    for user, (vector, n) in enumerate(zip(users, np.broadcast_to(n_rows, n_users), strict=True)):
        chances = popularity + taste * items @ vector + rng.gumbel(size=n_items)
        *taken, held_out = rng.permutation(np.argpartition(-chances, n)[: n + 1])
        rows += [(user, item) for item in taken]
        last.append((user, held_out))
    X, test = (pd.DataFrame(part, columns=["user", "item"]) for part in (rows, last))
    return X, test[test["item"].isin(X["item"])]


def repeated(X, seed=0):
    """The same rows, each as often as a long-tailed count says."""
    counts = np.minimum(np.random.default_rng(seed).zipf(1.6, size=len(X)), 1000)
    return X.loc[X.index.repeat(counts)]


def long_tail(n_users, seed=0):
    """Numbers of rows: few for most users, many for some."""
    return np.minimum(np.random.default_rng(seed).zipf(1.7, size=n_users), 100)


REGIMES = {
    "dense": lambda: drawn(500, 200, 60),
    "sparse": lambda: drawn(4000, 2000, 6),
    "counts with a long tail": lambda: (lambda X, test: (repeated(X), test))(*drawn(1000, 500, 15)),
    "users with a long tail": lambda: drawn(2000, 500, long_tail(2000)),
    "one interaction a user": lambda: drawn(4000, 300, 1),
    "50 items": lambda: drawn(2000, 50, 5),
    "100,000 items": lambda: drawn(500, 100_000, 30, steepness=1.2),
}


def ndcg(scores, X, test):
    """NDCG@10 of the held-out items among all that the users have not had; a row of scores for each test row."""
    items = pd.Index(np.unique(X["item"]))
    relevance = np.zeros(scores.shape)
    relevance[np.arange(len(test)), items.get_indexer(test["item"])] = 1
    had = X[X["user"].isin(test["user"])].drop_duplicates()
    scores[pd.Index(test["user"]).get_indexer(had["user"]), items.get_indexer(had["item"])] = -np.inf
    return ndcg_at_k(relevance, scores)


@pytest.mark.slow
@pytest.mark.parametrize("name", REGIMES)
def test_rankings_are_not_below_popularity(name):
    X, test = REGIMES[name]()
    test = test[:N_RANKED]
    items, counts = np.unique(X.drop_duplicates()["item"], return_counts=True)
    by_popularity = ndcg(np.tile(counts.astype(np.float64), (len(test), 1)), X, test)
    pairs = pd.DataFrame({"user": np.repeat(test["user"].to_numpy(), len(items)), "item": np.tile(items, len(test))})
    model = NCFRanker(random_state=0, device="cpu").fit(X)
    found = ndcg(model.predict(pairs).reshape(len(test), -1).astype(np.float64), X, test)
    assert found >= by_popularity

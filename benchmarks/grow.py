"""Rankers that grow: NDCG@10 before and after partial_fit, and of a fresh fit: python -m benchmarks.grow [--only NAME].

A tenth of the rows, drawn at random, is ranked among all items that are in none of the others; another tenth is new to
partial_fit. Known users are those of the other rows; new users, a tenth of all, bring five rows each.

--large: seconds of partial_fit with 1,000 rows of 100 users after 5 million rows of 200,000 users, and of 400,000.
"""

import argparse
import pickle
import statistics
import warnings

import numpy as np

from benchmarks.ratings import opened
from benchmarks.sparse import by_popularity
from benchmarks.timing import seconds
from sklearn_ncf import NCFRanker
from sklearn_ncf.metrics import ndcg_at_k

DATA = {"ml100k": None, "ml1m": 1_000, "beauty": None, "yelp": None}  # users to draw, all of them where it is None
MODELS = {
    "`NCFRanker()`": {},
    '`NCFRanker(loss="softmax", embedding_dropout=0.5)`': {"loss": "softmax", "embedding_dropout": 0.5},
    '`NCFRanker(loss="bce", embedding_dropout=0.5)`': {"loss": "bce", "embedding_dropout": 0.5},
    '`NCFRanker(loss="bpr", embedding_dropout=0.5)`': {"loss": "bpr", "embedding_dropout": 0.5},
    "`NCFRanker(use_history=True)`": {"use_history": True},
}
FEW = 5  # rows of a new user


def parts(name, seed=1):
    """Rows to fit, further ones, those to rank; a new users' first rows and their others."""
    with opened(name) as data:
        X = np.stack([data["user"], data["item"]], axis=1).astype(np.int64)
    rng = np.random.RandomState(seed)
    users = rng.permutation(np.unique(X[:, 0]))[: DATA[name]]
    X = rng.permutation(X[np.isin(X[:, 0], users)])
    X = X[np.argsort(X[:, 0], kind="stable")]
    new_user = np.isin(X[:, 0], users[: len(users) // 10])
    place = np.arange(len(X)) - np.searchsorted(X[:, 0], X[:, 0])
    part = rng.rand(len(X))
    known = [X[~new_user & (low <= part) & (part < high)] for low, high in ((0.2, 1), (0.1, 0.2), (0, 0.1))]
    return [*known, X[new_user & (place < FEW)], X[new_user & (place >= FEW)]]


def ndcg(model, test, others, items, users):
    """Mean NDCG@10 of the test rows of some users among items, but those of the users' other rows."""
    test, others = (rows[np.isin(rows[:, 0], users) & np.isin(rows[:, 1], items)] for rows in (test, others))
    users, total, n_lists = np.unique(test[:, 0]), 0.0, 0
    for block in np.array_split(users, -(-len(users) // 500)):
        pairs = np.column_stack([np.repeat(block, len(items)), np.tile(items, len(block))])
        scores = model.predict(pairs).reshape(len(block), len(items)).astype(np.float64)
        relevance = np.zeros(scores.shape)
        for rows, table, value in ((test, relevance, 1), (others, scores, -np.inf)):
            rows = rows[np.isin(rows[:, 0], block)]
            table[np.searchsorted(block, rows[:, 0]), np.searchsorted(items, rows[:, 1])] = value
        relevance[scores == -np.inf] = 0
        ranked = relevance.any(axis=1)
        total += ndcg_at_k(relevance[ranked], scores[ranked]) * ranked.sum()
        n_lists += ranked.sum()
    return total / n_lists


def large(n_users, n_items=50_000, n_rows=5_000_000, dim=64):
    """Seconds of a fit and of partial_fit, the median of three calls with known users and of three with new ones."""
    random = np.random.default_rng(0)

    def rows(users):
        return np.column_stack([users, by_popularity(random, n_items, len(users))])

    model = NCFRanker(embedding_dim=dim, random_state=0, device="cpu")
    fit = seconds(model.fit, rows(random.integers(n_users, size=n_rows)))
    taken = []
    for first, n_known in ((0, n_users), (n_users, 0)):
        of_kind = []
        for call in range(3):
            users = random.integers(n_known, size=100) if n_known else first + 100 * call + np.arange(100)
            of_kind.append(seconds(model.partial_fit, rows(np.repeat(users, 10))))
        taken.append(statistics.median(of_kind))
    return fit, *taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--models", nargs="+", default=[""], help="parts of the names of the models to run")
    parser.add_argument("--dim", type=int, default=32, help="of embeddings")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    if arguments.large:
        print("| users | fit s | partial_fit s, known users | new users |\n|---|---|---|---|")
        for n_users in (200_000, 400_000):
            taken = large(n_users, dim=arguments.dim)
            print(f"| {n_users:,} | {' | '.join(f'{value:.2f}' for value in taken)} |", flush=True)
        return
    warnings.filterwarnings("ignore", message=".*were not seen in fit")
    header = ["data", "model", "before", "after a tenth", "fresh fit", "known rows again", "new users: before", "after"]
    header += ["s", "fit s"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    for name in arguments.only:
        old, new, test, few, rest = parts(name)
        both, items = np.concatenate([old, new]), np.unique(old[:, 1])
        users, new_users = np.unique(old[:, 0]), np.unique(few[:, 0])
        for title, params in MODELS.items():
            if not any(part in title for part in arguments.models):
                continue
            params = {"embedding_dim": arguments.dim, "random_state": 0, "device": "cpu", **params}
            model, fresh = NCFRanker(**params), NCFRanker(**params)
            taken = [seconds(model.fit, old)]
            fresh.fit(both)
            grown, again, welcoming = (pickle.loads(pickle.dumps(model)) for _ in range(3))
            taken.insert(0, seconds(grown.partial_fit, new))
            again.partial_fit(old[::10])
            welcoming.partial_fit(few)
            values = [ndcg(fitted, test, both, items, users) for fitted in (model, grown, fresh, again)]
            values += [ndcg(fitted, rest, few, items, new_users) for fitted in (model, welcoming)]
            cells = [*(f"{value:.4f}" for value in values), *(f"{time:.1f}" for time in taken)]
            print(f"| {name} | {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

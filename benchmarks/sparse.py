"""Rankings of sparse and dense data beside implicit's least squares: python -m benchmarks.sparse [--weights] [--equal].

Each user's last interaction is the test set, all items that the user has not interacted with before are ranked.
--weights: what positive_weight is worth on the interactions before the last ones, which validate.
--tune: widths, weights by recency, cosines on the same validation set; implicit's ALS and BPR with as many fits.
--best: the best settings that --tune has found, theirs too.
--equal: both with the same width, weight, penalty and number of epochs.
"""

import argparse
import statistics
from itertools import product

import numpy as np

from benchmarks.ranking import Implicit
from benchmarks.ratings import opened
from benchmarks.timing import seconds
from sklearn_ncf import NCFRanker
from sklearn_ncf.dummy import PopularityRanker
from sklearn_ncf.metrics import RankingScorer

DATA = ("beauty", "yelp", "ml100k")
WEIGHTS = (2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
AT_ONCE = 1000  # users
SAME = {"ml1m": (4.0, 30.0), "beauty": (40.0, 10.0), "synthetic": (40.0, 10.0)}  # weight and penalty of --equal
EPOCHS = 15
GRID = {"decay": [None, 0.9, 0.8, 0.65], "positive_weight": ["auto", 100.0], "embedding_dim": [256, 512]}
COSINES = [
    {"loss": "softmax", "temperature": temperature, "embedding_dim": dim, "use_bias": use_bias}
    for dim in (128, 256)
    for temperature in (0.15, 0.2)
    for use_bias in (True, False)
]
COSINES.append({"loss": "softmax", "temperature": 0.15, "embedding_dim": 128, "use_history": True})
COSINES.append({"loss": "softmax", "embedding_dim": 128})
ALS = {
    "decay": [None, 0.65],
    "alpha": [40.0, 100.0],
    "factors": [256, 512],
    "regularization": [10.0, 50.0],
    "iterations": [EPOCHS],
}
BPR = {
    "name": ["BPR"],
    "factors": [64, 256],
    "learning_rate": [0.01, 0.02, 0.05, 0.1, 0.2],
    "regularization": [0.01],
    "iterations": [200],
}
BEST = {  # what --tune finds best on the validation set: least squares, cosines; theirs: least squares, BPR
    "beauty": (
        [
            {"decay": 0.65, "positive_weight": 100.0, "embedding_dim": 512},
            {"loss": "softmax", "temperature": 0.15, "embedding_dim": 256, "use_bias": False},
        ],
        [
            {"decay": 0.65, "alpha": 40.0, "factors": 512, "regularization": 50.0, "iterations": EPOCHS},
            {"name": "BPR", "factors": 256, "learning_rate": 0.2, "regularization": 0.01, "iterations": 200},
        ],
    ),
    "yelp": (
        [{"loss": "softmax", "temperature": 0.2, "embedding_dim": 128}],
        [
            {"alpha": 40.0, "factors": 256, "regularization": 50.0, "iterations": EPOCHS},
            {"name": "BPR", "factors": 256, "learning_rate": 0.2, "regularization": 0.01, "iterations": 200},
        ],
    ),
}


def combinations(grid):
    """All settings of a grid."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def by_popularity(random, n_items, n_rows):
    """Items drawn by a power law of popularity."""
    popularity = np.arange(1, n_items + 1) ** -0.8
    return random.choice(n_items, n_rows, p=popularity / popularity.sum())


def in_time_order(name):
    """Users and items of a data set, each user's rows in time order."""
    if name == "synthetic":
        random = np.random.default_rng(0)
        items = by_popularity(random, 50_000, 5_000_000)
        return np.column_stack([np.sort(random.integers(200_000, size=len(items))), items])
    with opened(name) as data:
        X = np.stack([data["user"], data["item"]], axis=1).astype(np.int64)
        times = data["timestamp"] if "timestamp" in data else np.arange(len(X))
    return X[np.lexsort((times, X[:, 0]))]


def split(X):
    """All but each user's last row, and the last ones whose item the user has not interacted with before."""
    last = np.append(X[1:, 0] != X[:-1, 0], True)
    keys = X @ [X[:, 1].max() + 1, 1]
    return X[~last], X[last & ~np.isin(keys, keys[~last])]


def recency(X, decay):
    """Weights of rows in time order: `decay` to the number of the user's later rows, at least 0.02."""
    last = np.searchsorted(X[:, 0], X[:, 0], side="right") - 1
    return np.maximum(decay ** (last - np.arange(len(X))), 0.02)


def scored(model, train, test, decay=None):
    """Seconds of a fit, HR@10 and NDCG@10."""
    taken = seconds(model.fit, train, sample_weight=None if decay is None else recency(train, decay))
    return taken, RankingScorer("hit_rate")(model, test), RankingScorer("ndcg")(model, test)


def ours(train, test, decay=None, **params):
    """The same for a ranker with some parameters."""
    return scored(NCFRanker(random_state=0, device="cpu", **params), train, test, decay)


def theirs(train, test, name="ALS", decay=None, **params):
    """The same for a model of implicit."""
    model = Implicit(name, **params)
    taken = seconds(model.fit, train, sample_weight=None if decay is None else recency(train, decay))
    had, gains = model.matrix(train), []
    for rows in np.split(np.arange(len(test)), range(AT_ONCE, len(test), AT_ONCE)):
        users, items = test[rows].T
        known = (users < had.shape[0]) & (items < had.shape[1])
        scores = model.users_[users[known]] @ model.items_.T
        own = scores[np.arange(known.sum()), items[known]]
        of_users = had[users[known]].tocoo()
        scores[of_users.row, of_users.col] = -np.inf
        ranks = (scores > own[:, None]).sum(axis=1)
        gains.append(np.append(np.where(ranks < 10, 1 / np.log2(ranks + 2), 0), np.zeros((~known).sum())))
    gains = np.concatenate(gains)
    return taken, (gains > 0).mean(), gains.mean()


def equal(name, dim):
    """Both with the same least-squares problem, and as many sweeps."""
    train, test = split(in_time_order(name))
    test = test[:: max(1, len(test) // 5000)]
    weight, penalty = SAME[name]
    params = {"positive_weight": weight, "weight_decay": 2 * penalty / len(train), "max_epochs": EPOCHS}
    return {
        f"`NCFRanker`, {dim}": lambda: ours(train, test, embedding_dim=dim, **params),
        f"`implicit`, {dim}": lambda: theirs(
            train, test, factors=dim, alpha=weight, regularization=penalty, iterations=EPOCHS
        ),
    }


def report(name, models, rounds):
    """Print the medians of some rounds in turn."""
    found = {label: [] for label in models}
    for _ in range(rounds):
        for label, run in models.items():
            found[label].append(run())
    print(f"\n{name}, medians of {rounds} runs in turn:\n| | HR@10 | NDCG@10 | fit |\n|---|---|---|---|")
    for label, runs in found.items():
        taken, hits, ndcg = map(statistics.median, zip(*runs, strict=True))
        print(f"| {label} | {hits:.4f} | {ndcg:.4f} | {taken:.1f} s |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--weights", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--equal", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--best", action="store_true")
    arguments = parser.parse_args()
    if arguments.equal:
        for name in SAME:
            for dim in (64, 128):
                report(name, equal(name, dim), arguments.rounds)
        return
    for name in arguments.data:
        train, test = split(in_time_order(name))
        if arguments.weights:
            earlier, validation = split(train)
            print(f"\n{name}, on the validation set:\n| positive_weight | HR@10 | NDCG@10 |\n|---|---|---|")
            _, hits, ndcg = scored(PopularityRanker(), earlier, validation)
            print(f"| popularity | {hits:.4f} | {ndcg:.4f} |", flush=True)
            for weight in ("auto", *WEIGHTS):
                _, hits, ndcg = ours(earlier, validation, positive_weight=weight)
                print(f"| {weight} | {hits:.4f} | {ndcg:.4f} |", flush=True)
            continue
        if arguments.tune:
            earlier, validation = split(train)
            print(f"\n{name}, on the validation set:\n| | HR@10 | NDCG@10 | fit |\n|---|---|---|---|")
            trials = [(ours, params) for params in [*combinations(GRID), *COSINES]]
            trials += [(theirs, params) for grid in (ALS, BPR) for params in combinations(grid)]
            for run, params in trials:
                taken, hits, ndcg = run(earlier, validation, **params)
                print(f"| {run.__name__} {params} | {hits:.4f} | {ndcg:.4f} | {taken:.1f} s |", flush=True)
            continue
        models = {
            "`PopularityRanker()`": lambda train=train, test=test: scored(PopularityRanker(), train, test),
            "`NCFRanker()`": lambda train=train, test=test: ours(train, test),
            "`implicit` ALS, 256 factors, alpha 40, regularization 50": lambda train=train, test=test: theirs(
                train, test, factors=256, alpha=40.0, regularization=50.0, iterations=EPOCHS
            ),
        }
        if arguments.best and name in BEST:
            for run, found in zip((ours, theirs), BEST[name], strict=True):
                for params in found:
                    label = f"{run.__name__} {params}"
                    models[label] = lambda train=train, test=test, run=run, params=params: run(train, test, **params)
        report(name, models, arguments.rounds)


if __name__ == "__main__":
    main()

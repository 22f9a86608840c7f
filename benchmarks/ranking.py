"""Rankings beside the peers, in one run: python -m benchmarks.ranking [--only paper full sampling pretrained].

paper: the NCF paper's protocol on ML-1M: each user's last film among 99 sampled ones, on the paper's own split.
full: ML-100K, each user's last film by time among all films that the user has not seen.
sampling: what drawing negatives takes of an epoch.
pretrained: NeuMF from a GMF and an MLP, the paper's section 3.4.1, after each of four epochs.

All settings were chosen on ML-100K without the last films: the five before them, by time, validated (--tune). The
width of the paper's protocol was chosen on ML-1M: one film of each user, drawn at random, among 99 others, as the data
have no times (--tune too).
"""

import argparse
from functools import partial
from itertools import product

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

from benchmarks.ratings import load, opened
from benchmarks.timing import in_turn, seconds
from sklearn_ncf import NCFRanker
from sklearn_ncf.dummy import PopularityRanker
from sklearn_ncf.metrics import hit_rate_at_k, ndcg_at_k, recall_at_k
from sklearn_ncf.model_selection import LeaveLastOut


class Factors:
    """A model of a vector for each user and item."""

    def score(self, users, items):
        return np.einsum("nd,nd->n", self.users_[users], self.items_[items])

    def matrix(self, X, weights=None):
        data = np.ones(len(X), dtype=np.float32) if weights is None else weights.astype(np.float32)
        return sp.csr_matrix((data, X.T), shape=X.max(axis=0) + 1)


class PureSVD(Factors):
    def __init__(self, rank):
        self.rank = rank

    def fit(self, X):
        users, sizes, items = svds(self.matrix(X).astype(np.float64), k=self.rank, random_state=0)
        self.users_, self.items_ = users * sizes, items.T


class Implicit(Factors):
    """A model of the package `implicit`, which asks for one thread of BLAS."""

    def __init__(self, name, **params):
        self.name = name
        self.params = params

    def fit(self, X, sample_weight=None):
        import implicit

        classes = {
            "ALS": implicit.als.AlternatingLeastSquares,
            "BPR": implicit.bpr.BayesianPersonalizedRanking,
        }
        model = classes[self.name](random_state=0, num_threads=2, **self.params)
        with threadpool_limits(1, "blas"):
            model.fit(self.matrix(X, sample_weight), show_progress=False)
        self.users_, self.items_ = model.user_factors, model.item_factors


class Ranker:
    """An estimator of this library."""

    def __init__(self, model):
        self.model = model

    def fit(self, X):
        self.model.fit(X)

    def score(self, users, items):
        return self.model.predict(np.stack([users, items], axis=1))


class Ours(Ranker):
    def __init__(self, *args, seed=0, **params):
        super().__init__(NCFRanker(*args, random_state=seed, device="cpu", **params))


class Sum:
    """The sum of some models' scores."""

    def __init__(self, models):
        self.models = models

    def fit(self, X):
        for model in self.models:
            model.fit(X)

    def score(self, users, items):
        return sum(model.score(users, items) for model in self.models)


def three_of_384():
    """Three models of 384 dimensions."""
    return Sum([Ours(embedding_dim=384, seed=seed) for seed in range(3)])


PAPER = {
    "loss": "bce",
    "embedding_dim": 32,
    "hidden_layer_sizes": (32, 16),
    "dropout": 0.0,
    "use_bias": False,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "learning_rate": 0.001,
    "learning_rate_schedule": "constant",
    "batch_size": 256,
    "max_epochs": 15,
}
MODELS = {
    "`PopularityRanker()`": lambda: Ranker(PopularityRanker()),
    "PureSVD, rank 32": lambda: PureSVD(32),
    "`implicit` BPR": lambda: Implicit("BPR", factors=64, learning_rate=0.02, regularization=0.01, iterations=200),
    "`implicit` ALS": lambda: Implicit("ALS", factors=128, regularization=30.0, alpha=2.0, iterations=15),
    "NeuMF near the paper's settings": lambda: Ours("neumf", **PAPER),
    '`NCFRanker("neumf", loss="bce", embedding_dropout=0.5)`': lambda: Ours("neumf", loss="bce", embedding_dropout=0.5),
    "`NCFRanker(use_history=True)`": lambda: Ours(use_history=True),
    "`NCFRanker()`": Ours,
    "`NCFRanker(embedding_dim=128)`": lambda: Ours(embedding_dim=128),
    "`NCFRanker(embedding_dim=384, max_epochs=12)`": lambda: Ours(embedding_dim=384, max_epochs=12),
    "the sum of three such models' scores": three_of_384,
}
PAPER_GRID = {
    **{f"{dim} dimensions": partial(Ours, embedding_dim=dim) for dim in (128, 192, 256, 384, 512)},
    "384 dimensions, 12 epochs": partial(Ours, embedding_dim=384, max_epochs=12),
    **{
        f"256 dimensions, positive_weight={weight}, weight_decay={decay}": partial(
            Ours, embedding_dim=256, positive_weight=weight, weight_decay=decay, penalty_growth=0.5, max_epochs=12
        )
        for weight in (2.0, 3.0, 4.0)
        for decay in (3e-5, 6.6e-5, 1.3e-4)
    },
    "the sum of three models of 384 dimensions": three_of_384,
}
GRID = {
    "PureSVD": (PureSVD, {"rank": [16, 32, 64]}),
    "ALS": (
        lambda **params: Implicit("ALS", iterations=15, **params),
        {"factors": [64, 128], "regularization": [3.0, 10.0, 30.0], "alpha": [0.5, 2.0]},
    ),
    "BPR": (
        lambda **params: Implicit("BPR", factors=64, **params),
        {"learning_rate": [0.02, 0.05], "regularization": [0.01, 0.03], "iterations": [100, 200]},
    ),
    "NCFRanker": (Ours, {"embedding_dim": [64, 128, 192]}),
    "NCFRanker with histories": (Ours, {"use_history": [True]}),
}


def opened_paper():
    """The paper's rows, users of its test set, and a list for each of them, the test film first."""
    with opened("ml1m_ncf") as data:
        X = np.stack([data["train_user"], data["train_item"]], axis=1).astype(np.int64)
        return X, data["test_user"].astype(np.int64), np.column_stack([data["test_item"], data["negatives"]])


def paper(model, X, users, lists):
    """Seconds, HR@10 and NDCG@10 of the paper's lists; where the sampled films hold the test film, it counts once."""
    taken = seconds(model.fit, X)
    scores = model.score(np.repeat(users, lists.shape[1]), lists.ravel()).reshape(lists.shape).astype(np.float64)
    scores[:, 1:][lists[:, 1:] == lists[:, :1]] = -np.inf
    relevance = np.zeros(lists.shape)
    relevance[:, 0] = 1
    return taken, hit_rate_at_k(relevance, scores), ndcg_at_k(relevance, scores)


def paper_validation():
    """The same without the test films: a film of each user, drawn at random, among 99 that the user has not seen."""
    X, *_ = opened_paper()
    random = np.random.default_rng(0)
    X = X[random.permutation(len(X))]
    X = X[np.argsort(X[:, 0], kind="stable")]
    last = np.append(X[1:, 0] != X[:-1, 0], True)
    seen = np.zeros(X.max(axis=0) + 1, bool)
    seen[tuple(X.T)] = True
    users, films = X[last].T
    others = [random.choice(np.flatnonzero(~seen[user]), 99, replace=False) for user in users]
    return X[~last], users, np.column_stack([films, others])


class Fitted(Ranker):
    """A model that has been fitted already."""

    def fit(self, X):
        pass


def pretrained():
    """The paper's protocol: the halves, their mean, and NeuMF from there."""
    X, *test = opened_paper()

    def report(title, model, taken):
        _, hits, ndcg = paper(Fitted(model), X, *test)
        print(f"| {title} | {hits:.4f} | {ndcg:.4f} | {taken:.1f} |", flush=True)

    halves = []
    for architecture in ("gmf", "mlp"):
        model = Ours(architecture, **PAPER | {"max_epochs": 12}).model
        report(f"{architecture}, 12 epochs", model, seconds(model.fit, X))
        halves.append(model)
    model = Ours("neumf", **PAPER | {"max_epochs": 1, "warm_start": True, "learning_rate": 0.0002}).model.fit(X)
    model.net_.module_.load_halves(*(half.net_.module_ for half in halves))
    report("neumf, the mean of both", model, 0.0)
    for epoch in range(1, 5):
        report(f"neumf, {epoch} more", model, seconds(model.fit, X))


def sampling():
    """What drawing negatives takes of an epoch, on ML-1M."""
    X, _ = load("ml1m")
    for params in (
        {"loss": "bce"},
        {"loss": "softmax"},
        {"use_history": True},
        {"architecture": "neumf", "loss": "bce"},
    ):
        model = NCFRanker(max_epochs=2, random_state=0, device="cpu", **params).fit(X)
        epoch = model.history_["duration"].min()
        codes = torch.from_numpy(model.encoder_.transform(X))
        sampler = model._settings.sampler(model._seen, "cpu")

        def draw(codes=codes, sampler=sampler, size=model.net_.batch_size):
            for batch in codes[torch.randperm(len(codes))].split(size):
                sampler(batch)

        taken = in_turn({"draw": lambda draw=draw: seconds(draw)}, rounds=3)["draw"]
        print(f"| `{model}` | {epoch:.1f} | {taken:.1f} | {taken / epoch:.0%} |", flush=True)


def in_time_order():
    with opened("ml100k") as data:
        order = np.argsort(data["timestamp"], kind="stable")
    X, _ = load("ml100k")
    return np.column_stack([np.unique(column, return_inverse=True)[1] for column in X[order].T])


def full(model, X, n_last=1):
    """Seconds, NDCG@10 and recall@10 of each user's last films among all that the user has not seen."""
    [(train, test)] = LeaveLastOut(n_last).split(X)
    taken = seconds(model.fit, X[train])
    n_users, n_items = X.max(axis=0) + 1
    pairs = np.indices((n_users, n_items)).reshape(2, -1)
    known = np.isin(np.arange(n_items), X[train, 1])  # films that nobody has rated before have no factors
    scores = np.full((n_users, n_items), -np.inf)
    scores[:, known] = model.score(*pairs[:, known[pairs[1]]]).reshape(n_users, -1)
    scores[X[train, 0], X[train, 1]] = -np.inf
    relevance = np.zeros((n_users, n_items))
    relevance[X[test, 0], X[test, 1]] = 1
    return taken, ndcg_at_k(relevance, scores), recall_at_k(relevance, scores)


def tune():
    X = in_time_order()
    [(earlier, _)] = LeaveLastOut().split(X)
    print("| | NDCG@10 | recall@10 |\n|---|---|---|")
    for name, (make, grid) in GRID.items():
        for values in product(*grid.values()):
            params = dict(zip(grid, values, strict=True))
            _, ndcg, recall = full(make(**params), X[earlier], n_last=5)
            print(f"| {name} {params} | {ndcg:.4f} | {recall:.4f} |", flush=True)
    validation = paper_validation()
    print("\nthe paper's protocol\n| | HR@10 | NDCG@10 | fit s |\n|---|---|---|---|")
    for title, make in PAPER_GRID.items():
        taken, hits, ndcg = paper(make(), *validation)
        print(f"| {title} | {hits:.4f} | {ndcg:.4f} | {taken:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=["paper", "full", "sampling", "pretrained"], default=["paper", "full", "sampling"]
    )
    parser.add_argument("--models", nargs="+", default=[""], help="parts of the names of the models to run")
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    if arguments.tune:
        return tune()
    for name, names in (("paper", "HR@10 | NDCG@10"), ("full", "NDCG@10 | recall@10")):
        if name in arguments.only:
            print(f"\n{name}\n| | {names} | fit s |\n|---|---|---|---|", flush=True)
            for title, make in MODELS.items():
                if not any(part in title for part in arguments.models):
                    continue
                taken, *values = paper(make(), *opened_paper()) if name == "paper" else full(make(), in_time_order())
                print(f"| {title} | {' | '.join(f'{value:.4f}' for value in values)} | {taken:.1f} |", flush=True)
    if "sampling" in arguments.only:
        print("\nsampling\n| | epoch s | drawing s | share |\n|---|---|---|---|", flush=True)
        sampling()
    if "pretrained" in arguments.only:
        print("\npretrained\n| | HR@10 | NDCG@10 | fit s |\n|---|---|---|---|", flush=True)
        pretrained()
    return None


if __name__ == "__main__":
    main()

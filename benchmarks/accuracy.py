"""Accuracy and fit time beside the peers, same folds, one run: python -m benchmarks.accuracy [--quick].

Further options: --data NAME ... for some of the data sets alone, --models NAME ... for some of the models.
Allrecipes has its own split.
"""

import argparse
import contextlib
import io
from statistics import mean

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import KFold, PredefinedSplit, ShuffleSplit
from sklearn.preprocessing import OneHotEncoder

from benchmarks.ratings import load, opened, surprise_trainset
from benchmarks.timing import seconds
from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.dummy import BiasRegressor

LECTURE = {
    "architecture": "mlp",
    "embedding_dim": 16,
    "embedding_dropout": 0.05,
    "use_bias": False,
    "use_history": False,
    "optimizer": "adam",
    "weight_decay": 1e-5,
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
    "batch_size": 8,
    "max_epochs": 3,
}
BEST = {"embedding_dim": 128, "max_epochs": 40}


class SurpriseModel:
    """A model of Surprise, whose data set is made in fit, as its users must."""

    def __init__(self, name, **params):
        self.name, self.params = name, params

    def fit(self, X, y):
        import surprise

        trainset = surprise_trainset(X, y)
        with contextlib.redirect_stdout(io.StringIO()):
            self.model_ = getattr(surprise, self.name)(**self.params).fit(trainset)

    def predict(self, X):
        return np.array([self.model_.predict(user, item).est for user, item in X])


class MyFM:
    """Bayesian factorization machine by Gibbs sampling, rank 10, users and items as groups."""

    def __init__(self, n_iter=200):
        self.n_iter = n_iter

    def fit(self, X, y):
        from myfm import MyFMRegressor

        self.encoder_ = OneHotEncoder(handle_unknown="ignore").fit(X)
        groups = np.repeat([0, 1], [len(ids) for ids in self.encoder_.categories_])
        self.model_ = MyFMRegressor(rank=10, random_seed=0)
        with contextlib.redirect_stderr(io.StringIO()):
            self.model_.fit(
                self.encoder_.transform(X),
                y,
                grouping=groups,
                n_iter=self.n_iter,
                n_kept_samples=self.n_iter * 19 // 20,
            )

    def predict(self, X):
        return self.model_.predict(self.encoder_.transform(X))


class Boosting:
    """scikit-learn's gradient boosting; it takes at most 255 categories, so larger ids go in as numbers."""

    def fit(self, X, y):
        self.encoder_ = IdEncoder()
        codes = self.encoder_.fit_transform(X)
        categorical = [len(ids) <= 255 for ids in self.encoder_.categories_]
        self.model_ = HistGradientBoostingRegressor(categorical_features=categorical, random_state=0).fit(codes, y)

    def predict(self, X):
        return self.model_.predict(self.encoder_.transform(X))


MODELS = {
    "BiasRegressor()": BiasRegressor,
    "global mean": DummyRegressor,
    "HistGradientBoostingRegressor": Boosting,
    "Surprise BaselineOnly (biases)": lambda: SurpriseModel("BaselineOnly"),
    "Surprise SVD": lambda: SurpriseModel("SVD"),
    "Surprise KNNBaseline": lambda: SurpriseModel("KNNBaseline"),
    "Surprise SVD++": lambda: SurpriseModel("SVDpp"),
    "myFM": MyFM,
    "the lecture's settings": lambda: NCFRegressor(random_state=0, device="cpu", **LECTURE),
    "NCFRegressor(use_history=False)": lambda: NCFRegressor(use_history=False, random_state=0, device="cpu"),
    "NCFRegressor()": lambda: NCFRegressor(random_state=0, device="cpu"),
    f"NCFRegressor({', '.join(f'{name}={value}' for name, value in BEST.items())})": (
        lambda: NCFRegressor(random_state=0, device="cpu", **BEST)
    ),
}
LONG = {"Surprise SVD++", "Surprise KNNBaseline", "the lecture's settings"}  # on a million ratings


def ratings_of(name):
    """Ratings and splitter of a data set."""
    if name == "load_movielens":
        from sklearn_ncf.datasets import load_movielens

        X, y = load_movielens(return_X_y=True)
        return X.to_numpy(), y.to_numpy(dtype=np.float64), KFold(5, shuffle=True, random_state=0)
    if name == "allrecipes":
        with opened(name) as data:
            parts = [(data[f"{part}_user"], data[f"{part}_item"], data[f"{part}_rating"]) for part in ("train", "test")]
        users, items, y = (np.concatenate(column) for column in zip(*parts, strict=True))
        is_test = np.repeat([-1, 0], [len(rating) for _, _, rating in parts])
        return np.stack([users, items], axis=1), y.astype(np.float64), PredefinedSplit(is_test)
    X, y = load(name)
    if name == "ml1m":
        return X, y, ShuffleSplit(1, test_size=0.1, random_state=0)
    return X, y, KFold(5, shuffle=True, random_state=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one fold")
    parser.add_argument("--models", nargs="+", default=[""], help="parts of the names of the models to run")
    names = ["ml100k", "load_movielens", "ml1m", "allrecipes"]
    parser.add_argument("--data", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    for name in arguments.data:
        X, y, splitter = ratings_of(name)
        folds = list(splitter.split(X))[: 1 if arguments.quick else None]
        print(
            f"\n{name}, mean of {len(folds)} folds of {splitter}:\n| | RMSE | MAE | fit s |\n|---|---|---|---|",
            flush=True,
        )
        for title, make in MODELS.items():
            takes_long = name in ("ml1m", "allrecipes") and title in LONG
            if takes_long or not any(part in title for part in arguments.models):
                continue
            scores = [score(make(), X, y, *fold) for fold in folds]
            rmse, mae, taken = (mean(column) for column in zip(*scores, strict=True))
            print(f"| {title} | {rmse:.4f} | {mae:.4f} | {taken:.1f} |", flush=True)


def score(model, X, y, train, test):
    taken = seconds(model.fit, X[train], y[train])
    predicted = model.predict(X[test])
    return root_mean_squared_error(y[test], predicted), mean_absolute_error(y[test], predicted), taken


if __name__ == "__main__":
    main()

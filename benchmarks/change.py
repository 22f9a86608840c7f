"""New users and items, measured: cold start, growth by partial_fit, fold-in: python -m benchmarks.change [--only NAME].

Cold start: users, then items, held out whole, beside Surprise's BaselineOnly on the same rows.
Growth: ML-100K in time order; a model that grows by a tenth at a time beside a fresh fit on everything so far.
Fold-in: 100 users held out; ten of their ratings by partial_fit, the rest tested.
"""

import argparse
import pickle
import time
import warnings
from statistics import mean

import numpy as np
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupKFold

from benchmarks.accuracy import SurpriseModel, ratings_of
from benchmarks.ratings import load, timestamps
from sklearn_ncf import NCFRegressor

PAIRS = 20_000  # drawn among users and items that are not in the new rows, to see whether their predictions move


def fitted(X, y):
    return NCFRegressor(random_state=0, device="cpu").fit(X, y)


def error(model, X, y):
    return root_mean_squared_error(y, model.predict(X))


def cold_start():
    print("| held out | Surprise BaselineOnly | `NCFRegressor()` | folds won |\n|---|---|---|---|", flush=True)
    for name in ("load_movielens", "ml100k"):
        X, y, _ = ratings_of(name)
        for column, what in enumerate(("users", "items")):
            errors = []
            for train, test in GroupKFold(5).split(X, y, X[:, column]):
                biases = SurpriseModel("BaselineOnly")
                biases.fit(X[train], y[train])
                errors.append((error(biases, X[test], y[test]), error(fitted(X[train], y[train]), X[test], y[test])))
            theirs, ours = map(mean, zip(*errors, strict=True))
            won = sum(our < their for their, our in errors)
            print(f"| {what} of {name} | {theirs:.4f} | {ours:.4f} | {won} of {len(errors)} |", flush=True)
    model = fitted(X, y)
    both = model.predict([[-10, -10], [-11, -12]])
    print(f"\nBoth unknown: {both}, the mean rating: {model.mean_rating_:.6f}", flush=True)


def growth():
    X, y = load("ml100k")
    order = np.argsort(timestamps("ml100k"), kind="stable")
    X, y = X[order], y[order]
    shares = range(60, 101, 10)
    fresh = {}
    for share in shares:
        start = time.perf_counter()
        model = fitted(X[: len(y) * share // 100], y[: len(y) * share // 100])
        fresh[share] = model, time.perf_counter() - start
    print(
        "| `fit` on | then `partial_fit` on | RMSE after `partial_fit` | RMSE after a full refit | difference ", end=""
    )
    print("| `partial_fit`, seconds | share of the refit's time | change for other users |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for first in (70, 60):
        model = pickle.loads(pickle.dumps(fresh[first][0]))
        for share in range(first, min(first + 30, 100), 10):
            new, after = (slice(len(y) * s // 100, len(y) * (s + 10) // 100) for s in (share, share + 10))
            untouched = pairs_without(X, new)
            before = model.predict(untouched)
            start = time.perf_counter()
            model.partial_fit(X[new], y[new])
            taken = time.perf_counter() - start
            moved = np.abs(model.predict(untouched) - before).mean()
            reference, fresh_taken = fresh[share + 10]
            cells = ["", "", ""]
            if share < 90:
                errors = error(model, X[after], y[after]), error(reference, X[after], y[after])
                cells = [f"{errors[0]:.4f}", f"{errors[1]:.4f}", f"{errors[0] - errors[1]:+.4f}"]
            print(
                f"| first {first} % | {share} % to {share + 10} % | {' | '.join(cells)} | {taken:.2f} "
                f"| {taken / fresh_taken:.0%} | {moved:.4f} |",
                flush=True,
            )


def pairs_without(X, new):
    """Pairs of users and items seen before the new rows, and not in them."""
    rng = np.random.RandomState(0)
    return np.column_stack([rng.choice(np.setdiff1d(X[: new.start, j], X[new, j]), PAIRS) for j in (0, 1)])


def fold_in():
    X, y = load("ml100k")
    print("| draw | RMSE by cold start | after `partial_fit` | after a full refit | seconds | change for other users |")
    print("|---|---|---|---|---|---|", flush=True)
    for draw in range(3):
        rng = np.random.RandomState(draw)
        held_out = np.isin(X[:, 0], rng.choice(np.unique(X[:, 0]), 100, replace=False))
        few = np.zeros(len(y), dtype=bool)
        for user in np.unique(X[held_out, 0]):
            few[rng.choice(np.flatnonzero(X[:, 0] == user), 10, replace=False)] = True
        test = held_out & ~few
        model = fitted(X[~held_out], y[~held_out])
        cold, before = error(model, X[test], y[test]), model.predict(X[~held_out])
        start = time.perf_counter()
        model.partial_fit(X[few], y[few])
        taken = time.perf_counter() - start
        moved = np.abs(model.predict(X[~held_out]) - before).mean()
        known = ~held_out | few
        errors = cold, error(model, X[test], y[test]), error(fitted(X[known], y[known]), X[test], y[test])
        cells = " | ".join(f"{value:.4f}" for value in errors)
        print(f"| {draw} | {cells} | {taken:.2f} | {moved:.4f} |", flush=True)


PARTS = {"cold_start": cold_start, "growth": growth, "fold_in": fold_in}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    warnings.filterwarnings("ignore", message=".*were not seen in fit")
    for name in parser.parse_args().only:
        print(f"\n{name}", flush=True)
        PARTS[name]()


if __name__ == "__main__":
    main()

"""What a whole epoch and a partial_fit cost by the size of the tables: python -m benchmarks.large_tables [--quick].

Random ratings; nine tenths of the ids are users. Each fit runs in a separate process.
"""

import argparse
import subprocess
import sys
from statistics import median

import numpy as np
import torch

from benchmarks.timing import seconds
from sklearn_ncf import NCFRegressor

N_RATINGS, N_NEW = 3_000_000, 1000


def ratings_of(n_ids, n_ratings):
    """Ratings that meet each id about equally often."""
    rng = np.random.default_rng(0)
    n_users = n_ids * 9 // 10
    columns = [rng.permutation(np.resize(np.arange(n), n_ratings)) for n in (n_users, n_ids - n_users)]
    return np.stack(columns, axis=1), rng.integers(1, 6, n_ratings).astype(float)


def epoch(n_ids, n_threads, use_history):
    """Microseconds per rating of the second of two epochs, and seconds before, between and after them."""
    torch.set_num_threads(n_threads)
    X, y = ratings_of(n_ids, N_RATINGS)
    model = NCFRegressor(max_epochs=2, use_history=use_history, random_state=0, device="cpu")
    taken = seconds(model.fit, X, y)
    durations = model.history_["duration"]
    print(durations.iloc[-1] / N_RATINGS * 1e6, taken - durations.sum())


def growth(n_ids):
    """Median seconds of `partial_fit` with ratings of a hundred new users."""
    X, y = ratings_of(n_ids, max(n_ids, 100_000))
    model = NCFRegressor(max_epochs=1, random_state=0, device="cpu").fit(X, y)
    rng, times = np.random.default_rng(1), []
    for number in range(6):
        users = n_ids + 100 * number + rng.integers(100, size=N_NEW)
        new = np.stack([users, rng.integers(n_ids // 10, size=N_NEW)], axis=1)
        times.append(seconds(model.partial_fit, new, rng.integers(1, 6, N_NEW).astype(float)))
    print(median(times[1:]))


def in_own_process(call):
    command = [sys.executable, "-c", f"from benchmarks.large_tables import *; {call}"]
    return [float(number) for number in subprocess.run(command, check=True, capture_output=True).stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round instead of three")
    rounds = 1 if parser.parse_args().quick else 3
    print("| threads | histories | µs per rating, 3,000 ids | 3,000,000 ids | ratio | else, s |")
    print("|---|---|---|---|---|---|")
    for n_threads in (1, 2):
        for use_history in (True, False):
            runs = {n_ids: [] for n_ids in (3000, 3_000_000)}
            for _ in range(rounds):
                for n_ids, found in runs.items():
                    found.append(in_own_process(f"epoch({n_ids}, {n_threads}, {use_history})"))
            (small, _), (large, other) = ([median(column) for column in zip(*of, strict=True)] for of in runs.values())
            which = "yes" if use_history else "no"
            print(
                f"| {n_threads} | {which} | {small:.2f} | {large:.2f} | {large / small:.1f} | {other:.0f} |", flush=True
            )
    print(f"\n| ids | `partial_fit` of {N_NEW:,} ratings, s |\n|---|---|")
    for n_ids in (100_000, 1_000_000, 3_000_000):
        print(f"| {n_ids:,} | {in_own_process(f'growth({n_ids})')[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()

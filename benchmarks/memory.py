"""Peak memory of fit and predict, each in a fresh process: python -m benchmarks.memory [--quick].

One epoch on synthetic ratings with string ids in a pandas frame, then predictions for many pairs.
"""

import argparse
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from skorch.callbacks import Callback

from sklearn_ncf import NCFRegressor

MIB = 2**20


def peak():
    """Largest memory of this process so far, in MiB (Linux); `ru_maxrss` would include that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def resident():
    """Memory of this process now, in MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MIB


def texts(prefix, codes, n_ids):
    """Codes as strings, without an array of Python objects on the way."""
    return pd.Series([f"{prefix}{i:07d}" for i in range(n_ids)], dtype="str").take(codes).reset_index(drop=True)


class PeakAtStart(Callback):
    def on_train_begin(self, net, **kwargs):
        print(f"| peak until the first batch: ids learnt and encoded, weights and optimizer made | {peak():,.0f} |")


def fit(n_ratings, n_users, n_items, dim):
    rng = np.random.default_rng(0)
    print(f"| Python, torch, pandas, scikit-learn imported | {peak():,.0f} |")
    users = np.r_[np.arange(n_users), rng.integers(n_users, size=n_ratings - n_users)]  # every id occurs
    items = np.r_[np.arange(n_items), rng.integers(n_items, size=n_ratings - n_items)]
    X = pd.DataFrame({"user": texts("user", users, n_users), "item": texts("item", items, n_items)})
    y = rng.integers(1, 6, size=n_ratings).astype(np.float64)
    del users, items
    frame = (X.memory_usage().sum() + y.nbytes) / MIB
    print(f"| peak with the frame made, which takes {frame:,.0f} | {peak():,.0f} |")
    start = time.perf_counter()
    model = NCFRegressor(embedding_dim=dim, max_epochs=1, device="cpu", callbacks=[PeakAtStart()]).fit(X, y)
    weights = sum(parameter.nbytes for parameter in model.net_.module_.parameters()) / MIB
    codes = n_ratings * 2 * 8 / MIB
    needed = 3 * weights + codes
    print(f"| peak of the whole fit, {time.perf_counter() - start:,.0f} s | {peak():,.0f} |")
    print(f"| weights, both moments, int64 codes: 3 x {weights:,.0f} + {codes:,.0f} | {needed:,.0f} |")
    print(f"| ratio of the peak to that | {peak() / needed:.2f} |", flush=True)


def predict(n_pairs, strings):
    rng = np.random.default_rng(0)
    n_users, n_items = 6_040, 3_706
    users, items = rng.integers(n_users, size=n_pairs), rng.integers(n_items, size=n_pairs)
    if strings:
        X = pd.DataFrame({"user": texts("user", users, n_users), "item": texts("item", items, n_items)})
        few = X.iloc[:100_000]
    else:
        X = np.stack([users, items], axis=1)
        few = X[:100_000]
    del users, items
    model = NCFRegressor(max_epochs=1, device="cpu").fit(few, rng.integers(1, 6, size=len(few)))
    model.predict(few)
    result = 4 * n_pairs / MIB
    before = resident()
    start = time.perf_counter()
    model.predict(X)
    taken = time.perf_counter() - start
    kind = "strings in a frame" if strings else "integers in an array"
    print(f"| {n_pairs:,} pairs, {kind} | {taken:.1f} | {peak() - before - result:,.0f} |", flush=True)


def in_fresh_process(function, *args):
    process = multiprocessing.get_context("spawn").Process(target=function, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    share = 10 if parser.parse_args().quick else 1
    n_ratings, n_users, n_items = 10_000_000 // share, 1_000_000 // share, 200_000 // share
    print(f"One epoch of fit, {n_ratings:,} ratings, {n_users:,} users, {n_items:,} items, embedding_dim=32, MiB:")
    print("| | MiB |\n|---|---|", flush=True)
    in_fresh_process(fit, n_ratings, n_users, n_items, 32)
    print("\nPredictions, MiB above model, input and result:\n| | s | MiB |\n|---|---|---|", flush=True)
    for strings in (False, True):
        in_fresh_process(predict, 10_000_000 // share, strings)


if __name__ == "__main__":
    main()

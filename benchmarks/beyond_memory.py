"""Training from a Parquet folder, in memory or memory-mapped: python -m benchmarks.beyond_memory [--quick].

Each way in a fresh process, on the same 20 million synthetic ratings: peak memory, seconds, RMSE of 200,000 others.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.lib.format import open_memmap

from benchmarks.memory import MIB, in_fresh_process, peak
from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import make_ratings

N_TEST = 200_000
N_FILES = 20
COLUMNS = ["user", "item"]


def write(folder, n_ratings, n_users, n_items):
    """A Parquet folder of ratings, and a file of those to test on."""
    X, y = make_ratings(n_users, n_items, n_ratings + N_TEST, random_state=0)
    X["rating"] = y.astype(np.float32)
    X.iloc[:N_TEST].to_parquet(folder / "test.parquet")
    (folder / "train").mkdir()
    for i, rows in enumerate(np.array_split(np.arange(N_TEST, len(X)), N_FILES)):
        X.iloc[rows].to_parquet(folder / "train" / f"{i:02}.parquet", index=False)


def in_memory(folder, epochs):
    train = pd.read_parquet(folder / "train")
    loaded = peak()
    start = time.perf_counter()
    model = NCFRegressor(max_epochs=epochs, random_state=0, device="cpu").fit(train[COLUMNS], train["rating"])
    report("in memory", model, folder, loaded, time.perf_counter() - start)


def mapped(folder, epochs):
    ratings = ds.dataset(folder / "train")
    start = time.perf_counter()
    encoder = IdEncoder(dtype=np.int32)
    for batch in ratings.to_batches(columns=COLUMNS):
        encoder.partial_fit(batch)
    n_rows, first = ratings.count_rows(), 0
    codes = open_memmap(folder / "codes.npy", "w+", np.int32, (n_rows, 2))
    targets = open_memmap(folder / "ratings.npy", "w+", np.float32, (n_rows,))
    for batch in ratings.to_batches(columns=[*COLUMNS, "rating"]):
        rows = slice(first, first := first + len(batch))
        codes[rows] = encoder.transform(batch.select(COLUMNS))
        targets[rows] = batch["rating"]
    del batch, codes, targets
    pa.default_memory_pool().release_unused()
    X, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("codes", "ratings"))
    loaded = peak()
    model = NCFRegressor(max_epochs=epochs, random_state=0, device="cpu").fit(X, y)
    report("memory-mapped", model, folder, loaded, time.perf_counter() - start, encoder)


def report(name, model, folder, loaded, seconds, encoder=None):
    highest = peak()
    test = pd.read_parquet(folder / "test.parquet")
    X = test[COLUMNS] if encoder is None else encoder.transform(test[COLUMNS])
    rmse = np.sqrt(np.mean((model.predict(X) - test["rating"]) ** 2))
    tables = sum(parameter.nbytes for parameter in model.net_.module_.parameters()) / MIB
    print(f"| {name} | {loaded:,.0f} | {highest:,.0f} | {tables:,.0f} | {seconds:.0f} | {rmse:.4f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--folder", type=Path, help="where the data are, or are to be written")
    parser.add_argument("--ways", nargs="*", default=["in_memory", "mapped"])
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    share = 10 if args.quick else 1
    sizes = 20_000_000 // share, 138_000 // share, 27_000 // share
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        if not (folder / "test.parquet").exists():
            in_fresh_process(write, folder, *sizes)
        print("{:,} ratings, {:,} users, {:,} items, NCFRegressor(max_epochs={}):".format(*sizes, args.epochs))
        print("| | peak with the data read, MiB | peak, MiB | weights, MiB | s | RMSE |\n|---|---|---|---|---|---|")
        for way in args.ways:
            in_fresh_process(globals()[way], folder, args.epochs)


if __name__ == "__main__":
    main()

"""Time and memory of scoring a Parquet folder: python -m benchmarks.scoring [--quick].

20 million pairs of 200,000 users and 50,000 items: one predict in memory, Arrow batches, and Dask with two workers, the
recipes of docs/scaling.md. Each reads pairs and writes scores in a fresh process that has loaded the model before.
torch has one thread a process: where cores are shared, more threads wait for each other.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import torch
from dask.distributed import Client, LocalCluster
from sklearn.pipeline import Pipeline

from benchmarks.memory import in_fresh_process, resident
from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import make_ratings

N_USERS, N_ITEMS, N_RATINGS = 200_000, 50_000, 1_000_000
N_FILES, PAIRS_A_FILE = 20, 1_000_000
WORKERS = 2
ROUNDS = 3


def with_scores(part, model):
    return part.assign(score=model.predict(part))


def few(model):
    """Predict a pair, so that what comes with a first prediction is there; the memory then, from which peaks count."""
    torch.set_num_threads(1)
    model.predict(pd.DataFrame({"user": [0], "item": [0]}))
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the high-water mark is what is there now
    return resident()


def peak():
    """Largest memory of this process since then, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def in_memory(model, pairs, scores):
    before = few(model)
    start = time.perf_counter()
    with_scores(pd.read_parquet(pairs), model).to_parquet(scores)
    return time.perf_counter() - start, peak() - before


def arrow(model, pairs, scores):
    before = few(model)
    start = time.perf_counter()
    table = ds.dataset(pairs)
    with pq.ParquetWriter(scores, table.schema.append(pa.field("score", pa.float32()))) as writer:
        for batch in table.to_batches(batch_size=500_000, batch_readahead=2, fragment_readahead=1):
            writer.write_batch(batch.append_column("score", pa.array(model.predict(batch))))
    return time.perf_counter() - start, peak() - before


def dask(model, pairs, scores):
    """The memory is that of the workers and of the process that holds client and scheduler, together."""
    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        sent = client.scatter(model, broadcast=True)
        places = list(client.scheduler_info()["workers"])
        tasks = [client.submit(few, sent, workers=[place], pure=False) for place in places]
        before = sum(client.gather(tasks)) + few(model)
        start = time.perf_counter()
        table = dd.read_parquet(pairs)
        meta = {**table.dtypes, "score": "float32"}
        table.map_partitions(with_scores, sent, meta=meta).to_parquet(
            scores, write_index=False, name_function="{:02d}.parquet".format
        )
        return time.perf_counter() - start, sum(client.run(peak).values()) + peak() - before


ENGINES = {
    "one `predict` in memory": in_memory,
    "Arrow, batches of 500,000": arrow,
    f"Dask, {WORKERS} workers of one thread": dask,
}
FIRST = next(iter(ENGINES))


def measure(name, folder):
    """Score with one engine; note seconds, memory and how far its scores are from the first engine's."""
    folder = Path(folder)
    model = joblib.load(folder / "model.joblib")
    scores = folder / name
    taken = ENGINES[name](model, str(folder / "pairs"), str(scores))
    found, expected = (ds.dataset(path).to_table(columns=["score"])["score"] for path in (scores, folder / FIRST))
    difference = np.abs(found.to_numpy() - expected.to_numpy()).max()
    with open(folder / "figures", "a") as file:
        file.write(json.dumps([name, *taken, float(difference)]) + "\n")
    if scores.is_dir():
        shutil.rmtree(scores)


def prepare(folder, pairs_a_file):
    """Fit the model and write the pairs."""
    torch.set_num_threads(1)
    folder = Path(folder)
    X, y = make_ratings(N_USERS, N_ITEMS, N_RATINGS, random_state=0)
    model = NCFRegressor(max_epochs=2, random_state=0, device="cpu")
    joblib.dump(Pipeline([("enc", IdEncoder()), ("ncf", model)]).fit(X, y), folder / "model.joblib")
    rng = np.random.default_rng(0)
    (folder / "pairs").mkdir()
    for number in range(N_FILES):
        users, items = (rng.integers(n, size=pairs_a_file) for n in (N_USERS, N_ITEMS))
        pq.write_table(pa.table({"user": users, "item": items}), folder / "pairs" / f"{number:02d}.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the pairs")
    pairs_a_file = PAIRS_A_FILE // (10 if parser.parse_args().quick else 1)
    with tempfile.TemporaryDirectory() as folder:
        in_fresh_process(prepare, folder, pairs_a_file)
        size = sum(path.stat().st_size for path in Path(folder, "pairs").iterdir()) / 2**20
        model = Path(folder, "model.joblib").stat().st_size / 2**20
        print(f"{N_FILES * pairs_a_file:,} pairs, {size:,.0f} MiB of Parquet; a model of {model:,.0f} MiB:")
        for name in [*ENGINES] * ROUNDS:
            in_fresh_process(measure, name, folder)
        figures = pd.read_json(Path(folder, "figures"), lines=True).set_axis(["name", "s", "MiB", "difference"], axis=1)
    print("| | s | million pairs a second | MiB over the model | scores differ by at most |\n|---|---|---|---|---|")
    for name, of_engine in figures.groupby("name", sort=False):
        taken = of_engine["s"].median()
        rate = N_FILES * pairs_a_file / taken / 1e6
        worst = of_engine[["MiB", "difference"]].max()
        print(f"| {name} | {taken:.1f} | {rate:.2f} | {worst['MiB']:,.0f} | {worst['difference']:.0e} |")


if __name__ == "__main__":
    main()

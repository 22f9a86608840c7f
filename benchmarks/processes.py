"""Training in two processes beside one: python -m benchmarks.processes [--quick].

MovieLens-1M, a random tenth to test: RMSE and seconds, in turn; then an epoch of other settings. Then the bytes that a
step exchanges, as the loopback device counts them (Linux), for tables of 3,000 and of 3,000,000 rows.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback
from torch import distributed

from benchmarks.ratings import load
from sklearn_ncf import NCFRegressor
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training import OPTIMIZERS, RATING_OBJECTIVES, InteractionDataset, Plan, build_net, train

BATCH = 4096
N_STEPS = 50
DIM = 16
SETTINGS = [
    {"batch_size": 32_768},
    {"architecture": "neumf", "embedding_dim": 128, "hidden_layer_sizes": (1024, 512, 256), "batch_size": 8192},
]


def accuracy(epochs):
    """RMSE and seconds of a fit to MovieLens-1M."""
    X, y = load("ml1m")
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=0)
    start = time.perf_counter()
    model = NCFRegressor(max_epochs=epochs, random_state=0, device="cpu").fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return {"rmse": root_mean_squared_error(y_test, model.predict(X_test)), "s": seconds}


def epoch(setting):
    """Seconds of a fit of one epoch to MovieLens-1M."""
    X, y = load("ml1m")
    start = time.perf_counter()
    NCFRegressor(max_epochs=1, random_state=0, device="cpu", **SETTINGS[setting]).fit(X, y)
    return {"s": time.perf_counter() - start}


class Loopback(Callback):
    """Counts what the loopback device carries in an epoch."""

    def on_epoch_begin(self, net, **kwargs):
        distributed.barrier()
        self.before_ = loopback_bytes()

    def on_epoch_end(self, net, **kwargs):
        distributed.barrier()
        self.bytes_ = loopback_bytes() - self.before_


def loopback_bytes():
    lines = Path("/proc/net/dev").read_text().splitlines()
    return int(next(line for line in lines if line.strip().startswith("lo:")).split(":")[1].split()[0])


def traffic(n_rows):
    """Bytes a step with a table of some rows."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    n_ids = (n_rows * 9 // 10, n_rows - n_rows * 9 // 10)
    codes = np.stack([rng.integers(n, size=N_STEPS * BATCH) for n in n_ids], axis=1)
    params = {"n_ids": n_ids, "architecture": "gmf", "embedding_dim": DIM, "use_history": True, "output_range": (1, 5)}
    watch = Loopback()
    plan = Plan(
        objective=RATING_OBJECTIVES["squared_error"],
        optimizer=OPTIMIZERS["rowwise_adamw"],
        n_ratings=len(codes),
        batch_size=BATCH,
    )
    net = build_net(EmbeddingNN, params, plan, [watch])
    net.module_.set_interactions(torch.from_numpy(np.unique(codes, axis=0)), N_STEPS)
    train(net, InteractionDataset(Interactions(codes, rng.integers(1, 6, size=len(codes)).astype(float))))
    return {"bytes": watch.bytes_ / N_STEPS}


def launched(n_processes, what, argument):
    """What the first of some processes, of one thread each, reports."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    command = [sys.executable, *(launcher if n_processes > 1 else []), "-m", "benchmarks.processes"]
    done = subprocess.run(
        [*command, "--worker", what, str(argument)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two epochs, one round")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        if "RANK" in os.environ:
            distributed.init_process_group("gloo")
        what, argument = args.worker
        found = {"accuracy": accuracy, "epoch": epoch, "traffic": traffic}[what](int(argument))
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(found))
        if distributed.is_initialized():
            distributed.destroy_process_group()
        return
    epochs, rounds = (2, 1) if args.quick else (20, 3)
    found = {n: [] for n in (1, 2)}
    for _ in range(rounds):
        for n, results in found.items():
            results.append(launched(n, "accuracy", epochs))
    alone = median(result["s"] for result in found[1])
    print(f"MovieLens-1M, {epochs} epochs, median of {rounds}:")
    print("| processes | RMSE | fit s | speed-up |\n|---|---|---|---|")
    for n, results in found.items():
        seconds = median(result["s"] for result in results)
        print(f"| {n} | {results[0]['rmse']:.4f} | {seconds:.1f} | {alone / seconds:.2f} |", flush=True)
    print("\nOne epoch:\n| | one process, s | two, s | speed-up |\n|---|---|---|---|")
    for setting, params in enumerate(SETTINGS):
        runs = [[launched(n, "epoch", setting)["s"] for n in (1, 2)] for _ in range(rounds)]
        alone, together = map(median, zip(*runs, strict=True))
        print(f"| {params} | {alone:.1f} | {together:.1f} | {alone / together:.2f} |", flush=True)
    print(f"\nBatches of {BATCH:,}, GMF with histories, embedding_dim={DIM}:")
    print("| rows of the table | MiB a step |\n|---|---|")
    for n_rows in (3_000, 300_000 if args.quick else 3_000_000):
        print(f"| {n_rows:,} | {launched(2, 'traffic', n_rows)['bytes'] / 2**20:.2f} |", flush=True)


if __name__ == "__main__":
    main()

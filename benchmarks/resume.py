"""Trainings killed at random moments and run again, and what checkpoints cost: python -m benchmarks.resume.

kill: a fit gets SIGKILL 20 times, the last run is compared with an uninterrupted one, bit by bit.
search: a GridSearchCV of two workers is killed, all its processes at once, and run again.
overhead: an epoch on ML-1M with and without checkpoints.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from benchmarks.ratings import load
from benchmarks.timing import in_turn, seconds
from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import make_ratings

KILLS = 20
ROUNDS = 5


class WritesEpochs(Callback):
    """Adds a line to a file for each epoch run, in whatever process."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, net, **kwargs):
        with open(self.path, "a") as file:
            file.write("epoch\n")


def job(name, folder, log):
    """What a child process does."""
    X, y = make_ratings(n_users=500, n_items=300, n_ratings=50_000, random_state=0)
    settings = {"architecture": "neumf", "embedding_dim": 16, "max_epochs": 10, "random_state": 0, "device": "cpu"}
    model = NCFRegressor(**settings, checkpoint_dir=folder, callbacks=[WritesEpochs(log)])
    Path(log).with_suffix(".begun").touch()
    if name == "search":
        search = GridSearchCV(model, {"embedding_dim": [4, 8, 16], "learning_rate": [0.01, 0.02]}, n_jobs=2, cv=3)
        search.fit(X, y)
        return pd.DataFrame(search.cv_results_).filter(like="_test_score").to_numpy(), search.predict(X)
    return (model.fit(X, y).predict(X),)


def run(name, folder, log, *, kill_after=None):
    """Run a job in a group of processes of its own; kill them all after a while, or return what it computed."""
    result = Path(log).with_suffix(".npz")
    begun = Path(log).with_suffix(".begun")
    begun.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.resume", "--job", name, str(folder), str(log)]
    with subprocess.Popen(command, start_new_session=True) as process:
        if kill_after is not None:
            while not begun.exists() and process.poll() is None:
                time.sleep(0.01)
            time.sleep(kill_after)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                return None
    if process.returncode:
        raise SystemExit(f"The job {name!r} ended with {process.returncode}.")
    with np.load(result) as arrays:
        return list(arrays.values())


def n_epochs(log):
    return len(log.read_text().splitlines()) if log.exists() else 0


def left_behind(folder):
    return [path.name for path in folder.rglob("*") if path.suffix == ".tmp" or path.name.startswith("epoch")]


def killed(name, kills, longest):
    """A job killed some times at random moments, and run to its end."""
    moments = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        whole = run(name, scratch / "whole", scratch / "whole.log")
        log = scratch / "log"
        n_killed = 0
        for _ in range(kills):
            n_killed += run(name, scratch / "checkpoints", log, kill_after=moments.uniform(0, longest)) is None
        before = n_epochs(log)
        again = run(name, scratch / "checkpoints", log)
        equal = all(np.array_equal(mine, theirs) for mine, theirs in zip(again, whole, strict=True))
        print(
            f"| {name} | {n_killed} | {'yes' if equal else 'NO'} | {n_epochs(scratch / 'whole.log')} | {before} "
            f"| {n_epochs(log) - before} | {left_behind(scratch / 'checkpoints') or 'none'} |",
            flush=True,
        )


def overhead():
    X, y = load("ml1m")
    for params in ({}, {"early_stopping": True}):
        with tempfile.TemporaryDirectory() as folder:
            number = iter(range(1000))

            def fit(folder, params=params, number=number):
                model = NCFRegressor(
                    max_epochs=4, random_state=next(number), checkpoint_dir=folder, device="cpu", **params
                )
                return seconds(model.fit, X, y)

            taken = in_turn({"without": lambda: fit(None), "with": lambda folder=folder: fit(folder)}, rounds=ROUNDS)
        print(
            f"| `{NCFRegressor(**params)}` | {taken['without'] / 4:.3f} | {taken['with'] / 4:.3f} "
            f"| {taken['with'] / taken['without'] - 1:.1%} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["kill", "search", "overhead"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        name, folder, log = arguments.job
        np.savez(Path(log).with_suffix(".npz"), *job(name, folder, log))
        return
    header = "\n| | kills | equal bits | epochs in all | run before the last kill | run after | left behind |"
    print(header + "\n|---|---|---|---|---|---|---|", flush=True)
    if "kill" in arguments.only:
        killed("fit", KILLS, longest=2)
    if "search" in arguments.only:
        killed("search", 3, longest=25)
    if "overhead" in arguments.only:
        print("\n| | without, s an epoch | with | more |\n|---|---|---|---|", flush=True)
        overhead()


if __name__ == "__main__":
    main()

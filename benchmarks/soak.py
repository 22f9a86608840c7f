"""Memory, files and threads of a process that fits and predicts all day: python -m benchmarks.soak."""

import gc
import tempfile
import threading

import numpy as np
import psutil

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings

FITS = 200
PREDICTS = 2000
WARM_UP = 20  # fits and tenfold predicts, after which memory should stay


def main():
    process = psutil.Process()
    X, y = make_ratings(n_users=2000, n_items=1000, n_ratings=50_000, random_state=0)
    settings = {"embedding_dim": 16, "max_epochs": 2, "device": "cpu"}
    print(
        "| fits | predicts | memory MiB | open files | threads of Python | of the process |\n|---|---|---|---|---|---|"
    )
    memory = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FITS):
            estimator, architecture = [(NCFRegressor, "gmf"), (NCFRegressor, "neumf"), (NCFRanker, "gmf")][number % 3]
            model = estimator(architecture, random_state=number, checkpoint_dir=folder, **settings).fit(X, y)
            for _ in range(PREDICTS // FITS):
                np.testing.assert_equal(len(model.predict(X)), len(X))
            gc.collect()
            memory.append(process.memory_info().rss)
            if number + 1 in (1, WARM_UP, FITS // 2, FITS):
                print(
                    f"| {number + 1} | {(number + 1) * PREDICTS // FITS} | {memory[-1] / 2**20:.0f} "
                    f"| {len(process.open_files())} | {threading.active_count()} | {process.num_threads()} |",
                    flush=True,
                )
    growth = np.median(memory[-WARM_UP:]) / np.median(memory[WARM_UP : 2 * WARM_UP]) - 1
    print(f"growth after warm-up: {growth:.1%}")


if __name__ == "__main__":
    main()

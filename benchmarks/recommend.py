"""Speed, memory and exactness of recommending on ML-1M: python -m benchmarks.recommend.

All 6,040 users, ten items of 3,706 each, seen ones left out; a fresh process for each architecture.
"""

import pickle
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.memory import in_fresh_process, peak, resident
from benchmarks.ratings import load
from benchmarks.timing import in_turn, seconds
from sklearn_ncf import NCFRegressor, recommend

N_ITEMS = 10
CHECKED = 500  # users to compare with brute force


def measure(path, title):
    model = pickle.loads(Path(path).read_bytes())
    recommend(model, model.encoder_.categories_[0][:1])
    before = resident()
    recommend(model)
    memory = peak() - before
    n_users, n_items = (len(ids) for ids in model.encoder_.categories_)
    taken = in_turn({"all": lambda: seconds(recommend, model)}, rounds=5)["all"]
    same, difference = compare(model)
    print(
        f"| {title} | {taken:.2f} | {n_users * n_items / taken / 1e6:.1f} | {memory:.0f} | {same} of {CHECKED} "
        f"| {difference:.0e} |",
        flush=True,
    )


def compare(model):
    """For how many users the lists are those of sorted predictions, and the largest difference of scores."""
    users, items = model.encoder_.categories_[0][:CHECKED], model.encoder_.categories_[1]
    found = recommend(model, users, N_ITEMS)
    seen = set(map(tuple, load("ml1m")[0].tolist()))
    same, difference = 0, 0.0
    for user, of_user in found.groupby("user"):
        scores = model.predict(np.column_stack([np.full(len(items), user), items]))
        scores[[(user, item) in seen for item in items.tolist()]] = -np.inf
        best = np.argsort(-scores, kind="stable")[:N_ITEMS]
        same += of_user["item"].tolist() == items[best].tolist()
        difference = max(difference, np.abs(of_user["score"] - scores[best]).max())
    return same, difference


def main():
    X, y = load("ml1m")
    print("| | s | million scores a second | MiB above the model | equal to brute force | scores differ by at most |")
    print("|---|---|---|---|---|---|", flush=True)
    for architecture, epochs in (("gmf", 20), ("neumf", 3), ("mlp", 3)):
        model = NCFRegressor(architecture, max_epochs=epochs, random_state=0, device="cpu").fit(X, y)
        with tempfile.NamedTemporaryFile() as file:
            file.write(pickle.dumps(model))
            file.flush()
            in_fresh_process(measure, file.name, f"`{architecture}`" + (" (the default)" if epochs == 20 else ""))


if __name__ == "__main__":
    main()

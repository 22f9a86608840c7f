"""Run by torchrun from tests/test_processes.py: fits in each process and writes what came of it.

python -m torch.distributed.run --nproc-per-node 2 tests/train_together.py FOLDER CASE ...
"""

import os
import pickle
import signal
import sys
import weakref
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import distributed

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings


class DieOnce(Callback):
    """Ends the second process after two epochs, as a machine does that fails, if it has not done so before."""

    def on_epoch_begin(self, net, **kwargs):
        has_died = Path(os.environ["HAS_DIED"])
        if len(net.history) == 3 and not has_died.exists() and distributed.get_rank() == 1:
            has_died.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Sum(torch.nn.Module):
    """A network of somebody's own: three plus the biases of all columns."""

    def __init__(self, n_ids, **params):
        super().__init__()
        self.tables = torch.nn.ModuleList(torch.nn.Embedding(n + 1, 1) for n in n_ids)

    def forward(self, codes):
        return 3 + sum(table(codes[:, j] + 1) for j, table in enumerate(self.tables)).squeeze(1)


CASES = {
    "adam": NCFRegressor(optimizer="adam"),
    "rowwise": NCFRegressor(optimizer="rowwise_adamw", architecture="neumf", use_history=False),
    "softmax": NCFRanker(loss="softmax", use_history=True, learning_rate=0.003),  # larger steps blow rounding up
    "bce": NCFRanker(loss="bce", architecture="mlp"),
    "als": NCFRanker(),
    "own": NCFRegressor(architecture=Sum, learning_rate=0.1),
    "seedless": NCFRegressor(random_state=None),
    "stopped": NCFRegressor(early_stopping=True, patience=1, max_epochs=40, learning_rate=0.05),
    "killed": NCFRegressor(callbacks=[DieOnce]),
    "other rows": NCFRegressor(),
    "grown": NCFRegressor(),
    "described": NCFRegressor(item_features=["item_feature_1", "item_feature_2"]),
}


def rows_of(case, rank=0):
    """Synthetic ratings of a case."""
    n_ratings, n_features = 1003 - (rank if case == "other rows" else 0), 2 if case == "described" else 0
    return make_ratings(n_ratings=n_ratings, n_item_features=n_features, random_state=0)


def fitted(case, rank=0):
    """The estimator of a case, fitted to synthetic ratings; dropout is off, for its draws differ by process."""
    model = CASES[case].set_params(dropout=0.0, embedding_dropout=0.0, embedding_dim=8, device="cpu")
    model.set_params(batch_size=64, max_epochs=max(model.max_epochs, 3) if case == "stopped" else 3)
    if case != "seedless":
        model.set_params(random_state=0)
    X, y = rows_of(case, rank)
    if case == "grown":
        return model.fit(X[:900], y[:900]).partial_fit(X[900:], y[900:])
    return model.fit(X) if isinstance(model, NCFRanker) else model.fit(X, y)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    for case in sys.argv[2:]:
        if case == "killed":
            CASES[case].set_params(checkpoint_dir=folder / "checkpoints")
        try:
            model = fitted(case, rank)
        except ValueError as error:
            (folder / f"{case}-{rank}.error").write_text(str(error))
            continue
        X, _ = rows_of(case)
        weights = {name: value.numpy() for name, value in model.net_.module_.state_dict().items()}
        result = model.predict(X), weights, model.history_["train_loss"].to_numpy(dtype=np.float64)
        (folder / f"{case}-{rank}.pkl").write_bytes(pickle.dumps(result))
        if rank == 0 and case == "seedless":
            (folder / "model.pkl").write_bytes(pickle.dumps(model))
    group = weakref.ref(distributed.group.WORLD)
    distributed.destroy_process_group()
    (folder / f"group-{rank}.txt").write_text(str(group()))

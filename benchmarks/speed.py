"""Training speed beside hand-written loops and plain skorch: python -m benchmarks.speed [--quick].

The lecture's network and dropouts on MovieLens-100K; our figure is `NCFRegressor.fit` as a user calls it.
"""

import argparse
import time
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from skorch import NeuralNetRegressor
from torch import nn

from benchmarks.ratings import load
from sklearn_ncf import NCFRegressor
from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training import build_net
from sklearn_ncf.training._batches import Batch

LECTURE = {
    "embedding_dim": 16,
    "hidden_layer_sizes": (64, 32, 16),
    "dropout": 0.3,
    "embedding_dropout": 0.05,
}
LECTURE_ROWS = 8_000  # the lecture's loop takes too long for all of them; its time is per rating
STEP_BATCH, STEPS = 1024, 15


class LectureNet(nn.Module):
    """The lecture's network as one would write it by hand."""

    def __init__(self, n_users, n_items):
        super().__init__()
        self.user, self.item = nn.Embedding(n_users, 16), nn.Embedding(n_items, 16)
        sizes, layers = (32, 64, 32, 16), [nn.Dropout(0.05)]
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(0.3)]
        self.layers = nn.Sequential(*layers, nn.Linear(16, 1))

    def forward(self, codes):
        joined = torch.cat([self.user(codes[:, 0]), self.item(codes[:, 1])], dim=1)
        return 1 + 4 * torch.sigmoid(self.layers(joined))


def codes_of(X):
    return np.stack([np.unique(column, return_inverse=True)[1] for column in X.T], axis=1)


def bare_loop(X, y, batch_size, epochs=1, *, fused=True):
    """A torch loop over slices of shuffled tensors, ids encoded by numpy."""
    codes, ratings = torch.from_numpy(codes_of(X)), torch.from_numpy(y.astype(np.float32))
    net = LectureNet(*(codes.max(dim=0).values + 1).tolist())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5, fused=fused)
    for _ in range(epochs):
        order = torch.randperm(len(codes))
        shuffled, targets = codes[order], ratings[order]
        for start in range(0, len(codes), batch_size):
            optimizer.zero_grad()
            predicted = net(shuffled[start : start + batch_size]).squeeze(1)
            loss = nn.functional.mse_loss(predicted, targets[start : start + batch_size])
            loss.backward()
            optimizer.step()


def plain_skorch(X, y, batch_size):
    """skorch as it comes: a DataLoader that asks for rows one by one."""
    codes = codes_of(X)
    n_users, n_items = codes.max(axis=0) + 1
    NeuralNetRegressor(
        LectureNet,
        module__n_users=int(n_users),
        module__n_items=int(n_items),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=1,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    ).fit(codes, y.astype(np.float32)[:, None])


def ours(X, y, batch_size, epochs=1):
    settings = {"architecture": "mlp", "use_bias": False, "optimizer": "adam", "weight_decay": 1e-5, **LECTURE}
    settings |= {"learning_rate": 1e-3, "learning_rate_schedule": "constant", "device": "cpu"}
    NCFRegressor(batch_size=batch_size, max_epochs=epochs, **settings).fit(X, y)


def seconds(function, *args, **kwargs):
    start = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - start


def in_turn(runs, rounds):
    """Median seconds of each run, all runs in turn in each round, after one round to warm up."""
    times = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            taken = run()
            if number:
                times[name].append(taken)
    return {name: median(taken) for name, taken in times.items()}


def print_training(rounds):
    X, y = load("ml100k")
    few, few_y = X[:LECTURE_ROWS], y[:LECTURE_ROWS]
    print(f"\nOne epoch of {len(y):,} ratings, median of {rounds} rounds, ratings a second:")
    print("| | batch 256 | batch 1024 | batch 4096 |\n|---|---|---|---|")
    rates = {}
    for batch_size in (256, 1024, 4096):
        runs = {
            "bare torch loop": lambda size=batch_size: seconds(bare_loop, X, y, size) / len(y),
            "plain skorch": lambda size=batch_size: seconds(plain_skorch, X, y, size) / len(y),
            "NCFRegressor.fit": lambda size=batch_size: seconds(ours, X, y, size) / len(y),
        }
        if batch_size == 1024:
            runs["lecture's loop, batch 8"] = lambda: seconds(bare_loop, few, few_y, 8, fused=False) / len(few)
        for name, taken in in_turn(runs, rounds).items():
            rates.setdefault(name, {})[batch_size] = 1 / taken
    for name, by_batch in rates.items():
        cells = [f"{by_batch[size]:,.0f}" if size in by_batch else "" for size in (256, 1024, 4096)]
        print(f"| {name} | " + " | ".join(cells) + " |")
    mine = rates["NCFRegressor.fit"]
    for name, by_batch in rates.items():
        if name != "NCFRegressor.fit":
            ratios = ", ".join(f"{mine[size] / rate:.2f} (batch {size})" for size, rate in by_batch.items())
            print(f"NCFRegressor against {name}: {ratios}")


def print_small_fit(rounds):
    X, y = load("ml100k")
    X, y = X[:500], y[:500]
    runs = {
        "bare": lambda: seconds(bare_loop, X, y, 32, epochs=5),
        "ours": lambda: seconds(ours, X, y, 32, epochs=5),
    }
    taken = in_turn(runs, 5 * rounds)
    print(
        f"\n500 rows, 5 epochs, batch 32: bare {taken['bare'] * 1e3:.0f} ms, ours {taken['ours'] * 1e3:.0f} ms, ",
        end="",
    )
    print(f"{taken['ours'] / taken['bare']:.2f} times as long")


def print_steps(rounds):
    """Steps alone, without the end of an epoch: the net's own train_step on batches of random rows."""
    print(f"\nMilliseconds a step, GMF, batch {STEP_BATCH}, median of {rounds} rounds of {STEPS} steps:")
    print("| rows of 32 | adamw | rowwise_adamw |\n|---|---|---|")
    for n_rows in (3_000, 30_000, 100_000, 300_000, 3_000_000):
        module = {"n_ids": [n_rows // 2] * 2, "architecture": "gmf", "embedding_dim": 32, "embedding_dropout": 0.5}
        runs = {}
        for optimizer in ("adamw", "rowwise_adamw"):
            net = build_net(EmbeddingNN, module, loss="squared_error", loss_scale=1.0, optimizer=optimizer)
            codes = torch.randint(0, n_rows // 2, (STEPS, STEP_BATCH, 2))
            batches = [Batch(code, torch.rand(STEP_BATCH)) for code in codes]
            runs[optimizer] = lambda net=net, batches=batches: seconds(run_steps, net, batches) / len(batches)
        taken = in_turn(runs, rounds)
        print(f"| {n_rows:,} | {taken['adamw'] * 1e3:.2f} | {taken['rowwise_adamw'] * 1e3:.2f} |", flush=True)


def run_steps(net, batches):
    for batch in batches:
        net.optimizer_.zero_grad()
        net.train_step_single(batch)
        net.optimizer_.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    rounds = 1 if parser.parse_args().quick else 5
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print_training(rounds)
    print_small_fit(rounds)
    print_steps(rounds)


if __name__ == "__main__":
    main()

"""Speed beside hand-written loops, plain skorch and Surprise: python -m benchmarks.speed [--quick] [--only PART ...].

The lecture's network and dropouts on MovieLens-100K; our figure is `NCFRegressor.fit` as a user calls it.
"""

import argparse
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetRegressor
from torch import nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.ratings import load, surprise_trainset
from benchmarks.timing import in_turn, seconds
from sklearn_ncf import NCFRegressor
from sklearn_ncf.nn import EmbeddingNN, GridScorer
from sklearn_ncf.training import OPTIMIZERS, RATING_OBJECTIVES, Plan, build_net, predict_ratings
from sklearn_ncf.training._batches import Batch

LECTURE = {
    "embedding_dim": 16,
    "hidden_layer_sizes": (64, 32, 16),
    "dropout": 0.3,
    "embedding_dropout": 0.05,
}
LECTURE_ROWS = 8_000  # the lecture's loop takes too long for all of them; its time is per rating
STEP_BATCH, STEPS = 1024, 15
SQUARED_ERROR = RATING_OBJECTIVES["squared_error"]


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


def bare_loop(X, y, batch_size, epochs=1):
    """A torch loop over slices of shuffled tensors, ids encoded by numpy."""
    codes, ratings = torch.from_numpy(codes_of(X)), torch.from_numpy(y.astype(np.float32))
    net = LectureNet(*(codes.max(dim=0).values + 1).tolist())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(codes))
        shuffled, targets = codes[order], ratings[order]
        for start in range(0, len(codes), batch_size):
            optimizer.zero_grad()
            predicted = net(shuffled[start : start + batch_size]).squeeze(1)
            loss = nn.functional.mse_loss(predicted, targets[start : start + batch_size])
            loss.backward()
            optimizer.step()


def lecture_loop(X, y, batch_size=8):
    """One epoch as in the lecture: batches out of numpy arrays, Adam as it comes, the loss read at every step."""
    codes, ratings = codes_of(X), y.astype(np.float32)
    net = LectureNet(*(codes.max(axis=0) + 1).tolist())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5)
    criterion = nn.MSELoss(reduction="sum")
    order = np.random.permutation(len(codes))
    shuffled, targets = codes[order], ratings[order]
    running_loss = 0.0
    for start in range(0, len(codes), batch_size):
        x_batch = torch.LongTensor(shuffled[start : start + batch_size])
        y_batch = torch.FloatTensor(targets[start : start + batch_size]).view(-1, 1)
        optimizer.zero_grad()
        loss = criterion(net(x_batch), y_batch)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()


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
    settings = {
        "architecture": "mlp",
        "use_bias": False,
        "use_history": False,
        "optimizer": "adam",
        "weight_decay": 1e-5,
        **LECTURE,
    }
    settings |= {"learning_rate": 1e-3, "learning_rate_schedule": "constant", "device": "cpu"}
    NCFRegressor(batch_size=batch_size, max_epochs=epochs, **settings).fit(X, y)


def surprise_svd(X, y):
    """One epoch of Surprise's SVD, biases and 100 factors, in Cython; its own data set is made beforehand."""
    from surprise import SVD

    return seconds(SVD(n_epochs=1).fit, surprise_trainset(X, y))


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
            runs["lecture's loop, batch 8"] = lambda: seconds(lecture_loop, few, few_y) / len(few)
            runs["Surprise's SVD, no batches"] = lambda: surprise_svd(X, y) / len(y)
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
            net = build_net(EmbeddingNN, module, Plan(objective=SQUARED_ERROR, optimizer=OPTIMIZERS[optimizer]))
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


def print_prediction(rounds):
    X, y = load("ml100k")
    rng = np.random.default_rng(0)
    pairs = np.stack([rng.choice(column, 1_000_000) for column in X.T], axis=1)
    print(f"\nSeconds for {len(pairs):,} pairs, median of {rounds} rounds:")
    print("| | one big module(X) | predict(X) of raw ids | ratio |\n|---|---|---|---|")
    for name, settings in (("lecture's network", {"architecture": "mlp", **LECTURE}), ("defaults", {})):
        model = NCFRegressor(max_epochs=1, device="cpu", **settings).fit(X, y)
        codes = torch.from_numpy(model.encoder_.transform(pairs))
        runs = {
            "module": lambda model=model, codes=codes: seconds(torch.no_grad()(model.net_.module_), codes),
            "predict": lambda model=model: seconds(model.predict, pairs),
        }
        taken = in_turn(runs, rounds)
        ratio = taken["module"] / taken["predict"]
        print(f"| {name} | {taken['module']:.2f} | {taken['predict']:.2f} | {ratio:.1f} |", flush=True)


def print_grid(rounds):
    """Every user of ML-1M with every item; pair by pair in the same chunks as predict, for a tenth of the users."""
    n_users, n_items, tenth = 6_040, 3_706, 604
    items = torch.arange(n_items)
    users = torch.arange(n_users).unsqueeze(1)
    pairs = np.stack([np.repeat(np.arange(tenth), n_items), np.tile(np.arange(n_items), tenth)], axis=1)
    print(f"\nMillion scores a second, {n_users:,} users x {n_items:,} items, median of {rounds} rounds:")
    print("| | pair by pair | GridScorer | ratio |\n|---|---|---|---|")
    for architecture in ("mlp", "gmf", "neumf"):
        module = {"n_ids": [n_users, n_items], "architecture": architecture, "output_range": (1, 5)}
        net = build_net(EmbeddingNN, module, Plan(objective=SQUARED_ERROR))
        net.module_.eval()
        runs = {
            "pairs": lambda net=net: seconds(predict_ratings, net, pairs) / len(pairs),
            "grid": lambda net=net: seconds(score_grid, net.module_, users, items) / (n_users * n_items),
        }
        taken = in_turn(runs, rounds)
        rates = f"{1e-6 / taken['pairs']:.1f} | {1e-6 / taken['grid']:.1f}"
        print(f"| {architecture} | {rates} | {taken['pairs'] / taken['grid']:.1f} |", flush=True)


def score_grid(module, users, items):
    scorer = GridScorer(module, items)
    for some in users.split(256):
        scorer(some)


def print_search(rounds):
    X, y = load("ml100k")
    grid = {"embedding_dim": [8, 16, 32, 64], "dropout": [0.1, 0.3]}

    def search(n_jobs):
        model = NCFRegressor(max_epochs=5, random_state=0, device="cpu")
        GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X, y)

    taken = in_turn({n_jobs: lambda n_jobs=n_jobs: seconds(search, n_jobs) for n_jobs in (1, 2)}, min(rounds, 3))
    threads = Parallel(n_jobs=2)(delayed(torch.get_num_threads)() for _ in range(2))
    print(f"\nGridSearchCV, 8 candidates, 3 folds, 5 epochs, threads in the workers {threads}: ", end="")
    print(f"n_jobs=1 {taken[1]:.1f} s, n_jobs=2 {taken[2]:.1f} s, {taken[1] / taken[2]:.2f} times as fast")


def print_profile(rounds):
    """The operators of an epoch with the defaults on ML-1M, and its share of the machine's copy bandwidth."""
    X, y = load("ml1m")
    model = NCFRegressor(max_epochs=2, random_state=0, device="cpu")
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        model.fit(X, y)
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    print("\nOperators of a fit of 2 epochs, defaults, MovieLens-1M:\n| operator | share |\n|---|---|")
    for event in events[:12]:
        print(f"| {event.key} | {event.self_cpu_time_total / total:.1%} |")
    epoch = median(model.fit(X, y).history_["duration"].min() for _ in range(rounds))
    source = torch.rand(2**26)
    target = torch.empty_like(source)
    bandwidth = 2 * source.nbytes / in_turn({"copy": lambda: seconds(target.copy_, source)}, rounds)["copy"]
    per_rating = bytes_per_rating(model, len(y))
    moved = per_rating * len(y) / epoch
    print(
        f"\n{epoch:.2f} s per epoch, {epoch / len(y) * 1e6:.2f} µs per rating, which moves "
        f"{per_rating / 1024:.1f} KiB: {moved / 1e9:.1f} GB/s, {moved / bandwidth:.0%} of the "
        f"{bandwidth / 1e9:.1f} GB/s of a copy of {source.nbytes / 2**20:.0f} MiB"
    )


def bytes_per_rating(model, n_ratings):
    """What GMF with histories reads and writes for a rating, each operator for itself, in bytes.

    Counted in vectors. Of either id: its vector, its history and the other one's part in that are read (3), the sum is
    written (1), masked (3, the mask's own writing among them) and read for products and gradients (2); a gradient is
    written (1), masked (3), added to the table's (3) and, times a share, to the histories' (5). Products are written
    and read twice (3). Once a batch, the table's gradient is zeroed, added to the histories' (4), and Adam steps (7).
    """
    batch_size = model.net_.plan_.batch_size
    n_rows, width = model.net_.module_.embedding.weight.shape
    return 4 * width * (2 * (3 + 1 + 3 + 2 + 1 + 3 + 3 + 5) + 3 + (4 + 7) * n_rows / batch_size)


PARTS = {
    "training": print_training,
    "small_fit": print_small_fit,
    "steps": print_steps,
    "prediction": print_prediction,
    "grid": print_grid,
    "search": print_search,
    "profile": print_profile,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for part in arguments.only:
        PARTS[part](1 if arguments.quick else 5)


if __name__ == "__main__":
    main()

"""The rating data that benchmarks read: found, never shipped."""

import os
from pathlib import Path

import numpy as np
import pandas as pd


def surprise_trainset(X, y):
    """The ratings as Surprise's models take them."""
    from surprise import Dataset, Reader

    frame = pd.DataFrame({"user": X[:, 0], "item": X[:, 1], "rating": y})
    reader = Reader(rating_scale=(y.min(), y.max()))
    return Dataset.load_from_df(frame, reader).build_full_trainset()


def load(name):
    """Arrays `X` of shape (n_ratings, 2) and `y` of a file such as "ml100k"."""
    with opened(name) as data:
        return np.stack([data["user"], data["item"]], axis=1), data["rating"].astype(np.float64)


def timestamps(name):
    """When the ratings of a file were given, in seconds."""
    with opened(name) as data:
        return data["timestamp"]


def opened(name):
    """The arrays of a file, to be closed again."""
    folder = Path(os.environ.get("SKLEARN_NCF_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / f"{name}.npz"
    if not path.exists():
        raise SystemExit(f"{path} is missing: set SKLEARN_NCF_DATA to a folder that holds {name}.npz.")
    return np.load(path)

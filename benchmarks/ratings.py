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


def features(name, kind):
    """A table of the features of the "users" or "items" of a data set; several values of an item are joined by `|`.

    An item of beauty or yelp has an array of attributes, which may be empty.
    """
    if name in ("beauty", "yelp"):
        with opened(name) as data:
            order = np.argsort(data["attr_item"], kind="stable")
            owners, values, items = data["attr_item"][order], data["attr"][order], np.unique(data["item"])
        first, last = (np.searchsorted(owners, items, side=side) for side in ("left", "right"))
        cells = pd.Series([values[start:end] for start, end in zip(first, last, strict=True)], dtype=object)
        return pd.DataFrame({"item": items, "attributes": cells})
    table = pd.read_csv(found(f"{name}_{kind}.csv"))
    if kind == "items":
        table["year"] = pd.to_numeric(table["year"], errors="coerce").astype(float)
    elif not (table["user"] == 2).any():  # ml1m_users.csv: all ids from 2 on are too large by one
        table["user"] -= table["user"] > 1
    return table


def join(X, table, columns):
    """The rows of `X`, users and items, with columns of a table of users or of items."""
    X = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=["user", "item"])
    id_column = "item" if "item" in table else "user"
    rows = pd.Index(table[id_column]).get_indexer(X[id_column])
    return X.assign(**{column: table[column].take(rows).set_axis(X.index) for column in columns})


def opened(name):
    """The arrays of a file, to be closed again."""
    return np.load(found(f"{name}.npz"))


def found(name):
    """The path of a file."""
    folder = Path(os.environ.get("SKLEARN_NCF_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / name).exists():
        raise SystemExit(f"{folder / name} is missing: set SKLEARN_NCF_DATA to a folder that holds {name}.")
    return folder / name

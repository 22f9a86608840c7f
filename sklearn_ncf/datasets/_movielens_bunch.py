"""What all loaders of MovieLens share: names and types of the columns, the Bunch, what to cite."""

import numpy as np
from sklearn.utils import Bunch

FEATURE_NAMES = ("user", "item")
TARGET_NAME = "rating"
FRAME_COLUMNS = ("user", "item", "rating", "timestamp", "title", "genres")
ITEM_COLUMNS = ("item", "title", "year", "genres")

# The names that GroupLens gives the columns.
SOURCE_COLUMNS = {"userId": "user", "movieId": "item"}
# The types that all supported pandas versions share: the nullable ones keep a missing title or year as pd.NA and a
# known year as an integer.
DTYPES = {
    "user": np.int64,
    "item": np.int64,
    "rating": np.float64,
    "timestamp": np.int64,
    "title": "string",
    "year": "Int64",
    "genres": "string",
}

CITATION = """\
    F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.
    ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4, Article 19 (December 2015),
    19 pages. https://doi.org/10.1145/2827872
"""


def data_and_target(table, as_frame):
    """Return ids and ratings of the table, as frames or arrays that share nothing with it."""
    data, target = table[list(FEATURE_NAMES)], table[TARGET_NAME]
    if as_frame:
        return data, target
    # Without the copy pandas 3 hands out read-only arrays.
    return data.to_numpy(copy=True), target.to_numpy(copy=True)


def movielens_bunch(table, item_frame, description, as_frame):
    """Return the Bunch of a table that has the columns of the frame, unless `as_frame` is False, and of its items."""
    data, target = data_and_target(table, as_frame)
    return Bunch(
        data=data,
        target=target,
        frame=table[list(FRAME_COLUMNS)] if as_frame else None,
        # Not "items": a Bunch is a dict, whose method of that name would win.
        item_frame=item_frame,
        feature_names=list(FEATURE_NAMES),
        target_names=[TARGET_NAME],
        DESCR=description,
    )

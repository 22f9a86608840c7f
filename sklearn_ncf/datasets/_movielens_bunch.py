"""What all loaders of MovieLens share: names and types of the columns, features, the Bunch, what to cite."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

FEATURE_NAMES = ("user", "item")
TARGET_NAME = "rating"
FRAME_COLUMNS = ("user", "item", "rating", "timestamp", "title", "genres")
ITEM_COLUMNS = ("item", "title", "year", "genres")
NO_GENRES = "(no genres listed)"
# The columns of item_frame and user_frame that describe items and users to an estimator.
FEATURES = {"item": ("genres", "year"), "user": ("gender", "age", "occupation")}

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
USER_DTYPES = {
    "user": np.int64,
    "gender": "string",
    "age": "Int64",
    "occupation": "string",
    "zip_code": "string",
}

CITATION = """\
    F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.
    ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4, Article 19 (December 2015),
    19 pages. https://doi.org/10.1145/2827872
"""


def check_features(features, as_frame):
    """Refuse features in an array, whose columns have one type."""
    if features and not as_frame:
        raise ValueError(
            "features=True needs as_frame=True, as the columns of features differ in type; pass one of the two only"
        )


def expand_features(listed, ids):
    """Return the features of listed items or users, one value per rating; each string is stored only once."""
    row = pd.Index(listed[ids.name]).get_indexer(ids)  # -1 for an id that is not listed
    columns = {}
    for name in FEATURES[ids.name]:
        values = listed[name]
        if pd.api.types.is_numeric_dtype(values):
            columns[name] = np.append(values.to_numpy(np.float64, na_value=np.nan), np.nan)[row]
        else:
            categories = values.mask(values.isin([NO_GENRES])).astype("category").array
            columns[name] = categories.take(row, allow_fill=True)
    return columns


def data_and_target(table, as_frame, features):
    """Return ids, columns of features and ratings, as frames or arrays that share nothing with the table."""
    data, target = table[list(FEATURE_NAMES)].assign(**features), table[TARGET_NAME]
    if as_frame:
        return data, target
    # Without the copy pandas 3 hands out read-only arrays.
    return data.to_numpy(copy=True), target.to_numpy(copy=True)


def movielens_bunch(table, frames, features, description, as_frame):
    """Return the Bunch of a table that has the columns of `frame`; `frames` and `features` have items and users."""
    item_features, user_features = features["item"], features["user"]
    data, target = data_and_target(table, as_frame, {**item_features, **user_features})
    return Bunch(
        data=data,
        target=target,
        frame=table[list(FRAME_COLUMNS)] if as_frame else None,
        # Not "items": a Bunch is a dict, whose method of that name would win.
        item_frame=frames["item"],
        user_frame=frames["user"],
        feature_names=[*FEATURE_NAMES, *item_features, *user_features],
        item_features=list(item_features),
        user_features=list(user_features),
        target_names=[TARGET_NAME],
        DESCR=description,
    )

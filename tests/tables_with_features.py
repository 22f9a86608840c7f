"""Ratings of users and items with features, and estimators that learn from them, for the tests of features."""

import numpy as np
import pandas as pd

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings

N_NEW = 20  # users, and items, that fit does not see
ITEM_FEATURES, USER_FEATURES = ["tags", "kind", "year", "text"], ["age", "job"]
FEATURES = {"item_features": ITEM_FEATURES, "user_features": USER_FEATURES}
SETTINGS = {"embedding_dim": 4, "hidden_layer_sizes": (8,), "max_epochs": 8, "random_state": 0, "device": "cpu"}
ESTIMATORS = {
    "gmf": lambda **params: NCFRegressor(**{"architecture": "gmf", **SETTINGS, **params}),
    "neumf": lambda **params: NCFRegressor(**{"architecture": "neumf", **SETTINGS, "batch_size": 128, **params}),
    "least squares": lambda **params: NCFRanker(**SETTINGS | params),
    "bce": lambda **params: NCFRanker(**SETTINGS | {"loss": "bce", "architecture": "mlp", "batch_size": 128} | params),
}


def numbers(n_ratings=3000, n_users=100, n_items=80, seed=0):
    """Ratings with features that are numbers and tell most of what there is to know."""
    return make_ratings(
        n_users=n_users,
        n_items=n_items,
        n_ratings=n_ratings,
        n_factors=2,
        n_item_features=4,
        n_user_features=2,
        feature_share=0.9,
        noise=0.2,
        random_state=seed,
    )


def table():
    """Ratings with a feature of each kind, their users and items named by strings; and the ratings."""
    X, y = numbers()
    X = pd.DataFrame(
        {
            "user": "u" + X["user"].astype(str),
            "item": "i" + X["item"].astype(str),
            "tags": tags(X),
            "kind": pd.cut(X["item_feature_2"], [-9, -0.5, 0.5, 9], labels=["low", "middle", "high"]).astype(str),
            "year": 1980 + 10 * X["item_feature_3"],
            "text": pd.Series([*X[["item_feature_3", "item_feature_4"]].to_numpy()]),
            "age": 40 + 15 * X["user_feature_1"],
            "job": np.where(X["user_feature_2"] > 0, "nurse", "clerk"),
        }
    )
    return X, y


def tags(X):
    """Lists of strings: which of two features of the items are above their mean, and a tag that all have."""
    above = {"bright": X["item_feature_1"] > 0, "loud": X["item_feature_2"] > 0}
    return pd.Series([["any", *(tag for tag in above if above[tag][row])] for row in X.index])


def is_new(X, column="item"):
    """Which rows have one of the last ids of a column, to be kept from fit."""
    return X[column].isin(np.sort(X[column].unique())[-N_NEW:])


def without_features(X):
    """The columns of ids."""
    return X[["user", "item"]]


def assert_same_scores(model, X, other, other_X=None):
    """Two models agree up to rounding."""
    found, expected = model.predict(X), other.predict(X if other_X is None else other_X)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

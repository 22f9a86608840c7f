"""Fitted models for displays, and figures that nobody sees."""

import pytest
from matplotlib import pyplot as plt

from sklearn_ncf import NCFRanker, NCFRegressor


@pytest.fixture(autouse=True)
def _figures():
    """Figures in memory alone, and none left behind."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def models(ratings):
    """Fitted models: without a validation set, with one, and ranking with a score and with a loss."""
    X, y = ratings
    params = {"embedding_dim": 8, "max_epochs": 6, "random_state": 0, "device": "cpu"}
    given = {"X_val": X[1800:]}
    return {
        "plain": NCFRegressor(**params).fit(X, y),
        "validated": NCFRegressor(early_stopping=True, patience=2, **params).fit(X, y),
        "scored": NCFRanker(loss="bce", scoring="ndcg", **params).fit(X[:1800], **given),
        "ranked": NCFRanker(loss="bpr", **params).fit(X[:1800], **given),
    }


@pytest.fixture(scope="session")
def plain(models):
    return models["plain"]

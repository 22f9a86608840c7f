"""Data and models that several test modules share."""

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, settings

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import make_ratings

# Tests are the same every time; the thorough profile, for tests/test_fuzz.py, is asked for by name.
settings.register_profile(
    "quick",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=2000, derandomize=False)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def ratings():
    """A table of 2,000 ratings of 60 users and 40 items, with a structure that a model can find."""
    X, y = make_ratings(n_users=60, n_items=40, n_ratings=2000, n_factors=2, noise=0.1, random_state=0)
    return X, pd.Series(y)


@pytest.fixture
def quick():
    """A maker of estimators that fit in a fraction of a second."""

    def make(**params):
        settings = {"architecture": "gmf", "embedding_dim": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}
        return NCFRegressor(**{**settings, **params})

    return make


@pytest.fixture
def own_network():
    """A network of somebody's own: three plus the biases of all columns."""

    class Sum(torch.nn.Module):
        def __init__(self, n_ids, **params):
            super().__init__()
            self.tables = torch.nn.ModuleList(torch.nn.Embedding(n + 1, 1) for n in n_ids)

        def forward(self, codes):
            return 3 + sum(table(codes[:, j] + 1) for j, table in enumerate(self.tables)).squeeze(1)

    return Sum


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """One torch thread: two gain nothing at these sizes, and wait for each other where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

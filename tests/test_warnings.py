"""Warnings point at the line of whoever called, through checks of parameters, Pipelines and searches."""

import inspect
import re
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.metrics import RankingScorer

PARAMS = {"embedding_dim": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"}
FORMS = {
    "estimator": lambda: NCFRegressor("gmf", **PARAMS),
    "Pipeline": lambda: make_pipeline(IdEncoder(), NCFRegressor("gmf", **PARAMS)),
    "Pipeline in a Pipeline": lambda: make_pipeline("passthrough", make_pipeline(IdEncoder(), NCFRanker(**PARAMS))),
    "encoder with frames": lambda: make_pipeline(IdEncoder().set_output(transform="pandas"), NCFRanker(**PARAMS)),
    "search": lambda: GridSearchCV(make_pipeline(IdEncoder(), NCFRegressor(**PARAMS)), {}, cv=2),
}


@pytest.fixture(params=FORMS)
def model(request, ratings):
    X, y = ratings
    fitted = FORMS[request.param]().fit(X[:600], y[:600])
    return FrozenEstimator(fitted) if request.param == "search" else fitted


@contextmanager
def warned_here(message):
    """All warnings of a kind, which must come from the line that follows."""
    line = inspect.currentframe().f_back.f_back.f_lineno + 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = [warning for warning in caught if re.search(message, str(warning.message))]
    assert found
    assert {(warning.filename, warning.lineno) for warning in found} == {(__file__, line)}


UNKNOWN = "hold ids that were not seen in fit"


def test_of_unknown_users(model):
    with warned_here(UNKNOWN):
        recommend(model, list(range(-9, 0)), n_items=2)


def test_of_unknown_items(model):
    with warned_here(UNKNOWN):
        recommend(model, 3, items=list(range(-90, -80)), n_items=2)


def test_of_short_lists(model):
    with warned_here("there are fewer items"):
        recommend(model, n_items=999)
    with warned_here("there are fewer items"):
        similar_items(model, 3, n_items=999)


def test_of_the_scorer(model):
    unknown = pd.DataFrame({"user": range(-9, 0), "item": [3] * 9})
    with warned_here(UNKNOWN):
        RankingScorer()(model, unknown)


def test_of_the_scorer_in_cross_validation(ratings):
    X, y = ratings
    X, groups = X[:600], (X["user"] % 2)[:600]
    pipe = make_pipeline(IdEncoder(), NCFRegressor("gmf", **PARAMS))
    with warned_here(UNKNOWN):
        cross_val_score(pipe, X, y[:600], groups=groups, cv=LeaveOneGroupOut(), scoring=RankingScorer())


def test_of_no_user_at_all():
    X = pd.DataFrame({"user": range(6), "item": [1, 2] * 3})
    pipe = make_pipeline(IdEncoder(min_frequency=2), NCFRegressor("gmf", **PARAMS)).fit(X, np.arange(6))
    with warned_here("no user to recommend to"):
        recommend(pipe)


def test_in_a_thread_without_a_line_of_its_own(ratings):
    code = """
import threading, warnings
import pandas as pd
from sklearn_ncf import NCFRegressor, recommend
warnings.simplefilter("always")
X = pd.DataFrame({"user": [1, 2], "item": [1, 2]})
model = NCFRegressor(max_epochs=1).fit(X, [1, 2])
thread = threading.Thread(target=recommend, args=(model,))
thread.start()
thread.join()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "there are fewer items" in result.stderr
    assert "Traceback" not in result.stderr

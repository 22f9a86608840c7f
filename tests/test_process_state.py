"""The package changes nothing that the whole process shares: other code and other threads depend on it."""

import ast
import copy
import locale
import logging
import os
import pickle
import random
import signal
import sys
import threading
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import get_config
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

import sklearn_ncf
from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.datasets import _fetch_movielens, load_movielens, make_ratings
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut

# Functions that set something for the whole process. `warnings.catch_warnings` is one of them before Python 3.14.
SETTERS = {
    "basicConfig",
    "catch_warnings",
    "chdir",
    "filterwarnings",
    "fork_rng",
    "putenv",
    "rc_context",
    "redirect_stderr",
    "redirect_stdout",
    "resetwarnings",
    "seed",
    "setLevel",
    "set_config",
    "set_default_dtype",
    "set_default_device",
    "set_detect_anomaly",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_option",
    "set_rng_state",
    "setdefaulttimeout",
    "seterr",
    "setlocale",
    "setrecursionlimit",
    "settrace",
    "signal",
    "simplefilter",
    "umask",
    "unsetenv",
    "use_deterministic_algorithms",
}
STATES = {"environ", "rcParams", "stdout", "stderr", "stdin"}  # whatever is assigned to them or their items


@pytest.mark.parametrize("path", sorted(Path(sklearn_ncf.__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_no_function_that_sets_something_for_the_process_is_called(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            assert name not in SETTERS, f"{path.name}:{node.lineno}"
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for target in targets if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete) else []:
            target = target.value if isinstance(target, ast.Subscript) else target
            assert getattr(target, "attr", None) not in STATES, f"{path.name}:{node.lineno}"


def process_state():
    """All that a process shares, in values that compare."""
    umask = os.umask(0o22)
    os.umask(umask)
    _, keys, position, *_ = np.random.get_state()
    loggers = [logger for _, logger in sorted(logging.root.manager.loggerDict.items()) if hasattr(logger, "level")]
    return {
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "loggers": [(each.name, each.level, list(each.filters)) for each in loggers if each.level or each.filters],
        "environment": dict(os.environ),
        "folder": (os.getcwd(), umask),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "random": (keys.tobytes(), position, torch.get_rng_state().numpy().tobytes(), random.getstate()),
        "numpy": (np.geterr(), np.get_printoptions()),
        "pandas": pd.get_option("display.max_rows"),
        "sklearn": get_config(),
        "matplotlib": dict(mpl.rcParams),
        "torch": (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()),
        "torch threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch modes": (torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled()),
        "locale": locale.setlocale(locale.LC_ALL),
        "recursion": sys.getrecursionlimit(),
        "trace": (sys.gettrace(), threading.gettrace()),
        "threads": {thread for thread in threading.enumerate() if not thread.daemon},
    }


@pytest.fixture(scope="module")
def data():
    return make_ratings(n_ratings=300, random_state=0)


def fit_and_use(X, y, folder):
    model = NCFRegressor(max_epochs=2, early_stopping=True, checkpoint_dir=folder, device="cpu").fit(X, y)
    model.partial_fit(X[:20], y[:20]).predict(X)
    copy.deepcopy(pickle.loads(pickle.dumps(model))).set_params(warm_start=True).fit(X, y)
    recommend(model, n_items=2, exclude_seen=False)
    similar_items(model, [0], n_items=2)


def search_and_evaluate(X, y, folder):
    pipe = make_pipeline(IdEncoder(), NCFRegressor(max_epochs=1))
    GridSearchCV(pipe, {"ncfregressor__embedding_dim": [2, 4]}, cv=2, error_score="raise").fit(X, y)
    ranker = NCFRanker(max_epochs=1, device="cpu")
    cross_validate(ranker, X, cv=LeaveLastOut(), scoring=RankingScorer("ndcg"), error_score="raise")


def diverge(X, y, folder):
    with pytest.raises(FloatingPointError):
        NCFRegressor(learning_rate=1e30, learning_rate_schedule="constant", rating_range=None).fit(X, y)


def draw(X, y, folder):
    model = NCFRegressor(max_epochs=2, device="cpu").fit(X, y)
    figures = [TrainingHistoryDisplay.from_estimator(model), EmbeddingDisplay.from_estimator(model)]
    for figure in figures:
        mpl.pyplot.close(figure.figure_)


def load(X, y, folder):
    load_movielens()


@pytest.mark.parametrize("use", [fit_and_use, search_and_evaluate, diverge, draw, load])
def test_what_the_process_shares_is_left_as_it_was(data, tmp_path, use):
    use(*data, tmp_path / "warm")  # imports, which add loggers and the like
    before = process_state()
    use(*data, tmp_path / "counted")
    after = process_state()
    for name, state in before.items():
        assert after[name] == state, name


def test_a_download_holds_back_only_what_its_own_thread_logs(caplog):
    logger = logging.getLogger("a downloader")
    logger.setLevel(logging.INFO)
    with _fetch_movielens._quiet(logger):
        logger.info("mine")
        other = threading.Thread(target=logger.info, args=("theirs",))
        other.start()
        other.join()
    logger.info("afterwards")
    assert [record.message for record in caplog.records] == ["theirs", "afterwards"]

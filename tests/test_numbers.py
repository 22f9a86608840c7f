"""Numbers of numpy, and Python's booleans, mean what the Python number means, in every parameter of every public name.

The parameters are read from scikit-learn's constraints, so that one added later is tried as well; a public name added
later needs a case in `CASES`.
"""

import importlib
import io
import pickle
import tempfile
from contextlib import redirect_stdout
from enum import Enum
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import Interval, InvalidParameterError
from test_docs import PUBLIC

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf._numbers import as_python
from sklearn_ncf.dummy import BiasRegressor
from sklearn_ncf.export import to_onnx
from sklearn_ncf.inspection import EmbeddingDisplay
from sklearn_ncf.metrics import (
    RankingScorer,
    average_precision_at_k,
    catalog_coverage,
    hit_rate_at_k,
    intra_list_diversity,
    ndcg_at_k,
    novelty,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from sklearn_ncf.model_selection import LeaveLastOut
from sklearn_ncf.nn import EmbeddingNN, FastDropout

RNG = np.random.RandomState(0)
X = pd.DataFrame({"user": RNG.randint(0, 8, 60), "item": RNG.randint(0, 6, 60)})
y = RNG.randint(1, 6, 60).astype(float)
LISTS = [[0, 1, 2, 3, 5], [1, 5, 0, 2, 3]]
SMALL = {"embedding_dim": 2, "max_epochs": 2, "hidden_layer_sizes": (2,), "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return NCFRegressor(**SMALL).fit(X[:40], y[:40])


def fitted(estimator, X_new):
    """What a fit, a further one, and a copy of the model predict."""
    estimator.fit(X, y).partial_fit(X_new, y[: len(X_new)])
    of_network = estimator.net_.get_params_for("module").values()
    assert not any(isinstance(value, np.generic) for value in of_network)
    return pickle.loads(pickle.dumps(estimator)).predict(X)


def graph_of(model, **params):
    """A graph of lists as bytes, or why there is none: six items are no list of a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.onnx"
        try:
            to_onnx(model, path, **params)
        except ValueError as error:
            return np.array(str(error))
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


# Name: a function of a fitted model and of a parameter that is to be tried, to what comes out.
CASES = {
    "NCFRegressor": lambda _, **params: fitted(NCFRegressor(**{**SMALL, "early_stopping": True, **params}), X[:5]),
    "NCFRanker": lambda _, **params: fitted(
        NCFRanker(**{**SMALL, "loss": "softmax", "early_stopping": True, **params}), X[:5]
    ),
    "IdEncoder": lambda _, **params: IdEncoder(**params).fit_transform(X),
    "recommend": lambda model, **params: recommend(model, **params).to_numpy(),
    "similar_items": lambda model, **params: similar_items(model, [0, 1], **params).to_numpy(),
    "BiasRegressor": lambda _, **params: BiasRegressor(**params).fit(X, y).predict(X),
    "to_onnx": graph_of,
    "RankingScorer": lambda model, **params: np.float64(
        RankingScorer(**{"metric": "recall", "k": 3, "n_negatives": 3, **params})(model, X[40:], y[40:])
    ),
    **{
        metric.__name__: lambda _, metric=metric, **params: np.float64(metric(np.eye(6), np.eye(6)[::-1], **params))
        for metric in (
            average_precision_at_k,
            hit_rate_at_k,
            ndcg_at_k,
            precision_at_k,
            recall_at_k,
            reciprocal_rank_at_k,
        )
    },
    "catalog_coverage": lambda _, **params: np.float64(catalog_coverage(LISTS, range(6), **params)),
    "novelty": lambda _, **params: np.float64(novelty(LISTS, X, **params)),
    "intra_list_diversity": lambda _, **params: np.float64(intra_list_diversity(LISTS, range(6), np.tri(6), **params)),
}


def constraints_of(object_):
    return getattr(object_, "_parameter_constraints", None) or getattr(object_, "_skl_parameter_constraints", None)


PUBLIC_OBJECTS = {
    name: getattr(importlib.import_module(package), name)
    for package in PUBLIC
    if package != "sklearn_ncf.datasets"  # tests/test_datasets.py
    for name in importlib.import_module(package).__all__
}
WITH_CONSTRAINTS = {
    name: constraints_of(object_) for name, object_ in PUBLIC_OBJECTS.items() if constraints_of(object_)
}


def numbers_like(constraint):
    """Numbers of numpy that meet a constraint, each with the Python number that it stands for."""
    if isinstance(constraint, Interval) and constraint.type is Integral:
        small = [type_(3) for type_ in (np.int8, np.uint8, np.int16, np.int64, np.uint64, np.longlong)]
        yield from ((number, int(number)) for number in [*small, np.uint8(200), np.int8(100)])
        yield True, 1
    elif isinstance(constraint, Interval):
        types = [np.float16, np.float32, np.float64, np.longdouble]
        values = [type_(0.3) for type_ in types if isinstance(type_(0.3), constraint.type)]
        yield from ((value, float(value)) for value in values)
    elif constraint == "boolean":
        yield from ((np.bool_(value), value) for value in (True, False))
    elif constraint == "verbose":
        yield from ((np.bool_(False), False), (np.int64(2), 2), (np.uint8(0), 0))
    elif constraint == "random_state":
        yield from ((type_(3), 3) for type_ in (np.int64, np.uint32, np.uint8))


def numeric_parameters():
    for name, constraints in sorted(WITH_CONSTRAINTS.items()):
        for parameter, accepted in constraints.items():
            pairs = [] if isinstance(accepted, str) else [pair for part in accepted for pair in numbers_like(part)]
            if pairs:
                yield pytest.param(name, parameter, pairs, id=f"{name}-{parameter}")


def test_every_public_name_with_constraints_is_tried():
    assert WITH_CONSTRAINTS.keys() == CASES.keys()


@pytest.mark.filterwarnings("ignore:n_items=")
@pytest.mark.parametrize(("name", "parameter", "pairs"), list(numeric_parameters()))
def test_a_number_of_numpy_gives_what_the_python_number_gives(model, name, parameter, pairs):
    results = {}
    for given_, plain in pairs:
        with redirect_stdout(io.StringIO()):  # of verbose=2
            if plain not in results:
                results[plain] = CASES[name](model, **{parameter: plain})
            result = CASES[name](model, **{parameter: given_})
        assert type(result) is type(results[plain])
        np.testing.assert_array_equal(result, results[plain], err_msg=f"{given_!r} of type {type(given_)}", strict=True)


@given(
    dims=st.lists(st.integers(1, 4), max_size=3),
    container=st.sampled_from([list, tuple, np.array, pd.Series, pd.Index, lambda v: [np.int8(i) for i in v]]),
)
@pytest.mark.parametrize("class_", [NCFRegressor, NCFRanker])
def test_hidden_layer_sizes_come_in_any_sequence(class_, dims, container):
    params = {**SMALL, "max_epochs": 1, "architecture": "mlp"}
    if not dims:
        container = tuple  # arrays of nothing hold floats
    expected, other = (
        class_(**{**params, "hidden_layer_sizes": sizes}).fit(X, y) for sizes in (tuple(dims), container(dims))
    )
    np.testing.assert_array_equal(other.predict(X), expected.predict(X))
    assert other.net_.module__hidden_layer_sizes == tuple(dims)


@pytest.mark.parametrize("bounds", [(np.int8(0), np.float16(6)), [np.float32(0), np.longdouble(6)]])
def test_a_range_of_numpys_numbers_is_that_of_pythons(bounds):
    expected, other = (NCFRegressor(**SMALL, rating_range=range_).fit(X, y) for range_ in ((0, 6), bounds))
    np.testing.assert_array_equal(other.predict(X), expected.predict(X))
    assert list(map(type, other.rating_range_)) == [float, float]


class Name(str, Enum):  # noqa: UP042, a StrEnum would be its value
    ADAM = "adam"


@pytest.mark.parametrize("choice", [np.str_("adam"), Name.ADAM])
def test_a_choice_may_be_any_string(choice):
    params = {"architecture": "neumf", "optimizer": "adam", "loss": "huber", "learning_rate_schedule": "constant"}
    strings = {name: type(choice)(value) for name, value in params.items() if isinstance(choice, np.str_)}
    expected = NCFRegressor(**SMALL | params).fit(X, y).predict(X)
    np.testing.assert_array_equal(
        NCFRegressor(**SMALL | params | strings | {"optimizer": choice}).fit(X, y).predict(X), expected
    )


def test_a_search_over_an_array_of_numbers_fits():
    search = GridSearchCV(NCFRegressor(**SMALL), {"max_epochs": np.arange(1, 3), "batch_size": np.arange(8, 10)}, cv=2)
    assert search.fit(X, y).best_estimator_.predict(X).shape == y.shape


def test_a_checkpoint_of_the_python_number_is_that_of_numpys(tmp_path):
    NCFRegressor(**SMALL, checkpoint_dir=tmp_path, learning_rate=0.5).fit(X, y)
    before = sorted(tmp_path.rglob("*"))
    params = {name: np.array(value)[()] for name, value in SMALL.items() if name != "hidden_layer_sizes"}
    NCFRegressor(**params, hidden_layer_sizes=[2], checkpoint_dir=tmp_path, learning_rate=np.float16(0.5)).fit(X, y)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("number", [np.array(3), np.array([3]), np.array(0.3), "3", None, np.nan, np.inf, -np.inf, 3j])
@pytest.mark.parametrize("name", ["embedding_dim", "max_epochs", "learning_rate", "validation_fraction"])
def test_what_is_no_number_is_refused_by_name(name, number):
    with pytest.raises(InvalidParameterError, match=f"The {name!r} parameter of NCFRegressor must be"):
        NCFRegressor(**{name: number}).fit(X, y)


@pytest.mark.parametrize("class_", [NCFRegressor, NCFRanker])
@pytest.mark.parametrize("name", ["embedding_dim", "hidden_layer_sizes", "n_negatives", "batch_size", "patience"])
@pytest.mark.parametrize("large", [2**40, 2**70, np.uint64(2**63)])
def test_a_huge_number_works_or_is_refused_by_name(class_, name, large):
    params = {**SMALL, "loss": "bce"} if class_ is NCFRanker else SMALL
    params = {**params, "architecture": "mlp", name: [large] if name == "hidden_layer_sizes" else large}
    if name == "n_negatives" and class_ is NCFRegressor:
        return
    error = None
    try:
        predicted = class_(**params).fit(X, y).predict(X)
    except (MemoryError, ValueError) as refusal:
        error = refusal
    assert np.isfinite(predicted).all() if error is None else name in str(error)


def test_a_network_alone_computes_in_float32_whatever_the_numbers():
    params = {"embedding_dim": 4, "hidden_layer_sizes": (3, 2), "dropout": 0.25, "embedding_dropout": 0.25}
    params |= {"output_range": (1, 5), "output_center": 3, "output_scale": 2}
    of_numpy = {
        "embedding_dim": np.int8(4),
        "hidden_layer_sizes": np.array([3, 2]),
        "output_range": np.array([1.0, 5.0]),
    }
    of_numpy |= {name: np.float64(params[name]) for name in ("output_center", "output_scale", "dropout")}
    codes = torch.tensor([[0, 1], [2, 3]])
    for change in ({}, {"output_range": None}):
        scores = []
        for given_ in (params, {**params, **of_numpy}):
            torch.manual_seed(0)
            scores.append(EmbeddingNN(n_ids=[3, 4], **{**given_, **change})(codes))
        assert scores[1].dtype == torch.float32
        assert torch.equal(*scores)
    assert type(FastDropout(np.float16(0.5)).p) is float


def test_maps_take_numbers_of_numpy_and_name_what_is_no_number(model):
    pytest.importorskip("matplotlib").use("agg")
    display = EmbeddingDisplay.from_estimator(model, n_labels=np.int8(100))
    assert len(display.labelled_) > 0
    for n_labels in (2.5, "3", None, -1):
        with pytest.raises(ValueError, match="n_labels must be 0 or a larger integer"):
            display.plot(n_labels=n_labels)


def test_splits_take_numbers_of_numpy():
    table = pd.DataFrame({"user": [0] * 300, "item": range(300)})
    for n_last, min_history in ((np.uint8(200), np.uint8(100)), (200, 100), (np.int16(200), True)):
        [(train, test)] = LeaveLastOut(n_last, min_history).split(table)
        assert (len(train), len(test)) == (100, 200)


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.none()))
def test_a_value_of_pythons_own_stays_what_it_is(value):
    assert as_python(value) is value or as_python(value) == value
    assert type(as_python(value)) is type(value)


@pytest.mark.parametrize("threshold", [np.nan, "4", np.array(4)])
def test_a_threshold_that_is_no_number_is_refused_by_name(model, threshold):
    with pytest.raises(ValueError, match="The 'relevance_threshold' parameter of RankingScorer must be"):
        RankingScorer(relevance_threshold=threshold)(model, X, y)

"""The Pipeline under scikit-learn's own tools, with whatever tables people bring."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_ncf import IdEncoder


@pytest.fixture
def pipe(quick):
    return Pipeline([("enc", IdEncoder()), ("ncf", quick(max_epochs=8, embedding_dropout=0.1))])


@pytest.fixture
def named(ratings):
    """The ratings with users that are strings."""
    X, y = ratings
    return X.assign(user="user " + X["user"].astype(str)), y


def test_cross_validate_scores_every_fold_better_than_the_mean(pipe, named):
    scores = cross_validate(pipe, *named, cv=KFold(3, shuffle=True, random_state=0), return_train_score=True)
    assert (scores["test_score"] > 0.15).all()
    assert (scores["train_score"] > scores["test_score"] - 0.1).all()


def test_grid_search_in_two_processes_gives_what_one_gives(pipe, named):
    grid = {"ncf__embedding_dim": [2, 8], "ncf__architecture": ["gmf", "mlp"], "enc__min_frequency": [None, 35]}
    searches = [GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs).fit(*named) for n_jobs in (1, 2)]
    first, second = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(first, second)
    assert len(set(first)) == 8
    assert searches[1].best_estimator_.predict(named[0]).shape == named[1].shape


def test_clone_and_set_params_reach_every_parameter(pipe):
    other = clone(pipe).set_params(ncf__embedding_dim=3, enc__min_frequency=2)
    assert (other["ncf"].embedding_dim, other["enc"].min_frequency) == (3, 2)
    assert pipe["ncf"].embedding_dim == 8
    assert clone(other).get_params()["ncf__embedding_dim"] == 3


@pytest.mark.parametrize("container", ["pandas", "polars", "default"])
def test_set_output_changes_the_codes_container_and_no_prediction(pipe, named, container):
    X, y = named
    expected = clone(pipe).fit(X, y).predict(X)
    pipe.set_output(transform=container).fit(X, y)
    codes = pipe[:-1].transform(X)
    assert type(codes).__module__.split(".")[0] == {"default": "numpy"}.get(container, container)
    if container != "default":
        assert list(codes.columns) == ["user", "item"]
    np.testing.assert_array_equal(pipe.predict(X), expected)


def test_global_output_settings_do_not_reach_the_encoder_inside(quick, named):
    X, y = named
    expected = quick().fit(X, y).predict(X)
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_array_equal(quick().fit(X, y).predict(X), expected)


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy])
def test_copies_predict_the_same(pipe, named, copied):
    X, y = named
    pipe.fit(X, y)
    np.testing.assert_array_equal(copied(pipe).predict(X), pipe.predict(X))


def test_joblib_file_predicts_the_same(pipe, named, tmp_path):
    X, y = named
    joblib.dump(pipe.fit(X, y), tmp_path / "model.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "model.joblib").predict(X), pipe.predict(X))
    np.testing.assert_array_equal(joblib.load(tmp_path / "model.joblib", mmap_mode="r").predict(X), pipe.predict(X))


def test_a_copy_shares_no_weights(quick, named):
    X, y = named
    model = quick().fit(X, y)
    before = model.predict(X)
    copy.copy(model).partial_fit(X, y)
    copy.deepcopy(model).set_params(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_validation_table_passes_through_the_pipelines_encoder(quick, named):
    X, y = named
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick(early_stopping=True).set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline([("enc", IdEncoder()), ("ncf", model)], transform_input=["X_val"])
        pipe.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    predicted = pipe.predict(X[1500:])
    assert pipe["ncf"].history_["valid_loss"].min() == pytest.approx(np.mean((predicted - y[1500:]) ** 2), rel=1e-4)


def test_sample_weight_passes_through_a_pipeline(pipe, named):
    X, y = named
    weight = (np.arange(len(y)) % 2).astype(float)
    pipe.fit(X, y, ncf__sample_weight=weight)
    assert pipe["ncf"].mean_rating_ == pytest.approx(y[weight > 0].mean())


def test_transformed_target(pipe, named):
    X, y = named
    model = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp, check_inverse=False)
    assert model.fit(X, y).score(X, y) > 0.3


def test_bagging_averages_models(quick, ratings):
    X, y = ratings
    model = BaggingRegressor(quick(max_epochs=8), n_estimators=3, random_state=0, n_jobs=2).fit(X, y)
    members = [member.predict(X.to_numpy()) for member in model.estimators_]
    np.testing.assert_allclose(model.predict(X), np.mean(members, axis=0), rtol=1e-5)


def test_voting_beside_another_regressor(pipe, ratings):
    X, y = ratings
    model = VotingRegressor([("ncf", pipe), ("linear", make_pipeline(LinearRegression()))]).fit(X, y)
    assert model.score(X, y) > 0.15


def test_users_unknown_to_a_fold_are_scored(pipe, named):
    X, y = named
    with pytest.warns(UserWarning, match="100% of the rows of column 'user' hold ids that were not seen in fit"):
        scores = cross_val_score(pipe, X, y, groups=X["user"], cv=GroupKFold(3))
    assert (scores > -0.1).all()


def test_every_kind_of_table_gives_the_same_predictions(pipe, named):
    X, y = named
    expected = clone(pipe).fit(X, y).predict(X)
    dtypes = {"user": "category", "item": "int16"}
    tables = {
        "polars": pl.DataFrame({name: X[name].tolist() for name in X}),
        "pyarrow": pa.table({name: pa.array(X[name].tolist()) for name in X}),
        "nullable": X.convert_dtypes(),
        "arrow dtypes": X.convert_dtypes(dtype_backend="pyarrow"),
        "categorical": X.astype(dtypes),
        "numpy": X.to_numpy(dtype=object),
        "rows": X.to_numpy(dtype=object).tolist(),
    }
    for name, table in tables.items():
        fitted = clone(pipe).fit(table, y.to_numpy())
        np.testing.assert_array_equal(fitted.predict(table), expected, err_msg=name)
        if name not in ("numpy", "rows"):
            np.testing.assert_array_equal(fitted.predict(X), expected, err_msg=name)


def test_ratings_may_come_in_any_column(pipe, named):
    X, y = named
    expected = clone(pipe).fit(X, y).predict(X)
    for target in (y.tolist(), y.astype("Float64"), y.astype(object), pl.Series(y.tolist()), pd.Categorical(y)):
        np.testing.assert_array_equal(clone(pipe).fit(X, target).predict(X), expected)

"""Features in every kind of table, and through scikit-learn's tools, saving, checkpoints and further fits."""

import copy
import datetime
import decimal

import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from skorch.callbacks import Callback
from tables_of_ids import as_pandas
from tables_with_features import (
    ESTIMATORS,
    FEATURES,
    ITEM_FEATURES,
    USER_FEATURES,
    assert_same_scores,
    is_new,
    table,
    without_features,
)
from ways_of_saving import OUR_TYPES, WAYS

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.metrics import RankingScorer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*hold ids that were not seen in fit:UserWarning",
    "ignore:X (has|does not have valid) feature names:UserWarning",
)


@pytest.fixture(scope="module")
def data():
    """Some ratings with features of each kind, and which rows have a new item."""
    X, y = table()
    X["text"] = [[float(number) for number in cell] for cell in X["text"]]
    X, y = X[:1500], y[:1500]
    return X, y, is_new(X)


# Tables.

WITH_NAMES = {
    "pandas": lambda X: X.set_axis(np.arange(len(X)) // 2, axis=0),
    "pandas of Arrow": lambda X: pa.Table.from_pandas(X).to_pandas(types_mapper=pd.ArrowDtype),
    "categories": lambda X: X.astype({"kind": "category", "job": "category", "item": "category"}),
    "polars": lambda X: pl.DataFrame(X.to_dict("list")),
    "lazy polars": lambda X: pl.LazyFrame(X.to_dict("list")),
    "pyarrow": lambda X: pa.table(X.to_dict("list")),
    "dask of numbers": lambda X: dd.from_pandas(X, npartitions=2),
}
WITHOUT_NAMES = {
    "objects": lambda X: X.to_numpy(dtype=object),
    "rows": lambda X: X.to_numpy(dtype=object).tolist(),
    "frame of numbered columns": lambda X: X.set_axis(range(X.shape[1]), axis=1),
}


@pytest.mark.parametrize("name", ["gmf", "least squares"])
@pytest.mark.parametrize("form", [*WITH_NAMES, *WITHOUT_NAMES])
def test_every_table_gives_the_same_model(data, form, name):
    X, y, new = data
    item_features = ["kind", "year"] if "dask" in form else ITEM_FEATURES
    expected = ESTIMATORS[name](item_features=item_features, user_features=USER_FEATURES)
    X = X[["user", "item", *item_features, *USER_FEATURES]]
    expected.fit(X[~new], y[~new])
    as_table = {**WITH_NAMES, **WITHOUT_NAMES}[form]
    params = {"item_features": item_features, "user_features": USER_FEATURES}
    if form in WITHOUT_NAMES:
        params = {side: [list(X).index(column) for column in columns] for side, columns in params.items()}
    model = ESTIMATORS[name](**params).fit(as_table(X[~new]), y[~new].to_numpy())
    np.testing.assert_array_equal(model.predict(as_table(X)), expected.predict(X))
    for side in ("item_features_", "user_features_"):
        found, wanted = getattr(model, side), getattr(expected, side)
        for found_column, wanted_column in zip(found, wanted, strict=True):
            assert [*map(str, found[found_column])] == [*map(str, wanted[wanted_column])]
    if form in WITH_NAMES and form not in ("dask of numbers", "lazy polars"):
        items = X[new].drop_duplicates("item").drop(columns="user")
        found, wanted = (recommend(of, items=given) for of, given in ((model, as_table(items)), (expected, items)))
        assert_frame_equal(as_pandas(found), wanted, check_dtype=False)


@pytest.mark.parametrize(
    "order",
    [
        ["tags", "year", "kind", "text", "age", "job", "user", "item"],
        ["job", "user", "tags", "age", "kind", "item", "text", "year"],
        ["user", "year", "item", "age", "text", "tags", "job", "kind"],
    ],
    ids=str,
)
def test_columns_of_features_stand_anywhere_and_are_named_or_numbered(data, order):
    X, y, new = data
    expected = ESTIMATORS["gmf"](**FEATURES).fit(X[~new], y[~new])
    other = X[order]
    by_index = {side: [order.index(column) for column in columns] for side, columns in FEATURES.items()}
    for params in (FEATURES, by_index):
        model = ESTIMATORS["gmf"](**params).fit(other[~new], y[~new])
        np.testing.assert_array_equal(model.predict(other), expected.predict(X))
        assert_frame_equal(recommend(model, n_items=2), recommend(expected, n_items=2))
        assert_frame_equal(model.item_features_, expected.item_features_)
    shuffled = ESTIMATORS["gmf"](**{side: columns[::-1] for side, columns in FEATURES.items()})
    assert_same_scores(shuffled.fit(other[~new], y[~new]), other, expected, X)


# Saving.


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_way_of_saving_keeps_features_to_the_bit(name, data):
    X, y, new = data
    X = X.assign(day=pd.Timestamp(2026, 1, 1) + pd.to_timedelta(X["year"].round(), unit="D"), flag=X["year"] > 1980)
    encoder = IdEncoder(passthrough=[*ITEM_FEATURES, "day", "flag", *USER_FEATURES])
    params = FEATURES | {"item_features": [*ITEM_FEATURES, "day", "flag"]}
    model = make_pipeline(encoder, ESTIMATORS[name](**params)).fit(X[~new], y[~new])
    assert set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) <= set(OUR_TYPES)
    items = X[new].drop_duplicates("item").drop(columns="user")
    expected, lists = model.predict(X), recommend(model, items=items, n_items=2)
    encoder, estimator = model.named_steps.values()
    rows = encoder.transform(X[:100].assign(item=X["item"][:100] + "new"))
    further = copy.deepcopy(estimator).partial_fit(rows, y[:100])
    for way_name, way in WAYS.items():
        again = way(model)
        np.testing.assert_array_equal(again.predict(X), expected, err_msg=way_name)
        assert_frame_equal(recommend(again, items=items, n_items=2), lists, obj=way_name)
        assert_frame_equal(again[-1].item_features_, estimator.item_features_, obj=way_name)
        assert joblib.hash(again) == joblib.hash(model), way_name
        again[-1].partial_fit(rows, y[:100])
        np.testing.assert_allclose(again[-1].predict(rows), further.predict(rows), rtol=1e-5, err_msg=way_name)


CELLS = {  # by the number of an item
    "NA": lambda n: pd.NA if n % 3 else "a",
    "NaT": lambda n: pd.NaT if n % 3 else pd.Timestamp(2026, 1, 1 + n % 20),
    "zoned": lambda n: pd.Timestamp(2026, 1, 1 + n % 20, tz="Europe/Vienna"),
    "date": lambda n: datetime.date(2026, 1, 1 + n % 20),
    "Timedelta": lambda n: pd.Timedelta(days=n),
    "Decimal": lambda n: decimal.Decimal(n),
    "set": lambda n: {"a", str(n)},
    "keys": lambda n: {"a": 1, str(n): 2}.keys(),
    "Series": lambda n: pd.Series(["a", str(n)]),
    "array": lambda n: np.array(["a", n], dtype=object),
    "tuple": lambda n: ("a", str(n)),
    "list of times": lambda n: [pd.Timestamp(2026, 1, 1 + n % 20), pd.Timestamp(2026, 2, 1)],
}


@pytest.mark.parametrize("cell", CELLS)
def test_cells_of_any_type_are_saved(cell, data):
    X, y, new = data
    cells = [CELLS[cell](number) for number in X["item"].str[1:].astype(int)]
    X = without_features(X).assign(cell=pd.Series(cells, index=X.index))
    model = ESTIMATORS["gmf"](item_features="cell", max_epochs=1).fit(X[~new], y[~new])
    assert set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) <= set(OUR_TYPES)
    for name, way in WAYS.items():
        again = way(model)
        assert_frame_equal(again.item_features_, model.item_features_, obj=name)
        np.testing.assert_array_equal(again.predict(X), model.predict(X), err_msg=name)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_clone_fits_the_same_and_fits_change_no_parameter(name, data):
    X, y, new = data
    features = copy.deepcopy(FEATURES)
    model = ESTIMATORS[name](**features).fit(X[~new], y[~new])
    assert features == FEATURES
    assert {side: model.get_params()[side] for side in FEATURES} == FEATURES
    again = clone(model)
    assert not hasattr(again, "encoder_")
    np.testing.assert_array_equal(again.fit(X[~new], y[~new]).predict(X), model.predict(X))
    before = X.map(copy.deepcopy)
    model.predict(X)
    recommend(model, items=X[new], n_items=1)
    assert_frame_equal(X, before)


# scikit-learn's tools.


def test_a_search_finds_features_that_help(data):
    X, y, _ = data
    model = make_pipeline(IdEncoder(passthrough=["year", "text"]), ESTIMATORS["gmf"](item_features=["year", "text"]))
    grid = {"ncfregressor__numeric_features": [None, ["year"]], "ncfregressor__embedding_dim": [2, 4]}
    X = X[["user", "item", "year", "text"]]
    search = GridSearchCV(model, grid, cv=KFold(3, shuffle=True, random_state=0), n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == y.shape
    assert recommend(search, items=X.assign(item=X["item"] + "new"), n_items=1).shape[1] == 4


@pytest.mark.parametrize("name", ["gmf", "least squares"])
def test_cross_validation_splits_features_with_their_rows(name, data):
    X, y, _ = data
    model = ESTIMATORS[name](**FEATURES)
    scoring = {"ranking": RankingScorer(unknown_items="include")} if name == "least squares" else "r2"
    cv = KFold(3, shuffle=True, random_state=0)
    found = cross_validate(model, X, y, cv=cv, scoring=scoring, return_estimator=True, error_score="raise")
    for fitted, (train, _) in zip(found["estimator"], cv.split(X), strict=True):
        last = X.iloc[train].drop_duplicates("item", keep="last").set_index("item").sort_index()
        assert fitted.item_features_["year"].tolist() == last["year"].tolist()


CHECKS = [
    "check_dict_unchanged",
    "check_n_features_in_after_fitting",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_dataframe_column_names_consistency",
    "check_positive_only_tag_during_fit",
    "check_fit2d_predict1d",
    "check_get_params_invariance",
    "check_set_params",
]


@pytest.mark.filterwarnings("ignore:Column:UserWarning")
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["gmf", "least squares"])
def test_checks_of_scikit_learn_pass_with_features(name, check):
    model = ESTIMATORS[name](max_epochs=1, item_features=[2])
    getattr(estimator_checks, check)(type(model).__name__, model)


# Training.


@pytest.mark.parametrize("name", ESTIMATORS)
def test_warm_start_learns_from_the_features_of_all_fits(name, data):
    X, y, new = data
    first = np.arange(len(X)) % 2 == 0
    model = ESTIMATORS[name](warm_start=True, **FEATURES).fit(X[first & ~new], y[first & ~new])
    alone = set(X[first & ~new]["item"]) - set(X[~first & ~new]["item"])
    other = X[~first & ~new].assign(year=X["year"] + 1)
    model.fit(other, y[~first & ~new])
    features = model.item_features_
    last = other.drop_duplicates("item", keep="last").set_index("item")["year"]
    assert features.loc[last.index, "year"].tolist() == last.tolist()
    assert set(features.index) == set(last.index) | alone
    scores = model.predict(X[new])
    assert np.isfinite(scores).all()
    assert np.std(scores - model.predict(X[new].assign(tags=None, kind=None, year=np.nan, text=None))) > 1e-3


@pytest.mark.parametrize("name", ["neumf", "bce"])
def test_warm_start_moves_no_vector_twice_to_where_its_features_say(name, data):
    X, y, _ = data
    vectors = {}
    for params in ({}, FEATURES):
        rows = X if params else without_features(X)
        model = ESTIMATORS[name](warm_start=True, **params).fit(rows, y)
        first = model.item_embeddings_
        model.set_params(learning_rate=1e-12, max_epochs=1).fit(rows, y)
        vectors[bool(params)] = first, model.item_embeddings_
    before, after = (np.linalg.norm(vectors[True][fit] - vectors[False][fit], axis=1).mean() for fit in (0, 1))
    assert 0 < after < 1.05 * before


@pytest.mark.parametrize("name", ["gmf", "neumf", "bce"])
def test_validation_sets_have_features(name, data):
    X, y, new = data
    model = ESTIMATORS[name](early_stopping=True, **FEATURES)
    model.fit(X[~new], y[~new], X_val=X[new], y_val=y[new]) if name != "bce" else model.fit(X[~new], X_val=X[new])
    assert "valid_loss" in model.history_
    assert not set(X[new]["item"]) & set(model.item_features_.index)
    assert model.fit(X, y).best_epoch_ <= model.n_iter_


class PowerCutError(Exception):
    """What ends a training run in the middle of an epoch."""


class CutsPower(Callback):
    """Ends a training run in an epoch. Pickles as the same bytes whether it is to do so or not."""

    at = None

    def on_batch_end(self, net, training, **kwargs):
        if training and CutsPower.at == len(net.history):
            raise PowerCutError


@pytest.mark.parametrize("name", ["neumf", "bce"])
def test_a_fit_with_features_that_was_cut_off_resumes_bitwise_identically(name, data, tmp_path, monkeypatch):
    X, y, new = data
    params = {"max_epochs": 4, "callbacks": [CutsPower()], **FEATURES}
    whole = ESTIMATORS[name](**params).fit(X[~new], y[~new])
    with monkeypatch.context() as patch:
        patch.setattr(CutsPower, "at", 3)
        with pytest.raises(PowerCutError):
            ESTIMATORS[name](checkpoint_dir=tmp_path, **params).fit(X[~new], y[~new])
    resumed = ESTIMATORS[name](checkpoint_dir=tmp_path, **params).fit(X[~new], y[~new])
    assert resumed.n_iter_ == 4
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    finished = ESTIMATORS[name](checkpoint_dir=tmp_path, **params).fit(X[~new], y[~new])
    np.testing.assert_array_equal(finished.predict(X), whole.predict(X))
    other = X.assign(year=-X["year"])
    again = ESTIMATORS[name](checkpoint_dir=tmp_path, **params).fit(other[~new], y[~new])
    expected = ESTIMATORS[name](**params).fit(other[~new], y[~new])
    np.testing.assert_array_equal(again.predict(other), expected.predict(other))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_of_weight_zero_leave_no_features(name, data):
    X, y, new = data
    weight = np.where(new, 0.0, 1.0)
    changed = pd.concat([X, X[~new].assign(kind="ignored", year=0.0)])
    targets, weight = np.append(y, y[~new]), np.append(weight, np.zeros((~new).sum()))
    model = ESTIMATORS[name](**FEATURES).fit(changed, targets, sample_weight=weight)
    expected = ESTIMATORS[name](**FEATURES).fit(X[~new], y[~new])
    assert_frame_equal(model.item_features_, expected.item_features_)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_features_do_not_change_what_is_trained(name, data):
    X, y, new = data
    plain = ESTIMATORS[name]().fit(without_features(X)[~new], y[~new])
    model = ESTIMATORS[name](**FEATURES).fit(X[~new], y[~new])
    assert_frame_equal(model.history_.drop(columns="duration"), plain.history_.drop(columns="duration"))
    often = X[~new].groupby("item").size().sort_values()
    moved = np.linalg.norm(model.item_embeddings_ - plain.item_embeddings_, axis=1)
    share = dict(zip(model.encoder_.categories_[1], moved, strict=True))
    few, many = (np.median([share[item] for item in ids]) for ids in (often.index[:15], often.index[-15:]))
    assert few > many > 0


@pytest.mark.parametrize("make", [NCFRegressor, NCFRanker])
def test_ids_that_an_encoder_has_pooled_are_scored_by_their_features(make):
    X, y = make_ratings(n_ratings=3000, n_item_features=2, feature_share=1.0, noise=0.0, random_state=0)
    features = ["item_feature_1", "item_feature_2"]
    rare = X["item"] % 5 == 0
    kept = ~rare | (X.groupby("item").cumcount() < 2)  # two rows of each rare item
    encoder = IdEncoder(min_frequency=10, passthrough=features)
    model = make(item_features=features, embedding_dim=8, max_epochs=10, random_state=0)
    pipe = make_pipeline(encoder, model).fit(X[kept], y[kept])
    pooled = X[~kept]
    assert set(pipe[0].transform(pooled)["item"]) == {-1}
    predicted = pipe.predict(pooled)
    mirrored = pipe.predict(pooled.assign(**{name: -pooled[name] for name in features}))
    if make is NCFRegressor:
        assert np.mean((predicted - y[~kept]) ** 2) < 0.8 * np.mean((mirrored - y[~kept]) ** 2)
    one_user = pooled.assign(user=pooled["user"].iloc[0])
    assert len(np.unique(pipe.predict(one_user))) == one_user["item"].nunique()

"""What is refused or warned of with features: columns, values, tables of ids; and contexts that are none."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.utils._param_validation import InvalidParameterError
from tables_with_features import (
    ESTIMATORS,
    FEATURES,
    ITEM_FEATURES,
    SETTINGS,
    USER_FEATURES,
    is_new,
    table,
    without_features,
)

from sklearn_ncf import NCFRanker, NCFRegressor, recommend, similar_items

MAKE = {name: ESTIMATORS[name] for name in ("gmf", "least squares")}


@pytest.fixture(scope="module")
def data():
    return table()


@pytest.fixture(params=MAKE)
def make(request):
    return MAKE[request.param]


@pytest.fixture(scope="module")
def fitted(data):
    X, y = data
    return MAKE["gmf"](**FEATURES).fit(X[~is_new(X)], y[~is_new(X)])


# Parameters.


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"item_features": "genre"}, "item_features holds 'genre', which is not a column of X; its columns are 'user'"),
        ({"user_features": ["age", "sex"]}, "user_features holds 'sex', which is not a column of X"),
        ({"item_features": 8}, "item_features holds the index 8, which is not a column of X (n_features=8)"),
        ({"item_features": -1}, "item_features holds the index -1, which is not a column of X"),
        ({"item_features": ["year", "year"]}, "item_features names column 'year' more than once"),
        ({"item_features": ["year", 4]}, "item_features names column 'year' more than once"),
        (
            {"item_features": ["year", "kind"], "user_features": ["age", "kind"]},
            "Column 'kind' is named in user_features and in item_features",
        ),
        (
            {"item_features": ["kind"], "numeric_features": "age"},
            "numeric_features names column 'age', which is no feature; name it in user_features or item_features",
        ),
        ({"numeric_features": "year"}, "numeric_features names column 'year', which is no feature"),
        ({"numeric_features": "genre"}, "numeric_features holds 'genre', which is not a column of X"),
        (
            {"item_features": ["item", *ITEM_FEATURES], "user_features": USER_FEATURES},
            "X must have two columns of ids, users and items, besides its features; got 1, with 7 of 8 columns",
        ),
    ],
)
def test_columns_that_cannot_be_features(make, data, params, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**params).fit(*data)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"item_features": [1.5]}, "item_features must hold names (strings) or indices (integers)"),
        ({"item_features": [True]}, "item_features must hold names (strings) or indices (integers)"),
        ({"user_features": 1.5}, "The 'user_features' parameter"),
        ({"numeric_features": 1.5}, "The 'numeric_features' parameter"),
        ({"separator": 3}, "The 'separator' parameter"),
    ],
)
def test_parameters_of_wrong_types(make, data, params, message):
    with pytest.raises(InvalidParameterError, match=re.escape(message)):
        make(**params).fit(*data)


def test_names_need_a_table_that_has_them(make, data):
    X, y = data
    with pytest.raises(ValueError, match="item_features holds the name 'kind', but the columns of X have no names"):
        make(item_features="kind").fit(X[["user", "item", "kind"]].to_numpy(), y)


@pytest.mark.parametrize("side", ["user_features", "item_features"])
def test_custom_networks_take_no_features(data, own_network, side):
    X, y = data
    for estimator in (NCFRegressor, NCFRanker):
        model = estimator(own_network, **{side: "kind"}, **SETTINGS | {"hidden_layer_sizes": (4,)})
        with pytest.raises(InvalidParameterError, match=r"architecture.* must be one of ours with user_features or"):
            model.fit(X[["user", "item", "kind"]], y)


# Values.


@pytest.mark.parametrize(
    ("name", "cells", "message"),
    [
        ("year", "nineteen", "Column 'year' must hold numbers, as in fit or as numeric_features says"),
        ("age", "old", "Column 'age' must hold numbers, as in fit or as numeric_features says"),
        ("year", [1.0, 2.0], "Column 'year' holds list such as [1.0, 2.0], where fit or the parameters say numbers"),
        ("year", np.inf, "Column 'year' holds infinite numbers; remove them."),
        ("year", -np.inf, "Column 'year' holds infinite numbers; remove them."),
        ("text", 1.0, "Column 'text' holds float such as 1.0, where fit or the parameters say lists of numbers"),
        ("text", "long", "Column 'text' holds str such as 'long', where fit or the parameters say lists of numbers"),
        ("text", ["a", "b"], "Column 'text' holds list such as ['a', 'b'], where fit or the parameters say lists of"),
        ("text", [1.0], "Column 'text' holds lists of 1 numbers, but in fit 2"),
        ("text", [1.0, np.inf], "Column 'text' holds infinite numbers; remove them."),
        ("kind", ["low", "high"], "olumn 'kind' holds"),
        ("kind", 3, "column 'kind' holds ids of type number, but in fit its ids were of type string"),
        ("tags", [1, 2], "column 'tags' holds ids of type number, but in fit its ids were of type string"),
        ("tags", 7, "column 'tags' holds ids of type number, but in fit its ids were of type string"),
    ],
    ids=str,
)
def test_values_of_another_kind_than_in_fit(data, fitted, name, cells, message):
    X, _ = data
    X = X[is_new(X)].assign(user="new")
    other = X.assign(**{name: pd.Series([cells] * len(X), index=X.index)})
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        fitted.predict(other)
    side, features = ("item", ITEM_FEATURES) if name in ITEM_FEATURES else ("user", USER_FEATURES)
    argument = other.drop_duplicates(side)[[side, *features]]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        recommend(fitted, **{f"{side}s": argument})


@pytest.mark.parametrize(
    ("cells", "error", "message"),
    [
        ([1.0, np.inf], ValueError, "Column 'odd' holds infinite numbers; remove them."),
        ([[1.0, 2.0], [1.0]], ValueError, "Column 'odd' holds lists of 1 and 2 numbers; numbers that belong together"),
        ([[1.0, 2.0], ["a", "b"]], ValueError, "Column 'odd' holds list such as ['a', 'b'], where"),
        ([[1.0, 2.0], "a"], ValueError, "Column 'odd' holds str such as 'a', where"),
        ([[1.0, np.inf], [2.0, 1.0]], ValueError, "Column 'odd' holds infinite numbers; remove them."),
        ([{"a": 1}, {"b": 2}], TypeError, "Column 'odd' holds mappings; a feature is a value or a list of them."),
        ([[["a"]], [["b"]]], TypeError, "odd"),
    ],
    ids=str,
)
def test_values_that_cannot_be_features(make, data, cells, error, message):
    X, y = data
    odd = X["item"].map(dict(zip(X["item"].unique(), cells * len(X), strict=False)))
    X = without_features(X).assign(odd=odd)
    with pytest.raises(error, match=re.escape(message)):
        make(item_features="odd").fit(X, y)


@pytest.mark.parametrize("cells", [["a", "b"], [[1.0, 2.0], [3.0, 4.0]]], ids=str)
def test_numeric_features_hold_numbers(make, data, cells):
    X, y = data
    odd = X["item"].map(dict(zip(X["item"].unique(), cells * len(X), strict=False)))
    with pytest.raises(ValueError, match=r"Column 'odd' (must hold numbers|holds list such as)"):
        make(item_features="odd", numeric_features="odd").fit(without_features(X).assign(odd=odd), y)


def test_numbers_in_strings_are_numbers_where_that_is_said(data):
    X, y = data
    X = X[["user", "item", "year"]].round()
    strings = X.assign(year=X["year"].astype(int).astype(str))
    model = MAKE["gmf"](item_features="year", numeric_features="year").fit(strings, y)
    expected = MAKE["gmf"](item_features="year").fit(X, y)
    np.testing.assert_allclose(model.predict(strings), expected.predict(X), rtol=1e-5)


def test_what_cannot_be_learned_leaves_the_last_fit_as_it_was(data):
    X, y = data
    for name, model in {name: make(**FEATURES).fit(X, y) for name, make in MAKE.items()}.items():
        before = model.predict(X)
        with pytest.raises(ValueError, match="item_features holds 'year', which is not a column of X"):
            model.fit(X.drop(columns="year"), y)
        with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
            model.partial_fit(X.drop(columns="year"), y)
        np.testing.assert_array_equal(model.predict(X), before, err_msg=name)


# Further fits.


@pytest.mark.parametrize("warm", [True, False])
def test_a_further_fit_has_the_features_of_the_first(make, data, warm):
    X, y = data
    model = make(**FEATURES).fit(X, y)
    model.set_params(item_features=["kind"], user_features=[*USER_FEATURES, "tags", "year", "text"])
    further = model.set_params(warm_start=True).fit if warm else model.partial_fit
    with pytest.raises(ValueError, match=r"The features are not those of the last fit: .*'tags', 'kind', 'year', 'tex"):
        further(X, y)
    model.set_params(**FEATURES | {"item_features": ITEM_FEATURES[::-1]})
    with pytest.raises(ValueError, match="The features are not those of the last fit"):
        further(X, y)
    model.set_params(**FEATURES)
    further(X, y)


def test_partial_fit_checks_kinds_of_new_features(make, data):
    X, y = data
    model = make(**FEATURES).fit(X, y)
    scores, features = model.predict(X), model.item_features_
    for item in ("", "new"):
        with pytest.raises(ValueError, match="Column 'year' must hold numbers"):
            model.partial_fit(X.assign(year="nineteen", item=X["item"] + item)[:200], y[:200])
        with pytest.raises(ValueError, match=r"Column 'text' holds float such as 1\.0"):
            model.partial_fit(X.assign(text=1.0, item=X["item"] + item)[:200], y[:200])
    np.testing.assert_array_equal(model.predict(X), scores)
    pd.testing.assert_frame_equal(model.item_features_, features)


# Arguments of lists.


def test_tables_of_new_items_have_all_features_or_none(data, fitted):
    X, _ = data
    items = X[is_new(X)].drop_duplicates("item")
    some = items[["item", "tags", "year"]]
    message = "items has some columns of features, but not 'kind'; give all of ['tags', 'kind', 'year', 'text']"
    for ask in (recommend, similar_items):
        with pytest.raises(ValueError, match=re.escape(message)):
            ask(fitted, items=some)
    with pytest.raises(ValueError, match="users has some columns of features, but not 'age'"):
        recommend(fitted, X[["user", "job"]])
    with pytest.raises(ValueError, match="not seen in fit"):
        similar_items(fitted, items["item"])
    with pytest.raises(ValueError, match="not seen in fit"):
        similar_items(fitted, items.assign(tags=None, kind=None, year=np.nan, text=None))


def test_new_ids_with_features_are_no_reason_to_warn(data, fitted):
    X, _ = data
    X = X[is_new(X)]
    fitted.predict(X)
    items = X.drop_duplicates("item")[["item", *ITEM_FEATURES]]
    assert len(recommend(fitted, items=items, n_items=2))
    ids = without_features(data[0])
    model = MAKE["gmf"]().fit(ids[~is_new(ids)], data[1][~is_new(ids)])
    with pytest.warns(UserWarning, match="100% of the rows of column 'item' hold ids that were not seen in fit"):
        model.predict(ids[is_new(ids)])


# Contexts that are none.


def days(n_days):
    return lambda n_rows: pd.Timestamp(2026, 1, 1) + pd.to_timedelta(np.arange(n_rows) % n_days, unit="D")


ODD = {
    "fractions": (
        lambda n_rows: np.arange(n_rows) % 7 + 0.5,
        "fractional numbers, and is taken for a context of 7 ids",
    ),
    "one fraction": (lambda n_rows: np.where(np.arange(n_rows), 1.0, 2.5), "fractional numbers"),
    "times": (days(60), "dates, and is taken for a context of 60 ids"),
    "dates": (lambda n_rows: days(60)(n_rows).date, "dates, and is taken for a context of 60 ids"),
    "row numbers": (np.arange, "different values in 3000 rows, and is taken for a context of 3000 ids"),
    "keys": (lambda n_rows: [f"row {row % (n_rows * 0.6)}" for row in range(n_rows)], "1800 different values in 3000"),
}


@pytest.mark.parametrize("odd", ODD)
def test_contexts_that_are_most_likely_features_are_warned_of(make, data, odd):
    X, y = data
    values, message = ODD[odd]
    X = without_features(X).assign(when=values(len(X)))
    warned = f"Column 'when' holds .*{message}.* name it in user_features or item_features"
    with pytest.warns(UserWarning, match=warned):
        make().fit(X, y)
    make(item_features="when").fit(X, y)
    make(user_features="when").fit(X, y)
    with pytest.warns(UserWarning, match="Column 2 holds"):
        make().fit(X.to_numpy(dtype=object), y)


def test_contexts_beside_features_are_warned_of_by_their_name(make, data):
    X, y = data
    X = X[["tags", "user", "year", "item"]].assign(price=np.arange(len(X)) / 8)
    with pytest.warns(UserWarning, match="Column 'price' holds fractional numbers"):
        make(item_features=["tags", "year"]).fit(X, y)
    X = X.assign(hour=np.arange(len(X)) % 24)
    make(item_features=["tags", "year", "price"]).fit(X, y)


CONTEXTS = {
    "few dates": days(30),
    "hours": lambda n_rows: np.arange(n_rows) % 24,
    "floats that are whole": lambda n_rows: np.arange(n_rows) % 24 * 1.0,
    "missing": lambda n_rows: np.where(np.arange(n_rows) % 2, 1.0, np.nan),
    "strings": lambda n_rows: [f"device {row % 1000}" for row in range(n_rows)],
    "booleans": lambda n_rows: np.arange(n_rows) % 2 == 0,
}


@pytest.mark.parametrize("context", CONTEXTS)
def test_contexts_that_are_met_again_are_not_warned_of(make, data, context):
    X, y = data
    make().fit(without_features(X).assign(context=CONTEXTS[context](len(X))), y)


def test_few_rows_may_each_have_their_own_context(make, data):
    X, y = data
    make().fit(without_features(X).assign(context=np.arange(len(X)))[:90], y[:90])


def test_ids_may_be_anything(make, data):
    X, y = data
    make().fit(pd.DataFrame({"user": X["year"], "item": pd.Timestamp(2026, 1, 1) + pd.to_timedelta(X.index)}), y)

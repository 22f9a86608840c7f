"""Features of users and items: what they say of ids that fit has not seen, or seldom."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.pipeline import Pipeline
from tables_with_features import (
    ESTIMATORS,
    FEATURES,
    ITEM_FEATURES,
    USER_FEATURES,
    assert_same_scores,
    is_new,
    numbers,
    table,
    without_features,
)

from sklearn_ncf import IdEncoder, recommend, similar_items
from sklearn_ncf.metrics import RankingScorer

pytestmark = pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit:UserWarning")
REGRESSORS, RANKERS = ["gmf", "neumf"], ["least squares", "bce"]
SIDES = {"item": [f"item_feature_{number}" for number in (1, 2, 3, 4)], "user": ["user_feature_1", "user_feature_2"]}


@pytest.fixture(scope="module")
def data():
    """A table with features of each kind, its ratings, and which rows have a new item."""
    X, y = table()
    return X, y, is_new(X)


@pytest.fixture(scope="module")
def fitted(data):
    """Each estimator, fitted with features of both sides and without the rows of new items."""
    X, y, new = data
    return {name: make(**FEATURES).fit(X[~new], y[~new]) for name, make in ESTIMATORS.items()}


@pytest.fixture(params=ESTIMATORS)
def model(request, fitted):
    return fitted[request.param]


def error(model, X, y):
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


# What features are for.


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", REGRESSORS)
def test_new_ids_are_predicted_better_by_their_features(name, side):
    X, y = numbers()
    new = is_new(X, side)
    with_features = ESTIMATORS[name](**{f"{side}_features": SIDES[side]})
    X_side = X[["user", "item", *SIDES[side]]]
    found = error(with_features.fit(X_side[~new], y[~new]), X_side[new], y[new])
    ids = without_features(X)
    assert found < 0.9 * error(ESTIMATORS[name]().fit(ids[~new], y[~new]), ids[new], y[new])


@pytest.mark.parametrize("name", REGRESSORS)
def test_pairs_of_two_new_ids_are_predicted_better_by_features_of_both(name):
    X, y = numbers()
    new_user, new_item = is_new(X, "user"), is_new(X, "item")
    known, new = ~new_user & ~new_item, new_user & new_item
    features = {f"{side}_features": names for side, names in SIDES.items()}
    model = ESTIMATORS[name](**features).fit(X[known], y[known])
    assert error(model, X[new], y[new]) < 0.8 * np.std(y[new])


@pytest.mark.parametrize("name", REGRESSORS)
def test_ids_with_one_rating_are_predicted_better_by_their_features(name):
    X, y = numbers()
    once = is_new(X) & ~X["item"].where(is_new(X)).duplicated()
    fits, tests = ~is_new(X) | once, is_new(X) & ~once
    features = {"item_features": SIDES["item"], "user_features": SIDES["user"]}
    found = error(ESTIMATORS[name](**features).fit(X[fits], y[fits]), X[tests], y[tests])
    ids = without_features(X)
    assert found < 0.9 * error(ESTIMATORS[name]().fit(ids[fits], y[fits]), ids[tests], y[tests])


@pytest.mark.parametrize("name", RANKERS)
def test_new_items_that_a_user_likes_are_listed_before_the_others(name):
    X, y = numbers(n_ratings=6000)
    X, y = X[y > 3.5], y[y > 3.5]  # what users like is what they have interacted with
    new = is_new(X)
    model = ESTIMATORS[name](item_features=SIDES["item"], user_features=SIDES["user"]).fit(X[~new])
    items = X[new].drop_duplicates("item")
    lists = recommend(model, items=items[["item", *SIDES["item"]]], n_items=len(items))
    pairs = lists.merge(X.loc[new, ["user", "item"]].assign(liked=True), how="left")
    pairs["liked"] = pairs["liked"].notna()
    ranks = pairs.loc[pairs["liked"].astype(bool), "rank"]
    assert ranks.mean() < 0.9 * (len(items) + 1) / 2


@pytest.mark.parametrize("name", RANKERS)
def test_a_ranking_scorer_that_includes_unknown_items_ranks_them_by_their_features(name):
    X, y = numbers(n_ratings=6000)
    X = X[y > 3.5].reset_index(drop=True)
    new = is_new(X)
    ids = without_features(X)
    with_features = ESTIMATORS[name](item_features=SIDES["item"], user_features=SIDES["user"]).fit(X[~new])
    without = ESTIMATORS[name]().fit(ids[~new])
    for n_negatives in (None, 20):
        score = RankingScorer("ndcg", k=10, unknown_items="include", n_negatives=n_negatives)
        assert score(with_features, X[new]) > score(without, ids[new])
        y = np.arange(new.sum()) % 3 == 1  # the first row is no positive
        relevant = RankingScorer("ndcg", k=10, unknown_items="include", n_negatives=n_negatives, relevance_threshold=1)
        assert relevant(with_features, X[new], y) == score(with_features, X[new][y])


def test_a_ranking_scorer_scores_new_items_as_predict_does(fitted, data):
    X, _, new = data
    model = fitted["least squares"]
    candidates = X[~new].drop_duplicates("item")
    scores = {}
    for row in range(20):
        positive = X[new].iloc[[row]]
        rival = candidates.assign(user=positive["user"].item(), **positive[USER_FEATURES].iloc[0])
        seen = X[~new & (X["user"] == positive["user"].item())]["item"]
        rival = rival[~rival["item"].isin(seen)]
        rank = 1 + (model.predict(rival) >= model.predict(positive)).sum()
        scores[rank] = RankingScorer("reciprocal_rank", k=1000, unknown_items="include")(model, positive)
    assert scores == {rank: pytest.approx(1 / rank) for rank in scores}
    assert len(scores) > 5


# What is the same.


@pytest.mark.parametrize("name", ESTIMATORS)
def test_constant_columns_change_nothing(name, data, fitted):
    X, y, new = data
    plain = X.assign(one=1.0, word="same", list=[["a", "b"]] * len(X), day=pd.Timestamp(2026, 1, 1), flag=True)
    plain["empty"], plain["block"] = None, [np.ones(3)] * len(X)
    item_features = [*ITEM_FEATURES, "one", "word", "list", "day", "flag", "empty", "block"]
    model = ESTIMATORS[name](**FEATURES | {"item_features": item_features}).fit(plain[~new], y[~new])
    assert_same_scores(model, plain, fitted[name], X)


FORMS = {
    "reversed": lambda cell: cell[::-1],
    "twice": lambda cell: cell * 2,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "array": lambda cell: np.array(cell, dtype=object),
    "array of strings": np.array,
    "Series": pd.Series,
    "dictionary keys": lambda cell: dict.fromkeys(cell).keys(),
    "separated": lambda cell: " | ".join(cell),
}


@pytest.mark.parametrize("form", FORMS)
def test_several_values_in_one_cell_may_have_any_form_and_order(data, fitted, form):
    X, y, new = data
    other = X.assign(tags=[FORMS[form](cell) for cell in X["tags"]])
    model = ESTIMATORS["gmf"](separator="|", **FEATURES).fit(other[~new], y[~new])
    assert_same_scores(model, other, fitted["gmf"], X)
    if form != "separated":
        assert_same_scores(fitted["gmf"], other, fitted["gmf"], X)


KINDS = {  # of a feature that is either of two values
    "string": lambda loud: "loud" if loud else "soft",
    "integer": lambda loud: 7 if loud else 3,
    "boolean": bool,
    "float": lambda loud: 0.7 if loud else 0.3,
    "time": lambda loud: pd.Timestamp(2020 + loud, 1, 1),
    "list": lambda loud: ["film", "loud"] if loud else ["film"],
    "separated": lambda loud: "film|loud" if loud else "film",
    "list of integers": lambda loud: [1, 2] if loud else [1],
    "block": lambda loud: [0.5, 0.3] if loud else [0.5, -0.2],
    "array": lambda loud: np.array([0.5, 0.3 if loud else -0.2], dtype=np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_of_any_kind_tells_new_items_apart(kind):
    X, y = numbers()
    loud, new = X["item"] % 2 == 0, is_new(X)
    X, y = without_features(X).assign(sound=[KINDS[kind](each) for each in loud]), y + 1.5 * loud
    model = ESTIMATORS["gmf"](item_features="sound", separator="|").fit(X[~new], y[~new])
    scores = model.predict(X[new])
    assert 1.2 < scores[loud[new]].mean() - scores[~loud[new]].mean() < 1.8


@pytest.mark.parametrize("n_kinds", [2, 5])
def test_categories_are_numbers_of_zero_and_one(n_kinds):
    X, y = numbers()
    new = is_new(X)
    edges = np.quantile(X["item_feature_1"], np.linspace(0, 1, n_kinds + 1)[1:-1])
    kind = np.digitize(X["item_feature_1"], edges)
    as_text = without_features(X).assign(kind=[f"kind {number}" for number in kind])
    one_hot = {f"is_{number}": (kind == number).astype(float) for number in range(n_kinds)}
    forms = {
        "string": as_text,
        "category": as_text.astype({"kind": "category"}),
        "Arrow": as_text.astype({"kind": "string[pyarrow]"}),
        "integer": as_text.assign(kind=kind),
        "one-hot": without_features(X).assign(**one_hot),
    }
    models = {}
    for form, of_form in forms.items():
        models[form] = ESTIMATORS["gmf"](item_features=list(of_form)[2:]).fit(of_form[~new], y[~new])
        assert_same_scores(models[form], of_form[new], models["string"], as_text[new])


def test_lists_of_one_category_are_categories(data):
    X, y, new = data
    model = ESTIMATORS["gmf"](item_features="kind").fit(X.loc[~new, ["user", "item", "kind"]], y[~new])
    lists = X[["user", "item"]].assign(kind=[[kind] for kind in X["kind"]])
    assert_same_scores(ESTIMATORS["gmf"](item_features="kind").fit(lists[~new], y[~new]), lists, model, X[[*lists]])


@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (1e-6, 0.0), (-1.0, 7.0), (1.0, 1e6)])
def test_units_of_numbers_do_not_matter(data, fitted, scale, shift):
    X, y, new = data
    change = {name: scale * X[name] + shift for name in ("year", "age")}
    other = X.assign(**change, text=[*(cell * scale + min(shift, 100) for cell in X["text"])])
    model = ESTIMATORS["gmf"](**FEATURES).fit(other[~new], y[~new])
    if scale < 0:  # bins hold their upper ends: a mirrored number is another function, though nearly the same one
        np.testing.assert_allclose(model.predict(other), fitted["gmf"].predict(X), atol=0.2)
    else:
        assert_same_scores(model, other, fitted["gmf"], X)


def test_numbers_have_any_type(data, fitted):
    X, y, new = data
    for dtype in ("float32", "Float64", "float64[pyarrow]", object):
        other = X.astype({"year": dtype})
        model = ESTIMATORS["gmf"](**FEATURES).fit(other[~new], y[~new])
        np.testing.assert_allclose(model.predict(other), fitted["gmf"].predict(X), atol=1e-3, err_msg=str(dtype))
    whole = X.assign(year=X["year"].round())
    expected = ESTIMATORS["gmf"](**FEATURES).fit(whole[~new], y[~new])
    for dtype in ("int64", "Int64", "int16[pyarrow]", object):
        other = whole.astype({"year": "int64"}).astype({"year": dtype})
        model = ESTIMATORS["gmf"](numeric_features="year", **FEATURES).fit(other[~new], y[~new])
        assert_same_scores(model, other, expected, whole)


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[s]", "datetime64[ns, Europe/Vienna]"])
def test_times_are_numbers(data, dtype):
    X, y, new = data
    days = X.assign(year=pd.Timestamp(1980, 1, 1) + pd.to_timedelta(((X["year"] - 1980) * 365).round(), unit="D"))
    numbers_of_days = X.assign(year=(days["year"] - pd.Timestamp(0)) / pd.Timedelta(days=1))
    zoned = dtype.endswith("]") and "," in dtype
    times = days["year"].dt.tz_localize("UTC").dt.tz_convert("Europe/Vienna") if zoned else days["year"].astype(dtype)
    model = ESTIMATORS["gmf"](item_features=ITEM_FEATURES, user_features=USER_FEATURES)
    model.fit(days.assign(year=times)[~new], y[~new])
    expected = ESTIMATORS["gmf"](**FEATURES).fit(numbers_of_days[~new], y[~new])
    assert_same_scores(model, days.assign(year=times), expected, numbers_of_days)


def test_unknown_categories_count_as_missing(model, data):
    X, _, new = data
    unknown = X[new].assign(kind="never seen", tags=[["new", *cell] for cell in X[new]["tags"]], job="unheard of")
    missing = X[new].assign(kind=None, job=None)
    assert_same_scores(model, unknown, model, missing)
    known, other = (X[new].assign(tags=[tags] * new.sum()) for tags in (["never seen"], None))
    assert_same_scores(model, known, model, other)


def test_numbers_beyond_those_of_fit_count_as_the_nearest(model, data):
    X, _, new = data
    years = X[~new]["year"]
    for beyond, end in ((1e12, years.max()), (-1e12, years.min())):
        assert_same_scores(model, X[new].assign(year=beyond), model, X[new].assign(year=end))


# What is missing.


@pytest.mark.parametrize("side", ["fit", "predict"])
@pytest.mark.parametrize("value", [None, np.nan, pd.NA, []], ids=str)
def test_values_of_any_kind_may_be_missing(data, fitted, value, side):
    X, y, new = data
    holes, has_hole = X.copy(), np.zeros(len(X), dtype=bool)
    for number, name in enumerate(ITEM_FEATURES + USER_FEATURES):
        rows = (X["user" if name in USER_FEATURES else "item"].str[1:].astype(int) + number) % 7 == 0
        cell = None if value == [] and name != "tags" else value
        column = X[name].astype(object)
        column[rows] = pd.Series([cell] * rows.sum(), index=X.index[rows], dtype=object)
        holes[name] = column.astype("Float64" if value is pd.NA else float) if name == "year" else column
        has_hole |= rows
    model = fitted["gmf"]
    if side == "fit":
        model = ESTIMATORS["gmf"](**FEATURES).fit(holes[~new], y[~new])
        expected = ESTIMATORS["gmf"](**FEATURES).fit(holes.where(holes.notna(), None)[~new], y[~new])
        assert_same_scores(model, holes, expected, holes.where(holes.notna(), None))
    ids = without_features(X)
    expected = error(ESTIMATORS["gmf"]().fit(ids[~new], y[~new]), ids[new], y[new])
    assert error(model, holes[new], y[new]) < 0.95 * expected
    np.testing.assert_array_equal(model.predict(holes[~has_hole]), model.predict(X[~has_hole]))
    assert np.abs(model.predict(holes[new & has_hole]) - model.predict(X[new & has_hole])).mean() > 1e-3


@pytest.mark.parametrize("name", ESTIMATORS)
def test_items_without_features_are_scored_as_unknown_ones_of_a_model_without(name, data):
    X, y, new = data
    item_table = X.drop(columns=USER_FEATURES)
    known = ESTIMATORS[name]().fit(without_features(X)[~new], y[~new])
    model = ESTIMATORS[name](item_features=ITEM_FEATURES).fit(item_table[~new], y[~new])
    missing = item_table[new].assign(tags=None, kind=None, year=np.nan, text=None)
    np.testing.assert_allclose(model.predict(missing), known.predict(without_features(missing)), rtol=1e-6)
    half = missing.assign(tags=item_table[new]["tags"])
    assert np.abs(model.predict(half) - model.predict(missing)).max() > 1e-3


def test_features_of_ids_that_fit_has_seen_do_not_matter_in_predict(model, data):
    X, _, new = data
    other = X[~new].assign(tags=None, kind="high", year=0.0, text=None, age=np.nan, job=None)
    np.testing.assert_array_equal(model.predict(other), model.predict(X[~new]))


def test_features_of_which_all_values_are_missing_say_nothing(data):
    X, y, new = data
    item_table = X[["user", "item"]].assign(year=np.nan, kind=None, tags=[[] for _ in range(len(X))])
    model = ESTIMATORS["gmf"](item_features=["year", "kind", "tags"]).fit(item_table[~new], y[~new])
    known = ESTIMATORS["gmf"]().fit(without_features(X)[~new], y[~new])
    np.testing.assert_allclose(model.predict(item_table), known.predict(without_features(X)), rtol=1e-5)


# One row per id.


def test_features_of_an_id_are_those_of_its_last_row(data):
    X, y, new = data
    X, y = X[~new], y[~new]
    changes = X.assign(year=np.arange(len(X), dtype=float), tags=[[f"tag {row}"] for row in range(len(X))])
    model = ESTIMATORS["gmf"](**FEATURES).fit(changes, y)
    for side, names in (("item", ITEM_FEATURES), ("user", USER_FEATURES)):
        found = getattr(model, f"{side}_features_")
        last = changes.drop_duplicates(side, keep="last").set_index(side).sort_index()[names]
        assert_frame_equal(found, last, check_dtype=False, check_index_type=False)
        assert found.index.tolist() == model.encoder_.categories_[side == "item"].tolist()
    shuffled = np.random.RandomState(0).permutation(len(X))
    last = changes.index.isin(changes.drop_duplicates("item", keep="last").index)[shuffled]
    order = np.append(shuffled[~last], shuffled[last])
    again = ESTIMATORS["gmf"](**FEATURES | {"user_features": None}).fit(
        changes.iloc[order].drop(columns=USER_FEATURES), y.iloc[order]
    )
    assert_frame_equal(again.item_features_, model.item_features_)


def test_an_estimator_without_features_has_none(data):
    X, y, _ = data
    model = ESTIMATORS["gmf"](item_features=["kind"]).fit(X[["user", "item", "kind"]], y)
    assert list(model.item_features_) == ["kind"]
    with pytest.raises(AttributeError, match="NCFRegressor has not been fitted with user_features"):
        model.user_features_  # noqa: B018
    model.set_params(item_features=None).fit(without_features(X), y)
    assert not hasattr(model, "item_features_")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_partial_fit_updates_features_of_the_ids_in_its_rows_alone(name, data):
    X, y, new = data
    model = ESTIMATORS[name](**FEATURES).fit(X[~new], y[~new])
    before, vectors = model.item_features_, model.item_embeddings_
    scores = model.predict(X[~new])
    changed = X[~new]["item"].iloc[0]
    rows = pd.concat([X[new], X[~new & (X["item"] == changed)].assign(kind="changed")])
    rows = rows[rows["user"].isin(rows["user"].iloc[:5])]
    rows = pd.concat([rows, X[~new & (X["item"] == changed)].iloc[:1].assign(kind="changed")])
    model.partial_fit(rows, y[rows.index])
    features = model.item_features_
    assert features.loc[changed, "kind"] == "changed"
    named = rows.drop_duplicates("item", keep="last").set_index("item")[ITEM_FEATURES].sort_index()
    assert_frame_equal(features.loc[named.index], named, check_dtype=False, check_index_type=False, check_names=False)
    others = before.index.difference(rows["item"])
    assert_frame_equal(features.loc[others], before.loc[others], check_dtype=False, check_index_type=False)
    code = dict(zip(model.encoder_.categories_[1], range(len(features)), strict=True))
    known = [number for number, item in enumerate(before.index) if item in set(others)]
    np.testing.assert_array_equal(model.item_embeddings_[[code[item] for item in others]], vectors[known])
    untouched = ~X[~new]["item"].isin(rows["item"]) & ~X[~new]["user"].isin(rows["user"])
    np.testing.assert_array_equal(model.predict(X[~new][untouched]), scores[untouched])


@pytest.mark.parametrize("name", ["gmf", *RANKERS])
def test_partial_fit_updates_features_where_no_pair_is_new(name, data):
    X, y, _ = data
    model = ESTIMATORS[name](**FEATURES).fit(X, y)
    scores = model.predict(X)
    rows = X[X["item"] == X["item"].iloc[0]].assign(kind="changed")
    model.partial_fit(rows, y[rows.index])
    assert model.item_features_["kind"].eq("changed").sum() == 1
    if name != "gmf":  # a pair is a positive or none
        np.testing.assert_array_equal(model.predict(X), scores)


@pytest.mark.parametrize("name", REGRESSORS)
def test_new_ids_of_partial_fit_start_from_their_features(name):
    X, y = numbers()
    new = is_new(X)
    once = new & ~X["item"].where(new).duplicated()
    tests = new & ~once
    ids = without_features(X)
    features = {"item_features": SIDES["item"], "user_features": SIDES["user"]}
    model = ESTIMATORS[name](**features).fit(X[~new], y[~new]).partial_fit(X[once], y[once])
    without = ESTIMATORS[name]().fit(ids[~new], y[~new]).partial_fit(ids[once], y[once])
    assert error(model, X[tests], y[tests]) < 0.95 * error(without, ids[tests], y[tests])


@pytest.mark.parametrize("name", RANKERS)
def test_new_items_of_partial_fit_are_ranked_by_their_features(name):
    X, y = numbers(n_ratings=6000)
    X = X[y > 3.5].reset_index(drop=True)
    new = is_new(X)
    once = new & ~X["item"].where(new).duplicated()
    ids = without_features(X)
    features = {"item_features": SIDES["item"], "user_features": SIDES["user"]}
    score = RankingScorer("ndcg", k=10)
    model = ESTIMATORS[name](**features).fit(X[~new]).partial_fit(X[once])
    without = ESTIMATORS[name]().fit(ids[~new]).partial_fit(ids[once])
    assert score(model, X[new & ~once]) > score(without, ids[new & ~once])


def test_partial_fit_from_scratch_is_fit(data):
    X, y, new = data
    model = ESTIMATORS["gmf"](**FEATURES).partial_fit(X[~new], y[~new])
    assert_same_scores(model, X, ESTIMATORS["gmf"](**FEATURES).fit(X[~new], y[~new]))


# Lists.


def test_lists_of_new_items_have_the_scores_of_predict(model, data):
    X, _, new = data
    items = X[new].drop_duplicates("item")
    users = X[~new]["user"].unique()[:7]
    lists = recommend(model, users, n_items=len(items), items=items[["item", *ITEM_FEATURES]], exclude_seen=False)
    assert len(lists) == len(users) * len(items)
    rows = lists[["user", "item"]].merge(items.drop(columns=["user", *USER_FEATURES]), on="item")
    rows = rows.assign(age=np.nan, job=None)[list(X)]
    scores = rows.assign(score=model.predict(rows)).merge(lists, on=["user", "item"])
    np.testing.assert_allclose(scores["score_x"], scores["score_y"], rtol=1e-4, atol=1e-5)
    assert scores.groupby("user")["score_y"].nunique().min() > 10


def test_lists_of_new_users_have_the_scores_of_predict(model, data):
    X, _, new = data
    users = X[["user", *USER_FEATURES]].drop_duplicates("user").iloc[:6].assign(user=list("abcdef"))
    items = X[new | (X["item"] == X[~new]["item"].iloc[0])].drop_duplicates("item")
    lists = recommend(model, users, n_items=len(items), items=items[["item", *ITEM_FEATURES]], exclude_seen=False)
    rows = lists[["user", "item"]].merge(items[["item", *ITEM_FEATURES]], on="item").merge(users, on="user")[list(X)]
    scores = rows.assign(score=model.predict(rows)).merge(lists, on=["user", "item"])
    np.testing.assert_allclose(scores["score_x"], scores["score_y"], rtol=1e-4, atol=1e-5)
    assert lists.groupby("item")["score"].nunique().min() > 1
    known_items = recommend(model, users, n_items=3)
    assert known_items["user"].unique().tolist() == list("abcdef")


def test_the_last_row_of_a_new_item_in_a_table_of_candidates_counts(model, data):
    X, _, new = data
    first, last = (X[new].drop_duplicates("item").iloc[[number]] for number in (0, 1))
    both = pd.concat([first, last.assign(item=first["item"].item())])[["item", *ITEM_FEATURES]]
    user = X[~new]["user"].iloc[0]
    found = recommend(model, user, 1, items=both)["score"].item()
    alone = last.assign(item=first["item"].item())[["item", *ITEM_FEATURES]]
    assert found == recommend(model, user, 1, items=alone)["score"].item()
    assert found != recommend(model, user, 1, items=first[["item", *ITEM_FEATURES]])["score"].item()


@pytest.mark.parametrize("name", ["gmf", "neumf", "least squares"])
def test_items_with_the_features_of_a_new_one_are_similar_to_it(name):
    X, y = numbers(n_ratings=6000)
    groups = X["item"] % 3
    X = without_features(X).assign(group=[f"group {number}" for number in groups], year=np.arange(len(X)) * 1.0)
    y = y + 1.5 * np.where(groups == X["user"] % 3, 1, -1)
    X, y = (X, y) if name != "least squares" else (X[y > 3.5], y[y > 3.5])
    model = ESTIMATORS[name](item_features="group").fit(X.drop(columns="year"), y)
    for number in range(3):
        new = pd.DataFrame({"item": [1000 + number], "group": [f"group {number}"]})
        similar = similar_items(model, new, n_items=10)
        assert similar["item"].eq(1000 + number).all()
        assert (similar["similar_item"] % 3 == number).mean() > 0.8


def test_context_columns_stand_beside_features(data):
    X, y, new = data
    X = X.assign(device=np.where(np.arange(len(X)) % 2, "tv", "phone"))[["device", "user", "item", *ITEM_FEATURES]]
    X = X[["tags", "user", "kind", "item", "year", "device", "text"]]
    model = ESTIMATORS["gmf"](item_features=ITEM_FEATURES).fit(X[~new], y[~new])
    items = X[new].drop_duplicates("item").drop(columns="user")
    users = X[["user", "device"]].drop_duplicates().iloc[:5]
    lists = recommend(model, users, n_items=len(items), items=items)
    assert list(lists) == ["user", "device", "item", "rank", "score"]
    rows = lists[["user", "item", "device"]].merge(items.drop(columns="device"), on="item")[list(X)]
    scores = rows.assign(score=model.predict(rows)).merge(lists, on=["user", "item", "device"])
    np.testing.assert_allclose(scores["score_x"], scores["score_y"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_pipeline_that_passes_features_on_gives_the_same(name, output, data, fitted):
    X, y, new = data
    encoder = IdEncoder(passthrough=ITEM_FEATURES + USER_FEATURES)
    encoder = encoder if output == "default" else encoder.set_output(transform=output)
    model = Pipeline([("enc", encoder), ("ncf", ESTIMATORS[name](**FEATURES))]).fit(X[~new], y[~new])
    np.testing.assert_array_equal(model.predict(X), fitted[name].predict(X))
    items = X[new].drop_duplicates("item")[["item", *ITEM_FEATURES]]
    users = X[["user", *USER_FEATURES]].drop_duplicates("user").iloc[:6].assign(user=list("abcdef"))
    for arguments in ({}, {"items": items}, {"users": users}, {"users": users, "items": items}):
        found, expected = (recommend(of, n_items=4, **arguments) for of in (model, fitted[name]))
        assert_frame_equal(found, expected)
    if name != "bce":  # whose network has vectors that point nowhere in particular
        assert_frame_equal(similar_items(model, items, 3), similar_items(fitted[name], items, 3))
    scorer = RankingScorer(unknown_items="include")
    assert scorer(model, X[new], y[new]) == scorer(fitted[name], X[new], y[new])

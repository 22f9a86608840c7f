"""Contributions to a score sum to it, are what the model's formulas say, and carry raw ids."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import tables_with_features as described
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from ways_of_saving import WAYS

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf.fitting import _explanation
from sklearn_ncf.inspection import explain
from sklearn_ncf.nn import EmbeddingNN, Network
from sklearn_ncf.training import _als

QUICK = {"embedding_dim": 4, "max_epochs": 3, "random_state": 0, "device": "cpu"}
NEW = "new"  # an id that fit does not see
MODELS = {
    "gmf with histories": lambda **params: NCFRegressor(**QUICK, **params),
    "gmf alone": lambda **params: NCFRegressor(**QUICK, use_history=False, **params),
    "no biases": lambda **params: NCFRegressor(**QUICK, use_bias=False, **params),
    "unbounded": lambda **params: NCFRegressor(**QUICK, rating_range=None, **params),
    "narrow range": lambda **params: NCFRegressor(**{**QUICK, "max_epochs": 30}, rating_range=(0, 5.2), **params),
    "another loss": lambda **params: NCFRegressor(**QUICK, loss="huber", **params),
    "held out": lambda **params: NCFRegressor(**QUICK, early_stopping=True, **params),
    "ranked with histories": lambda **params: NCFRanker(
        **QUICK, loss="bce", architecture="gmf", use_history=True, **params
    ),
    "cosines": lambda **params: NCFRanker(
        **QUICK, loss="softmax", architecture="gmf", temperature=0.2, use_history=True, **params
    ),
}
SOLVED = {
    "least squares": lambda **params: NCFRanker(**QUICK, **params),
    "wide least squares": lambda **params: NCFRanker(**{**QUICK, "embedding_dim": 24}, **params),
    "least squares with a penalty": lambda **params: NCFRanker(
        **QUICK, weight_decay=0.02, penalty_growth=0.3, positive_weight=5.0, **params
    ),
}


@pytest.fixture(scope="module")
def table(ratings):
    """Ratings with two contexts and features of a few kinds, ids of strings."""
    X, y = ratings
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "user": "u" + X["user"].astype(str),
            "item": "i" + X["item"].astype(str),
            "hour": rng.randint(4, size=len(X)),
            "day": rng.choice(["mon", "sun"], size=len(X)),
            "age": X["user"] % 7 * 1.5,
            "job": np.where(X["user"] % 3, "nurse", "clerk"),
            "kind": np.array(["a", "b", None, "c"])[X["item"] % 4],
            "tags": [["any", f"t{item % 3}"] for item in X["item"]],
        }
    )
    return X[:500], y[:500]


COLUMNS = {
    "ids": ["user", "item"],
    "contexts": ["user", "item", "hour", "day"],
    "features": ["user", "item", "age", "job", "kind", "tags"],
    "all": ["user", "item", "hour", "age", "job", "kind", "tags"],
}


def params_of(columns):
    """The parameters that name the features."""
    sides = {"user_features": ["age", "job"], "item_features": ["kind", "tags"]}
    return sides if "age" in columns else {}


def fitted(model, X, y):
    return model.fit(X, y) if isinstance(model, NCFRegressor) else model.fit(X)


def asked(X):
    """Rows with known ids, unknown ids and missing ones."""
    X = X[:12].astype({"user": object, "item": object}).reset_index(drop=True)
    X.loc[[3, 5], "user"] = NEW
    X.loc[[4, 5], "item"] = NEW
    X.loc[6, "user"] = None
    X.loc[7, "item"] = None
    if "hour" in X:
        X.loc[8, "hour"] = 99
    if "age" in X:
        X.loc[9:10, ["user", "item"]] = NEW
        X.loc[9, "age"] = np.nan
        X.loc[10, ["kind", "job"]] = None
    return X


def assert_sums(model, X):
    """The law: contributions sum to the predictions."""
    why, scores = explain(model, X), model.predict(X)
    summed = why.groupby("row")["contribution"].sum()
    np.testing.assert_array_equal(summed.index, np.arange(len(X)))
    np.testing.assert_allclose(summed, scores, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(why["score"], scores[why["row"]])
    return why


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("name", MODELS)
def test_contributions_sum_to_predictions(table, name, columns):
    X, y = table
    X = X[COLUMNS[columns]]
    model = fitted(MODELS[name](**params_of(X)), X, y)
    assert_sums(model, asked(X))
    further = X[:3].assign(user=NEW)
    model.partial_fit(further, y[:3]) if isinstance(model, NCFRegressor) else model.partial_fit(further)
    why = assert_sums(model, asked(X))
    if name != "gmf alone":
        assert {"interaction", "average history"} <= set(why.loc[why["user"] == NEW, "kind"])


@pytest.mark.parametrize("columns", ["ids", "features"])
@pytest.mark.parametrize("name", SOLVED)
def test_contributions_sum_to_the_scores_of_least_squares(table, name, columns):
    X = table[0][COLUMNS[columns]]
    model = SOLVED[name](**params_of(X)).fit(X)
    assert_sums(model, asked(X))
    model.partial_fit(X[:40].assign(user=NEW))
    why = assert_sums(model, asked(X))
    assert "interaction" in set(why.loc[why["user"] == NEW, "kind"])


def test_ratings_of_any_size_sum_up(ratings):
    X, y = ratings
    for scaled in (y * 1e-14, y + 1e9, y * 1e12):
        model = NCFRegressor(**QUICK).fit(X, scaled)
        summed = explain(model, X[:5]).groupby("row")["contribution"].sum()
        np.testing.assert_allclose(summed, model.predict(X[:5]), rtol=1e-6)


def contributions(why, kind, row=0):
    """The contributions of a kind to a row, by their source."""
    of_kind = why[(why["kind"] == kind) & (why["row"] == row)]
    return of_kind.set_index("source")["contribution"]


def test_least_squares_by_hand():
    X = pd.DataFrame({"user": [1, 1, 1, 2, 2, 3], "item": [7, 8, 9, 7, 10, 8]})
    weight = np.array([1.0, 2, 1, 1, 3, 1])
    model = NCFRanker(embedding_dim=3, max_epochs=500, positive_weight=4.0, random_state=0).fit(X, sample_weight=weight)
    users, items = model.user_embeddings_.astype(float), model.item_embeddings_.astype(float)
    n_pairs = np.array([3, 2, 1])
    size = 4 * np.array([4, 4, 1]) + 4
    penalty, pull = 0.5 * size**0.5 * (1 + 1 / n_pairs), 50 / (50 + n_pairs)
    average = (penalty * pull) @ users / (penalty @ pull)
    confidence = np.array([4, 8, 4])
    matrix = items.T @ items + items[:3].T @ np.diag(confidence - 1) @ items[:3] + penalty[0] * np.eye(3)
    to_item = np.linalg.solve(matrix, items[3])
    why = assert_sums(model, pd.DataFrame({"user": [1], "item": [10]}))
    found = contributions(why, "interaction")
    np.testing.assert_allclose(found[[7, 8, 9]], confidence * (items[:3] @ to_item), atol=1e-6)
    (of_average,) = contributions(why, "average user")
    assert of_average == pytest.approx(penalty[0] * pull[0] * average @ to_item, abs=1e-6)
    (remainder,) = contributions(why, "remainder")
    assert abs(remainder) < 1e-4
    assert set(why["kind"]) == {"interaction", "average user", "remainder"}


def test_remainder_is_small_and_gets_smaller_with_further_epochs(ratings):
    X, _ = ratings
    shares = []
    for max_epochs in (2, 15, 60):
        model = NCFRanker(embedding_dim=20, max_epochs=max_epochs, random_state=0).fit(X[:600])
        why = explain(model, recommend(model, n_items=5)[["user", "item"]])
        remainder = why.loc[why["kind"] == "remainder", "contribution"].abs().mean()
        shares.append(remainder / why["score"].mean())
    assert shares == sorted(shares, reverse=True)
    assert shares[1] < 0.05
    assert shares[2] < 0.02


def test_ratings_by_hand(ratings):
    X, y = ratings
    model = NCFRegressor(**{**QUICK, "max_epochs": 10}).fit(X, y)
    row = X[:1]
    why = assert_sums(model, row)
    user, item = model.encoder_.transform(row)[0]
    network = model.net_.module_
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    slopes = network.output_scale * weights["gmf_weight"] * model.item_embeddings_[item]
    rated = X.loc[X["user"] == X["user"][0], "item"].unique()
    found = contributions(why, "interaction")
    assert sorted(found.index) == sorted(rated)
    first_item = network.column_rows(1).start
    for source, contribution in found.items():
        code = model.encoder_.categories_[1].tolist().index(source)
        expected = weights["history.weight"][first_item + code] @ slopes / np.sqrt(len(rated))
        assert contribution == pytest.approx(expected, abs=1e-6)
    own = weights["embedding.weight"][network.column_rows(0).start + user]
    (of_vector,) = contributions(why, "user vector")
    assert of_vector == pytest.approx(own @ slopes, abs=1e-6)
    for kind, biases, code in (("user bias", model.user_biases_, user), ("item bias", model.item_biases_, item)):
        assert contributions(why, kind).to_list() == pytest.approx([network.output_scale * biases[code]], abs=1e-6)
    (intercept,) = contributions(why, "intercept")
    assert intercept == pytest.approx(network.output_center + network.output_scale * weights["intercept"], abs=1e-6)


def test_rating_range_moves_what_would_leave_it(ratings):
    X, y = ratings
    model = NCFRegressor(**{**QUICK, "max_epochs": 30}, rating_range=(y.min(), y.max())).fit(X, y)
    highest = X.iloc[[model.predict(X).argmax()]]
    why = assert_sums(model, highest)
    (moved,) = contributions(why, "rating range")
    assert moved < 0
    assert why.loc[why["kind"] != "rating range", "contribution"].sum() > why["score"][0]


def test_interactions_are_those_that_were_trained_on(ratings):
    X, y = ratings
    model = NCFRegressor(**QUICK, early_stopping=True).fit(X, y)
    codes = pd.DataFrame(model._seen.held_out, columns=X.columns)
    user = codes["user"].mode()[0]
    held_out = model.encoder_.categories_[1][codes.loc[codes["user"] == user, "item"]]
    rows = X[X["user"] == model.encoder_.categories_[0][user]]
    found = contributions(explain(model, rows[:1]), "interaction").index
    assert found.is_unique
    assert len(held_out)
    assert set(found) == set(rows["item"]) - set(held_out)


def test_rows_kinds_and_contributions_are_in_order(table):
    X, y = table
    X = X[COLUMNS["all"]]
    why = explain(MODELS["gmf with histories"](**params_of(X)).fit(X, y), asked(X))
    assert list(why) == ["row", "user", "item", "kind", "source", "contribution", "score"]
    assert why["row"].is_monotonic_increasing
    for _, of_row in why.groupby("row"):
        kinds = of_row["kind"].unique().tolist()
        assert kinds == [kind for kind in _explanation.KINDS if kind in kinds]
        assert (of_row["kind"] != of_row["kind"].shift()).sum() == len(kinds)
        assert of_row.groupby("kind")["contribution"].apply(lambda values: values.is_monotonic_decreasing).all()


def test_what_nothing_is_known_of_has_the_mean_rating(ratings):
    X, y = ratings
    model = NCFRegressor(**QUICK).fit(X, y)
    why = explain(model, X[:1].assign(user=-5, item=-6))
    assert why["kind"].to_list() == ["mean rating"]
    assert why["contribution"][0] == pytest.approx(model.mean_rating_)
    assert "interaction" not in set(explain(model, X[:1].assign(user=-5))["kind"])


def test_a_context_changes_nothing_but_its_own_contributions(table):
    X, y = table
    X = X[COLUMNS["contexts"]]
    model = MODELS["unbounded"]().fit(X, y)
    two = pd.concat([X[:1], X[:1].assign(hour=(X["hour"][0] + 1) % 4)])
    why = assert_sums(model, two)
    first, second = (why[why["row"] == row].set_index(["kind", "source"])["contribution"] for row in (0, 1))
    changed = set(first.index[~np.isclose(first, second.loc[first.index])])
    assert {source for _, source in changed} == {"hour", "user x hour", "item x hour", "hour x day"}
    assert {kind for kind, _ in changed} == {"context", "pair"}


@pytest.mark.parametrize(("side", "column", "other"), [("item", "kind", "b"), ("user", "job", "clerk")])
def test_a_feature_changes_nothing_but_its_own_contribution(table, side, column, other):
    X, y = table
    X = X[COLUMNS["all"]]
    model = MODELS["unbounded"](**params_of(X)).fit(X, y)
    new = X[:1].assign(**{side: NEW, "kind": "a", "job": "nurse"})
    why = assert_sums(model, pd.concat([new, new.assign(**{column: other})]))
    first, second = (why[why["row"] == row].set_index(["kind", "source"])["contribution"] for row in (0, 1))
    differs = first.index[~np.isclose(first, second.loc[first.index], atol=1e-9)]
    expected = [(f"{side} feature", column)]
    if side == "user":  # an interaction is none of a new user's
        assert "interaction" not in first
    assert differs.to_list() == expected


def test_known_users_are_drawn_to_their_features_by_least_squares():
    X, _ = described.table()
    X = X[["user", "item", "age", "job"]]
    model = NCFRanker(**{**QUICK, "embedding_dim": 8}, user_features=["age", "job"]).fit(X)
    bare = NCFRanker(**{**QUICK, "embedding_dim": 8}).fit(X[["user", "item"]])
    why, of_bare = assert_sums(model, X[:20]), assert_sums(bare, X[["user", "item"]][:20])
    drawn = why[why["kind"] == "user feature"].groupby("row")["contribution"].sum()
    difference = model.predict(X[:20]) - bare.predict(X[["user", "item"]][:20])
    np.testing.assert_allclose(drawn, difference, atol=1e-5)
    assert drawn.abs().max() > 1e-3
    interactions = [table.loc[table["kind"] == "interaction", "contribution"] for table in (why, of_bare)]
    np.testing.assert_allclose(*interactions, atol=1e-6)


def test_ids_without_features_have_no_contributions_of_them():
    X, _ = described.table()
    X = X[["user", "item", "age", "job"]]
    none = X["user"] == X["user"][0]
    X.loc[none, "age"] = np.nan
    X.loc[none, "job"] = None
    model = NCFRanker(**QUICK, user_features=["age", "job"]).fit(X)
    assert "user feature" not in set(assert_sums(model, X[:1])["kind"])
    assert "user feature" in set(assert_sums(model, X[~none][:1])["kind"])


def test_the_id_that_encoders_give_to_all_unknown_ones_has_no_interactions_where_features_tell_them_apart(ratings):
    X, y = ratings
    X = X.assign(user=np.where(X["user"] < 5, -1, X["user"]), age=X["user"] / 7)
    model = NCFRegressor(**QUICK, user_features=["age"]).fit(X, y)
    kinds = set(assert_sums(model, X[X["user"] == -1][:1])["kind"])
    assert "user feature" in kinds
    assert "interaction" not in kinds


def test_columns_of_numbers_that_were_learned_as_one_have_one_name(ratings):
    X, y = ratings
    numbers = pd.DataFrame(np.random.RandomState(0).normal(size=(100, 40)), columns=[f"e{j}" for j in range(40)])
    X = pd.concat([X, numbers.loc[X["item"] % 100].reset_index(drop=True)], axis=1)
    model = NCFRegressor(**QUICK, item_features=list(numbers)).fit(X, y)
    why = assert_sums(model, X[:1].assign(item=-9))
    assert contributions(why, "item feature").index.to_list() == ["e0, ..., e39"]


def test_features_without_names_are_called_as_in_the_messages(ratings):
    X, y = ratings
    array = np.column_stack([X, X["item"] % 3 + 0.5])
    model = NCFRegressor(**QUICK, item_features=[2]).fit(array, y)
    why = assert_sums(model, [[array[0, 0], -9, 1.5]])
    assert list(why)[1:3] == ["user", "item"]
    assert contributions(why, "item feature").index.to_list() == ["feature_2"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["gmf with histories", "least squares with a penalty"])
def test_saved_models_are_explained_alike(table, name, way):
    X, y = table
    X = X[COLUMNS["features"]]
    model = fitted((MODELS | SOLVED)[name](**params_of(X)), X, y)
    pd.testing.assert_frame_equal(explain(WAYS[way](model), asked(X)), explain(model, asked(X)))


def test_small_chunks_give_the_same(table, monkeypatch):
    X, y = table
    X = X[COLUMNS["features"]]
    models = [fitted((MODELS | SOLVED)[name](**params_of(X)), X, y) for name in ("gmf with histories", "least squares")]
    expected = [explain(model, asked(X)) for model in models]
    monkeypatch.setattr(_explanation, "NUMBERS_CHUNK_SIZE", 400)
    monkeypatch.setattr(_als, "NUMBERS_PER_BLOCK", 60)
    for model, whole in zip(models, expected, strict=True):
        pd.testing.assert_frame_equal(explain(model, asked(X)), whole)


def test_weights_and_repeated_rows_count_once_for_each_item():
    X = [[1, 7], [1, 7], [1, 8], [2, 7], [2, 9]]
    model = NCFRanker(**QUICK).fit(X, sample_weight=[1, 2, 0.5, 1, 1])
    assert sorted(contributions(assert_sums(model, [[1, 9]]), "interaction").index) == [7, 8]


@pytest.mark.parametrize("name", ["gmf with histories", "least squares"])
def test_pipelines_and_searches_are_explained_as_the_estimator_in_them(table, name):
    X, y = table
    X = X[COLUMNS["ids"]]
    make = (MODELS | SOLVED)[name]
    expected = explain(fitted(make(), X, y), asked(X))
    pipe = Pipeline([("enc", IdEncoder()), ("ncf", make())])
    search = GridSearchCV(pipe, {"ncf__embedding_dim": [4]}, cv=KFold(2, shuffle=True, random_state=0))
    for model in (pipe, FrozenEstimator(pipe), search):
        why = explain(model.fit(X, y), asked(X))
        known = (
            ~asked(X).isna().any(axis=1)[expected["row"]].to_numpy()
        )  # an encoder takes missing ids for unknown ones
        same = ~asked(X).isna().any(axis=1)[why["row"]].to_numpy()
        pd.testing.assert_frame_equal(
            why[same].reset_index(drop=True), expected[known].reset_index(drop=True), rtol=1e-4, atol=1e-4
        )


def test_features_pass_through_a_pipeline(table):
    X, y = table
    X = X[COLUMNS["features"]]
    passed = IdEncoder(passthrough=["age", "job", "kind", "tags"])
    pipe = Pipeline([("enc", passed), ("ncf", NCFRegressor(**QUICK, **params_of(X)))]).fit(X, y)
    why = assert_sums(pipe, X[:2].assign(item=NEW))
    assert set(contributions(why, "item feature").index) == {"kind", "tags"}


def test_pooled_ids_have_no_interactions_of_their_own(table):
    X, y = table
    X = X[COLUMNS["ids"]]
    counts = X["user"].value_counts()
    pipe = Pipeline([("enc", IdEncoder(min_frequency=12)), ("ncf", NCFRegressor(**QUICK))]).fit(X, y)
    rare, frequent = counts.index[counts < 12][0], counts.index[0]
    why = assert_sums(pipe, pd.DataFrame({"user": [rare, frequent], "item": X["item"][:2]}))
    assert "interaction" not in set(why.loc[why["row"] == 0, "kind"])
    assert "interaction" in set(why.loc[why["row"] == 1, "kind"])


@pytest.mark.parametrize("to", [str, float, pd.Timestamp])
def test_ids_come_out_as_they_went_in(to):
    X = pd.DataFrame({"who": [1, 1, 2, 2], "what": [7, 8, 7, 9]}).map(to)
    why = explain(NCFRanker(**QUICK).fit(X), X[:1])
    assert list(why)[1:3] == ["who", "what"]
    for column in ("who", "what"):
        assert why[column].dtype == X[column].dtype
        assert why[column][0] == X[column][0]
    sources = why.loc[why["kind"] == "interaction", "source"].to_list()
    assert sorted(sources) == sorted(X["what"][:2])
    assert {type(source) for source in sources} == {type(X["what"].tolist()[0])}


def test_tables_of_other_libraries_are_taken(ratings):
    X, y = ratings
    model = NCFRegressor(**QUICK).fit(X, y)
    expected = explain(model, X[:3])
    pd.testing.assert_frame_equal(explain(model, pl.from_pandas(X[:3])), expected)
    pd.testing.assert_frame_equal(explain(model, X[:3].set_index(np.array([5, 5, 5]))), expected)


class Other(Network):
    """A network without a table of embeddings."""

    def __init__(self, n_ids, **params):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))

    def forward(self, codes):
        return self.bias.expand(len(codes))


class Changed(EmbeddingNN):
    """A network that computes its scores in another way."""

    def score(self, vectors, bias):
        return super().score(vectors, bias) + 1


@pytest.mark.parametrize("architecture", ["mlp", "neumf", Other, Changed])
def test_models_that_are_no_sums_are_refused(ratings, architecture):
    X, y = ratings
    model = NCFRegressor(architecture, **QUICK).fit(X, y)
    with pytest.raises(ValueError, match=r"explain takes models whose scores are sums.*Fit with architecture='gmf'"):
        explain(model, X[:2])


def test_a_subclass_is_explained_where_it_scores_as_its_base(ratings):
    X, _ = ratings
    with pytest.raises(ValueError, match="explain takes models"):
        explain(NCFRanker(Changed, loss="bpr", **QUICK).fit(X), X[:2])
    assert_sums(NCFRanker(EmbeddingNN, loss="bpr", **QUICK).fit(X), X[:2])


def test_what_cannot_be_explained_is_said(ratings):
    X, y = ratings
    transformed = TransformedTargetRegressor(NCFRegressor(**QUICK), transformer=StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match="Pass its regressor_"):
        explain(transformed, X[:2])
    assert_sums(transformed.regressor_, X[:2])
    with pytest.raises(NotFittedError):
        explain(NCFRegressor(), X)
    with pytest.raises(TypeError, match="must be a fitted estimator of sklearn_ncf"):
        explain(StandardScaler(), X)
    model = NCFRegressor(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match="feature"):
        explain(model, X.assign(hour=1))
    with pytest.raises(ValueError, match="must not be named as one of"):
        explain(
            NCFRegressor(**QUICK).fit(X.set_axis(["user", "score"], axis=1), y),
            X[:1].set_axis(["user", "score"], axis=1),
        )

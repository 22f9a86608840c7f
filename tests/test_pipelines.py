"""Whatever stands before an estimator, its lists are those of the estimator fitted on what arrives."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from sklearn_ncf import IdEncoder, NCFRegressor, recommend, similar_items
from sklearn_ncf.export import to_onnx
from sklearn_ncf.inspection import EmbeddingDisplay
from sklearn_ncf.metrics import RankingScorer

IDS, RNG = ["user", "item"], np.random.RandomState(0)
N = 400
BRANDS = pd.DataFrame({"item": [f"i{k}" for k in range(20)], "brand": ["acme", "best", "cool", "dear"] * 5})
X = pd.DataFrame(
    {
        "time": RNG.rand(N),
        "user": [f"u{k}" for k in RNG.randint(0, 15, N)],
        "junk": "always the same",
        "item": [f"i{k}" for k in RNG.randint(0, 19, N)],
        "price": RNG.rand(N),
    }
)
y = RNG.randint(1, 6, N)
HELD_OUT = X.assign(item=X["item"].sample(frac=1, random_state=0).to_numpy(), user=X["user"].to_numpy())
HELD_OUT.loc[::7, "item"] = [f"new {k}" for k in range(len(HELD_OUT.loc[::7]))]
pytestmark = pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit", "ignore:.*there are fewer items")


def estimator(**params):
    settings = {"embedding_dim": 4, "max_epochs": 2, "random_state": 0, "device": "cpu"}
    return NCFRegressor("gmf", **settings | params)


def select(columns=IDS, **params):
    return ColumnTransformer([("ids", "passthrough", columns)], **params)


def chosen(table):
    return table[IDS]


def joined(table):
    return table[IDS].merge(BRANDS, on="item", how="left")


def upper(table):
    return table.apply(lambda column: column.str.upper())


class Join(TransformerMixin, BaseEstimator):
    """A join with a table of items, as those of other libraries are."""

    def __init__(self, table):
        self.table = table

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.merge(self.table, on="item", how="left")


# Steps, and what arrives at the estimator or at the first IdEncoder.
SELECTIONS = {
    "ColumnTransformer": lambda: [select()],
    "ColumnTransformer by index": lambda: [select([1, 3])],
    "ColumnTransformer, frames": lambda: [select(verbose_feature_names_out=False).set_output(transform="pandas")],
    "frozen ColumnTransformer": lambda: [FrozenEstimator(select().fit(X))],
    "ColumnTransformer, then IdEncoder": lambda: [select(), IdEncoder()],
    "function": lambda: [FunctionTransformer(chosen)],
    "function, then IdEncoder": lambda: [FunctionTransformer(chosen), IdEncoder()],
    "two selections": lambda: [FunctionTransformer(lambda X: X[["item", "user", "time"]]), select(), IdEncoder()],
    "Pipeline as a step": lambda: [make_pipeline(select(), IdEncoder())],
    "IdEncoder inside": lambda: [ColumnTransformer([("ids", IdEncoder(), IDS)])],
    "IdEncoder inside, frames": lambda: [ColumnTransformer([("ids", IdEncoder(), IDS)]).set_output(transform="pandas")],
    "IdEncoder inside, by index": lambda: [make_column_transformer((IdEncoder(), [1, 3]))],
    "IdEncoder inside, by mask": lambda: [make_column_transformer((IdEncoder(), X.columns.isin(IDS)))],
    "IdEncoder inside, by selector": lambda: [make_column_transformer((IdEncoder(), lambda X: IDS))],
    "an IdEncoder each": lambda: [make_column_transformer((IdEncoder(), ["user"]), (IdEncoder(), ["item"]))],
    "IdEncoder for users alone": lambda: [make_column_transformer((IdEncoder(), ["user"]), ("passthrough", ["item"]))],
    "IdEncoder for the remainder": lambda: [
        make_column_transformer(("drop", ["time", "junk", "price"]), remainder=IdEncoder())
    ],
    "Pipeline inside": lambda: [
        make_column_transformer((make_pipeline(FunctionTransformer(), IdEncoder(), IdEncoder()), IDS))
    ],
    "frozen IdEncoder inside": lambda: [make_column_transformer((FrozenEstimator(IdEncoder().fit(X[IDS])), IDS))],
    "selection, then IdEncoder inside": lambda: [
        FunctionTransformer(lambda X: X[["item", "user"]]),
        make_column_transformer((IdEncoder(), IDS)),
    ],
    "IdEncoder inside, then another": lambda: [make_column_transformer((IdEncoder(), IDS)), IdEncoder()],
}


def search(model, kind=GridSearchCV, **params):
    return kind(model, {"ncfregressor__embedding_dim": [4]}, cv=2, **params)


WRAPPERS = {
    "Pipeline": lambda steps: make_pipeline(*steps, estimator()),
    "search": lambda steps: search(make_pipeline(*steps, estimator())),
    "halving search": lambda steps: search(
        make_pipeline(*steps, estimator()), HalvingGridSearchCV, min_resources=N, random_state=0
    ),
    "Pipeline in a Pipeline": lambda steps: make_pipeline("passthrough", make_pipeline(*steps, estimator())),
    "search in a Pipeline": lambda steps: make_pipeline(
        *steps, GridSearchCV(estimator(), {"embedding_dim": [4]}, cv=2)
    ),
    "frozen": lambda steps: FrozenEstimator(make_pipeline(*steps, estimator()).fit(X, y)),
    "target transformer": lambda steps: TransformedTargetRegressor(
        make_pipeline(*steps, estimator()), func=lambda y: y, inverse_func=lambda y: y, check_inverse=False
    ),
}


@pytest.fixture(scope="module")
def bare():
    return estimator().fit(X[IDS], y)


def assert_same_answers(model, bare, arriving=IDS):
    pd.testing.assert_frame_equal(recommend(model, n_items=3), recommend(bare, n_items=3))
    users, items = ["u3", "u1", "nobody"], ["i3", "i5", "new", "i1"]
    found, expected = (recommend(m, users, n_items=2, items=items) for m in (model, bare))
    pd.testing.assert_frame_equal(found, expected)
    pd.testing.assert_frame_equal(similar_items(model, ["i4", "i2"], 3), similar_items(bare, ["i4", "i2"], 3))
    for params in ({}, {"unknown_items": "include"}, {"n_negatives": 3}):
        scorer = RankingScorer(relevance_threshold=3, **params)
        assert scorer(model, HELD_OUT, y) == scorer(bare, HELD_OUT[arriving], y)
    maps = [EmbeddingDisplay.from_estimator(m) for m in (model, bare)]
    assert maps[0].ids.tolist() == maps[1].ids.tolist()
    np.testing.assert_array_equal(maps[0].positions, maps[1].positions)
    plt.close("all")


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_of_columns_gives_the_lists_of_the_bare_estimator(bare, name):
    assert_same_answers(make_pipeline(*SELECTIONS[name](), estimator()).fit(X, y), bare)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", ["ColumnTransformer", "function, then IdEncoder", "IdEncoder inside"])
def test_a_selection_may_be_within_anything(bare, wrapper, name):
    assert_same_answers(WRAPPERS[wrapper](SELECTIONS[name]()).fit(X, y), bare)


def test_a_selection_by_what_columns_hold_gives_the_lists_of_the_bare_estimator():
    numbers = X.assign(user=X["user"].str[1:].astype(int), item=X["item"].str[1:].astype(int), junk=0)
    numbers = numbers[["junk", "user", "item"]].to_numpy()
    model = make_pipeline(VarianceThreshold(), IdEncoder(), estimator()).fit(numbers, y)
    expected = recommend(estimator().fit(numbers[:, 1:], y), [3, 1], n_items=3)
    pd.testing.assert_frame_equal(recommend(model, [3, 1], n_items=3), expected)


def test_what_can_be_undone_after_a_selection_is_undone(bare):
    model = make_pipeline(select(), OrdinalEncoder(), estimator()).fit(X, y)
    pd.testing.assert_frame_equal(recommend(model, n_items=3), recommend(bare, n_items=3))
    pd.testing.assert_frame_equal(similar_items(model, ["i4", "i2"], 3), similar_items(bare, ["i4", "i2"], 3))
    assert RankingScorer()(model, X[:5].assign(item="i1")) == RankingScorer()(bare, X[:5].assign(item="i1")[IDS])


@pytest.mark.parametrize("make", [pl.from_pandas, lambda X: X.to_numpy()])
def test_a_selection_reads_any_table(bare, make):
    model = make_pipeline(make_column_transformer((IdEncoder(), [1, 3])), estimator()).fit(make(X), y)
    np.testing.assert_array_equal(recommend(model, n_items=2), recommend(bare, n_items=2))
    scorer = RankingScorer()
    assert scorer(model, make(HELD_OUT)) == scorer(bare, HELD_OUT[IDS])


def test_ids_are_those_that_arrive_at_the_first_step_of_ours():
    inside = make_pipeline(make_column_transformer((make_pipeline(FunctionTransformer(upper), IdEncoder()), IDS)))
    before = make_pipeline(FunctionTransformer(lambda X: upper(X[IDS])), IdEncoder())
    expected = recommend(estimator().fit(upper(X[IDS]), y), "U3", n_items=3)
    for steps in (inside, before):
        pd.testing.assert_frame_equal(recommend(make_pipeline(steps, estimator()).fit(X, y), "U3", n_items=3), expected)
    codes = make_pipeline(OrdinalEncoder(), FunctionTransformer(lambda X: X[:, [1, 3]]), estimator()).fit(X, y)
    assert recommend(codes, 3, n_items=2)["item"].dtype == np.float64


def test_pooled_ids_stay_pooled():
    rare = pd.concat([X, X[:1].assign(user="rare", item="scarce")], ignore_index=True)
    model = make_pipeline(make_column_transformer((IdEncoder(min_frequency=2), IDS)), estimator())
    model.fit(rare, np.append(y, 3))
    assert not recommend(model, exclude_seen=False)[IDS].isin(["rare", "scarce"]).any(axis=None)
    with pytest.raises(ValueError, match=r"holds 1 ids that were infrequent in fit .* 'scarce'"):
        similar_items(model, "scarce")


# Other columns than ids


def place(table):
    return pd.DataFrame(np.where(table > 0.5, "home", "work"), index=table.index, columns=["place"])


def with_context(table):
    return table[IDS].assign(place=place(table[["time"]]))


CONTEXTS = {
    "function": lambda: [FunctionTransformer(with_context), IdEncoder()],
    "passed by a ColumnTransformer": lambda: [
        FunctionTransformer(with_context),
        make_column_transformer((IdEncoder(), IDS), remainder="passthrough"),
    ],
    "made by a ColumnTransformer": lambda: [
        ColumnTransformer(
            [("ids", IdEncoder(), IDS), ("place", FunctionTransformer(place), ["time"])],
            verbose_feature_names_out=False,
        ).set_output(transform="pandas")
    ],
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_context_arrives_with_the_ids(name):
    model = make_pipeline(*CONTEXTS[name](), estimator()).fit(X, y)
    bare = estimator().fit(with_context(X), y)
    for users in (["u1", "u2"], pd.DataFrame({"user": ["u1", "u2"], "place": ["work", "home"]})):
        pd.testing.assert_frame_equal(recommend(model, users, n_items=3), recommend(bare, users, n_items=3))
    scorer = RankingScorer(unknown_items="include")
    assert scorer(model, HELD_OUT) == scorer(bare, with_context(HELD_OUT))


PRICED = {
    "function": lambda **p: make_pipeline(
        FunctionTransformer(lambda X: X[[*IDS, "price"]]), estimator(item_features="price", **p)
    ),
    "ColumnTransformer": lambda **p: make_pipeline(
        make_column_transformer((IdEncoder(), IDS), ("passthrough", ["price"])), estimator(item_features=[2], **p)
    ),
    "frames": lambda **p: make_pipeline(
        make_column_transformer((IdEncoder(), IDS), ("passthrough", ["price"])).set_output(transform="pandas"),
        estimator(item_features="passthrough__price", **p),
    ),
}


@pytest.mark.parametrize("name", PRICED)
def test_features_pass_with_the_ids(name):
    table = X.assign(price=X["item"].str[1:].astype(float) / 7)
    model, bare = PRICED[name]().fit(table, y), estimator(item_features="price").fit(table[[*IDS, "price"]], y)
    new = pd.DataFrame({"item": ["new", "i3", "newer"], "price": [0.1, 0.2, 2.5]})
    for items in (None, new):
        found, expected = (recommend(m, ["u1", "u5"], n_items=3, items=items) for m in (model, bare))
        pd.testing.assert_frame_equal(found, expected)
    pd.testing.assert_frame_equal(similar_items(model, new, n_items=3), similar_items(bare, new, n_items=3))
    scorer, held_out = RankingScorer(unknown_items="include"), HELD_OUT.assign(price=table["price"])
    assert scorer(model, held_out) == scorer(bare, held_out[[*IDS, "price"]])


@pytest.mark.parametrize(
    "join", [FunctionTransformer(joined), make_pipeline(FunctionTransformer(chosen), Join(BRANDS))]
)
@pytest.mark.parametrize("encoders", [[], [IdEncoder(passthrough="brand")]])
def test_a_join_brings_features(join, encoders):
    model = make_pipeline(join, *encoders, estimator(item_features="brand")).fit(X, y)
    bare = estimator(item_features="brand").fit(joined(X), y)
    new = pd.DataFrame({"item": ["new", "i3"], "brand": ["acme", "cool"]})
    found, expected = (recommend(m, n_items=2, items=new, exclude_seen=False) for m in (model, bare))
    pd.testing.assert_frame_equal(found, expected)
    assert RankingScorer()(model, HELD_OUT) == RankingScorer()(bare, joined(HELD_OUT))


def test_scaled_features_are_given_as_they_arrive():
    prices = X.assign(price=X["item"].str[1:].astype(float))
    steps = make_column_transformer((IdEncoder(), IDS), (StandardScaler(), ["price"]))
    model = make_pipeline(steps, estimator(item_features=[2])).fit(prices, y)
    scaled = prices[[*IDS, "price"]].assign(price=steps.transform(prices)[:, 2])
    bare = estimator(item_features="price").fit(scaled, y)
    found = recommend(model, "u1", items=pd.DataFrame({"item": ["new"], "standardscaler__price": [1.5]}), n_items=1)
    expected = recommend(bare, "u1", items=pd.DataFrame({"item": ["new"], "price": [1.5]}), n_items=1)
    pd.testing.assert_frame_equal(found, expected)
    assert RankingScorer()(model, HELD_OUT) == RankingScorer()(bare, HELD_OUT[[*IDS, "price"]])


def test_columns_without_unique_names_of_their_own_keep_those_that_they_are_given():
    encode = ColumnTransformer([("ids", IdEncoder(), IDS), ("again", "passthrough", ["item"])])
    found = recommend(make_pipeline(encode, estimator()).fit(X, y), n_items=1)
    assert list(found.columns) == ["ids__user", "ids__item", "rank", "score"]


# What cannot be


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [IdEncoder(), FunctionTransformer(lambda X: X[:, [1, 3]])],
            "Step 'functiontransformer' of the Pipeline, FunctionTransformer, comes after IdEncoder and has no "
            "inverse_func, so that items cannot be named. Give it one, put it before IdEncoder",
        ),
        (
            [IdEncoder(), select([1, 3])],
            "Step 'columntransformer' of the Pipeline, ColumnTransformer, comes after IdEncoder and cannot be undone, "
            "so that items cannot be named. Put it before IdEncoder, or leave IdEncoder out",
        ),
        (
            [make_column_transformer((IdEncoder(), IDS)), Join(BRANDS[:0])],
            "Step 'join' of the Pipeline, Join, comes after IdEncoder and cannot be undone",
        ),
        (
            [FunctionTransformer(chosen), FeatureUnion([("ids", IdEncoder())])],
            "Step 'featureunion' of the Pipeline, FeatureUnion, holds an IdEncoder whose codes cannot be followed",
        ),
        (
            [make_column_transformer((make_pipeline(IdEncoder(), StandardScaler()), IDS))],
            "Step 'columntransformer' of the Pipeline, ColumnTransformer, holds an IdEncoder",
        ),
    ],
)
def test_steps_after_the_encoder_that_cannot_be_undone_are_refused_with_a_way_out(steps, message):
    fitted, table = [], X
    for step in steps:
        if isinstance(step, Join):
            break
        table = step.fit_transform(table)
        fitted.append(step)
    model = make_pipeline(*steps, estimator().fit(table, y))
    for call in (recommend, lambda model: similar_items(model, "i1"), lambda model: RankingScorer()(model, X)):
        with pytest.raises(TypeError, match=message):
            call(model)


def test_codes_that_have_become_strings_are_refused_with_a_way_out():
    strings = FunctionTransformer(lambda table: np.asarray(place(table), dtype=str))
    encode = make_column_transformer((IdEncoder(), IDS), (strings, ["time"]))
    with pytest.raises(TypeError, match=r'turned codes of IdEncoder into strings.* set_output\(transform="pandas"\)'):
        recommend(make_pipeline(encode, estimator()).fit(X, y))


def test_steps_that_are_not_fitted_are_refused():
    fitted = estimator().fit(X[IDS], y)
    for step in (make_column_transformer((IdEncoder(), IDS)), OrdinalEncoder()):
        with pytest.raises(NotFittedError, match=f"This {type(step).__name__} instance is not fitted yet"):
            recommend(Pipeline([("first", step), ("ncf", fitted)]))


# Graphs


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("ColumnTransformer", IDS),
        ("ColumnTransformer, then IdEncoder", IDS),
        ("function, then IdEncoder", IDS),
        ("IdEncoder inside", IDS),
        ("an IdEncoder each", IDS),
        ("IdEncoder for users alone", IDS),
    ],
)
def test_a_graph_takes_ids_as_they_arrive(name, names, tmp_path):
    from onnxruntime import InferenceSession

    model = make_pipeline(*SELECTIONS[name](), estimator()).fit(X, y)
    to_onnx(model, tmp_path / "model.onnx")
    session = InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [asked.name for asked in session.get_inputs()] == names
    asked = HELD_OUT.assign(user=["nobody", *HELD_OUT["user"][1:]])
    (ratings,) = session.run(None, {column: asked[column].to_numpy(dtype=object) for column in names})
    np.testing.assert_allclose(ratings, estimator().fit(X[IDS], y).predict(asked[IDS]), rtol=1e-5)


def test_a_graph_without_the_step_that_it_cannot_hold(tmp_path):
    from onnxruntime import InferenceSession

    model = make_pipeline(select(), OrdinalEncoder(), estimator()).fit(X, y)
    with pytest.raises(TypeError, match=r"OrdinalEncoder before the .* Or export .* to_onnx\(model\[1:\], path\)"):
        to_onnx(model, tmp_path / "model.onnx")
    to_onnx(model[2:], tmp_path / "model.onnx")
    session = InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    codes = model[:2].transform(X).astype(np.int64)
    (ratings,) = session.run(None, dict(zip(IDS, codes.T, strict=True)))
    np.testing.assert_allclose(ratings, model.predict(X), rtol=1e-5)

"""A graph scores rows by their features as `predict` does."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.export import to_onnx

FEATURES = ["brand", "price", "size", "embedding"]
TRAINED = 30  # of 40 items


@pytest.fixture(scope="module")
def table():
    """Ratings of items with features of all kinds that a graph takes, and of users with an age; some are missing."""
    rng = np.random.RandomState(0)
    X, y = make_ratings(n_users=50, n_items=40, n_ratings=1200, random_state=0)
    items = pd.DataFrame({"item": np.arange(40), "price": rng.rand(40) * 100, "size": rng.randint(0, 4, 40)})
    items["brand"] = [f"b{number % 7}" if number % 9 else None for number in range(40)]
    items["embedding"] = list(rng.randn(40, 5).astype(np.float32))
    items.loc[3, "price"] = np.nan
    users = pd.DataFrame({"user": np.arange(50), "age": rng.randint(10, 80, 50).astype(float)})
    X = X.merge(items, on="item", how="left").merge(users, on="user", how="left")
    return X, y + (X["brand"] == "b1")


def scored(model, X, folder):
    """What the graph of a model gives for a table."""
    to_onnx(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    asked = {}
    for given in session.get_inputs():
        column = X[given.name]
        if given.name == "embedding":
            asked[given.name] = np.stack(column)
        elif given.type == "tensor(string)":
            asked[given.name] = column.fillna("").to_numpy(object)
        else:
            asked[given.name] = column.to_numpy({"tensor(int64)": np.int64, "tensor(double)": np.float64}[given.type])
    return session.run(None, asked)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        NCFRegressor(item_features=FEATURES, user_features="age", max_epochs=3, random_state=0),
        NCFRegressor("neumf", item_features=FEATURES, user_features="age", max_epochs=2, random_state=0),
        NCFRanker(item_features=FEATURES, user_features="age", random_state=0),
        Pipeline(
            [
                ("encoder", IdEncoder(passthrough=[*FEATURES, "age"])),
                ("ncf", NCFRegressor(item_features=FEATURES, user_features="age", max_epochs=3, random_state=0)),
            ]
        ),
    ],
    ids=["gmf", "neumf", "ranker", "pipeline"],
)
def test_a_graph_scores_new_items_and_users_by_their_features(model, table, tmp_path):
    X, y = table
    known = X["item"] < TRAINED
    model.fit(X[known], y[known])
    asked = X[::3].copy()
    rows = asked.index
    asked.loc[rows[:5], "brand"] = "another"
    asked.loc[rows[5:9], ["price", "age"]] = np.nan
    asked.loc[rows[9:14], "user"] = 1000
    asked.loc[rows[11:14], "age"] = np.nan  # of whom nothing is known
    assert (asked["item"] >= TRAINED).any()
    np.testing.assert_allclose(scored(model, asked, tmp_path), model.predict(asked), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_infrequent_ids_that_share_a_code_are_scored_by_their_own_features(table, tmp_path):
    X, y = (part[:300] for part in table)
    encoder = IdEncoder(min_frequency=8, passthrough=[*FEATURES, "age"])
    model = NCFRegressor(item_features=FEATURES, user_features="age", max_epochs=3, random_state=0)
    model = Pipeline([("encoder", encoder), ("ncf", model)]).fit(X, y)
    codes = model["encoder"].transform(X)
    pooled = (np.asarray(codes)[:, :2] == -1).any(axis=1)
    assert 10 < pooled.sum() < len(X)
    np.testing.assert_allclose(scored(model, X, tmp_path), model.predict(X), rtol=1e-5, atol=1e-6)


def test_a_graph_takes_many_numbers_as_an_input_each(tmp_path):
    X, y = make_ratings(n_ratings=800, n_item_features=40, random_state=0)
    features = [name for name in X if name.startswith("item_feature")]
    known = X["item"] < TRAINED
    model = NCFRegressor(item_features=features, max_epochs=2, random_state=0).fit(X[known], y[known])
    asked = X[:100].copy()
    asked.loc[:5, features[0]] = np.nan
    np.testing.assert_allclose(scored(model, asked, tmp_path), model.predict(asked), rtol=1e-5)


def test_several_values_in_a_cell_are_refused(tmp_path):
    X, y = make_ratings(random_state=0)
    X["tags"] = [["a", "b"] if item % 2 else ["b"] for item in X["item"]]
    model = NCFRegressor(item_features="tags", max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="'tags' holds several values in a cell"):
        to_onnx(model, tmp_path / "model.onnx")


def test_an_encoder_that_encodes_features_is_refused(tmp_path):
    X, y = make_ratings(random_state=0)
    X["brand"] = (X["item"] % 3).astype(str)
    encoder = IdEncoder().set_output(transform="pandas")
    model = Pipeline([("encoder", encoder), ("ncf", NCFRegressor(item_features="brand", max_epochs=1))]).fit(X, y)
    with pytest.raises(ValueError, match="encodes columns that are features; name them in its passthrough"):
        to_onnx(model, tmp_path / "model.onnx")
